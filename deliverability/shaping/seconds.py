"""A site's attempts in one second, in whole parts for the carriers, so that no second holds more than the limit. Pure.

A carrier spends its part out of a bucket: at most `part` of them in any second (`pace`). A part is given to another only
when its holder said that it goes by a smaller one, and a second later, since what it spent before counts so long.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

SECOND: Final = 1.0
NEARLY: Final = 0.9999  # of the pace: what a bucket forgives (limiter._DUST) must not make one more of them
FEWEST: Final = 5  # attempts a second that are worth being a part: under that, one carrier has them all


@dataclass(slots=True)
class _Part:
    now: int = 0
    old: list[tuple[float, int]] = field(default_factory=list)  # until when a greater part counts; inf: not heard yet

    def held(self, at: float) -> int:
        self.old = [(until, part) for until, part in self.old if until > at]
        return max([self.now, *(part for _, part in self.old)])


@dataclass(slots=True)
class Seconds:
    """Parts of one limit."""

    _parts: dict[int, _Part] = field(default_factory=dict)
    _gone: list[tuple[float, int]] = field(default_factory=list)  # parts of carriers that are no more

    def heard(self, carrier: int, at: float) -> None:
        """A carrier goes by the part that it was given last; what it spent before that counts for another second."""
        part = self._parts.get(carrier)
        if part is not None:
            part.old = [(min(until, at + SECOND), old) for until, old in part.old]

    def forget(self, carrier: int, at: float) -> None:
        """A carrier is gone."""
        part = self._parts.pop(carrier, None)
        if part is not None:
            self._gone.append((at + SECOND, part.held(at)))

    def share(self, limit: int, wanting: Iterable[int], at: float) -> dict[int, int]:
        """The part of each carrier that wants one (in the order in which they come first); others have none."""
        names = list(wanting)
        served = names[: max(1, limit // FEWEST)]
        self._gone = [(until, part) for until, part in self._gone if until > at]
        found: dict[int, int] = {}
        for carrier in {*self._parts, *names}:
            self._parts.setdefault(carrier, _Part())
        left = limit - sum(part for _, part in self._gone) - sum(each.held(at) for each in self._parts.values())
        for place, carrier in enumerate(served):
            fair = limit // len(served) + (place < limit % len(served))
            held = self._parts[carrier].held(at)
            more = max(0, min(fair - held, left))
            left -= more
            found[carrier] = min(fair, held + more)
        for carrier, part in self._parts.items():
            self._set(part, found.get(carrier, 0))
        return {carrier: self._parts[carrier].now for carrier in names}

    @staticmethod
    def _set(part: _Part, count: int) -> None:
        if count < part.now:
            part.old.append((float("inf"), part.now))
        part.now = count


def pace(part: int, reserve: float) -> tuple[float, float, float]:
    """How a part is spent: attempts a second, how many at once, and how many of those are left to urgent mail. In no
    half-open second are there more than burst and rate less one together, which is the part."""
    urgent = float(int(reserve * part))
    burst = min(float(part), 1.0 + part // 20 + urgent)
    return NEARLY * (part + 1 - burst), burst, urgent
