"""The figures of a report, and how they are added up. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from engine.flow.orders import order_total
from engine.sending.judgements import What

TOTAL: Final = ""  # the group of all
OUTCOMES: Final = ("delivered", "bounced", "expired", "cancelled", "waiting")
DONE: Final = ("opened", "machines", "clicked", "replied", "unsubscribed", "complained")
JUDGED: Final[Mapping[str, str]] = {What.HELD: "held", What.REFUSED: "refused", What.LEFT_OUT: "left_out"}
COUNTS: Final = ("sent", *OUTCOMES, *DONE, "orders", *JUDGED.values())

EVENTS: Final[Mapping[str, str]] = {
    "mail.opened": "opened", "mail.fetched": "machines", "mail.clicked": "clicked", "mail.replied": "replied",
    "mail.unsubscribed": "unsubscribed", "list.left": "unsubscribed", "mail.complained": "complained",
}  # fmt: skip
"""What an event counts as. An open is a person's; what a machine, a proxy or nobody knows who fetched is `machines`."""


@dataclass(slots=True)
class Figures:
    """One group's counts by name, each mail counted once, and its revenue by currency."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    revenue: dict[str, Decimal] = field(default_factory=dict)

    def add(self, what: str, count: int = 1) -> None:
        self.counts[what] += count

    def earn(self, currency: str, amount: Decimal) -> None:
        self.revenue[currency] = self.revenue.get(currency, Decimal()) + amount


@dataclass(slots=True)
class Tally:
    """A report as it grows: each group, and all of them as TOTAL."""

    groups: dict[str, Figures] = field(default_factory=lambda: {TOTAL: Figures()})
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (group, what came of it, why)
    _seen: dict[str, "Bits"] = field(default_factory=dict)

    def of(self, group: str) -> tuple[Figures, ...]:
        """The figures that something of this group adds to."""
        total = self.groups[TOTAL]
        return (total,) if group == TOTAL else (self.groups.setdefault(group, Figures()), total)

    def add(self, group: str, what: str, count: int = 1) -> None:
        for each in self.of(group):
            each.add(what, count)

    def add_once(self, group: str, what: str, number: int) -> None:
        """Count this mail, or order, unless it was counted as this before."""
        if self._seen.setdefault(what, Bits()).is_new(number):
            self.add(group, what)

    def judged(self, group: str, what: str, reason: str, mails: int) -> None:
        """So many mails were held, refused or left out."""
        self.add(group, JUDGED[what], mails)
        self.reasons[group, what, reason] += mails

    def earn(self, group: str, order: Mapping[str, Any]) -> None:
        """Add an order's total, where it says one."""
        found = order_total(order)
        if found is not None:
            for each in self.of(group):
                each.earn(str(order.get("currency") or "")[:8], found)


class Bits:
    """Which numbers came: a bit each, so that a million take little room."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def is_new(self, number: int) -> bool:
        place, bit = divmod(number, 8)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits)))
        if self._bits[place] & (1 << bit):
            return False
        self._bits[place] |= 1 << bit
        return True
