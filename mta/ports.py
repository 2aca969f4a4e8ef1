"""The ports: the four doors through which anything undetermined enters.

Clock, chance, net and store. Nothing else in Posthouse reads the time, draws a random number, opens a socket or a
table, so one process can run the whole daemon against a virtual clock and a pretended network, and repeat what it
saw. `engine.system` gives the machine's own clock, chance and net; `engine.store.opening` gives the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    import ssl

T = TypeVar("T")
P = TypeVar("P", bound="asyncio.BaseProtocol")
A = TypeVar("A", bound="Callable[[Tx], None]")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC: how every table keeps a time. `moment` must be aware."""
    return (moment - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The aware UTC time of a table's milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


class Clock(Protocol):
    """What time it is. In a lab the civil time carries an offset; the monotonic one never does."""

    def now(self) -> datetime:
        """Civil time, aware, UTC. It may jump; never measure a duration with it."""

    def monotonic(self) -> float:
        """Seconds that only go forward: for durations and socket patience."""

    def boottime_ms(self) -> int:
        """Milliseconds since boot, counting suspend: for leases on one host."""


class Chance(Protocol):
    """Where dice come from."""

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high]."""

    def octets(self, count: int) -> bytes:
        """Unguessable octets (for keys, tokens, Message-IDs)."""

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a random order."""


class Net(Protocol):
    """Outgoing connections."""

    async def connect(
        self, protocol: Callable[[], P], address: str, port: int, *, source: str | None = None
    ) -> tuple[asyncio.Transport, P]:
        """A TCP connection from `source` (an IP address, or the system's choice); to a Unix socket where `address` is
        its path. OSError when it can't be had."""

    async def start_tls(
        self, transport: asyncio.Transport, protocol: asyncio.BaseProtocol, context: ssl.SSLContext, server_name: str
    ) -> asyncio.Transport:
        """Turn a connection to TLS in place. ssl.SSLError or OSError when the handshake fails."""


class StoreTrouble(Exception):
    """The store could not commit. Nothing of the work was kept; the same work may be asked again (a 4xx, never a
    5xx)."""


class StoreFull(StoreTrouble):
    """No room: the disk, or the reserve kept free on it (RFC 5321 section 4.2.2: 452)."""


class StoreBusy(StoreTrouble):
    """Others held the database, or what we need of it, for longer than we may wait."""


REDIRECTED: Final = ">"  # before a next hop that stands where a delivery's domain would; no domain begins so


class Tx(Protocol):
    """One transaction, as the work inside it sees it. `?` stands for a parameter.

    A back end may run transactions beside each other. Then a SELECT sees what was committed when it began, and a row
    that was read may be changed by others unless it was locked (`for_update`); a change waits for the row's lock and
    looks at its condition again. Rows that everybody changes are changed at the very end, in one order (`at_commit`).
    """

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it changed."""

    def put(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement of which nobody asks how many rows it changed. It may travel with later ones, and then what
        is wrong with it is raised by one of those, or when the transaction ends."""

    def insert(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one INSERT (`INSERT INTO table (columns) VALUES ...`); the new row's integer id. Raises as `put`."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters. Raises as `put`."""

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT, or of a statement with RETURNING."""

    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""

    def for_update(self, of: str = "", *, skip_locked: bool = False) -> str:
        """What a SELECT must end with to keep its rows (those of table `of`) from others until the commit; "" where
        writers take turns. With `skip_locked` rows that another has are left out, else they are waited for."""

    def at_commit(self, kind: Callable[[], A]) -> A:
        """This transaction's own `kind()`, made when first asked for; called with the transaction before it commits."""

    @property
    def dialect(self) -> str:
        """Whose SQL is understood beyond what both do: sqlite or postgresql (`engine.store.dialect`)."""

    def lease_time(self) -> tuple[str, int]:
        """Who counts the time of leases (one boot of a machine, or the database) and its milliseconds."""


class Store(Protocol):
    """The database, shared by all processes of one Posthouse."""

    async def write(self, work: Callable[[Tx], T], *, can_wait: bool = False) -> T:
        """Run `work` in the next group commit. When this returns, what it wrote is durable.

        A work that `can_wait` begins no commit of its own for some milliseconds: it rides on the next that somebody
        else needs, before all that was asked after it.

        `work` runs on the writer's thread and may run twice (singly, when a neighbour in its group failed), so it must
        touch nothing but the transaction. What it raises reaches the caller, and then nothing of it was kept.
        StoreTrouble when the commit itself failed.
        """

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on a short snapshot (keep it under 100 ms)."""

    async def look(self, work: Callable[[Tx], T]) -> T:
        """Run `work`, which asks for one row by its key and nothing else. Quicker than `read` for that."""
