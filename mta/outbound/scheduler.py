"""The scheduler of one carrier: finds what is due, claims it, and keeps each site's lane supplied.

A domain is looked at when a hint says so (mail just accepted here) or when the poll finds it due; its route folds it
into a site; the site's lane decides how much to claim. Mail accepted here whose lane has room and no backlog is claimed
in the commit that accepts it. What a lane carries, and what is written of it, is `mta.outbound.courier`.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from deliverability.settings import RetrySettings
from deliverability.shaping.share import Share
from mta import maillog
from mta.outbound.claims import Hands, Lent, claim_for
from mta.outbound.contents import Contents
from mta.outbound.courier import Courier, Prepare
from mta.outbound.doors import Doors
from mta.outbound.due import BUSY_MAX, Pages, note_sites
from mta.outbound.gauges import Gauges
from mta.outbound.lane import Lane
from mta.outbound.lanes import Lanes
from mta.outbound.releases import Releases
from mta.outbound.settings import OutboundSettings
from mta.outbound.sources import Way, one_way
from mta.outbound.tidings import Tell, Tidings
from mta.outbound.trouble import Trouble, log_ended
from mta.ports import Chance, Clock, Net, Store, StoreTrouble, to_ms
from mta.queue.claiming import Buckets, Claim
from mta.queue.delivery import Stream
from mta.queue.places import place, site_and_source
from mta.queue.queue import Claimed, Enqueued, Follow, Gate, Hand
from mta.routing.routes import Router

POLL_SECONDS: Final = 1.0  # how late a lost hint can make us
PAGE_SECONDS: Final = 0.1  # between two polls, where one did not see all
WAITING_MAX: Final = 200  # sites that wait for a connection, before the poll asks for no more routes
CLAIM_MAX: Final = 32  # domains in one claim
LOOK_SECONDS: Final = 0.1  # between two looks for urgent mail to a site whose bulk is waiting


class Scheduler:
    """One carrier's part of the queue. `owner` is its fence; `carriers` how many share each limit."""

    def __init__(
        self, *, store: Store, clock: Clock, chance: Chance, net: Net, router: Router, settings: OutboundSettings,
        retry: RetrySettings, prepare: Prepare, gate: Gate, follow: Follow, hostname: str, owner: int, carriers: int,
        tell: Tell | None = None, authorities: Path | None = None, way: Way | None = None,
        may_share: Callable[[Claimed], bool] = lambda _: False, gauges: Gauges | None = None, doors: Doors | None = None,
    ) -> None:  # fmt: skip
        """`tell` speaks to the conductor, who allots shares; without one each lane has its even part of the settings'
        limit. `way`: the source, and which deliveries are its own; None: one source, and all.
        `may_share`: whether deliveries of its message may go in one transaction with this one. `gauges`: what limits
        beyond one site let through, shared by all schedulers of a carrier."""
        way = way or one_way(settings.source, hostname)[0]
        self.way, self._source = way, way.source.name
        self._store, self._clock = store, clock
        self._gate, self._owner = gate, owner
        self._hands = Hands(owner, way, gate, follow)
        self.tidings = Tidings(tell)
        self._gauges = gauges or Gauges()
        self._doors = doors or Doors(self._gauges)
        self.releases = Releases(store, clock, self._gauges, owner)
        self._trouble = Trouble(store, clock, chance, retry, self._hands, self.releases)
        self.has_others = False  # whether there are other sources at all
        self._grants = 0  # how often limits beyond one site changed
        self._lent: dict[str, set[Lent]] = {}  # by domain: what others have no room for
        self._paused: dict[str, int] = {}  # domains that an operator or the bounce guard holds, until when
        self._lanes = Lanes(
            store=store, clock=clock, router=router, source=self._source, gauges=self._gauges, doors=self._doors,
            share=Share(max(1, settings.site_connections // carriers), settings.connection_deliveries),
            tidings=self.tidings, found=lambda domain: self.wake((domain,)),
            no_route=lambda *said: self._trouble.of_domain(self._lanes, *said),
        )  # fmt: skip
        self._next_poll = 0.0
        self._pages = Pages(store, way)
        # Domains to look at, with the site that the store knows of (None: not asked).
        self._due: dict[str, str | None] = {}
        self._wake = asyncio.Event()
        self._contents = Contents(store)
        self._draining = self._is_fenced = False
        self.courier = Courier(
            store=store, clock=clock, chance=chance, net=net, settings=settings, retry=retry, prepare=prepare, follow=follow,
            source=way.source, owner=owner, content=self._contents.of, trouble=self._trouble.of_site, hungry=self.wake,
            hush=self.releases.empty, tidings=self.tidings, most=max(1, settings.connections // carriers),
            authorities=authorities, may_share=may_share,
            has_stand_in=lambda lane, each: self.releases.has_stand_in(each.domain, each.stream),
        )  # fmt: skip

    @property
    def delivered(self) -> int:
        return self.courier.delivered

    @property
    def connections(self) -> int:
        return self.courier.connections

    def carries(self, stream: Stream) -> bool:
        """Whether any of a stream's deliveries leave by this source."""
        low, high = self.way.buckets[stream]
        return low < high

    def tell(self) -> None:
        """Tell the conductor all there is."""
        for lane in self._lanes if self._gauges else ():
            lane.ask()
        self.tidings.flush()

    # -- hints

    def wake(self, domains: Iterable[str] = ()) -> None:
        """Look at these domains now (and at whatever is due)."""
        for domain in domains:
            self._due.setdefault(domain, None)
        self._wake.set()

    @contextlib.contextmanager
    def room_for(self, domains: Sequence[str], stream: Stream = Stream.TRANSACTIONAL) -> Iterator[Hand | None]:
        """Hold room for a message that is about to be accepted, one delivery for each of `domains`. The hand is for
        those whose lane is known, does not rest, and has nothing older of that kind waiting in the queue; None when for
        none."""
        now_ms = to_ms(self._clock.now())
        held: list[tuple[Lane, int]] = []
        ready = set()
        for domain, count in Counter(domains).items() if not (self._draining or self._is_fenced) else ():
            lane = self._lanes.of(domain)
            if lane is None or lane.is_resting(now_ms) or self._paused.get(domain, 0) > now_ms:
                continue
            if self._gauges and self._gauges.touches(lane.scopes, stream):
                continue  # what is limited waits for its turn in the queue
            if lane.room_for(stream, domain) >= count:
                lane.promise(stream, count)
                held.append((lane, count))
                ready.add(domain)
        try:
            yield Hand(self._owner, frozenset(ready), self._gate) if ready else None
        finally:
            for lane, count in held:
                lane.promise(stream, -count)

    def take_on(self, accepted: Enqueued, content: bytes, domains: Iterable[str]) -> None:
        """A message was accepted here: carry what was claimed with it, look at where the rest goes."""
        self._contents.remember(accepted.message_id, content, len(accepted.deliveries))
        if len(accepted.claimed) < len(accepted.deliveries):
            self.wake(domains)
        if accepted.claimed and not self._draining:  # a drained carrier gives back all that it holds when it leaves
            self._carry(accepted.claimed)

    def _carry(self, claimed: Iterable[Claimed]) -> None:
        now_ms = to_ms(self._clock.now())
        late = []
        for each in claimed:
            lane = self._lanes.known(each.domain)
            if lane is None or lane.is_resting(now_ms) or each.domain in self._paused:
                late.append(each)  # the site rests since this was being written
            else:
                lane.put(each)
                self.courier.serve(lane)
        self.releases.later(late)

    def nudge(self) -> None:
        """Somebody wants what an idle connection may hold."""
        self.courier.nudge()

    def rearm(self) -> None:
        """The clock was moved: every lane's back-off and pace is asked for anew."""
        for lane in self._lanes:
            lane.retry_ms = 0
            self.courier.serve(lane)
        self._next_poll = 0.0
        self.wake()

    # -- the conductor's word

    def use_shares(self, shares: Mapping[str, Mapping[str, Any]]) -> None:
        """Go by these shares from now on."""
        now = self._clock.now()
        for site, said in shares.items():
            lane = self._lanes.get(site)
            if lane is None:
                continue
            lane.use(Share(**said), now.timestamp())
            self.tidings.changed(lane)
            if lane.is_resting(to_ms(now)):
                self.releases.later(
                    lane.empty(), [each for each in lane.domains if self.releases.overflows(lane, each, to_ms(now))]
                )
            self.wake(lane.domains)
            self.courier.serve(lane)

    def use_pauses(self, paused: Mapping[str, int], doubted: Iterable[str]) -> None:
        """These domains wait until the times given; refusals of the doubted ones are not believed."""
        ended = self._paused.keys() - paused.keys()
        self._paused = dict(paused)
        self.courier.doubt(frozenset(doubted))
        for lane in self._lanes:
            self.releases.later(lane.empty_of(set(paused)))
        self.wake(ended)

    def use_fence(self, *, stands: bool) -> None:
        """While one stands nothing leaves, were it accepted here: all waits in the queue."""
        self._is_fenced = stands

    # -- the loop

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._round()
            except StoreTrouble as err:
                maillog.store_trouble("claim", err)
            if self._clock.monotonic() >= self._next_poll:
                await self._poll()
                continue
            try:
                async with asyncio.timeout(self._next_poll - self._clock.monotonic()):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def drain(self, seconds: float) -> None:
        """Claim no more, give back what was not begun, let what is open finish within `seconds`."""
        self._draining = True
        with contextlib.suppress(TimeoutError):  # what a full disk keeps here, the sweep of our lease gives back
            async with asyncio.timeout(seconds):
                for lane in self._lanes:
                    await self.releases.now(lane.empty())
        await self.courier.drain(seconds)
        await self.courier.opener.keep()

    async def _poll(self) -> None:
        """Look at the next page of what is due; after the last one, at the first again."""
        self._next_poll = self._clock.monotonic() + POLL_SECONDS
        now_ms = to_ms(self._clock.now())
        self._lanes.forget_idle(now_ms, self.courier.turns.waits)
        # One without a slot is full with nothing: it gets a slot only where we know, and say, that something waits for it.
        busy = [site_and_source(lane.site)[0] for lane in self._lanes if lane.is_full and lane.domains][:BUSY_MAX]
        blocked = [site_and_source(lane.site)[0] for lane in self._lanes if self.has_others and lane.is_blocked(now_ms)]
        try:
            self._due.update(await self._pages.next(now_ms, busy, blocked))
        except StoreTrouble as err:
            maillog.store_trouble("poll", err)
            return
        if self._pages.has_more and not self._has_enough:
            self._next_poll = self._clock.monotonic() + PAGE_SECONDS
        self.courier.turns.pass_all()
        self.courier.take_turns()
        await self.courier.opener.keep()

    async def _round(self) -> None:
        if self._draining or self._is_fenced or not self._due:
            return
        due, self._due = self._due, {}
        now_ms = to_ms(self._clock.now())
        plan: dict[str, Lane] = {}
        waiting: dict[str, str] = {}
        for domain, noted in due.items():
            if noted is not None and self._lanes.known(domain) is None and self._has_enough:
                continue  # enough sites wait already: the poll comes to it again
            lane = self._lanes.of(domain)
            if lane is None or self._paused.get(domain, 0) > now_ms:
                continue  # its route is being asked for; or the poll finds it when its pause is over
            if self.releases.overflows(lane, domain, now_ms):
                self.releases.spill(domain, lane)
                continue
            is_news = noted is None or not self.courier.turns.waits(lane)
            if is_news and not lane.is_resting(now_ms) and self._may_claim(lane, domain):
                plan[domain] = lane
                continue
            self.courier.turns.passes(lane)
            if noted is not None and place(noted, self._source) != lane.site:
                waiting[domain] = lane.site
            if lane.retry_ms <= now_ms:
                lane.domains.add(domain)  # the lane asks for more when it is nearly empty
                self.tidings.changed(lane)
        if waiting:  # so that the poll passes over them while their site waits, or it would see nothing else
            await self._store.write(lambda tx: note_sites(tx, waiting))
        if plan:
            await self._claim(plan)

    @property
    def _has_enough(self) -> bool:
        """Whether no more routes are asked for on the poll's word."""
        return self.courier.turns.waiting >= WAITING_MAX or self._lanes.is_asking_much

    def _may_claim(self, lane: Lane, domain: str) -> bool:
        """Whether the lane has room. One that is full of bulk is asked for urgent mail too, but not for every hint."""
        if not lane.urgent_room or lane.bulk_room:
            return lane.urgent_room > 0
        now = self._clock.monotonic()
        if now - lane.looked < LOOK_SECONDS:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self.wake, (domain,))
            return False
        lane.looked = now
        return True

    async def _claim(self, plan: dict[str, Lane]) -> None:
        """Claim for these domains, so many at a time that no transaction lasts."""
        rows = iter(plan.items())
        while chunk := dict(islice(rows, CLAIM_MAX)):
            await self._claim_some(chunk)

    async def _claim_some(self, plan: dict[str, Lane]) -> None:
        now = self._clock.now()
        turns = self.courier.turns
        # A lane that has to wait for a connection is asked for urgent mail only, which might not have to.
        rooms = {
            lane: (lane.urgent_room, lane.bulk_room if lane.connections or turns.has_room(lane) else 0)
            for lane in plan.values()
        }
        campaigns = self._gauges.campaigns()
        if self._gauges:
            rooms = {lane: self._narrowed(lane, *room) for lane, room in rooms.items()}
            self._gauges.want(f"campaign:{name}" for name in campaigns)

        # What is lent while this is being written is for the next claim: this one may not have seen it.
        lent = {domain: self._lent.pop(domain, set()) for domain in plan}

        grants = self._grants
        claims: dict[str, Claim] = {}
        try:
            claims, rests = await self._store.write(
                lambda tx: claim_for(tx, plan, rooms, lent, campaigns, self._hands, now)
            )
        finally:
            for domain, parts in lent.items():
                if parts and not (domain in claims and claims[domain].is_drained):
                    self._lent.setdefault(domain, set()).update(parts)
        for lane, retry_ms in rests.items():
            lane.retry_ms = max(lane.retry_ms, retry_ms)
        for domain, claim in claims.items():
            lane = plan[domain]
            lane.domains.discard(domain) if claim.is_drained else lane.domains.add(domain)
            for each in claim.taken:
                lane.put(each)
            log_ended(claim.ended)
            if self._draining or lane.is_resting(to_ms(now)):  # said while the claim was being written
                await self.releases.now(lane.empty())
            if domain in self._paused:
                await self.releases.now(lane.empty_of({domain}))
            if self._gauges:
                await self.releases.now(lane.empty_of_shut())
            if self.releases.overflows(lane, domain, to_ms(now)):
                self.releases.spill(domain, lane)
            self.tidings.changed(lane)
            self.courier.serve(lane)
        for lane in rooms:
            if lane.domains and not (lane.connections or turns.has_room(lane) or lane.is_resting(to_ms(now))):
                self.courier.await_turn(lane)
            turns.passes(lane)
        if self._grants != grants:  # more was granted, or no more, while this was being written
            self.wake(domain for domain, lane in plan.items() if domain in lane.domains)
        self.courier.take_turns()

    def is_refused(self, domain: str) -> bool:
        """Whether a domain's site refuses the address of this source, as far as is known here."""
        lane = self._lanes.known(domain)
        return lane is not None and lane.is_blocked(to_ms(self._clock.now()))

    @property
    def is_warming(self) -> bool:
        """Whether its source is new to anybody."""
        return self._gauges.has_warming(self._source)

    def lend(self, domain: str, stream: Stream, buckets: Buckets) -> None:
        """Take what another source has no room for, until nothing of the domain is due."""
        self._lent.setdefault(domain, set()).add((stream, buckets))
        self.wake((domain,))

    def _narrowed(self, lane: Lane, urgent: int, bulk: int) -> tuple[int, int]:
        """No more than limits beyond the site let through soon."""
        rooms = ((Stream.TRANSACTIONAL, urgent), (Stream.MARKETING, bulk))
        mail, marketing = (self._gauges.room((*lane.scopes, f"stream:{each.word}"), room) for each, room in rooms)
        return mail, marketing

    def use_grants(self) -> None:
        """Limits beyond one site let more through, or suspend something: go on with what waits, give back what may not
        leave."""
        self._grants += 1
        for lane in list(self._lanes):
            self.releases.later(lane.empty_of_shut())
            if len(lane) and self._gauges.is_overflowing(lane.scopes):
                self.releases.spill(lane.next_domain, lane)
            elif len(lane):
                self.courier.serve(lane)
            elif lane.domains:
                self.wake(lane.domains)
