"""How people were when the simulated time begins, as far as the rows of a source tell.

Subscriptions, suppressions, orders and tags carry times, so they are rolled back to the beginning; what carries none (fields,
zone, language) is as it is now.
"""

import json
from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from engine.audience.subscriptions import SubscriptionState
from engine.audience.suppression import Scope
from engine.flow.civil import zone_of
from engine.flow.orders import hundredths
from engine.simulation.people import Person
from engine.simulation.sources import Source
from mta.ports import from_ms

_CONTACT: Final = (
    "id", "address", "name", "locale", "zone", "birthday", "external_id", "source", "fields", "orders", "spent",
    "first_order_ms", "last_order_ms", "opened_ms", "clicked_ms", "replied_ms", "visited_ms", "opens", "clicks",
    "replies", "visits", "key", "created_ms",
)  # fmt: skip
_ORDERED: Final = "order.placed"
_TAGS: Final = ("contact.tagged", "contact.untagged")
_SIGNALS: Final = (("opened", 13, 17), ("clicked", 14, 18), ("replied", 15, 19), ("visited", 16, 20))


def load(source: Source, since_ms: int, default: ZoneInfo) -> dict[int, Person]:
    """Everybody, as they were then. `default`: the installation's zone."""
    since = _Since(source, since_ms)
    people: dict[int, Person] = {}
    by_key: dict[str, Person] = {}
    for row in source.rows("contact", _CONTACT, ("id",)):
        if type(row[0]) is int:
            people[row[0]] = person = _person(row, since.orders.get(row[0], (0, 0)), since_ms, default)
            by_key[str(row[21])] = person
    _subscribe(source, people, since_ms)
    _suppress(source, by_key, since_ms)
    for contact_id, tag in source.rows("tag", ("contact_id", "tag"), ("contact_id", "tag")):
        if contact_id in people and since.had.get((contact_id, tag), True):
            people[contact_id].tags |= {tag}
    for contact_id, tag in (which for which, had in since.had.items() if had and which[0] in people):
        people[contact_id].tags |= {tag}
    _segments(source, people, since_ms)
    for contact_id, pace in source.rows("preference", ("contact_id", "pace"), ("contact_id",)):
        if contact_id in people:
            people[contact_id].pace = pace or ""
    return people


def entered_before(source: Source, flow: str, since_ms: int) -> Mapping[tuple[int, str], datetime]:
    """When the runs of this flow were entered that began before, by contact and key: re-entry asks."""
    ids = {each for each, name in source.rows("flow", ("id", "name"), ("id",)) if name == flow}
    found: dict[tuple[int, str], datetime] = {}
    columns = ("flow_id", "contact_id", "run_key", "entered_ms")
    for flow_id, contact_id, key, entered_ms in source.rows("enrolment", columns, ("id",)) if ids else ():
        if flow_id in ids and entered_ms < since_ms:
            found[contact_id, key] = from_ms(entered_ms)
    return found


def begun(source: Source, flow: str, since_ms: int) -> list[tuple[int, int, int, str]]:
    """(number, when, contact, data) of the runs of this flow that were entered since then, in that order."""
    ids = {each for each, name in source.rows("flow", ("id", "name"), ("id",)) if name == flow}
    columns = ("flow_id", "id", "entered_ms", "contact_id", "data")
    rows = source.rows("enrolment", columns, ("id",)) if ids else ()
    return sorted((row[1:] for row in rows if row[0] in ids and row[2] >= since_ms), key=lambda row: (row[1], row[0]))


def begun_by(source: Source, runs: Set[int]) -> Mapping[int, str]:
    """What let each of these runs in: an event's name, or who said so."""
    columns = ("enrolment_id", "kind", "result")
    rows = source.rows("passage", columns, ("enrolment_id", "step", "occurrence"))
    return {number: result for number, kind, result in rows if kind == "trigger" and number in runs}


def _person(row: tuple[Any, ...], later: tuple[int, int], since_ms: int, default: ZoneInfo) -> Person:
    texts = [value if isinstance(value, str) else "" for value in row[1:8]]
    address, name, locale, zone, birthday, external_id, source = texts
    person = Person(
        row[0], address, name, locale, zone, zone_of(zone, default), birthday, external_id, source,
        created_ms=row[22], fields=_record(row[8]), orders=max(0, (row[9] or 0) - later[0]),
        spent=max(0, (row[10] or 0) - later[1]),
    )  # fmt: skip
    first_ms, last_ms = (ms if ms is not None and ms < since_ms else None for ms in row[11:13])
    person.first_order_ms, person.last_order_ms = first_ms, last_ms or first_ms
    known = {word: (row[count] or 0, row[at]) for word, at, count in _SIGNALS if row[at] and row[at] < since_ms}
    if known:
        person.signals = known
    times = [ms for ms in (person.last_order_ms, *(at for _, at in known.values())) if ms is not None]
    person.engaged_ms = max(times, default=None)
    return person


