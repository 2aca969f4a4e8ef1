"""A long list that the daemon gives in pages by a cursor, seen through a window. Pure.

Only the rows around the window are here. Where each page that was seen ended is kept, so that a jump goes on from the
nearest of these and passes over the rest, a few thousand rows a question; a million rows are never sent.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

R = TypeVar("R")

PAGE: Final = 200  # rows asked for at once: more than any window has
ABOVE: Final = 50  # of them, so many above the window, so that a step up finds its row
SKIP_MOST: Final = 5_000  # rows that one question passes over
KEPT: Final = 2_000  # rows that are held


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """An answer: rows, where the next page begins (0 at the end), and how many there are in all, where that is kept."""

    rows: Sequence[R]
    after: int
    total: int | None = None


Ask = Callable[[int, int, int], Awaitable[Part[R]]]
"""(after, skip, limit) to a page."""


@dataclass(slots=True)
class Paged(Generic[R]):
    """Rows by their places; None for one that is not here yet. `cursor_of`: a row's own cursor."""

    cursor_of: Callable[[R], int]
    total: int = 0
    is_exact: bool = True  # False: there may be more
    _rows: dict[int, R] = field(default_factory=dict)
    _places: list[int] = field(default_factory=lambda: [0])  # rows behind whose predecessor a cursor is known
    _cursors: list[int] = field(default_factory=lambda: [0])

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, index: int) -> R | None:
        return self._rows.get(index)

    async def fill(self, first: int, ask: Ask[R]) -> None:
        """Have the window that begins at this row here, as it is now; where there is no such row any more, the end."""
        start = max(first - ABOVE, 0)
        place, cursor = self._nearest(start)
        while start - place > SKIP_MOST:
            part = await ask(cursor, SKIP_MOST - 1, 1)
            if not part.rows:
                await self._come_down(place + SKIP_MOST, part.total, ask)
                return
            place, cursor = place + SKIP_MOST, self.cursor_of(part.rows[-1])
            self._anchor(place, cursor)
        part = await ask(cursor, start - place, PAGE)
        if start and not part.rows:
            await self._come_down(start, part.total, ask)
        else:
            self._put(start, part)

    async def _come_down(self, missed: int, total: int | None, ask: Ask[R]) -> None:
        """There are fewer than there were, so that no place is known any more: near the end in a few questions, however far
        that is."""
        self._rows, self._places, self._cursors = {}, [0], [0]
        is_told = total is not None and total <= missed
        await self.fill(max((total or 0) - 1, 0) if is_told else missed // 2, ask)

    def _nearest(self, start: int) -> tuple[int, int]:
        at = bisect_right(self._places, start) - 1
        return self._places[at], self._cursors[at]

    def _anchor(self, place: int, cursor: int) -> None:
        at = bisect_right(self._places, place)
        if self._places[at - 1] != place:
            self._places.insert(at, place)
            self._cursors.insert(at, cursor)

    def _put(self, start: int, part: Part[R]) -> None:
        if len(self._rows) > KEPT:
            self._rows.clear()
        end = start + len(part.rows)
        self._rows.update(zip(range(start, end), part.rows, strict=True))
        if part.after:
            self._anchor(end, part.after)
        if part.total is not None:
            self.total, self.is_exact = max(part.total, end), True
        else:
            self.total, self.is_exact = end + (1 if part.after else 0), not part.after
        for place in [each for each in self._rows if each >= self.total]:
            del self._rows[place]
