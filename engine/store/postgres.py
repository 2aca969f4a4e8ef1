"""The store on PostgreSQL: one database that the processes of several machines share.

Durable is flushed by the server (synchronous_commit on). Transactions run beside each other at READ COMMITTED: rows
are locked where the work asks for it (`Tx.for_update`), and one that loses against another (a deadlock, a unique key
that another took first) is replayed, so that it sees what the other did. Groups and replays are
`engine.store.groups`.

A COMMIT whose answer is lost may have happened. Each group that wrote leaves its number in the writer's row in the
same transaction; the writer waits until it reaches the server again, reads its row (whose lock an old session that
still commits would hold), and knows. Only then the asker hears.
"""

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.store import groups, migrate
from engine.store.bells import Bells
from engine.store.groups import GroupStore
from engine.store.lines import Unreachable
from engine.store.postgres_tx import PostgresTx, prepare
from mta.ports import Chance, Clock, StoreBusy, StoreFull, StoreTrouble, Tx, to_ms

T = TypeVar("T")
OLDEST: Final = 130000  # server_version of PostgreSQL 13, the oldest that its makers mended when this was written
FIRST_PAUSE: Final = 0.05  # seconds between the first two tries to reach a server that went away; doubled up to
LONGEST_PAUSE: Final = 1.0
FORGOTTEN: Final = timedelta(days=30)  # a writer's row that nobody wrote for so long was left by a crash
_MIGRATION_LOCK: Final = 0x706F7374  # "post": one migrates, the others wait and find it done
_LIST: Final = (
    "INSERT INTO writer (token, commits, at_ms) VALUES ('{}', {}, CAST(extract(epoch FROM now()) * 1000 AS BIGINT))"
    " ON CONFLICT (token) DO UPDATE SET commits = excluded.commits, at_ms = excluded.at_ms"
)
_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "posthouse",
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "target_session_attrs": "read-write",  # of several hosts, the primary
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# As on SQLite, where every integer has 64 bits.
TYPES: Final = {"AUTO": "BIGSERIAL", "INT": "BIGINT"}
_UNSAID: Final = re.compile('".*"|".*')  # what libpq quotes of an address that it can't read may be part of a password
_PASSWORD: Final = "password authentication failed"
_ENDED: Final = (errors.AdminShutdown, errors.CrashShutdown, errors.IdleInTransactionSessionTimeout)


class Unfit(StoreTrouble):
    """A server, or an address of one, that can't hold a Posthouse. The text says why."""


