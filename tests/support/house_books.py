"""The real tables in memory, for tests that make thousands of transactions: a Tx without threads, files or fsync.

books = Books()
books.write(lambda tx: queue.enqueue(tx, message("ann@example.org"), NOON, QueueSettings()))
"""

import functools
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from clock import NOON, FakeClock

from deliverability.address import Address
from engine.store.database import Database, SqliteTx
from mta.ports import Tx
from mta.queue.audit import Audit, audit
from mta.queue.delivery import State, Stream
from mta.queue.queue import NewMessage, Recipient

T = TypeVar("T")


class Books:
    """One database. `write` commits, or keeps nothing when the work raises."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.executescript(_schema())

    def write(self, work: Callable[[Tx], T]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            tx = SqliteTx(self._connection, lambda: ("boot", 0))
            value = work(tx)
            tx.finish()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return value

    def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def states(self) -> dict[int, State]:
        """Every delivery's state, by its id."""
        return {row[0]: State(row[1]) for row in self.rows("SELECT id, state FROM delivery")}

    def audit(self, now: datetime = NOON) -> Audit:
        return audit(SqliteTx(self._connection, lambda: ("boot", 0)), now)

    def snapshot(self) -> list[str]:
        """All that is in it."""
        return list(self._connection.iterdump())

    def close(self) -> None:
        self._connection.close()


@functools.cache
def _schema() -> str:
    """As the migrations make it."""
    with tempfile.TemporaryDirectory() as folder:
        store = Database(Path(folder) / "posthouse.db", FakeClock()).open()
        store.migrate()
        store.close()
        made = sqlite3.connect(Path(folder) / "posthouse.db")
        try:
            return "\n".join(made.iterdump())
        finally:
            made.close()


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
