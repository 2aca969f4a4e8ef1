"""All schedulers of one carrier, one for each source, behind the face of one.

Each has its own lanes, connections and back-off, since what a site makes of one source says nothing of another. A
delivery belongs to one of them by its number (mta.outbound.sources).
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mta.outbound.scheduler import Scheduler
from mta.queue.delivery import Stream
from mta.queue.places import site_and_source
from mta.queue.queue import Enqueued, Hand


class Fleet:
    def __init__(self, schedulers: Sequence[Scheduler]) -> None:
        self._all = tuple(schedulers)
        self._by_source = {each.way.source.name: each for each in self._all}
        for each in self._all:
            each.releases.offer = partial(self._overflow, each)
            each.releases.has_stand_in = partial(self._has_stand_in, each)
            each.has_others = len(self._all) > 1

    def _overflow(self, lender: Scheduler, domain: str) -> None:
        """A source has no room for a domain, or is refused there: another one takes what is due, always the same one."""
        for stream, buckets in lender.way.buckets.items():
            others = self._stand_ins(lender, domain, stream)
            if others and lender.carries(stream):
                others[sum(domain.encode()) % len(others)].lend(domain, stream, buckets)

    def _stand_ins(self, lender: Scheduler, domain: str, stream: Stream) -> list[Scheduler]:
        """Who may take a stream's mail to a domain over: sources of its pool that are warm, and not refused there."""
        return [
            each
            for each in self._all
            if each is not lender and each.carries(stream) and not each.is_warming and not each.is_refused(domain)
        ]

    def _has_stand_in(self, lender: Scheduler, domain: str, stream: Stream) -> bool:
        return bool(self._stand_ins(lender, domain, stream))

    @property
    def delivered(self) -> int:
        return sum(each.delivered for each in self._all)

    @property
    def connections(self) -> int:
        return sum(each.connections for each in self._all)

    def wake(self, domains: Iterable[str] = ()) -> None:
        """Look at these domains now (and at whatever is due)."""
        known = tuple(domains)
        for each in self._all:
            each.wake(known)

    @contextlib.contextmanager
    def room_for(self, domains: Sequence[str], stream: Stream = Stream.TRANSACTIONAL) -> Iterator[Hand | None]:
        """Hold room for a message that is about to be accepted. Which source its deliveries will have is not known yet,
        so the hand is for those domains that every source of the stream has room for."""
        with contextlib.ExitStack() as stack:
            hands = [stack.enter_context(each.room_for(domains, stream)) for each in self._all if each.carries(stream)]
            ready = frozenset.intersection(*(hand.domains if hand else frozenset() for hand in hands))
            yield replace(hands[0], domains=ready) if hands[0] and ready else None

    def take_on(self, accepted: Enqueued, content: bytes, domains: Iterable[str]) -> None:
        """A message was accepted here: each carries what is its own of what was claimed with it."""
        known = tuple(domains)
        waits = len(accepted.claimed) < len(accepted.deliveries)
        for each in self._all:
            own = tuple(one for one in accepted.claimed if each.way.has(one.delivery_id, one.stream))
            if own:
                each.take_on(Enqueued(accepted.message_id, tuple(one.delivery_id for one in own), own), content, known)
            if waits:
                each.wake(known)

    def rearm(self) -> None:
        """The clock was moved."""
        for each in self._all:
            each.rearm()

    def use_shares(self, shares: Mapping[str, Mapping[str, Any]]) -> None:
        """Go by these shares from now on; each site is named with the source it is seen from."""
        for site, share in shares.items():
            scheduler = self._by_source.get(site_and_source(site)[1])
            if scheduler is not None:
                scheduler.use_shares({site: share})

    def use_grants(self) -> None:
        """More was granted of limits beyond one site."""
        for each in self._all:
            each.use_grants()

    def nudge(self) -> None:
        """Somebody wants what an idle connection may hold."""
        for each in self._all:
            each.nudge()

    def use_pauses(self, paused: Mapping[str, int], doubted: Iterable[str]) -> None:
        """These domains wait until the times given; refusals of the doubted ones are not believed."""
        known = frozenset(doubted)
        for each in self._all:
            each.use_pauses(paused, known)

    def use_fence(self, *, stands: bool) -> None:
        """While one stands nothing leaves."""
        for each in self._all:
            each.use_fence(stands=stands)

    def tell(self) -> None:
        """Tell the conductor all there is."""
        for each in self._all:
            each.tell()

    async def run(self) -> None:
        """Until cancelled; or until one of them fails, which ends all."""
        async with asyncio.TaskGroup() as group:
            for each in self._all:
                group.create_task(each.run())

    async def drain(self, seconds: float) -> None:
        """Claim no more, give back what was not begun, let what is open finish within `seconds`."""
        await asyncio.gather(*(each.drain(seconds) for each in self._all))