class PostgresLine:
    """One thread's connection. It is made anew after the server was away."""

    def __init__(self, url: str, chance: Chance, closing: threading.Event) -> None:
        self._url, self._chance, self._closing = url, chance, closing
        self._token = chance.octets(16).hex()
        self._commits = 0
        self._is_listed = False  # whether the writer's row is there
        self._was_reached = False
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._tx: PostgresTx | None = None

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()  # the server lets writers work beside each other

    def begin(self) -> PostgresTx:
        connection = self._usable()
        if not self._is_listed:  # in time: an old session that still commits must hold a row that can be seen
            connection.execute(_LIST.format(self._token, self._commits).encode())
            self._is_listed = True
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        self._tx = PostgresTx(connection)
        return self._tx

    def commit(self) -> None:
        assert self._connection is not None and self._tx is not None
        if not self._tx.has_written:
            self._connection.execute("COMMIT")
            return
        self._commits += 1
        try:
            self._connection.execute(f"{_LIST.format(self._token, self._commits)}; COMMIT".encode())
        except psycopg.Error as err:
            if not self._is_lost(err):
                raise
            self._find_out(err)

    def roll_back(self) -> None:
        connection, self._tx = self._connection, None
        if connection is None:
            return
        try:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop()

    def read(self, work: Callable[[Tx], T]) -> T:
        tries = groups.TRIES
        while True:
            tries -= 1
            try:
                connection = self._usable()
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return work(PostgresTx(connection, reads_only=True))
            except psycopg.Error as err:
                if tries and self.may_go_better(err):
                    continue
                said = self.words(err)
                if said is err:
                    raise
                raise said from err
            finally:
                self.roll_back()

    def may_go_better(self, err: BaseException) -> bool:
        others = errors.DeadlockDetected | errors.SerializationFailure | errors.UniqueViolation
        return isinstance(err, others) or self._is_lost(err)

    def words(self, err: BaseException) -> BaseException:
        match err:
            case errors.DiskFull():
                return StoreFull("no room is left on the database server's disk")
            case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
                return StoreBusy("another session holds what is needed")
            case errors.IoError() | errors.InsufficientResources():
                return StoreTrouble(f"the database server can't: {_first_line(err)}")
        if self._is_lost(err):
            return StoreTrouble(f"the database server went away: {_first_line(err)}")
        return err

    def close(self) -> None:
        if self._connection is None or self._connection.closed:
            return
        try:
            if self._is_listed:
                self._connection.execute("DELETE FROM writer WHERE token = %s", (self._token,))
        except psycopg.Error:
            pass  # it is forgotten with the others that crashed
        self._drop()

    # -- the server, which may go away

    def _usable(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection that answers, as far as one can know."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._reach(groups.BUSY_SECONDS if self._was_reached else 0.0)
        assert self._connection is not None
        return self._connection

    def _reach(self, patience: float) -> float:
        """Connect; how many seconds were waited. Unreachable after `patience`, or when the store is closed."""
        waited, pause = 0.0, FIRST_PAUSE
        while True:
            self._drop()
            try:
                self._connection = psycopg.connect(self._url, autocommit=True)
                prepare(self._connection)
                self._was_reached = True
                return waited
            except psycopg.OperationalError as err:
                if waited >= patience or self._closing.is_set():
                    raise Unreachable(_why_not(err)) from err
            moment = pause * self._chance.uniform(0.5, 1.5)  # all processes lost it at once; let them come back apart
            self._closing.wait(moment)
            waited, pause = waited + moment, min(2 * pause, LONGEST_PAUSE)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_lost(self, err: BaseException) -> bool:
        """Whether the connection, and with it whatever was open in it, is gone."""
        if isinstance(err, _ENDED):
            return True
        return isinstance(err, psycopg.Error) and (self._connection is None or self._connection.closed)

    # -- what became of a commit

    def _find_out(self, lost: psycopg.Error) -> None:
        """Wait for the server and ask it whether it had committed. Returns if so, else raises: nothing was kept."""
        waited = 0.0
        while True:
            try:
                waited += self._reach(float("inf"))
                assert self._connection is not None
                row = self._connection.execute(
                    "SELECT commits FROM writer WHERE token = %s FOR UPDATE", (self._token,)
                ).fetchone()
                break
            except psycopg.Error as err:
                if not isinstance(err, errors.LockNotAvailable) and not self._is_lost(err):
                    raise
        if row is not None and row[0] == self._commits:
            return
        if waited > groups.BUSY_SECONDS:
            raise Unreachable("the database server went away, and it took too long to come back") from lost
        raise errors.SerializationFailure("the server went away before it had committed") from lost


def _why_not(err: BaseException) -> str:
    """Why there is no connection: a server that says so is not one that is away."""
    said = _first_line(err)
    if "FATAL:" not in said:
        return f"no database server answers: {said}"
    why = said.partition("FATAL:")[2].strip()
    remedy = (
        ": look at database.url, and at the password that database.secret or ~/.pgpass has" if _PASSWORD in why else ""
    )
    return f"the database server does not let us in: {why}{remedy}"


def _first_line(err: BaseException) -> str:
    return str(err).strip().split("\n")[0]


class PostgresDatabase(GroupStore):
    """A Store on a PostgreSQL database."""

    def __init__(self, url: str, clock: Clock, chance: Chance) -> None:
        """Unfit for what is no address of a database."""
        super().__init__(clock)
        self._chance = chance
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as err:
            raise Unfit(f"database.url can't be used: {_UNSAID.sub('...', _first_line(err))}") from None
        self._name = f"postgresql://{given.get('host', '')}/{given.get('dbname', '')}"
        self._url = make_conninfo(**(_DEFAULTS | given))

    @property
    def name(self) -> str:
        return self._name

    def open(self) -> Self:
        """As GroupStore.open. Unfit for a server that would not keep our promises, Unreachable for none."""
        if not psycopg.Pipeline.is_supported():
            raise Unfit(
                "PostgreSQL's client library (libpq) is older than 14: pip install 'psycopg[binary]' brings a newer one"
            )
        encoding, fsync, version = self.read_now(lambda tx: tx.query(_FITNESS)[0])
        if int(version) < OLDEST:
            raise Unfit(f"{self.name} is PostgreSQL {int(version) // 10000}: 13 or newer is needed")
        if encoding != "UTF8":
            raise Unfit(f"{self.name} is encoded in {encoding}: make one with `createdb --encoding UTF8 -T template0`")
        if fsync != "on":
            raise Unfit(f"{self.name} runs with fsync off, so a crash would lose accepted mail: turn it on")
        return self

    def exists(self) -> bool:
        return self.read_now(lambda tx: tx.query("SELECT to_regclass('schema_migration') IS NOT NULL")[0][0]) is True

    def applied(self) -> list[str]:
        if self.exists():
            return self.read_now(_applied)
        # Other programs' tables may lie beside ours, as an extension's do; under our names they may not.
        from engine.store.shapes import all_shapes  # what makes the tables, and there are none yet

        taken = sorted({each.name for each in all_shapes()} & self.read_now(_tables))
        migrate.want_no_others(
            self.name, taken, "make a database of Posthouse's own (`createdb`) and name it in database.url"
        )
        return []

    def migrate(self, keep: Callable[[], object] = lambda: None) -> list[str]:
        applied = super().migrate(keep)
        before_ms = to_ms(self._clock.now() - FORGOTTEN)
        self.write_now(lambda tx: tx.execute("DELETE FROM writer WHERE at_ms < ?", (before_ms,)))
        return applied

    def _migrate(self, keep: Callable[[], object]) -> list[str]:
        import peewee  # few starts have anything to migrate

        database = peewee.PostgresqlDatabase(
            "postgresql://", conninfo=self._url, prefer_psycopg3=True, field_types=TYPES
        )
        with database.connection_context():
            lock = f"SELECT pg_advisory_lock({_MIGRATION_LOCK})"  # until the connection ends
            database.execute_sql(lock)  # type: ignore[no-untyped-call]
            return migrate.up(database, keep)

    def restart_ids(self, taken: Mapping[str, int]) -> None:
        def work(tx: Tx) -> None:
            for name, last in taken.items():
                highest = f"greatest(max(id), {last})"
                tx.query(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {highest}) FROM {name} HAVING {highest} > 0"
                )

        self.write_now(work)

    def bells(self) -> Bells:
        return Bells(self._url, self, self._chance)

    def _connect(self) -> PostgresLine:
        return PostgresLine(self._url, self._chance, self._closing)


def _applied(tx: Tx) -> list[str]:
    return [name for (name,) in tx.query("SELECT name FROM schema_migration ORDER BY name")]


def _tables(tx: Tx) -> set[str]:
    """Where ours will be made: what has a name there, were it a view."""
    return {
        name
        for (name,) in tx.query(
            "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f')"
        )
    }


_FITNESS: Final = (
    "SELECT current_setting('server_encoding'), current_setting('fsync'), current_setting('server_version_num')"
)
