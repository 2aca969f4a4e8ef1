"""The store on SQLite: one file that all processes of one machine share.

Durable is synced to disk (WAL, synchronous=FULL). Writers take turns at the turnstile before BEGIN IMMEDIATE, so one
transaction writes at a time and no row needs a lock of its own. Groups and replays are `engine.store.groups`.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from engine.own_folder import why
from engine.store import groups, migrate
from engine.store.groups import GroupStore
from engine.store.lines import GroupTx
from engine.store.sqlite_file import applied_in, in_words
from engine.store.turnstile import Turnstile
from engine.system import boot_id
from mta.plain_file import require_file
from mta.ports import Clock, StoreTrouble, Tx

T = TypeVar("T")

PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": "full",
    "busy_timeout": int(groups.BUSY_SECONDS * 1000),
    "cache_size": -16_000,  # KiB, for each connection
    "temp_store": "memory",
    "journal_size_limit": 64 * 1024 * 1024,
    "wal_autocheckpoint": 4000,  # pages: a writer moves the log home itself only when `tidy` came too late
    "secure_delete": "fast",  # Debian's SQLite would write every page that it frees once more
}
LOG_BUSY: Final = 400  # pages: with so many in the log it fills fast
LOG_OCTETS: Final = 20 * 1024 * 1024  # what the log has from the beginning: a little more than a writer lets it grow


class SqliteTx(GroupTx):
    """One SQLite transaction behind the Tx port."""

    __slots__ = ("_connection", "_lease_time")
    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection, lease_time: Callable[[], tuple[str, int]]) -> None:
        super().__init__()
        self._connection, self._lease_time = connection, lease_time

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        return self._connection.execute(sql, params).rowcount

    def put(self, sql: str, params: Sequence[Any] = ()) -> None:
        self._connection.execute(sql, params)

    def insert(self, sql: str, params: Sequence[Any] = ()) -> int:
        return self._connection.execute(sql, params).lastrowid or 0

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(sql, params).fetchone()
        return row

    def for_update(self, of: str = "", *, skip_locked: bool = False) -> str:
        return ""  # nobody else writes

    def lease_time(self) -> tuple[str, int]:
        return self._lease_time()


class SqliteLine:
    """One thread's connection."""

    def __init__(self, path: Path, turnstile: Turnstile | None, lease_time: Callable[[], tuple[str, int]]) -> None:
        self._path, self._turnstile, self._lease_time = path, turnstile, lease_time
        try:
            self._connection = sqlite3.connect(
                path, timeout=groups.BUSY_SECONDS, isolation_level=None, cached_statements=512, check_same_thread=False
            )
            for pragma, value in PRAGMAS.items():
                self._connection.execute(f"PRAGMA {pragma} = {value}")
        except sqlite3.Error as err:
            raise self.words(err) from err

    def turn(self) -> AbstractContextManager[None]:
        assert self._turnstile is not None
        return self._turnstile.turn()

    def begin(self) -> SqliteTx:
        self._connection.execute("BEGIN IMMEDIATE")
        return SqliteTx(self._connection, self._lease_time)

    def commit(self) -> None:
        self._connection.commit()

    def roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()

    def read(self, work: Callable[[Tx], T]) -> T:
        try:
            self._connection.execute("BEGIN")
            try:
                return work(SqliteTx(self._connection, self._lease_time))
            finally:
                self._connection.rollback()
        except sqlite3.Error as err:
            raise self.words(err) from err

    def look(self, work: Callable[[Tx], T]) -> T:
        """Run `work`, which asks for one row, without a transaction around it."""
        try:
            return work(SqliteTx(self._connection, self._lease_time))
        except sqlite3.Error as err:
            raise self.words(err) from err

    def grow_log(self, path: Path) -> None:
        """Give the log its size now. A file that grows needs three syncs' time for each sync, and ten on a busy disk."""
        connection = self._connection
        connection.execute("PRAGMA cache_size = -400")  # so that what follows spills into the log
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE room (octets BLOB)")
            connection.execute("INSERT INTO room VALUES (zeroblob(?))", (LOG_OCTETS,))
            self.roll_back()
            log = os.open(path, os.O_RDWR)
            try:
                os.fsync(log)
            finally:
                os.close(log)
        except (sqlite3.Error, OSError):
            self.roll_back()  # a disk without that room: the log grows as it may
        finally:
            connection.execute(f"PRAGMA cache_size = {PRAGMAS['cache_size']}")

    def move_log(self) -> int:
        """Bring what is in the log home, as far as nobody is kept waiting by it; how many pages there were, those of
        before too."""
        row = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(row[1])

    def may_go_better(self, err: BaseException) -> bool:
        return False  # nobody else was at work

    def words(self, err: BaseException) -> BaseException:
        return in_words(err, self._path) if isinstance(err, sqlite3.Error) else err

    def close(self) -> None:
        self._connection.close()


