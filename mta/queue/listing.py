"""Deliveries in a list: filtered, sorted, a page at a time, however many there are.

A page goes on where the one before ended (a cursor of the last sort key), never by counting rows, and one question looks
at no more than `BUDGET` rows: where a filter matches little, a page may be short, or even empty, and still say where to
go on. A filter that few deliveries can match (a small domain, a campaign) is looked up by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mta.ports import Tx
from mta.queue.delivery import State, Stream

BUDGET: Final = 5_000  # rows that one question looks at
CHUNK: Final = 1_000
NARROW: Final = 10_000  # up to so many are sorted in one go
JUMP: Final = 2_000  # further than this the database counts the rows to pass over
DOMAINS_MAX: Final = 50  # a site of more domains is looked for among all deliveries

Cursor = tuple[int, int]  # sort key, id


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries. What is None or "" does not matter; times are milliseconds, `before` exclusive, `since` not."""

    site: str = ""
    domain: str = ""
    stream: Stream | None = None
    campaign: str = ""
    state: State | None = None
    text: str = ""  # in the forward-path, the subject or the last reply
    accepted_before: int | None = None
    accepted_since: int | None = None
    due_before: int | None = None

    @property
    def is_ended(self) -> bool:
        return self.state is not None and self.state.is_end


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery, with what a list shows of its message."""

    delivery_id: int
    message_id: int
    forward_path: str
    domain: str
    stream: Stream
    campaign: str
    state: State
    created_ms: int
    due_ms: int
    expires_ms: int
    ended_ms: int | None
    attempts: int
    last_reply: str
    subject: str
    size: int


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[Row, ...]
    after: Cursor | None  # where the next page begins; None: there is none


@dataclass(frozen=True, slots=True)
class Sort:
    """An order with the index that keeps it. `waiting`: which rows that index holds."""

    key: str
    descending: bool
    waiting: str = "state IN (0, 4)"

    @property
    def order(self) -> str:
        way = " DESC" if self.descending else ""
        return f"{self.key}{way}, id{way}"

    def is_behind(self, one: Cursor, other: Cursor) -> bool:
        return one < other if self.descending else one > other


SORTS: Final = {
    "newest": Sort("created_ms", True),
    "oldest": Sort("created_ms", False),
    "next": Sort("due_ms", False, "state = 0"),
    "expiry": Sort("expires_ms", False, "state < 10"),
}
_ENDED: Final = {
    "newest": Sort("ended_ms", True, "ended_ms IS NOT NULL"),
    "oldest": Sort("ended_ms", False, "ended_ms IS NOT NULL"),
}
MOVING: Final = (State.IN_FLIGHT, State.AT_THE_DOT, State.IN_DOUBT)
_MOVING: Final = "state < 10 AND state IN (1, 2, 3)"
_ROW: Final = (
    "SELECT d.id, d.message_id, d.forward_path, d.domain, d.stream, d.campaign, d.state, d.created_ms, d.due_ms,"
    " d.expires_ms, d.ended_ms, d.attempts, d.last_reply, m.subject, m.size"
    " FROM delivery d JOIN message m ON m.id = d.message_id WHERE d.id IN "
)


def page(tx: Tx, wanted: Wanted, sort: str, limit: int, after: Cursor | None = None, offset: int = 0) -> Page:
    """The next `limit` deliveries behind `after`. `sort`: one of SORTS; what has ended goes by when it did, newest
    first unless the oldest are asked for. `offset` passes over so many matches first: for a screen that jumps."""
    order = _ENDED.get(sort, _ENDED["newest"]) if wanted.is_ended else SORTS[sort]
    domains = _domains(tx, wanted)
    if offset > JUMP and not wanted.text:
        after, offset = _jump(tx, wanted, order, domains, offset), 0
    found: list[Row] = []
    seen = 0
    merged = [] if wanted.is_ended else list(_moving(tx, wanted, order, after))
    last = after
    for chunk in _chunks(tx, wanted, order, domains, limit + offset + 1, after):
        seen += len(chunk)
        rows = [row for row in _rows(tx, [each[1] for each in chunk]) if row.state not in MOVING]
        edge = chunk[-1]
        now_due = [each for each in merged if not order.is_behind(_key(each, order), edge)]
        merged = [each for each in merged if order.is_behind(_key(each, order), edge)]
        rows = sorted([*rows, *now_due], key=lambda row: _key(row, order), reverse=order.descending)
        for row in rows:
            if _matches(row, wanted, domains):
                if len(found) == limit + offset:
                    return Page(tuple(found[offset:]), last)
                found.append(row)
            last = _key(row, order)
        if seen >= BUDGET:
            return Page(tuple(found[offset:]), last)
    rest = sorted(merged, key=lambda row: _key(row, order), reverse=order.descending)
    found += [row for row in rest if _matches(row, wanted, domains)]
    if len(found) > limit + offset:
        return Page(tuple(found[offset : offset + limit]), _key(found[offset + limit - 1], order))
    return Page(tuple(found[offset:]), None)


def ids(tx: Tx, wanted: Wanted, limit: int, after: Cursor | None) -> tuple[list[int], Cursor | None]:
    """Numbers of the next deliveries, oldest first, for a command that changes all of them; and where to go on."""
    found = page(tx, wanted, "oldest", limit, after)
    return [row.delivery_id for row in found.rows], found.after


def states(tx: Tx, numbers: Sequence[int]) -> list[State]:
    """The states of those of these deliveries that there are."""
    return [row.state for begin in range(0, len(numbers), CHUNK) for row in _rows(tx, numbers[begin : begin + CHUNK])]


def _key(row: Row, order: Sort) -> Cursor:
    return int(getattr(row, order.key) or 0), row.delivery_id


def _chunks(
    tx: Tx, wanted: Wanted, order: Sort, domains: frozenset[str] | None, first: int, after: Cursor | None
) -> Iterator[list[Cursor]]:
    """Sort keys and ids in order, from behind `after`."""
    where, params = _source(tx, wanted, order, domains)
    size = min(CHUNK, max(50, first))
    while True:
        behind, at = "", ()
        if after is not None:
            behind, at = f" AND ({order.key}, id) {'<' if order.descending else '>'} (?,?)", after  # type: ignore[assignment]
        rows = tx.query(
            f"SELECT {order.key}, id FROM delivery WHERE {where}{behind} ORDER BY {order.order} LIMIT ?",
            (*params, *at, size),
        )
        if rows:
            yield [(int(row[0]), int(row[1])) for row in rows]
        if len(rows) < size:
            return
        after = (int(rows[-1][0]), int(rows[-1][1]))
        size = CHUNK


def _source(tx: Tx, wanted: Wanted, order: Sort, domains: frozenset[str] | None) -> tuple[str, list[Any]]:
    """The rows to walk over: those that the order's index holds, or few of them where a filter says so."""
    where = order.waiting
    narrow: list[tuple[str, list[Any]]] = []
    if wanted.campaign:
        narrow.append(("campaign <> '' AND state IN (0, 4) AND campaign = ?", [wanted.campaign]))
    if domains is not None and len(domains) <= DOMAINS_MAX:
        state = " AND state = 0" if order.key == "due_ms" else ""
        names = f" AND domain IN ({','.join('?' * len(domains))})" if domains else " AND 1 = 0"
        narrow.append((f"state IN (0, 4){state}{names}", sorted(domains)))
    for clause, values in narrow if not wanted.is_ended else ():
        row = tx.one(f"SELECT count(*) FROM (SELECT 1 FROM delivery WHERE {clause} LIMIT ?) AS few", (*values, NARROW))
        if row is not None and row[0] < NARROW:
            return f"{clause} AND {order.waiting}", values
    return where, []


