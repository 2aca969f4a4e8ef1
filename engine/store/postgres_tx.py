"""A transaction on PostgreSQL: our portable SQL in the server's words, and what nobody waits for sent in one go.

Plain inserts take their ids from the sequence beforehand, so that they need no answer.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader

from engine.store import groups
from engine.store.lines import GroupTx

_SETTINGS: Final = {
    "synchronous_commit": "on",
    "lock_timeout": f"{int(groups.BUSY_SECONDS)}s",
    "idle_in_transaction_session_timeout": "30s",  # a process that was stopped inside one must not hold its locks
    "timezone": "UTC",
}
NUMBERS_MAX: Final = 64  # ids that a sequence is asked for at once; less where a transaction needs few
_NEXT: Final = "SELECT nextval(pg_get_serial_sequence(?, 'id')) FROM generate_series(1, ?)"
_PLAIN_INSERT: Final = re.compile(r'INSERT INTO ("?\w+"?) \(([^()]*)\) VALUES \((.*)\)', re.DOTALL)


class _Amount(NumericBinaryLoader):
    """What sum() gives: a whole number, as on SQLite."""

    def load(self, data: Any) -> Any:
        value = super().load(data)
        return int(value) if value == value.to_integral_value() else float(value)


@functools.lru_cache(2048)
def _translated(sql: str) -> bytes:
    """With $1, $2 for each `?` that stands outside quotes."""
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] != "?":
            return found[0]
        count += 1
        return f"${count}"

    return re.sub(r"'[^']*'|\?", number, sql).encode()


@functools.lru_cache(256)
def _numbered(sql: str) -> tuple[str, str] | None:
    """The table of a plain INSERT, and the INSERT with the row's id as its first parameter; None for any other."""
    found = _PLAIN_INSERT.fullmatch(sql) if "ON CONFLICT" not in sql else None
    return (found[1], f"INSERT INTO {found[1]} (id, {found[2]}) VALUES (?, {found[3]})") if found else None


class PostgresTx(GroupTx):
    """One PostgreSQL transaction behind the Tx port.

    What nobody waits for is kept until somebody asks something, or the transaction ends, and then sent in one go: a
    message costs its octets, and no way to the server and back for each of its rows. So an INSERT has to know its id
    beforehand; of the ids that a sequence was asked for at once, some may be left over.
    """

    __slots__ = ("_connection", "_cursor", "_numbers", "_puts", "_reads_only", "_take", "has_written")
    dialect = "postgresql"

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", *, reads_only: bool = False) -> None:
        super().__init__()
        self._connection, self._cursor, self._reads_only = connection, cursor_of(connection), reads_only
        self._puts: list[tuple[str, Sequence[Any]]] = []
        self._numbers: dict[str, list[int]] = {}
        self._take: dict[str, int] = {}  # how many ids the table's sequence is asked for next
        self.has_written = False

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        self.has_written = True
        return self._run(sql, params).rowcount

    def put(self, sql: str, params: Sequence[Any] = ()) -> None:
        self.has_written = True
        self._puts.append((sql, params))

    def insert(self, sql: str, params: Sequence[Any] = ()) -> int:
        plain = _numbered(sql)
        if plain is None:
            row = self.one(f"{sql} RETURNING id", params)
            return int(row[0]) if row else 0
        table, numbered = plain
        number = self._number(table)
        self.put(numbered, (number, *params))
        return number

    def _number(self, table: str) -> int:
        numbers = self._numbers.setdefault(table, [])
        if not numbers:
            count = self._take.get(table, 1)
            self._take[table] = min(NUMBERS_MAX, count * 4)
            _send(self._cursor, _NEXT, (table, count))
            numbers.extend(sorted((row[0] for row in self._cursor.fetchall()), reverse=True))
        return numbers.pop()

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.put(sql, row)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._run(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        return self._run(sql, params).fetchone()

    def for_update(self, of: str = "", *, skip_locked: bool = False) -> str:
        if self._reads_only:
            return ""
        return " FOR UPDATE" + (f" OF {of}" if of else "") + (" SKIP LOCKED" if skip_locked else "")

    def lease_time(self) -> tuple[str, int]:
        """The server's clock: it is the same for all machines."""
        row = self.one("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")
        assert row is not None
        return "postgresql", row[0]

    def finish(self) -> None:
        super().finish()
        self._flush()

    def _flush(self) -> None:
        """Send what was put, and hear what is wrong with it."""
        if not self._puts:
            return
        puts, self._puts = self._puts, []
        with self._connection.pipeline():
            for sql, params in puts:
                _send(self._cursor, sql, params)

    def _run(self, sql: str, params: Sequence[Any]) -> "psycopg.RawCursor[tuple[Any, ...]]":
        self._flush()
        _send(self._cursor, sql, params)
        if not (self._cursor.statusmessage or "").startswith("SELECT"):
            self.has_written = True
        return self._cursor


def _send(cursor: "psycopg.RawCursor[tuple[Any, ...]]", sql: str, params: Sequence[Any]) -> None:
    try:
        cursor.execute(_translated(sql), params)
    except psycopg.DataError:
        clean = _without_nul(params)
        if clean == params:
            raise
        cursor.execute(_translated(sql), clean)  # it was refused before it was sent


def _without_nul(params: Sequence[Any]) -> Sequence[Any]:
    """PostgreSQL's text holds every character but U+0000; a stranger's words may hold that too."""
    if any(isinstance(each, str) and "\0" in each for each in params):
        return [each.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(each, str) else each for each in params]
    return params


def prepare(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Make a new connection one of ours."""
    adapters = connection.adapters
    for kind in (int, bool):  # one type for every number, so that a statement is prepared once
        adapters.register_dumper(kind, Int8BinaryDumper)
    adapters.register_loader("numeric", _Amount)
    connection.prepared_max = 500
    connection.execute("; ".join(f"SET {name} TO '{value}'" for name, value in _SETTINGS.items()).encode())


def cursor_of(connection: "psycopg.Connection[tuple[Any, ...]]") -> "psycopg.RawCursor[tuple[Any, ...]]":
    cursor = psycopg.RawCursor(connection)
    cursor.format = psycopg.pq.Format.BINARY
    return cursor
