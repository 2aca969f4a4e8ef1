"""The store on SQLite: one file, one writer's thread a process, group commits, short reads.

Promises. When `write` returns, what the work wrote is synced to disk (WAL, synchronous=FULL). Works that wait
together are committed together: no timer gathers them, the sync in progress does. A work that can wait rides on the
next commit that another one needs, and has one of its own only when none came for RIDE_SECONDS. Works run in the order
in which they were asked. A work that raises is undone alone: its group is rolled back and replayed singly, so a bad
message never fails its neighbours. No transaction starts that could last: bulk work comes in chunks from its caller.

Order in one group: turn at the turnstile, BEGIN IMMEDIATE, the works, COMMIT (here it becomes durable), turn given
back, answers. A crash before COMMIT leaves nothing; after it, everything, and the asker simply never heard.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

import peewee

from engine.store import migrate
from engine.store.turnstile import Turnstile
from mta.ports import Clock, StoreBusy, StoreFull, StoreTrouble, Tx

T = TypeVar("T")

GROUP_MAX: Final = 256  # works in one commit
GROUP_SECONDS: Final = 0.015  # no transaction gathers for longer (the design's bound is 20 ms)
RIDE_SECONDS: Final = 0.02  # how long a work that can wait waits for company
BUSY_SECONDS: Final = 10.0  # how long a work may wait for its turn before its asker is told to come again

PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": "full",
    "busy_timeout": int(BUSY_SECONDS * 1000),
    "cache_size": -16_000,  # KiB, for each connection
    "temp_store": "memory",
    "journal_size_limit": 64 * 1024 * 1024,
    "wal_autocheckpoint": 2000,
}


class SqliteTx:
    """One SQLite transaction behind the Tx port."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        return self._connection.execute(sql, params).rowcount

    def insert(self, sql: str, params: Sequence[Any] = ()) -> int:
        return self._connection.execute(sql, params).lastrowid or 0

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(sql, params).fetchone()
        return row


class _Ask:
    """A work on its way to the writer, and back."""

    __slots__ = ("error", "future", "state", "value", "work")

    def __init__(self, work: Callable[[Tx], Any], future: "asyncio.Future[Any]") -> None:
        self.work = work
        self.future = future
        self.value: Any = None
        self.error: BaseException | None = None
        self.state = "waiting"  # waiting, taken, given up: moves once, under the database's lock


class _Word(Enum):
    """What the writer is told, where it is not a work."""

    RIDE = "commit what can wait no longer"
    CLOSE = "finish"


