"""Group commits: what the store's back ends share. One writer's thread and one reader's a process; works that wait
together are committed together.

Promises. When `write` returns, what the work wrote is durable. No timer gathers a group, the sync in progress does. A
work that can wait rides on the next commit that another one needs, and has one of its own only when none came for
RIDE_SECONDS. Works run in the order in which they were asked. A work that raises is undone alone: its group is rolled
back and replayed singly, so a bad message never fails its neighbours. No transaction starts that could last: bulk work
comes in chunks from its caller.

Order in one group: turn (where writers take turns), BEGIN, the works, what they put off to the end, COMMIT (here it
becomes durable), turn given back, answers. A crash before COMMIT leaves nothing; after it, everything, and the asker
simply never heard. A back end is a `Line`: one thread's connection, with its own words for what went wrong.
"""

import asyncio
import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final, Self, TypeVar

from engine.store import migrate
from engine.store.lines import Bells, Line, Unreachable
from engine.system import give_back_memory
from mta.ports import Clock, StoreBusy, Tx

T = TypeVar("T")

GROUP_MAX: Final = 256  # works in one commit
GROUP_SECONDS: Final = 0.015  # no transaction gathers for longer (the design's bound is 20 ms)
RIDE_SECONDS: Final = 0.02  # how long a work that can wait waits for company
BUSY_SECONDS: Final = 30.0  # how long a work may wait for its turn before its asker is told to come again
WATCHES: Final = 10  # in that time: how often it is looked whether somebody waited for so long
TRIES: Final = 3  # of one work that fails by others' doing: a deadlock, a connection that broke


class _Ask:
    """A work on its way to the writer, and back."""

    __slots__ = ("error", "future", "since", "state", "value", "work")

    def __init__(self, work: Callable[[Tx], Any], future: "asyncio.Future[Any]", since: float) -> None:
        self.work = work
        self.future = future
        self.since = since  # by the loop's clock
        self.value: Any = None
        self.error: BaseException | None = None
        self.state = "waiting"  # waiting, taken, given up: moves once, under the store's lock


class _Word(Enum):
    """What the writer is told, where it is not a work."""

    RIDE = "commit what can wait no longer"
    CLOSE = "finish"


