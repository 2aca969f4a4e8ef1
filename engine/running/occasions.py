"""The occasions of flows that begin by time: which there are between two moments, and whom each may let in.

Who is asked about comes in parts: a range of contact ids, or of a list's or segment's people, or of events. So nobody scans a
million contacts in one look, and none is looked at between occasions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.civil import zone_of
from engine.flow.occasions import moment_of, occasions, own_days
from engine.flow.triggers import Audience, DateTrigger, InactivityTrigger, TimeTrigger
from engine.running import facts
from mta.ports import Tx, from_ms, to_ms

SPAN: Final = 5_000  # contact ids in one look
MOST: Final = 50  # people let in by one transaction
_DAY: Final = timedelta(days=1)
_NO_YEAR: Final = 4  # of a birthday without one: a leap year
_COLUMNS: Final = {
    "birthday": "c.birthday", "created": "c.created_ms", "orders.first_at": "c.first_order_ms",
    "orders.last_at": "c.last_order_ms",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sweep:
    """A row of the table."""

    id: int
    flow_id: int
    zone: str
    day: str
    since: datetime
    until: datetime
    cursor: int


@dataclass(frozen=True, slots=True)
class Part:
    """Some of those whom a sweep may let in: who, each with the key and the moment of the run; and how far that is, None when
    it is all."""

    people: tuple[tuple[int, str, datetime], ...]
    cursor: int | None


def between(
    trigger: TimeTrigger, zones: Iterator[str], since: datetime, now: datetime, default: ZoneInfo
) -> Iterator[tuple[str, str, datetime, datetime]]:
    """What is to be swept for the time after `since` up to `now`: (zone, day, from, until)."""
    if isinstance(trigger, InactivityTrigger):
        yield "", "", since, now
        return
    for name in zones:
        zone = zone_of(name, default)
        first, last = since.astimezone(zone).date(), now.astimezone(zone).date()
        for day in _days(trigger, first, last):
            if since < (moment := moment_of(trigger, day, zone)) <= now:
                yield name, day.isoformat(), since, moment


def _days(trigger: Any, first: date, last: date) -> list[date]:
    """The days on which anybody may have an occasion: of a date of the contacts' own, all."""
    if isinstance(trigger, DateTrigger):
        return [first + timedelta(days=each) for each in range((last - first).days + 1)]
    return occasions(trigger, first, last)


def zones(tx: Tx) -> Iterator[str]:
    """The zones that contacts have, each found by one step of the index."""
    row = tx.one("SELECT MIN(zone) FROM contact")
    while row is not None and row[0] is not None:
        yield row[0]
        row = tx.one("SELECT MIN(zone) FROM contact WHERE zone > ?", (row[0],))


def part_of(tx: Tx, trigger: TimeTrigger, sweep: Sweep, default: ZoneInfo) -> Part:
    """The next of those whom it may let in."""
    if isinstance(trigger, InactivityTrigger):
        return _silent(tx, trigger, sweep, default)
    day = date.fromisoformat(sweep.day)
    rows, cursor = _people(tx, trigger, sweep, day)
    zone = zone_of(sweep.zone, default)
    found = [
        row[0]
        for row in rows
        if not isinstance(trigger, DateTrigger)
        or day in occasions(trigger, day, day, own_date(trigger.name, row[1], zone))
    ]
    return Part(tuple((each, sweep.day, sweep.until) for each in found), cursor)


def _people(tx: Tx, trigger: Any, sweep: Sweep, day: date) -> tuple[list[tuple[Any, ...]], int | None]:
    """Contacts of the zone, with what a DateTrigger asks for; at most MOST of them, and up to where that is."""
    what, where, params = "0", "", list[Any]()
    if isinstance(trigger, DateTrigger):
        what, where, params = _asked(trigger, day)
    table, joined = _audience(tx, trigger.audience)
    last = tx.one("SELECT COALESCE(MAX(id), 0) FROM contact")
    end, cursor = (last[0] if last else 0), sweep.cursor
    while cursor < end:
        upto = cursor + SPAN
        rows = tx.query(
            f"SELECT c.id, {what} FROM {table} WHERE {joined} c.zone = ? AND c.id > ? AND c.id <= ?{where}"
            " ORDER BY c.id LIMIT ?",
            (sweep.zone, cursor, upto, *params, MOST),
        )
        cursor = rows[-1][0] if len(rows) == MOST else upto
        if rows:
            return rows, cursor if cursor < end else None
    return [], None


