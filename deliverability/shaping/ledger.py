"""The ledger: how much of a limit on a minute, an hour or a day is used up, exactly. Seconds come as an argument.

What was spent is kept in slices of a thirtieth of the window. A slice counts until the whole of it has left the window,
so the sum is never under the truth and a limit is never passed; at worst a thirtieth of the window is waited for too
long. A slice that counts no more is let go by whoever writes or reads next: a ledger holds SLICES + 1 of them at most. What
stands in a time to come, since the clock was set back, counts as spent now.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

SLICES: Final = 30


@dataclass(slots=True)
class Ledger:
    """At most `limit` in any `window` seconds."""

    limit: int
    window: float
    _slices: deque[tuple[int, int]] = field(default_factory=deque)  # (number of the slice, spent in it)

    def spend(self, count: int, now: float) -> None:
        """Write down that `count` were spent by now."""
        number = self._number(now)
        self._let_go(number)
        if self._slices and self._slices[-1][0] == number:
            count += self._slices.pop()[1]
        if count:
            self._slices.append((number, count))

    def used(self, now: float) -> int:
        """How many count as spent within the window."""
        self._let_go(self._number(now))
        return sum(spent for _, spent in self._slices)

    def _let_go(self, number: int) -> None:
        while self._slices and self._slices[0][0] < number - SLICES:
            self._slices.popleft()
        ahead = 0
        while self._slices and self._slices[-1][0] > number:
            ahead += self._slices.pop()[1]
        if ahead:
            self._slices.append((number, ahead))

    def free(self, now: float) -> int:
        """How many may be spent now."""
        return max(0, self.limit - self.used(now))

    def frees_at(self, now: float) -> float | None:
        """When the next one may be spent; None when one may be now, or nothing was written down."""
        if self.free(now) or not self._slices:
            return None
        return (self._slices[0][0] + SLICES + 1) * self.window / SLICES

    def _number(self, now: float) -> int:
        return int(now * SLICES // self.window)

    def rows_with(self, given: int, now: float) -> list[list[int]]:
        """What is written down, to be kept across restarts, with `given` more as if they were spent now."""
        rows = [[number, spent] for number, spent in self._slices]
        return [*rows, [max(self._number(now), rows[-1][0] if rows else 0), given]] if given else rows

    def restore(self, rows: Iterable[Sequence[int]]) -> None:
        """Go on from such rows."""
        self._slices = deque((int(number), int(spent)) for number, spent in rows)