class Database(GroupStore):
    """A Store on one SQLite file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(clock)
        self.path = path
        self._boot_id = ""
        self._turnstile: Turnstile | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    def open(self) -> Self:
        """As GroupStore.open; creates the file where there is none. StoreTrouble, PermissionError for a folder that lets
        nobody, or not us, write."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._turnstile, self._boot_id = Turnstile(self.path), boot_id()
            if not self.path.exists():
                self.path.touch(mode=0o600)
            require_file(self.path.stat().st_mode, self.path)
        except PermissionError:
            raise
        except OSError as err:
            raise StoreTrouble(f"the database's folder {self.path.parent} {why(err, self.path.parent)}") from None
        return self

    def exists(self) -> bool:
        return self.path.exists()

    def applied(self) -> list[str]:
        return applied_in(self.path, groups.BUSY_SECONDS)

    def _migrate(self, keep: Callable[[], object]) -> list[str]:
        import peewee  # few starts have anything to migrate

        assert self._turnstile is not None
        database = peewee.SqliteDatabase(str(self.path), pragmas=PRAGMAS, timeout=groups.BUSY_SECONDS)

        def keep_copy() -> None:
            with database.transaction("IMMEDIATE"):  # what can't be changed needs no copy
                pass
            migrate.keep_copy(self.path, self._clock.now())

        try:
            with self._turnstile.turn(), database.connection_context():
                return migrate.up(database, keep_copy)
        except peewee.DatabaseError as err:
            cause = err.__context__
            if isinstance(cause, sqlite3.Error) and (said := in_words(cause, self.path)) is not cause:
                raise said from err
            raise

    def restart_ids(self, taken: Mapping[str, int]) -> None:
        def work(tx: Tx) -> None:
            for name, last in taken.items():  # SQLite itself knows the ids of rows that are there
                if last and not tx.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, name)):
                    tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?,?)", (name, last))

        self.write_now(work)

    def close(self) -> None:
        super().close()
        if self._turnstile is not None:
            self._turnstile.close()
            self._turnstile = None

    async def look(self, work: Callable[[Tx], T]) -> T:
        # On the loop's own thread: a row by its key costs less than waking another thread and being woken by it.
        line = self._line()
        assert isinstance(line, SqliteLine)
        return line.look(work)

    def make_ready(self) -> None:
        line = self._line()
        assert isinstance(line, SqliteLine)
        with line.turn():
            line.grow_log(self.path.with_name(self.path.name + "-wal"))

    async def tidy(self) -> bool:
        """Empty the log beside the writers: what is left for one of them to do, it does in its turn."""
        return await asyncio.to_thread(self.tidy_now)

    def tidy_now(self) -> bool:
        line = self._connect()
        try:
            return line.move_log() >= LOG_BUSY
        except sqlite3.Error as err:
            raise line.words(err) from err
        finally:
            line.close()

    async def slim(self) -> None:
        await self.read(_let_go)
        await self.write(_let_go)
        await super().slim()

    def _connect(self) -> SqliteLine:
        return SqliteLine(self.path, self._turnstile, self._lease_time)

    def _lease_time(self) -> tuple[str, int]:
        """Time since boot: it goes on while the machine sleeps, and another boot's leases have lapsed."""
        return self._boot_id, self._clock.boottime_ms()


def _let_go(tx: Tx) -> None:
    """Of the pages that this connection keeps in memory."""
    tx.query("PRAGMA shrink_memory")
