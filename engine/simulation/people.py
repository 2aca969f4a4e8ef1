"""The people of a simulation: what conditions see of each at a moment of the past, and how events change it.

Where a history does not say how somebody was then, they are as they are now: that is said in docs/flows/simulation.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.audience.engagement import COUNTERS, SIGNALS
from engine.audience.subscriptions import SubscriptionState
from engine.audience.suppression import Reason
from engine.flow.orders import hundredths
from mta.ports import from_ms

_NO_RECORD: Final[Mapping[str, Any]] = {}
_NONE: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)
class Person:
    """Somebody, as they were at the moment that the simulation has come to."""

    id: int
    address: str
    name: str
    locale: str
    zone_name: str
    zone: ZoneInfo
    birthday: str = ""
    external_id: str = ""
    source: str = ""
    tags: frozenset[str] = _NONE
    segments: frozenset[str] = _NONE
    fields: Mapping[str, Any] = field(default_factory=lambda: _NO_RECORD)
    lists: Mapping[str, SubscriptionState] = field(default_factory=lambda: _NO_RECORD)
    orders: int = 0
    spent: int = 0  # hundredths
    first_order_ms: int | None = None
    last_order_ms: int | None = None
    signals: Mapping[str, tuple[int, int]] = field(default_factory=lambda: _NO_RECORD)  # word: (count, last time)
    engaged_ms: int | None = None
    stopped: str = ""  # why nothing goes to them ("hard bounce") ...
    no_marketing: str = ""  # ... or no marketing mail
    pace: str = ""
    created_ms: int | None = None

    def facts(self) -> dict[str, Any]:
        """What conditions see: as engine.running.facts.read_contacts gives it."""
        whole, rest = divmod(self.spent, 100)
        consents = SubscriptionState.CONFIRMED in self.lists.values()
        return {
            "id": self.id, "name": self.name, "address": self.address, "locale": self.locale, "zone": self.zone_name,
            "birthday": self.birthday, "external_id": self.external_id, "source": self.source,
            "tags": sorted(self.tags), "fields": dict(self.fields),
            "consent": {"entry": 0, "hash": ""} if consents else None,
            "orders": {
                "count": self.orders, "total": whole + rest / 100 if rest else whole,
                "first_at": _iso(self.first_order_ms), "last_at": _iso(self.last_order_ms),
            },
            "engagement": self._engagement(),
            "lists": {name: str(state) for name, state in self.lists.items()}, "segments": sorted(self.segments),
        }  # fmt: skip

    def _engagement(self) -> dict[str, Any]:
        found: dict[str, Any] = {"last_at": _iso(self.engaged_ms)}
        for signal, counter in COUNTERS.items():
            count, last_ms = self.signals.get(signal, (0, None))
            found[f"{signal}_at"], found[counter] = _iso(last_ms), count
        return found

    def is_on(self, mailing_list: str) -> bool:
        return self.lists.get(mailing_list) == SubscriptionState.CONFIRMED


def _iso(ms: int | None) -> str | None:
    return None if ms is None else from_ms(ms).isoformat()


# -- what events change

Change = Callable[[Person, Mapping[str, Any], int], None]


def note(person: Person, name: str, data: Mapping[str, Any], at_ms: int) -> None:
    """An event changes whom it is about. Of those that are not in CHANGES nothing but engagement changes."""
    if (signal := SIGNALS.get(name)) is not None:
        person.engaged_ms = max(person.engaged_ms or at_ms, at_ms)
        if signal in COUNTERS:
            person.signals = {**person.signals, signal: (person.signals.get(signal, (0, 0))[0] + 1, at_ms)}
    if (change := CHANGES.get(name)) is not None:
        change(person, data, at_ms)


def _ordered(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    person.orders += 1
    person.spent += hundredths(data)
    person.first_order_ms = min(person.first_order_ms or at_ms, at_ms)
    person.last_order_ms = max(person.last_order_ms or at_ms, at_ms)


def _on_list(state: SubscriptionState) -> Change:
    def change(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
        name = data.get("list")
        if isinstance(name, str) and name:
            person.lists = {**person.lists, name: state}

    return change


def _joined(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    if not person.is_on(str(data.get("list", ""))):
        _on_list(SubscriptionState.UNCONFIRMED)(person, data, at_ms)


def _in_segment(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    person.segments |= {str(data.get("segment", ""))}


def _out_of_segment(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    person.segments -= {str(data.get("segment", ""))}


def _tagged(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    person.tags |= {str(data.get("tag", ""))}


def _untagged(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    person.tags -= {str(data.get("tag", ""))}


def _unreachable(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    person.stopped = person.stopped or Reason.HARD_BOUNCE


def _complained(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    person.no_marketing = person.no_marketing or Reason.COMPLAINT


def _unsubscribed(person: Person, data: Mapping[str, Any], at_ms: int) -> None:
    if not data.get("list"):  # of a list it is list.left, too
        person.no_marketing = person.no_marketing or Reason.UNSUBSCRIBE


CHANGES: Final[Mapping[str, Change]] = {
    "order.placed": _ordered, "list.joined": _joined, "list.confirmed": _on_list(SubscriptionState.CONFIRMED),
    "list.left": _on_list(SubscriptionState.UNSUBSCRIBED), "list.expired": _on_list(SubscriptionState.UNSUBSCRIBED),
    "segment.entered": _in_segment, "segment.left": _out_of_segment, "contact.tagged": _tagged,
    "contact.untagged": _untagged, "mail.bounced": _unreachable, "mail.complained": _complained,
    "mail.unsubscribed": _unsubscribed,
}  # fmt: skip
"""The events that change more about a person than when they were last seen."""
