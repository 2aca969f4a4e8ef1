"""What a back end of the store is made of: one thread's connection (a `Line`), the transaction that one group of works
shares (`GroupTx`), and the bells by which front offices hear of each other.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from mta.ports import StoreTrouble, Tx

T = TypeVar("T")
A = TypeVar("A", bound=Callable[[Tx], None])


class Unreachable(StoreTrouble):
    """There is no server to be had: what waits behind this need not try."""


class Bells(Protocol):
    """Hints between the front offices that share a database (`engine.store.bells`)."""

    async def ring(self, words: dict[str, Any]) -> None:
        """Let the others hear these words. StoreTrouble when they can't be rung."""

    def heard(self) -> AsyncIterator[dict[str, Any]]:
        """What the others ring, for ever; everything there is each time that the line is new."""


class GroupTx(ABC):
    """A Tx of one group. What its works put off to the end is here."""

    __slots__ = ("_last",)
    dialect: str

    def __init__(self) -> None:
        self._last: dict[Callable[[], Any], Callable[[Tx], None]] = {}

    def at_commit(self, kind: Callable[[], A]) -> A:
        if kind not in self._last:
            self._last[kind] = kind()
        found: A = self._last[kind]  # type: ignore[assignment]  # it was made by this kind
        return found

    def finish(self) -> None:
        """Do what was put off: by name, so that all transactions come to the rows that everybody changes in one order."""
        for _, each in sorted(self._last.items(), key=lambda item: str(item[0])):
            each(self)

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Any] = ()) -> int: ...

    @abstractmethod
    def put(self, sql: str, params: Sequence[Any] = ()) -> None: ...

    @abstractmethod
    def insert(self, sql: str, params: Sequence[Any] = ()) -> int: ...

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...

    @abstractmethod
    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None: ...

    @abstractmethod
    def for_update(self, of: str = "", *, skip_locked: bool = False) -> str: ...

    @abstractmethod
    def lease_time(self) -> tuple[str, int]: ...


class Line(Protocol):
    """One thread's connection to the database."""

    def turn(self) -> AbstractContextManager[None]:
        """This process's turn to write."""

    def begin(self) -> GroupTx:
        """Begin a transaction that writes."""

    def commit(self) -> None:
        """Make it durable. Whatever this raises, nothing was kept."""

    def roll_back(self) -> None:
        """Undo what is open; never raises."""

    def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on a snapshot that nothing can be written to."""

    def may_go_better(self, err: BaseException) -> bool:
        """Whether others were the reason, so that the same work may succeed in a new transaction."""

    def words(self, err: BaseException) -> BaseException:
        """A database's error in the store's words; an error in our own SQL or data stays what it is."""

    def close(self) -> None:
        """Let go of the connection."""
