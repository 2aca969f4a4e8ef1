"""One carrier's relay in the test's own loop: a real store, real connections, a router that the test draws, and a clock
that stands still.

    async with running(tmp_path) as carrier:
        await carrier.hand_over("ann@a.example")
        await carrier.until_states(State.DELIVERED)
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from clock import FakeChance, FakeClock
from house_books import message
from house_hop import Hop
from mail_shop import Place, open_store

from deliverability.settings import RetrySettings
from engine.store.groups import GroupStore
from engine.system import SystemNet
from mta.outbound.doors import Doors
from mta.outbound.fleet import Fleet
from mta.outbound.gauges import Gauges
from mta.outbound.outcome import Outgoing
from mta.outbound.scheduler import Scheduler
from mta.outbound.settings import OutboundSettings
from mta.outbound.sources import Way
from mta.outbound.tidings import Tell
from mta.ports import Tx, to_ms
from mta.queue import leasing, queue
from mta.queue.audit import audit
from mta.queue.delivery import State, Stream
from mta.queue.leasing import Host
from mta.queue.queue import Claimed, Settled
from mta.queue.settings import QueueSettings
from mta.routing.routes import NoRoute, Route

T = TypeVar("T")
SETTINGS = QueueSettings()
PATIENCE = 60.0
# An idle connection outlives a disk that stands still: how many there were depends on nothing but the mail.
PATIENT = {"site_connections": 3, "idle": timedelta(seconds=PATIENCE)}


class Told:
    """A store that tells the test of each of the scheduler's commits."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store
        self.read, self.look, self.close = store.read, store.look, store.close
        self.news = asyncio.Event()

    async def write(self, work: Callable[[Tx], T], *, can_wait: bool = False) -> T:
        try:
            return await self._store.write(work, can_wait=can_wait)
        finally:
            self.news.set()


class Roads:
    """A router that the test draws."""

    def __init__(self, anywhere: Route) -> None:
        self.by_domain: dict[str, Route | NoRoute] = {}
        self.anywhere = anywhere
        self.asked: list[str] = []
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def route(self, domain: str) -> Route | NoRoute:
        self.asked.append(domain)
        if domain.startswith("slow"):
            await self.is_open.wait()
        return self.by_domain.get(domain, self.anywhere)


@dataclass
class Carrier:
    """One carrier's relay, with the test's hands on everything around it."""

    store: Told
    clock: FakeClock
    hop: Hop
    roads: Roads
    scheduler: Scheduler
    owner: int
    followed: list[Settled] = field(default_factory=list)
    refuses: dict[str, Exception] = field(default_factory=dict)  # forward-path: what preparing it raises
    suppressed: set[str] = field(default_factory=set)
    before_prepare: Callable[[Claimed], Awaitable[None]] | None = None

    async def hand_over(self, *to: str, stream: Stream = Stream.TRANSACTIONAL) -> list[int]:
        """Accept messages, one for each recipient, and wake the scheduler as an accepting session does."""
        now = self.clock.now()
        done = [
            await self.store.write(lambda tx, each=each: queue.enqueue(tx, message(each, stream=stream), now, SETTINGS))
            for each in to
        ]
        self.scheduler.wake({each.rpartition("@")[2] for each in to})
        return [each.deliveries[0] for each in done]

    async def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        return await self.store.read(lambda tx: tx.query(sql, params))

    async def until(self, sql: str, *wanted: tuple[object, ...]) -> None:
        """Until the store says so."""
        async with asyncio.timeout(PATIENCE):
            self.store.news.clear()
            while await self.rows(sql) != list(wanted):
                await self.store.news.wait()
                self.store.news.clear()

    async def poll(self) -> None:
        """Let the clock go on until the scheduler polls, and wait until it does."""
        self.clock.advance(timedelta(seconds=2))
        self.scheduler.wake()
        async with asyncio.timeout(PATIENCE):
            while self.scheduler._next_poll <= self.clock.monotonic():  # noqa: ASYNC110 - nobody tells of a poll
                await asyncio.sleep(0.001)

    def ms_after(self, **span: float) -> int:
        """The time of a table's column, so long from now."""
        return to_ms(self.clock.now() + timedelta(**span))

    async def until_states(self, *states: State) -> None:
        """Until all deliveries, by their ids, are in these states."""
        await self.until("SELECT state FROM delivery ORDER BY id", *((int(state),) for state in states))

    async def prepare(self, each: Claimed, content: bytes) -> Outgoing:
        if self.before_prepare is not None:
            await self.before_prepare(each)
        if each.forward_path in self.refuses:
            raise self.refuses[each.forward_path]
        return Outgoing(
            delivery_id=each.delivery_id, message_id=each.message_id, reverse_path=each.reverse_path,
            forward_path=each.forward_path, content=content, size=len(content), needs_utf8=False, has_8bit=False,
            domain=each.domain, stream=each.stream,
        )  # fmt: skip

    def gate(self, tx: Tx, claimed: Sequence[Claimed]) -> dict[int, str]:
        return {each.delivery_id: "hard bounce" for each in claimed if each.forward_path in self.suppressed}

    def follow(self, tx: Tx, settled: Sequence[Settled]) -> None:
        self.followed.extend(settled)


@contextlib.asynccontextmanager
async def running(
    place: Place,
    authorities: Path | None = None,
    may_share: Callable[[Claimed], bool] = lambda _: False,
    ways: Sequence[Way] = (),
    gauges: Gauges | None = None,
    doors: Doors | None = None,
    tell: Tell | None = None,
    **settings: Any,
) -> AsyncIterator[Carrier]:
    clock, chance = FakeClock(), FakeChance()
    clock.advance(timedelta(seconds=1))
    store = Told(open_store(place, clock))
    async with Hop() as hop:
        roads = Roads(hop.route())
        owner = await store.write(lambda tx: leasing.register(tx, "carrier", 1, Host("boot"), clock.now()))
        made = Carrier(store, clock, hop, roads, None, owner)  # type: ignore[arg-type]
        schedulers = [
            Scheduler(
                store=store, clock=clock, chance=chance, net=SystemNet(), router=roads,  # type: ignore[arg-type]
                settings=OutboundSettings(**{**PATIENT, **settings}), retry=RetrySettings(),
                prepare=made.prepare, gate=made.gate, follow=made.follow, hostname="mail.shop.example", owner=owner,
                carriers=1, authorities=authorities, may_share=may_share, way=way, gauges=gauges,
                doors=doors, tell=tell,
            )
            for way in ways or (None,)
        ]  # fmt: skip
        made.scheduler = Fleet(schedulers) if ways else schedulers[0]  # type: ignore[assignment]
        task = asyncio.create_task(made.scheduler.run())
        try:
            yield made
            assert not task.done() or task.exception() is None
            found = await store.read(lambda tx: audit(tx, clock.now))
            assert found.balances, found
        finally:
            hop.gate.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await made.scheduler.drain(5)
            await asyncio.to_thread(store.close)
