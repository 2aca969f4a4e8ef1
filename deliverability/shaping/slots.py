"""Connections of a scope (deliverability.shaping.scopes) over all carriers: how many at once, and how many new ones.

A scope's limits are kept in up to three books: of attempts under its own name, of new connections under "doors:NAME" (a
door is spent as an attempt is), and of connections at once under "slots:NAME". A slot goes to another carrier only when
its holder reported that it gave it up, so that all of them together never hold more than the limit. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from deliverability.shaping.ledger import Ledger
from deliverability.shaping.limits import ATTEMPTS, Said
from deliverability.shaping.scopes import ScopeBook, Use

DOORS: Final = "doors:"
SLOTS: Final = "slots:"


def parts(key: str, said: Mapping[str, Said]) -> dict[str, dict[str, Said]]:
    """The limits of a scope, by the book that keeps them. Deliveries on one connection need none."""
    found = {key: {name: each for name, each in said.items() if name in ATTEMPTS}}
    if "connections_per_minute" in said:
        found[DOORS + key] = {"per_minute": said["connections_per_minute"]}
    if "connections" in said:
        found[SLOTS + key] = {"connections": said["connections"]}
    return {name: limits for name, limits in found.items() if limits}


@dataclass(slots=True)
class _Holder:
    open: int = 0
    slots: int = 0
    old: int = 0  # more than it has now, as long as it may not know
    waiting: int = 0
    version: int = 0

    @property
    def held(self) -> int:
        """What it may have, for all we know."""
        return max(self.slots, self.old, self.open)


@dataclass(slots=True)
class SlotBook:
    """Connections at once. `said`: {"connections": ...}."""

    name: str
    said: dict[str, Said]
    ledgers: dict[str, Ledger] = field(default_factory=dict)  # none: nothing of it lasts
    is_news: bool = False
    _holders: dict[int, _Holder] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        return self.said["connections"].value

    @property
    def open(self) -> int:
        return sum(each.open for each in self._holders.values())

    def use(self, said: dict[str, Said]) -> None:
        """This limit from now on."""
        self.said = said

    def hear(self, carrier: int, use: Use, now: float) -> None:
        """Take a carrier's word in: how many it has open (spent), how many it goes by (upto), how many it wants."""
        holder = self._holders.setdefault(carrier, _Holder())
        holder.open, holder.waiting = use.spent, use.waiting
        if use.version == holder.version:
            holder.old, holder.slots = 0, min(holder.slots, max(use.upto, use.spent))

    def forget(self, carrier: int, now: float) -> None:
        """A carrier is gone, and its connections with it."""
        self._holders.pop(carrier, None)

    def grants(self, now: float) -> dict[int, tuple[int, int, bool]]:
        """The allotments that changed, by carrier: how many at once, and the version."""
        left = self.limit - sum(each.held for each in self._holders.values())
        changed = {}
        for carrier, wanted in self._wanted().items():
            holder = self._holders[carrier]
            more = max(0, min(wanted - holder.held, left))
            left -= more
            slots = min(wanted, holder.held + more)
            if slots != holder.slots:
                holder.old, holder.slots = max(holder.old, holder.slots), slots
                holder.version += 1
                changed[carrier] = (slots, holder.version, False)
        return changed

    def _wanted(self) -> dict[int, int]:
        """Even parts for those who need some, those first who hold some; what is left over, to whoever needs more."""
        needs = {carrier: each.open + each.waiting for carrier, each in self._holders.items()}
        order = sorted(needs, key=lambda carrier: (-self._holders[carrier].open, carrier))
        wanted = dict.fromkeys(order, 0)
        left = self.limit
        while left and (hungry := [each for each in order if wanted[each] < needs[each]]):
            for carrier in hungry[:left]:
                wanted[carrier] += 1
                left -= 1
        return wanted

    def binding(self, now: float) -> tuple[str, float] | None:
        """Whether all are in use; when one comes free, nobody knows."""
        return ("connections", now) if self.open >= self.limit else None

    def to_dict(self, now: float) -> dict[str, list[list[int]]]:
        return {}

    def restore(self, kept: dict[str, list[list[int]]]) -> None:
        """Connections do not outlast the carriers."""


def book_of(name: str, said: dict[str, Said]) -> ScopeBook | SlotBook:
    """The book that keeps these limits."""
    return SlotBook(name, said) if name.startswith(SLOTS) else ScopeBook(name, said)