def _audience(tx: Tx, audience: Audience | None) -> tuple[str, str]:
    """(FROM, and the beginning of WHERE) for those whom a trigger is for."""
    if audience is None:
        return "contact c", ""
    table, key = ("list", "subscription") if audience.kind == "list" else ("segment", "segment_member")
    row = tx.one(f"SELECT id FROM {table} WHERE name = ?", (audience.name,))
    confirmed = " AND a.state = 'confirmed'" if audience.kind == "list" else ""
    which = f"a.{audience.kind}_id = {int(row[0]) if row else 0}{confirmed} AND"
    return f"{key} a JOIN contact c ON c.id = a.contact_id", which


def _asked(trigger: DateTrigger, day: date) -> tuple[str, str, list[Any]]:
    """What is read of the contacts, and a cheap condition that leaves most out."""
    if trigger.name.startswith("fields."):
        return "c.fields", " AND c.fields LIKE ?", [f'%"{trigger.name.removeprefix("fields.")}"%']
    column = _COLUMNS[trigger.name]
    if trigger.name == "birthday":
        days = (
            sorted(own_days(trigger, day))
            if trigger.yearly
            else [((day - timedelta(days=trigger.offset)).timetuple()[1:3])]
        )
        likes = " OR ".join("c.birthday LIKE ?" for _ in days)
        return column, f" AND ({likes})", [f"%-{month:02}-{day:02}" for month, day in days]
    return column, f" AND {column} IS NOT NULL", []


def own_date(name: str, value: Any, zone: ZoneInfo) -> date | None:
    """A date of the contact's own, out of what its column holds; None where it has none."""
    try:
        if name.startswith("fields."):
            return date.fromisoformat(str(facts.read_data(value).get(name.removeprefix("fields."), ""))[:10])
        if name == "birthday":
            return date.fromisoformat(value if value[:2] != "--" else f"{_NO_YEAR:04}-{value[2:]}")
        return from_ms(value).astimezone(zone).date()
    except (TypeError, ValueError):
        return None


def _silent(tx: Tx, trigger: InactivityTrigger, sweep: Sweep, default: ZoneInfo) -> Part:
    """Who was last heard of so long before. The cursor is an event's id."""
    about, slack = trigger.span.exact + timedelta(days=trigger.span.days), _DAY if trigger.span.days else timedelta()
    rows = tx.query(
        "SELECT v.id, v.at_ms, v.contact_id, c.zone FROM event v JOIN contact c ON c.id = v.contact_id WHERE v.name = ?"
        " AND v.at_ms > ? AND v.at_ms <= ? AND v.id > ? AND NOT EXISTS (SELECT 1 FROM event w WHERE w.name = v.name"
        " AND w.contact_id = v.contact_id AND w.at_ms > v.at_ms) ORDER BY v.id LIMIT ?",
        (
            trigger.event, to_ms(sweep.since - about - slack), to_ms(sweep.until - about + slack), sweep.cursor, MOST,
        ),
    )  # fmt: skip
    cursor = rows[-1][0] if len(rows) == MOST else None
    found: dict[int, tuple[int, str, datetime]] = {}
    for _, at_ms, contact_id, name in rows:
        zone = zone_of(name, default)
        moment = trigger.span.after(from_ms(at_ms), zone)
        if sweep.since < moment <= sweep.until and _is_in(tx, trigger.audience, contact_id):
            found[contact_id] = (contact_id, moment.astimezone(zone).date().isoformat(), moment)
    return Part(tuple(found.values()), cursor)


def _is_in(tx: Tx, audience: Audience | None, contact_id: int) -> bool:
    if audience is None:
        return True
    table, which = _audience(tx, audience)
    return tx.one(f"SELECT 1 FROM {table} WHERE {which} c.id = ?", (contact_id,)) is not None


def data_of(key: str, moment: datetime) -> Mapping[str, Any]:
    """What steps see as `event` of such a run."""
    return {"name": "", "key": key, "day": key, "at": moment.astimezone(UTC).isoformat()}
