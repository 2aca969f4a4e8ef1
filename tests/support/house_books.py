"""The real tables without threads and without fsync, for tests that make thousands of transactions: SQLite's in memory,
or those of a PostgreSQL database.

    books = Books()
    books.write(lambda tx: queue.enqueue(tx, message("ann@example.org"), NOON, QueueSettings()))
"""

import contextlib
import functools
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from clock import NOON
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.store import postgres_tx
from engine.store.database import SqliteTx
from engine.store.lines import GroupTx
from engine.store.postgres_tx import PostgresTx
from mta.ports import Tx
from mta.queue.audit import Audit, audit
from mta.queue.delivery import State, Stream
from mta.queue.queue import NewMessage, Recipient

T = TypeVar("T")


class Books:
    """One SQLite database. `write` commits, or keeps nothing when the work raises."""

    def __init__(self) -> None:
        self._connection: Any = sqlite3.connect(":memory:", isolation_level=None)
        _tables().backup(self._connection)

    def _tx(self) -> GroupTx:
        return SqliteTx(self._connection, lambda: ("boot", 0))

    def write(self, work: Callable[[Tx], T]) -> T:
        self._connection.execute("BEGIN")
        try:
            tx = self._tx()
            value = work(tx)
            tx.finish()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return value

    def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        return self._tx().query(sql, params)

    def states(self) -> dict[int, State]:
        """Every delivery's state, by its id."""
        return {row[0]: State(row[1]) for row in self.rows("SELECT id, state FROM delivery")}

    def audit(self, now: datetime = NOON) -> Audit:
        return audit(self._tx(), lambda: now)

    def snapshot(self) -> list[str]:
        """All that is in it."""
        return list(self._connection.iterdump())

    def close(self) -> None:
        self._connection.close()


class PostgresBooks(Books):
    """One PostgreSQL database that was migrated."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        postgres_tx.prepare(self._connection)
        self._connection.execute("SET synchronous_commit TO off")

    def _tx(self) -> GroupTx:
        return PostgresTx(self._connection)

    def snapshot(self) -> list[str]:
        tables = [name for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return [
            f"{name} {row}" for name in sorted(tables) for row in sorted(map(str, self.rows(f"SELECT * FROM {name}")))
        ]


def open_books(place: Place) -> Books:
    """SQLite's in memory for a folder; those of the database at an address."""
    if isinstance(place, Path):
        return Books()
    open_store(place).close()
    return PostgresBooks(place)


@functools.cache
def _tables() -> sqlite3.Connection:
    """As the migrations make them, to be copied."""
    made = sqlite3.connect(":memory:")
    with tempfile.TemporaryDirectory() as folder:
        open_store(Path(folder)).close()
        with contextlib.closing(sqlite3.connect(Path(folder) / "posthouse.db")) as file:
            file.backup(made)
    return made


def message(
    *to: str, stream: Stream = Stream.TRANSACTIONAL, origin: str = "submission", sender: str = "app@shop.example",
    expires_at: datetime | None = None, content: bytes = b"Subject: x\r\n\r\nx\r\n",
) -> NewMessage:  # fmt: skip
    """A message to be enqueued."""
    return NewMessage(
        reverse_path=sender, recipients=tuple(Recipient(Address.parse(each)) for each in to), content=content,
        stream=stream, origin=origin, expires_at=expires_at, header_from="hello@shop.example",
    )  # fmt: skip


def nobody_is_suppressed(tx: Tx, claimed: object) -> dict[int, str]:
    """A gate that lets all pass."""
    return {}