class Database:
    """A Store on one SQLite file. Open it after a fork, never before."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._peewee = peewee.SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=BUSY_SECONDS, cached_statements=512)
        self._turnstile: Turnstile | None = None
        self._asks: queue.SimpleQueue[_Ask | _Word] = queue.SimpleQueue()
        self._riders: deque[_Ask] = deque()  # asked before whatever is put into _asks after them
        self._is_bell_set = False
        self._reads: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.commits = 0

    @property
    def peewee(self) -> peewee.SqliteDatabase:
        """For migrations and for the control plane's models."""
        return self._peewee

    def open(self) -> "Database":
        """Make ready for use by this process; create the file where there is none. Does not migrate."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._turnstile = Turnstile(self.path)
        if not self.path.exists():
            self.path.touch(mode=0o600)
        return self

    def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the migrations applied. Keeps a copy of the file before a
        change."""
        assert self._turnstile is not None
        with self._turnstile.turn(), self._peewee.connection_context():
            return migrate.up(self._peewee, self.path, self._clock.now())

    def check_schema(self) -> None:
        """SchemaMismatch when the file's schema is older or newer than this program's."""
        with self._peewee.connection_context():
            migrate.check(self._peewee)

    def close(self) -> None:
        """Finish what waits, stop the threads, close the connections."""
        if self._threads:
            self._asks.put(_Word.CLOSE)
            self._reads.put(None)
            for thread in self._threads:
                thread.join()
            self._threads.clear()
        if not self._peewee.is_closed():
            self._peewee.close()
        if self._turnstile is not None:
            self._turnstile.close()
            self._turnstile = None

    # -- from the event loop

    async def write(self, work: Callable[[Tx], T], *, can_wait: bool = False) -> T:
        ask = self._ask(work)
        handle = ask.future.get_loop().call_later(BUSY_SECONDS, self._give_up, ask)
        if can_wait:
            self._ride(ask)
        else:
            self._asks.put(ask)
        try:
            value: T = await ask.future
            return value
        finally:
            handle.cancel()

    def _ride(self, ask: _Ask) -> None:
        self._riders.append(ask)
        if not self._is_bell_set:
            self._is_bell_set = True
            ask.future.get_loop().call_later(RIDE_SECONDS, self._ring)

    def _ring(self) -> None:
        self._is_bell_set = False
        if self._riders:
            self._asks.put(_Word.RIDE)

    async def read(self, work: Callable[[Tx], T]) -> T:
        ask = self._ask(work)
        self._reads.put(ask)
        value: T = await ask.future
        return value

    async def look(self, work: Callable[[Tx], T]) -> T:
        # On the loop's own thread: a row by its key costs less than waking another thread and being woken by it.
        try:
            return work(SqliteTx(self._connection()))
        except (sqlite3.Error, peewee.DatabaseError) as err:
            raise trouble(err) from err

    def _ask(self, work: Callable[[Tx], Any]) -> _Ask:
        if not self._threads:
            for name, run in (("store-writer", self._write_forever), ("store-reader", self._read_forever)):
                thread = threading.Thread(target=run, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
        return _Ask(work, asyncio.get_running_loop().create_future())

    def _give_up(self, ask: _Ask) -> None:
        with self._lock:
            if ask.state != "waiting":
                return  # the writer has it: what it says is the truth
            ask.state = "given up"
        if not ask.future.done():
            ask.future.set_exception(StoreBusy(f"the database stayed locked for {BUSY_SECONDS:g} s"))

    # -- at once, for commands that have no loop

    def write_now(self, work: Callable[[Tx], T]) -> T:
        """As `write`, in the calling thread."""
        assert self._turnstile is not None
        connection = self._connection()
        with self._turnstile.turn():
            value: T = self._single(connection, work)
            return value

    def read_now(self, work: Callable[[Tx], T]) -> T:
        """As `read`, in the calling thread."""
        return self._snapshot(self._connection(), work)

    # -- the threads

    def _connection(self) -> sqlite3.Connection:
        self._peewee.connect(reuse_if_open=True)
        connection: sqlite3.Connection = self._peewee.connection()  # type: ignore[no-untyped-call]
        return connection

    def _read_forever(self) -> None:
        connection = self._connection()
        while (ask := self._reads.get()) is not None:
            try:
                ask.value = self._snapshot(connection, ask.work)
            except BaseException as err:
                ask.error = err
            _answer([ask])
        self._peewee.close()

    def _snapshot(self, connection: sqlite3.Connection, work: Callable[[Tx], T]) -> T:
        try:
            connection.execute("BEGIN")
            try:
                return work(SqliteTx(connection))
            finally:
                connection.rollback()
        except (sqlite3.Error, peewee.DatabaseError) as err:
            raise trouble(err) from err

    def _write_forever(self) -> None:
        connection = self._connection()
        assert self._turnstile is not None
        told: _Ask | _Word | None = None
        while told is not _Word.CLOSE:
            told = self._asks.get()
            with self._turnstile.turn():
                group, told = self._gather(told, connection)
            _answer(group)
        self._peewee.close()

    def _gather(self, told: _Ask | _Word, connection: sqlite3.Connection) -> tuple[list[_Ask], _Ask | _Word]:
        """Run one group: what waits now and what comes while it is being written, in one commit. The group, and what
        the writer was told last."""
        group: list[_Ask] = []
        began = self._clock.monotonic()
        try:
            connection.execute("BEGIN IMMEDIATE")
            tx = SqliteTx(connection)
            while True:
                for ask in self._boarding(told):
                    group.append(ask)
                    ask.value = ask.work(tx)
                if told is _Word.CLOSE or len(group) >= GROUP_MAX or self._clock.monotonic() - began > GROUP_SECONDS:
                    break
                try:
                    told = self._asks.get_nowait()
                except queue.Empty:
                    break
            connection.commit()
            self.commits += 1
        except BaseException:
            _roll_back(connection)
            group.extend(self._boarding(told))
            self._replay(group, connection)
        return group, told

    def _boarding(self, told: _Ask | _Word) -> Iterator[_Ask]:
        """Those that could wait, then the one that could not, each taken from whoever might give it up."""
        while self._riders:
            ask = self._riders.popleft()
            if self._take(ask):
                yield ask
        if isinstance(told, _Ask) and self._take(told):
            yield told

    def _replay(self, group: list[_Ask], connection: sqlite3.Connection) -> None:
        for ask in group:
            try:
                ask.value = self._single(connection, ask.work)
            except BaseException as err:
                ask.error = err

    def _single(self, connection: sqlite3.Connection, work: Callable[[Tx], T]) -> T:
        try:
            connection.execute("BEGIN IMMEDIATE")
            value = work(SqliteTx(connection))
            connection.commit()
            self.commits += 1
            return value
        except (sqlite3.Error, peewee.DatabaseError) as err:
            _roll_back(connection)
            raise trouble(err) from err
        except BaseException:
            _roll_back(connection)
            raise

    def _take(self, ask: _Ask) -> bool:
        with self._lock:
            if ask.state != "waiting":
                return False
            ask.state = "taken"
            return True


def trouble(err: BaseException) -> BaseException:
    """A database's error in the store's words; an error in our own SQL or data stays what it is."""
    words = str(err).lower()
    if "full" in words:
        return StoreFull("no room is left on the database's disk")
    if "locked" in words or "busy" in words:
        return StoreBusy("another process holds the database")
    if isinstance(err, sqlite3.OperationalError | peewee.OperationalError) and ("i/o" in words or "readonly" in words):
        return StoreTrouble(f"the database can't be written: {err}")
    return err


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.rollback()


def _answer(asks: list[_Ask]) -> None:
    """Hand the answers to the loops that wait, one wake-up a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Ask]] = {}
    for ask in asks:
        loops.setdefault(ask.future.get_loop(), []).append(ask)
    for loop, its in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, its)


def _resolve(asks: list[_Ask]) -> None:
    for ask in asks:
        if ask.future.done():
            continue
        if ask.error is not None:
            ask.future.set_exception(ask.error)
        else:
            ask.future.set_result(ask.value)