class GroupStore(ABC):
    """A Store. Open it after a fork, never before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asks: queue.SimpleQueue[_Ask | _Word] = queue.SimpleQueue()
        self._riders: deque[_Ask] = deque()  # asked before whatever is put into _asks after them
        self._is_bell_set = False
        self._writing: set[_Ask] = set()  # what the loop waits for
        self._is_watching = False
        self._reads: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._lines = threading.local()
        self._opened: list[Line] = []
        self._closing = threading.Event()
        self._foreword: Callable[[Tx], object] | None = None
        self.commits = 0

    # -- what a back end is

    @property
    @abstractmethod
    def name(self) -> str:
        """Which database this is, for people; no secret is in it."""

    @abstractmethod
    def open(self) -> Self:
        """Make ready for use by this process. Does not migrate."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is a database to look into."""

    @abstractmethod
    def applied(self) -> list[str]:
        """The migrations that made the tables, in order; none of a database that is empty."""

    def migrate(self, keep: Callable[[], object] = lambda: None) -> list[str]:
        """Bring the schema up to date; the names of the migrations applied. SchemaMismatch for a newer schema. `keep` is
        called before a database that has a past is changed, where the back end makes no copy of its own."""
        return self._migrate(keep) if migrate.pending(self.applied()) else []

    @abstractmethod
    def _migrate(self, keep: Callable[[], object]) -> list[str]:
        """Apply what is pending when it is our turn: somebody else may have done it meanwhile."""

    def check_schema(self) -> None:
        """SchemaMismatch when the database's schema is older or newer than this program's."""
        migrate.check(self.applied())

    def bells(self) -> Bells | None:
        """How other front offices of this database are told and heard; None where there can be none."""
        return None

    def make_ready(self) -> None:  # noqa: B027 - a back end may have nothing to prepare
        """Prepare for much writing; for who keeps the store open as long as anybody writes. Never fails."""

    async def tidy(self) -> bool:
        """What writers would otherwise have to do; every few seconds, by one process. Whether it is wanted again soon."""
        return False

    async def slim(self) -> None:
        """Give back the memory of what is kept in case it is asked for again: a count of a million brought it in."""
        await asyncio.to_thread(give_back_memory)

    def tidy_now(self) -> bool:
        """As `tidy`, in the calling thread; for who writes much."""
        return False

    @abstractmethod
    def restart_ids(self, taken: Mapping[str, int]) -> None:
        """Rows with ids of their own were written into these tables: let new ones begin behind them, and behind the id that
        is named."""

    @abstractmethod
    def _connect(self) -> Line: ...

    def close(self) -> None:
        """Finish what waits, stop the threads, close the connections."""
        self._closing.set()
        if self._threads:
            self._asks.put(_Word.CLOSE)
            self._reads.put(None)
            for thread in self._threads:
                thread.join()
            self._threads.clear()
        while self._opened:
            self._opened.pop().close()
        self._lines = threading.local()
        self._closing.clear()

    # -- from the event loop

    async def write(self, work: Callable[[Tx], T], *, can_wait: bool = False) -> T:
        ask = self._ask(work)
        self._writing.add(ask)
        if not self._is_watching:
            self._is_watching = True
            self._watch(ask.future.get_loop())
        if can_wait:
            self._ride(ask)
        else:
            self._asks.put(ask)
        try:
            value: T = await ask.future
            return value
        finally:
            self._writing.discard(ask)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up what waits for too long. One timer for all, since nearly none ever does."""
        now = loop.time()
        for ask in [each for each in self._writing if each.future.get_loop() is loop]:
            if now - ask.since >= BUSY_SECONDS:
                self._give_up(ask)
        self._is_watching = bool(self._writing)
        if self._is_watching:
            loop.call_later(BUSY_SECONDS / WATCHES, self._watch, loop)

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
        return await self.read(work)

    def _ask(self, work: Callable[[Tx], Any]) -> _Ask:
        if not self._threads:
            for name, run in (("store-writer", self._write_forever), ("store-reader", self._read_forever)):
                thread = threading.Thread(target=run, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
        loop = asyncio.get_running_loop()
        return _Ask(work, loop.create_future(), loop.time())

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
        line = self._line()
        with line.turn():
            if (foreword := self._foreword) is None:
                return self._single(line, work)
            _, value = self._single(line, lambda tx: (foreword(tx), work(tx)))
            self._foreword = None
            return value

    def begin_with(self, work: Callable[[Tx], object]) -> None:
        """Have this done in the commit of the first `write_now` that succeeds, before its work."""
        self._foreword = work

    def read_now(self, work: Callable[[Tx], T]) -> T:
        """As `read`, in the calling thread."""
        return self._line().read(work)

    @contextmanager
    def apart(self) -> Iterator[Line]:
        """A connection for reading beside all others, for as long as the caller wants it."""
        line = self._connect()
        try:
            yield line
        finally:
            line.close()

    def _line(self) -> Line:
        """The calling thread's."""
        line: Line | None = getattr(self._lines, "line", None)
        if line is None:
            line = self._lines.line = self._connect()
            with self._lock:
                self._opened.append(line)
        return line

    # -- the threads

    def _read_forever(self) -> None:
        line = self._line()
        while (ask := self._reads.get()) is not None:
            try:
                ask.value = line.read(ask.work)
            except BaseException as err:
                ask.error = err
            _answer([ask])

    def _write_forever(self) -> None:
        line = self._line()
        told: _Ask | _Word | None = None
        while told is not _Word.CLOSE:
            told = self._asks.get()
            with line.turn():
                group, told = self._gather(told, line)
            _answer(group)

    def _gather(self, told: _Ask | _Word, line: Line) -> tuple[list[_Ask], _Ask | _Word]:
        """Run one group: what waits now and what comes while it is being written, in one commit. The group, and what
        the writer was told last."""
        group: list[_Ask] = []
        began = self._clock.monotonic()
        try:
            tx = line.begin()
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
            tx.finish()
            line.commit()
            self.commits += 1
        except BaseException as err:
            line.roll_back()
            group.extend(self._boarding(told))
            self._replay(group, line, err)
        return group, told

    def _boarding(self, told: _Ask | _Word) -> Iterator[_Ask]:
        """Those that could wait, then the one that could not, each taken from whoever might give it up."""
        while self._riders:
            ask = self._riders.popleft()
            if self._take(ask):
                yield ask
        if isinstance(told, _Ask) and self._take(told):
            yield told

    def _replay(self, group: list[_Ask], line: Line, gone: BaseException) -> None:
        """Each by itself, as long as there is a database to ask."""
        for ask in group:
            if isinstance(gone, Unreachable):
                ask.error = gone
                continue
            try:
                ask.value = self._single(line, ask.work)
            except BaseException as err:
                ask.error = gone = err

    def _single(self, line: Line, work: Callable[[Tx], T]) -> T:
        tries = TRIES
        while True:
            tries -= 1
            try:
                tx = line.begin()
                value = work(tx)
                tx.finish()
                line.commit()
                self.commits += 1
                return value
            except BaseException as err:
                line.roll_back()
                if tries and line.may_go_better(err):
                    continue
                said = line.words(err)
                if said is err:
                    raise
                raise said from err

    def _take(self, ask: _Ask) -> bool:
        with self._lock:
            if ask.state != "waiting":
                return False
            ask.state = "taken"
            return True


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
