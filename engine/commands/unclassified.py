"""Which replies no rule knew: of our own attempts, and of what came back."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from engine.store.groups import GroupStore
from mta.ports import Tx

CHUNK: Final = 20_000  # rows that are passed in one short read
_ATTEMPTS: Final = (
    "SELECT reply, count(*) FROM attempt WHERE id > ? AND id <= ? AND outcome IN ('failed', 'deferred')"
    " AND (rule = 'unclassified' OR rule LIKE 'code %') GROUP BY reply"
)
_RETURNS: Final = "SELECT verdict FROM inbound WHERE id > ? AND id <= ? AND verdict LIKE 'bounce: unknown%'"


def unknown_replies(store: GroupStore) -> Iterator[tuple[str, int]]:
    """(reply, how often), table by table and chunk by chunk, so that no read holds the writers up."""
    for reply, count in _rows(store, "attempt", _ATTEMPTS):
        yield str(reply), int(count)
    for (verdict,) in _rows(store, "inbound", _RETURNS):
        yield str(verdict).rpartition("suppress ")[2].partition(": ")[2], 1


def _rows(store: GroupStore, table: str, sql: str) -> Iterator[tuple[Any, ...]]:
    last = store.read_now(partial(_last, table=table))
    for after in range(0, last, CHUNK):
        yield from store.read_now(partial(_chunk, sql=sql, after=after))


def _last(tx: Tx, table: str) -> int:
    row = tx.one(f"SELECT max(id) FROM {table}")
    return int(row[0] or 0) if row else 0


def _chunk(tx: Tx, sql: str, after: int) -> list[tuple[Any, ...]]:
    return list(tx.query(sql, (after, after + CHUNK)))
