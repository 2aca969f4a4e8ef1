"""Doors: which connections may carry mail of a scope (deliverability.shaping.scopes), where connections are limited.

A connection joins its source and its provider when it is opened, a stream and a campaign when it first carries their
mail, and leaves them when it is closed or has nothing more to carry. While it has joined it holds one of the scope's
slots; joining spends one of its new connections. All schedulers of a carrier share them, as they share its gauges.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from deliverability.shaping.slots import DOORS, SLOTS
from mta.outbound.gauges import Gauges


@dataclass(slots=True, eq=False)
class Boarded:
    """One connection: the scopes that it joined, and how much it carried of each."""

    joined: set[str] = field(default_factory=set)
    carried: dict[str, int] = field(default_factory=dict)


class Doors:
    """`worn_after`: deliveries of a scope that one connection carries at most. `freed`: something may go on."""

    def __init__(
        self, gauges: Gauges, worn_after: Mapping[str, int] | None = None, freed: Callable[[], None] = lambda: None
    ) -> None:
        self._gauges, self._worn_after, self._freed = gauges, dict(worn_after or {}), freed
        limited = {name.removeprefix(DOORS).removeprefix(SLOTS) for name in gauges.names if _is_of_doors(name)}
        self._limited = frozenset(limited)
        self._known = self._limited | self._worn_after.keys()

    def __bool__(self) -> bool:
        return bool(self._known)

    def may_join(self, names: Iterable[str], one: Boarded) -> bool:
        """Whether this connection may carry something of all these scopes now."""
        return all(self._may(name, one) for name in names if name in self._known)

    def asks(self, names: Iterable[str], one: Boarded) -> bool:
        """The same; where slots are short, more are asked for."""
        known = [name for name in names if name in self._known]
        short = [name for name in known if not self._may(name, one) and name not in one.joined]
        self._gauges.want(part for name in short for part in _parts(name))
        return self.may_join(known, one)

    def join(self, names: Iterable[str], one: Boarded) -> None:
        """It carries something of these from now on."""
        for name in names:
            if name in self._limited and name not in one.joined:
                one.joined.add(name)
                for part in _parts(name):
                    self._gauges.spend(part)

    def carried(self, names: Iterable[str], one: Boarded) -> None:
        """It carried one delivery of all these."""
        for name in names:
            if name in self._worn_after:
                one.carried[name] = one.carried.get(name, 0) + 1

    def is_worn(self, names: Iterable[str], one: Boarded) -> bool:
        """Whether it carried as much of one of these as one connection may."""
        return any(one.carried.get(name, 0) >= self._worn_after[name] for name in names if name in self._worn_after)

    def is_over(self, names: Iterable[str], *, is_idle: bool = False) -> bool:
        """Whether there are more connections than slots; or, asked by one that is idle, whether others wait for its."""
        slots = [SLOTS + name for name in names if name in self._limited]
        return any(self._gauges.left(name) < 0 or (is_idle and self._gauges.is_wanted(name)) for name in slots)

    def leave(self, one: Boarded, but: Iterable[str] = ()) -> None:
        """It carries nothing more of what it joined, except these."""
        gone = one.joined - set(but)
        one.joined -= gone
        for name in gone:
            self._gauges.spend(SLOTS + name, -1)
        if gone:
            self._freed()

    def _may(self, name: str, one: Boarded) -> bool:
        if one.carried.get(name, 0) >= self._worn_after.get(name, 1 << 30):
            return False
        if name in one.joined:
            return self._gauges.left(SLOTS + name) >= 0
        return all(self._gauges.left(part) > 0 for part in _parts(name))


def _is_of_doors(name: str) -> bool:
    return name.startswith((DOORS, SLOTS))


def _parts(name: str) -> tuple[str, str]:
    return DOORS + name, SLOTS + name
