"""Giving back: what a source claimed and will not carry now is queued again, untouched, and what it has no room for, or
is refused with, is offered to the others.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from mta import maillog
from mta.outbound.gauges import Gauges
from mta.outbound.lane import Lane
from mta.ports import Clock, Store, StoreTrouble, Tx, to_ms
from mta.queue import settling
from mta.queue.delivery import Event, State, Stream
from mta.queue.queue import Claimed, Settlement


class Releases:
    """What one source gives back. `owner` is the carrier's fence."""

    def __init__(self, store: Store, clock: Clock, gauges: Gauges, owner: int) -> None:
        self._store, self._clock, self._gauges, self._owner = store, clock, gauges, owner
        self._under_way: set[asyncio.Task[None]] = set()
        self.offer: Callable[[str], None] = lambda _: None  # a domain that others are to take over
        self.has_stand_in: Callable[[str, Stream], bool] = lambda *_: False  # whether another source would take it

    def overflows(self, lane: Lane, domain: str, now_ms: int) -> bool:
        """Whether others are to take a domain's mail over: our source warms up and has no room, or is refused there and
        another is not."""
        if self._gauges and self._gauges.is_overflowing(lane.scopes):
            return True
        return lane.is_blocked(now_ms) and any(self.has_stand_in(domain, stream) for stream in Stream)

    def spill(self, domain: str, lane: Lane) -> None:
        """Our source has no room for a lane's provider, or is refused there: others take what waits, as soon as it is
        given back."""
        self._gauges.want(lane.scopes)
        waiting = lane.empty()
        lane.domains |= {domain, *(each.domain for each in waiting)}  # which want to hear of the next grant
        self.later(waiting, {domain, *(each.domain for each in waiting)})

    async def empty(self, lane: Lane) -> None:
        """Give back what a lane holds, for others to take over where they may."""
        waiting = lane.empty()
        now_ms = to_ms(self._clock.now())
        domains = {each.domain for each in waiting} | lane.domains
        await self.now(waiting)
        for domain in domains:
            if self.overflows(lane, domain, now_ms):
                self.offer(domain)

    def later(self, waiting: list[Claimed], overflowing: Iterable[str] = ()) -> None:
        """Give these back beside everything else; then let others take what waits of the domains that overflow."""
        domains = frozenset(overflowing)
        if waiting or domains:
            task = asyncio.create_task(self._then_offer(waiting, domains))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _then_offer(self, waiting: list[Claimed], overflowing: Iterable[str]) -> None:
        await self.now(waiting)
        for domain in overflowing:
            self.offer(domain)

    async def finish(self) -> None:
        """Wait for what is being given back."""
        await asyncio.gather(*self._under_way)

    async def now(self, waiting: Sequence[Claimed]) -> None:
        """Give these back; returns when it is durable."""
        if not waiting:
            return
        now = self._clock.now()

        def work(tx: Tx) -> None:
            for each in waiting:
                came = Settlement(each.delivery_id, State.IN_FLIGHT, Event.RELEASED, "", "queue", to_ms(now))
                settling.settle(tx, each, came, self._owner, now)

        while True:
            try:
                await self._store.write(work)
                return
            except StoreTrouble as err:  # nobody else can give them back while we live
                maillog.store_trouble("release", err)
                await asyncio.sleep(1)
