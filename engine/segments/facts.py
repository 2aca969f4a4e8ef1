"""One contact as the interpreter sees it: what a set of segments reads of somebody, loaded once.

The same rows that `engine.segments.sql` asks of, with the same rules: of each kind of event the newest EVENTS_MAX;
of an event's data what is a text, a number within bounds, or a truth, and of the kind that the vocabulary says.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.audience import engagement
from engine.audience.fields import Kind
from engine.flow.civil import zone_of
from engine.flow.values import EXACT, TINY
from engine.segments.reading import Reads
from engine.segments.rfm import Fifths
from engine.segments.vocabulary import Type, data_type
from mta.ports import Tx, from_ms

EVENTS_MAX: Final = 1_000

_CONTACT: Final = (
    "SELECT address, name, locale, zone, source, COALESCE(external_id, ''), birthday, created_ms, fields, orders, spent,"
    f" first_order_ms, last_order_ms, {engagement.COLUMNS} FROM contact WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for all contacts: the time, the installation's zone, its fields, and where the fifths lie."""

    now: datetime  # aware, UTC
    zone: ZoneInfo
    fields: dict[str, Kind]
    fifths: Fifths


def load(tx: Tx, contact_id: int, reads: Iterable[Reads], world: World) -> dict[str, Any] | None:
    """The names of the language for a contact, as far as these ask for them; None when there is none."""
    row = tx.one(_CONTACT, (contact_id,))
    if row is None:
        return None
    reads = list(reads)
    topics = frozenset[str]().union(*(each.topics for each in reads))
    data = frozenset[str]().union(*(each.data for each in reads))
    happened = {
        event: _events(tx, contact_id, event, with_data=event in data)
        for event in frozenset[str]().union(*(each.events for each in reads))
    }
    contact = _contact(contact_id, row, world)
    if "tags" in topics:
        contact["tags"] = [tag for (tag,) in tx.query("SELECT tag FROM tag WHERE contact_id = ?", (contact_id,))]
    if "lists" in topics:
        contact["lists"] = dict(
            tx.query(
                "SELECT l.name, s.state FROM subscription s JOIN list l ON l.id = s.list_id WHERE s.contact_id = ?",
                (contact_id,),
            )
        )
    today = world.now.astimezone(zone_of(row[3], world.zone)).date()
    return {"contact": contact, "now": world.now, "today": today, "happened": happened}


def _contact(contact_id: int, row: tuple[Any, ...], world: World) -> dict[str, Any]:
    address, name, locale, zone, source, external_id, birthday, created, fields, orders, spent, first, last, *done = row
    engaged = engagement.facts(tuple(done))
    level, score = engagement.level(engaged["last_at"], world.now)
    whole, rest = divmod(spent, 100)
    contact: dict[str, Any] = {
        "id": contact_id, "address": address, "name": name, "locale": locale, "zone": zone, "source": source,
        "external_id": external_id, "birthday": birthday, "created": from_ms(created),
        "fields": _fields(json.loads(fields), world.fields),
        "orders": {
            "count": orders, "total": spent / 100 if rest else whole,
            "first_at": None if first is None else from_ms(first), "last_at": None if last is None else from_ms(last),
        },
        "rfm": world.fifths.of(orders, spent, last),
        "engagement": {**engaged, "level": level, "score": score},
    }  # fmt: skip
    if birthday:
        contact |= {"birth_month": int(birthday[-5:-3]), "birth_day": int(birthday[-2:])}
    return contact


def _fields(kept: dict[str, Any], kinds: dict[str, Kind]) -> dict[str, Any]:
    return {
        name: date.fromisoformat(value) if kinds.get(name) is Kind.DATE else value
        for name, value in kept.items()
        if name in kinds
    }


def _events(tx: Tx, contact_id: int, event: str, *, with_data: bool) -> list[dict[str, Any]]:
    columns = "at_ms, key, data" if with_data else "at_ms, key, '{}'"
    rows = tx.query(
        f"SELECT {columns} FROM event WHERE contact_id = ? AND name = ? ORDER BY at_ms DESC, id DESC LIMIT ?",
        (contact_id, event, EVENTS_MAX),
    )
    return [
        {**_plain(event, json.loads(data)), "at": from_ms(at_ms), "key": key} for at_ms, key, data in reversed(rows)
    ]


def _plain(event: str, data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        wanted = data_type(event, key)
        match value:
            case bool():
                is_it = wanted is Type.ANY
            case int() | float():
                is_it = wanted in (Type.ANY, Type.NUMBER) and abs(value) <= EXACT
                value = value if abs(value) >= TINY else 0
            case str():
                is_it = wanted in (Type.ANY, Type.TEXT)
            case _:
                is_it = False
        if is_it:
            found[key] = value
    if isinstance(lines := data.get("lines"), list):
        found["lines"] = [
            {key: value for key, value in line.items() if isinstance(value, str)}
            for line in lines
            if isinstance(line, dict)
        ]
    return found
