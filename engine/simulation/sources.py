"""Where a simulated history comes from: this installation's database, or a folder that `posthouse export` or
`posthouse history generate` wrote.

Both give the rows of the same tables, a few at a time: the database in short snapshots by a cursor, read only; a folder line
by line. So neither is held in memory, and a daemon that runs beside is not held up.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from engine.store.groups import GroupStore
from mta.plain_file import open_plain
from mta.ports import Tx

Row: TypeAlias = tuple[Any, ...]
CHUNK: Final = 2000  # rows read in one snapshot

LAST_MS: Final = 64_060_588_800_000  # the year 4000: a wait of ten years behind it is a date still
_COUNTS: Final = frozenset({"orders", "spent", "opens", "clicks", "replies", "visits"})

EVENT: Final = ("at_ms", "name", "contact_id", "key", "data", "source")


class NoHistory(ValueError):
    """A folder that can't be read, with the words that say why."""


class Source(Protocol):
    """The rows of tables."""

    def rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[Row]:
        """All rows of a table in the order of its key; none of a table that is not there."""

    def events(self, since_ms: int, only: Sequence[str] = ()) -> Iterator[Row]:
        """EVENT of what happened since then, in the order in which it was recorded; `only` the events of these names."""


class Database:
    """This installation's own past."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store

    def rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[Row]:
        names, by = (", ".join(f'"{each}"' for each in part) for part in (columns, key))
        after: Row = ()
        while True:
            where = f" WHERE ({by}) > ({','.join('?' * len(key))})" if after else ""
            sql = f'SELECT {names}, {by} FROM "{table}"{where} ORDER BY {by} LIMIT {CHUNK}'
            part = self._store.read_now(lambda tx, sql=sql, after=after: tx.query(sql, after))  # type: ignore[misc]
            yield from (row[: len(columns)] for row in part)
            if len(part) < CHUNK:
                return
            after = part[-1][len(columns) :]

    def events(self, since_ms: int, only: Sequence[str] = ()) -> Iterator[Row]:
        after, last = self._store.read_now(lambda tx: (first_since(tx, since_ms) - 1, last_event(tx)))
        named = f" AND name IN ({','.join('?' * len(only))})" if only else ""
        sql = f"SELECT {', '.join(EVENT)} FROM event WHERE id > ? AND id <= ?{named} ORDER BY id"
        while after < last:
            asked = (after, after + CHUNK, *only)
            part = self._store.read_now(lambda tx, asked=asked: tx.query(sql, asked))  # type: ignore[misc]
            yield from (row for row in part if row[0] >= since_ms)
            after += CHUNK


def last_event(tx: Tx) -> int:
    """The id of the youngest event."""
    row = tx.one("SELECT MAX(id) FROM event")
    return row[0] or 0 if row else 0


def first_since(tx: Tx, since_ms: int) -> int:
    """The id of about the first event since then: ids and times go up together, or nearly so."""
    low, high = tx.one("SELECT COALESCE(MIN(id), 1), COALESCE(MAX(id), 0) + 1 FROM event") or (1, 1)
    while low < high:
        middle = (low + high) // 2
        row = tx.one("SELECT at_ms FROM event WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
        if row is not None and row[0] < since_ms:
            low = middle + 1
        else:
            high = middle
    return max(1, int(low) - CHUNK)


class Folder:
    """A folder of tables as JSON lines."""

    def __init__(self, folder: Path) -> None:
        self._tables = folder / "tables"
        if not (self._tables / "event.jsonl").is_file():
            raise NoHistory(f"{folder} is no history: it has no tables/event.jsonl")

    def rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[Row]:
        path = self._tables / f"{table}.jsonl"
        if not path.is_file():
            return
        yield from _lines(path, columns)

    def events(self, since_ms: int, only: Sequence[str] = ()) -> Iterator[Row]:
        path = self._tables / "event.jsonl"
        for row in _lines(path, EVENT, [each.encode() for each in only]):
            if row[0] is None or row[0] < 0 or row[1] is None or row[4] is None:
                raise NoHistory(f"{path}: an event has no time, no name or no data")
            if row[0] >= since_ms and (not only or row[1] in only):
                yield row


def _lines(path: Path, columns: Sequence[str], having: Sequence[bytes] = ()) -> Iterator[Row]:
    """The rows, or those whose line has some of these octets."""
    numbers = [_is_number(each) for each in columns]
    with open_plain(path) as file:
        for number, line in enumerate(file, 1):
            if not having or any(each in line for each in having):
                yield _row(line, columns, numbers, f"{path}:{number}")


def _row(line: bytes, columns: Sequence[str], numbers: Sequence[bool], place: str) -> Row:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as err:
        raise NoHistory(f"{place}: is no JSON: {err}") from None
    if not isinstance(found, dict):
        raise NoHistory(f"{place}: is no JSON object")
    row = tuple(map(found.get, columns))
    for column, value, is_number in zip(columns, row, numbers, strict=True):
        if value is not None and not (_is_usable(value) if is_number else type(value) is str):
            raise NoHistory(f"{place}: {column} is no {'number' if is_number else 'text'} that can be used")
    return row


def _is_usable(value: Any) -> bool:
    return type(value) is int and -LAST_MS <= value <= LAST_MS


def _is_number(column: str) -> bool:
    return column in _COUNTS or (column.endswith(("_ms", "id")) and column != "external_id")
