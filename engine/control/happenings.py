"""What happened, of every kind: the newest for the first screen, and older ones in pages.

Each kind stands in a table of its own, so a page goes through all of them beside each other. Of each it looks at so many
rows at most; what is older than the oldest row that was looked at anywhere waits for the next page, so that the order of
time holds across kinds. The cursor says how far each table was gone through.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address, AddressError
from engine.control.asked import Asked
from engine.control.protocol.house import Line
from engine.control.protocol.journal import Happened, Happenings
from engine.control.refusal import Refusal
from engine.house import House
from mta.ports import Tx, to_ms

LOOKED_AT: Final = 2_000  # rows of each kind in one page
_END: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where one kind of happening stands. `number` orders it in time, and is looked up quickly; of suppressions it is the
    time itself, and of those that an import made within one millisecond a page ends with some."""

    name: str
    number: str
    at: str
    what: str
    text: str
    message: str
    person: str
    tables: str


_KINDS: Final = (
    _Kind(
        "event", "v.id", "v.at_ms", "v.name", "COALESCE(c.address, '')", "v.message_id", "COALESCE(c.address, '')",
        "event v LEFT JOIN contact c ON c.id = v.contact_id",
    ),
    _Kind(
        "attempt", "a.id", "a.at_ms", "a.outcome", "d.forward_path || ' · ' || a.host || ' · ' || a.reply", "d.message_id",
        "d.forward_path", "attempt a JOIN delivery d ON d.id = a.delivery_id",
    ),
    _Kind(
        "passage", "p.id", "p.at_ms", "p.kind", "f.name || ' · ' || p.step || ' · ' || p.result", "NULL",
        "COALESCE(c.address, '')",
        "passage p JOIN enrolment e ON e.id = p.enrolment_id JOIN flow f ON f.id = e.flow_id"
        " LEFT JOIN contact c ON c.id = e.contact_id",
    ),
    _Kind(
        "doubt", "q.id", "q.at_ms", "'in doubt'",
        "d.forward_path || ' · ' || q.why || ' · ' || COALESCE(q.settled, 'not yet settled')", "d.message_id",
        "d.forward_path", "doubt q JOIN delivery d ON d.id = q.delivery_id",
    ),
    _Kind(
        "suppression", "s.at_ms", "s.at_ms", "'suppressed'", "s.key || ' · ' || s.reason || ' · ' || s.evidence", "NULL",
        "s.key", "suppression s",
    ),
    _Kind(
        "consent", "s.seq", "s.at_ms", "'consent ' || s.act", "c.address", "s.message_id", "c.address",
        "consent_fact s JOIN contact c ON c.id = s.contact_id",
    ),
    _Kind(
        "act", "j.id", "j.at_ms", "'operator'", "j.peer || ' · ' || j.path || ' · ' || j.done", "NULL", "''", "act j",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which; "" is any."""

    kind: str = ""
    person: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row with its number. It was recorded no later than `by_ms`: an event may tell of a time long before."""

    number: int
    by_ms: int
    happened: Happened


@dataclass(frozen=True, slots=True)
class _Part:
    """What was found of a kind, and down to which number and time all of it was looked at."""

    name: str
    rows: list[_Row]
    floor: int  # all with this number or a higher one were looked at
    reached_ms: int  # ... and what is older is no younger than this; -1: there is nothing older


def newest(tx: Tx, limit: int) -> tuple[Line, ...]:
    """The newest things that happened, of every kind, for the first screen."""
    found, _ = page(tx, Wanted(), limit, {})
    return tuple(Line(each.at_ms, each.kind, each.text, each.message_id) for each in found)


def page(tx: Tx, wanted: Wanted, limit: int, after: Mapping[str, int]) -> tuple[list[Happened], dict[str, int]]:
    """Up to `limit`, the newest first, and where the next page begins ({}: there is none). It may be shorter than its
    limit, and empty, and still have a next one."""
    parts = [_part(tx, each, wanted, limit, after.get(each.name, _END)) for each in _KINDS]
    reached = max(each.reached_ms for each in parts)
    merged = sorted(
        (
            (-row.by_ms, part.name, -row.number, row.happened)
            for part in parts
            for row in part.rows
            if row.by_ms >= reached or part.reached_ms == reached
        ),
        key=lambda each: each[:3],
    )[:limit]
    shown = {(name, -number) for _, name, number, _ in merged}
    begins = {part.name: _begin(part, shown, after.get(part.name, _END)) for part in parts}
    is_over = len(merged) == sum(len(each.rows) for each in parts) and reached < 0
    return [row for *_, row in merged], {} if is_over else begins


def _begin(part: _Part, shown: Set[tuple[str, int]], before: int) -> int:
    """Below which number the next page goes on: what was found and not shown comes again."""
    numbers = [each.number for each in part.rows if (part.name, each.number) in shown]
    if len(numbers) == len(part.rows):
        return part.floor
    return min(numbers, default=before)


def _part(tx: Tx, kind: _Kind, wanted: Wanted, limit: int, below: int) -> _Part:
    """What is wanted of a kind, below a number. Without a filter the limit alone bounds what is looked at."""
    if wanted.kind and not _may_be(kind, wanted.kind):
        return _Part(kind.name, [], 0, -1)
    floor = _floor(tx, kind, below) if wanted != Wanted() else 0
    where, params = _clause(kind, wanted)
    found = tx.query(
        f"SELECT {kind.number}, {kind.at}, {kind.what}, {kind.text}, {kind.message}, {kind.person} FROM {kind.tables}"
        f" WHERE {kind.number} < ? AND {kind.number} >= ?{where} ORDER BY {kind.number} DESC LIMIT ?",
        (below, floor, *params, LOOKED_AT + 1 if wanted.person or wanted.text else limit),
    )
    found = [row for row in found if _is_wanted(row, wanted)][:limit]
    rows: list[_Row] = []
    by_ms = 0
    for number, at_ms, what, text, message_id, person in reversed(found):
        by_ms = max(by_ms, at_ms)
        rows.insert(0, _Row(number, by_ms, Happened(at_ms, what, text, message_id, person)))
    if len(rows) == limit:
        return _Part(kind.name, rows, rows[-1].number, rows[-1].by_ms)
    older = _newest_below(tx, kind, kind.at, floor) if floor else None
    return _Part(kind.name, rows, floor, -1 if older is None else older)


def _floor(tx: Tx, kind: _Kind, below: int) -> int:
    """The number down to which a page looks."""
    sql = (
        f"SELECT {kind.number} FROM {kind.tables} WHERE {kind.number} < ? ORDER BY {kind.number} DESC LIMIT 1 OFFSET ?"
    )
    row = tx.one(sql, (below, LOOKED_AT))
    return int(row[0]) if row else 0


def _newest_below(tx: Tx, kind: _Kind, what: str, number: int) -> int | None:
    sql = f"SELECT {what} FROM {kind.tables} WHERE {kind.number} < ? ORDER BY {kind.number} DESC LIMIT 1"
    row = tx.one(sql, (number,))
    return int(row[0]) if row else None


def _may_be(kind: _Kind, word: str) -> bool:
    """Whether a kind can have this word: its own name, or one that only its rows know."""
    fixed = {"doubt": "in doubt", "suppression": "suppressed", "act": "operator"}.get(kind.name)
    return word == kind.name or (fixed.startswith(word) if fixed else True)


def _clause(kind: _Kind, wanted: Wanted) -> tuple[str, list[Any]]:
    if wanted.kind and wanted.kind != kind.name:
        return f" AND {kind.what} LIKE ? ESCAPE '!'", [f"{_escaped(wanted.kind)}%"]
    return "", []


def _is_wanted(row: tuple[Any, ...], wanted: Wanted) -> bool:
    """By its text and its person: databases know small and capital letters of ASCII only."""
    *_, text, _, person = row
    if wanted.person and wanted.person.casefold() != (person or "").casefold():
        return False
    return wanted.text.casefold() in (text or "").casefold()


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


# -- as it is asked


async def show(house: House, asked: Asked) -> Happenings:
    """A page of what happened."""
    wanted = Wanted(asked.text("kind"), _person(asked.text("person")), asked.text("q"))
    limit, after = asked.number("limit", 100, least=1, most=500), _read_cursor(asked.text("after"))
    rows, begins = await house.store.read(lambda tx: page(tx, wanted, limit, after))
    return Happenings(to_ms(_now(house)), tuple(rows), _cursor(begins) if begins else "")


def _now(house: House) -> datetime:
    return house.clock.now()


def _person(text: str) -> str:
    if not text:
        return ""
    try:
        return str(Address.parse(text)).lower()
    except AddressError as err:
        raise Refusal(f"person: {err}") from None


def _cursor(begins: Mapping[str, int]) -> str:
    return urlsafe_b64encode(json.dumps(begins, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_cursor(text: str) -> dict[str, int]:
    if not text:
        return {}
    try:
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        found = None
    names = {each.name for each in _KINDS}
    if not isinstance(found, dict) or not all(
        name in names and type(number) is int and 0 <= number <= _END for name, number in found.items()
    ):
        raise Refusal("after is what the page before said")
    return found
