"""Gauges: how much this carrier may still do for scopes that reach over sites (deliverability.shaping.scopes).

All schedulers of a carrier share them. What is not limited costs nothing: a delivery is asked about only when something
is. The conductor grants attempts; before its first word none is allowed. What is granted and not wanted is given back
with the next beat.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deliverability.shaping.scopes import warming
from mta.queue.delivery import Stream
from mta.queue.queue import Claimed


@dataclass(slots=True)
class _Gauge:
    spent: int = 0
    upto: int = 0
    waiting: int = 0  # what asked since the last report
    version: int = 0
    told: int = 0  # spent, as it was reported last
    is_dry: bool = False  # the conductor was asked, and has nothing left to grant

    @property
    def left(self) -> int:
        return self.upto - self.spent


class Gauges:
    """`limited`: the scopes that have limits. `ask` is called when more is wanted than was granted."""

    def __init__(self, limited: Iterable[str] = (), ask: Callable[[], None] = lambda: None) -> None:
        self._gauges = {name: _Gauge() for name in limited}
        self._campaigns = frozenset(name for name in self._gauges if name.startswith("campaign:"))
        self._ask = ask
        self._shut: frozenset[str] = frozenset()  # scopes that an operator suspended

    def __bool__(self) -> bool:
        return bool(self._gauges or self._shut)

    @property
    def names(self) -> Iterable[str]:
        """What is limited."""
        return self._gauges.keys()

    def left(self, name: str) -> int:
        """How much of this is left; more than anybody wants where it is not limited."""
        return self._gauges[name].left if name in self._gauges else 1 << 30

    def spend(self, name: str, count: int = 1) -> None:
        """So much of this is used (under 0: not any more)."""
        if name in self._gauges:
            self._gauges[name].spent += count

    def is_wanted(self, name: str) -> bool:
        """Whether somebody asked for more of this since the last report."""
        return name in self._gauges and self._gauges[name].waiting > 0

    @staticmethod
    def of_lane(source: str, provider: str) -> tuple[str, ...]:
        """The scopes that all of a lane belongs to."""
        names = tuple(f"{kind}:{name}" for kind, name in (("source", source), ("provider", provider)) if name)
        return (*names, warming(source, provider)) if len(names) == 2 else names

    def has_warming(self, source: str) -> bool:
        """Whether a source is warming up."""
        return any(name.startswith(f"warm-up:{source}/") for name in self._gauges)

    def is_overflowing(self, of_lane: tuple[str, ...]) -> bool:
        """Whether a source that is warming up has nothing left for a lane's provider, and the conductor said so: what was
        not asked for yet may be granted in a moment."""
        name = of_lane[-1] if len(of_lane) == 3 else ""
        return name in self._gauges and self._gauges[name].is_dry and self._gauges[name].left <= 0

    def shut(self, names: Iterable[str]) -> None:
        """Nothing of these scopes leaves until another word."""
        self._shut = frozenset(names)

    def is_shut(self, of_lane: tuple[str, ...], each: Claimed) -> bool:
        """Whether an operator suspended something that this delivery belongs to."""
        return not self._shut.isdisjoint(names_of(of_lane, each))

    def touches(self, of_lane: tuple[str, ...], stream: Stream) -> bool:
        """Whether mail of this stream in a lane may be limited; of what campaign it is, is not known."""
        names = (*of_lane, f"stream:{stream.word}")
        shut_campaign = any(name.startswith("campaign:") for name in self._shut)
        return bool(self._campaigns or shut_campaign) or any(
            name in self._gauges or name in self._shut for name in names
        )

    def may(self, of_lane: tuple[str, ...], each: Claimed) -> bool:
        """Whether this delivery may be tried now."""
        return not self.is_shut(of_lane, each) and all(self._gauges[name].left > 0 for name in self._of(of_lane, each))

    def allows(self, of_lane: tuple[str, ...], each: Claimed) -> bool:
        """Whether this delivery may be tried; where not, it counts as waiting."""
        if self.is_shut(of_lane, each):
            return False
        names = self._of(of_lane, each)
        short = [self._gauges[name] for name in names if self._gauges[name].left <= 0]
        for gauge in short:
            gauge.waiting += 1
        if short:
            self._ask()
        return not short

    def took(self, of_lane: tuple[str, ...], each: Claimed) -> None:
        """It is being tried."""
        for name in self._of(of_lane, each):
            self._gauges[name].spent += 1

    def room(self, names: Iterable[str], room: int) -> int:
        """How many of `room` to claim for these scopes; where nothing is left, more is asked for."""
        known = list(names)
        if not room or not self._shut.isdisjoint(known):
            return 0
        self.want(known)
        return min([room, *(max(0, self._gauges[name].left) for name in known if name in self._gauges)])

    def campaigns(self) -> dict[str, int]:
        """How many of each limited campaign to claim."""
        rooms = {name.partition(":")[2]: max(0, self._gauges[name].left) for name in self._campaigns}
        return rooms | {name.partition(":")[2]: 0 for name in self._shut if name.startswith("campaign:")}

    def want(self, names: Iterable[str], count: int = 1) -> None:
        """Something waits for these scopes that was not claimed."""
        for name in names:
            if name in self._gauges and self._gauges[name].left <= 0:
                self._gauges[name].waiting += count
                self._ask()

    def report(self) -> dict[str, tuple[int, int, int, int]]:
        """What to tell the conductor: spent, up to where, waiting, version. What nobody wanted is given back."""
        told = {}
        for name, gauge in self._gauges.items():
            if not gauge.waiting and gauge.spent == gauge.told:
                gauge.upto = gauge.spent
            gauge.told = gauge.spent
            told[name] = (gauge.spent, gauge.upto, gauge.waiting, gauge.version)
            gauge.waiting = 0
        return told

    def use(self, grants: Mapping[str, Any]) -> None:
        """Go by these grants from now on."""
        for name, (upto, version, is_dry) in grants.items():
            if name in self._gauges:
                gauge = self._gauges[name]
                gauge.is_dry = is_dry
                if version != gauge.version:  # else it is no grant, and part of the last one may be given back already
                    gauge.upto, gauge.version = upto, version

    def _of(self, of_lane: tuple[str, ...], each: Claimed) -> list[str]:
        return [name for name in names_of(of_lane, each) if name in self._gauges]


def names_of(of_lane: tuple[str, ...], each: Claimed) -> tuple[str, ...]:
    """All scopes that a delivery belongs to."""
    return (*of_lane, f"stream:{each.stream.word}", f"campaign:{each.campaign}")