class _Since:
    """What comes in the simulated time, and so was not there before: `orders` by contact, how many and their sum in
    hundredths; `had` by contact and tag, whether it was there before its first change."""

    def __init__(self, source: Source, since_ms: int) -> None:
        self.orders: dict[int, tuple[int, int]] = {}
        self.had: dict[tuple[int, str], bool] = {}
        for _, name, contact_id, _, text, _ in source.events(since_ms, only=(_ORDERED, *_TAGS)):
            if contact_id is not None:
                data = _record(text)
                if name == _ORDERED:
                    self._count(contact_id, data)
                else:
                    self.had.setdefault((contact_id, str(data.get("tag", ""))), name == _TAGS[1])

    def _count(self, contact_id: int, order: Mapping[str, Any]) -> None:
        count, spent = self.orders.get(contact_id, (0, 0))
        self.orders[contact_id] = (count + 1, spent + hundredths(order))


def _subscribe(source: Source, people: Mapping[int, Person], since_ms: int) -> None:
    names: dict[int, str] = dict(source.rows("list", ("id", "name"), ("id",)))
    columns = ("contact_id", "list_id", "asked_ms", "confirmed_ms", "ended_ms")
    for contact_id, list_id, asked_ms, confirmed_ms, ended_ms in source.rows(
        "subscription", columns, ("contact_id", "list_id")
    ):
        person, name = people.get(contact_id), names.get(list_id)
        if person is not None and name and asked_ms is not None and asked_ms <= since_ms:
            state = SubscriptionState.UNCONFIRMED
            if ended_ms is not None and ended_ms <= since_ms:
                state = SubscriptionState.UNSUBSCRIBED
            elif confirmed_ms is not None and confirmed_ms <= since_ms:
                state = SubscriptionState.CONFIRMED
            person.lists = {**person.lists, name: state}


Joined: TypeAlias = tuple[int, int, str, SubscriptionState]
"""When, which contact, which list, and how they stand on it from then on."""


def joined_later(source: Source, since_ms: int) -> list[Joined]:
    """Who came to a list since then, in the order of time: an import tells of no event, so the rows are asked."""
    names: dict[int, str] = dict(source.rows("list", ("id", "name"), ("id",)))
    columns = ("contact_id", "list_id", "asked_ms", "confirmed_ms")
    found: list[Joined] = []
    for contact_id, list_id, asked_ms, confirmed_ms in source.rows("subscription", columns, ("contact_id", "list_id")):
        for at_ms, state in ((asked_ms, SubscriptionState.UNCONFIRMED), (confirmed_ms, SubscriptionState.CONFIRMED)):
            if list_id in names and at_ms is not None and at_ms > since_ms:
                found.append((at_ms, contact_id, names[list_id], state))
    return sorted(found, key=lambda each: (each[0], each[3] is SubscriptionState.CONFIRMED))


def _suppress(source: Source, by_key: Mapping[str, Person], since_ms: int) -> None:
    columns = ("key", "reason", "list_id", "scope", "at_ms", "expires_ms")
    for key, reason, list_id, scope, at_ms, expires_ms in source.rows(
        "suppression", columns, ("key", "reason", "list_id")
    ):
        person = by_key.get(key)
        if person is None or list_id or at_ms >= since_ms or (expires_ms is not None and expires_ms < since_ms):
            continue
        if scope == Scope.ALL:
            person.stopped = person.stopped or reason
        else:
            person.no_marketing = person.no_marketing or reason


def _segments(source: Source, people: Mapping[int, Person], since_ms: int) -> None:
    names: dict[int, str] = dict(source.rows("segment", ("id", "name"), ("id",)))
    columns = ("segment_id", "contact_id", "since_ms")
    for segment_id, contact_id, member_ms in source.rows("segment_member", columns, ("segment_id", "contact_id")):
        if contact_id in people and segment_id in names and member_ms < since_ms:
            people[contact_id].segments |= {names[segment_id]}


def _record(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) and text != "{}" else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