def _jump(tx: Tx, wanted: Wanted, order: Sort, domains: frozenset[str] | None, offset: int) -> Cursor | None:
    """The place behind `offset` matches; what is in a carrier's hands at this moment is not counted."""
    where, params = _source(tx, wanted, order, domains)
    for name, value in (("stream", wanted.stream), ("state", wanted.state)):
        if value is not None:
            where, params = f"{where} AND {name} = ?", [*params, int(value)]
    if domains is not None:
        folded = "domain IN (SELECT domain FROM destination WHERE site = ?)" if wanted.site else "domain = ?"
        where, params = f"{where} AND {folded}", [*params, wanted.site or wanted.domain]
    sql = f"SELECT {order.key}, id FROM delivery WHERE {where} ORDER BY {order.order} LIMIT 1 OFFSET ?"
    row = tx.one(sql, (*params, offset - 1))
    return (int(row[0]), int(row[1])) if row else None


def _moving(tx: Tx, wanted: Wanted, order: Sort, after: Cursor | None) -> Iterator[Row]:
    """What is in a carrier's hands or in doubt is in none of those indexes, and never much."""
    if wanted.state in (State.QUEUED, State.HELD):
        return
    numbers = [row[0] for row in tx.query(f"SELECT id FROM delivery WHERE {_MOVING} ORDER BY id")]
    for begin in range(0, len(numbers), CHUNK):
        for row in _rows(tx, numbers[begin : begin + CHUNK]):
            if after is None or order.is_behind(_key(row, order), after):
                yield row


def _rows(tx: Tx, numbers: Sequence[int]) -> list[Row]:
    if not numbers:
        return []
    found = tx.query(f"{_ROW}({','.join('?' * len(numbers))})", numbers)
    return [Row(*row[:4], Stream(row[4]), row[5], State(row[6]), *row[7:]) for row in found]  # type: ignore[call-arg]


def _domains(tx: Tx, wanted: Wanted) -> frozenset[str] | None:
    """The domains that a filter on site or domain leaves; None for all."""
    if not wanted.site:
        return frozenset({wanted.domain}) if wanted.domain else None
    rows = tx.query("SELECT domain FROM destination WHERE site = ?", (wanted.site,))
    found = {row[0] for row in rows}
    if not found or tx.one("SELECT 1 FROM destination WHERE domain = ? AND site = ''", (wanted.site,)):
        found.add(wanted.site)  # a domain that was folded into no site yet goes by its own name
    return frozenset(found & {wanted.domain} if wanted.domain else found)


def _matches(row: Row, wanted: Wanted, domains: frozenset[str] | None) -> bool:
    text = wanted.text.casefold()
    return (
        (domains is None or row.domain in domains)
        and (wanted.stream is None or row.stream is wanted.stream)
        and (not wanted.campaign or row.campaign == wanted.campaign)
        and (row.state is wanted.state if wanted.state is not None else not row.state.is_end)
        and (wanted.accepted_before is None or row.created_ms < wanted.accepted_before)
        and (wanted.accepted_since is None or row.created_ms >= wanted.accepted_since)
        and (wanted.due_before is None or row.due_ms < wanted.due_before)
        and (not text or any(text in each.casefold() for each in (row.forward_path, row.subject, row.last_reply)))
    )
