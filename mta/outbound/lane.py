"""A lane: one site's deliveries in this carrier, and the share of the site's limits that this carrier was allotted.

Pure bookkeeping: the scheduler fills it, the courier's connections empty it. Transactional deliveries overtake the
others, have room of their own here and tokens that the others may not touch. Times are civil seconds or milliseconds.
"""

import math
from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Final, TypeVar

from deliverability.shaping.limiter import TokenBucket
from deliverability.shaping.providers import provider_of
from deliverability.shaping.share import Share
from mta.outbound.doors import Boarded, Doors
from mta.outbound.gauges import Gauges, names_of
from mta.queue.delivery import Stream
from mta.queue.places import site_and_source
from mta.queue.queue import Claimed
from mta.routing.hops import Demand
from mta.routing.policy import Failure, Reported
from mta.routing.routes import Route

T = TypeVar("T")

_ANYHOW: Final = Demand()
UNPROVEN: Final = 4  # deliveries claimed for a site before a host of it granted a connection
AHEAD_SECONDS: Final = 4  # a paced lane claims no more than it carries in that time


@dataclass(slots=True, eq=False)
class Lane:
    site: str  # with the source that it is seen from, where that has a name (mta.outbound.sources.place)
    route: Route
    share: Share = Share()  # noqa: RUF009 - frozen
    demands: dict[str, Demand] = field(
        default_factory=dict
    )  # by domain: what its mail asks of a connection, if anything
    reported: dict[str, tuple[Reported, Failure | None]] = field(default_factory=dict)  # by domain: for TLS reports
    tls_broken_ms: int = 0  # until when TLS is not begun where nobody demands it
    domains: set[str] = field(default_factory=set)  # folded into this site, with more due than was claimed
    urgent: deque[Claimed] = field(default_factory=deque)
    bulk: deque[Claimed] = field(default_factory=deque)
    promised_urgent: int = 0  # room held for deliveries that are being accepted
    promised_bulk: int = 0
    connections: int = 0  # open, or being opened
    idle: int = 0  # of those, waiting for something to carry
    retry_ms: int = 0  # the site's back-off, as far as this carrier knows
    failures: int = 0
    is_proven: bool = False  # a host of the site granted a connection, and nothing failed since
    recipients: int | None = None  # the site takes no more in one transaction, as it said
    suspect: int | None = None  # the delivery at which a connection broke last, as long as nothing was delivered since
    spent: int = 0  # attempts from the beginning
    looked: float = 0.0  # monotonic: when it was last asked whether something urgent came while bulk fills it
    is_refused: bool = False  # the site refuses our address, as this carrier heard
    is_hushed: bool = False  # the site said too much: nothing more until the conductor answered
    gauges: Gauges = field(default_factory=Gauges)  # what reaches over sites
    scopes: tuple[str, ...] = ()  # of those, what all of this lane belongs to
    doors: Doors = field(default_factory=lambda: Doors(Gauges()))  # of those, which connections may carry what
    boarded: set[Boarded] = field(default_factory=set)  # its connections, as those know them
    _pace: TokenBucket | None = None
    _door: TokenBucket | None = None

    def __len__(self) -> int:
        return len(self.urgent) + len(self.bulk)

    @property
    def exchangers(self) -> tuple[str, ...]:
        """The MX hosts that are this site; none for a next hop that was named."""
        site, _ = site_and_source(self.site)
        return () if site.startswith("transport:") else tuple(site.split(","))

    @property
    def provider(self) -> str:
        return provider_of(self.exchangers)

    # -- its share

    def use(self, share: Share, now: float) -> None:
        """Go by this share from now on."""
        self.share, self.is_hushed = share, False
        self._pace = _bucket(self._pace, share.rate, share.burst, now)
        self._door = _bucket(self._door, share.connection_rate, 1.0, now)

    def is_resting(self, now_ms: int) -> bool:
        """Whether nothing may be tried now, whoever says so."""
        return self.is_hushed or not self.share.slots or max(self.retry_ms, self.share.paused_ms) > now_ms

    def is_blocked(self, now_ms: int) -> bool:
        """Whether nothing may be tried now because the site refuses our address: another source may get through."""
        return (self.is_refused or self.share.is_blocked) and self.is_resting(now_ms)

    def is_idle(self, now_ms: int) -> bool:
        """Whether nothing would be lost with this object: it holds nothing, and counts nothing."""
        holds = len(self) or self.connections or self.promised_urgent or self.promised_bulk
        waits = self.domains and self.retry_ms <= now_ms
        return not (holds or waits or self.is_paced or self.is_hushed)

    @property
    def most_recipients(self) -> int | None:
        """How many the site takes in one transaction, as this carrier heard it or another one did."""
        return min((each for each in (self.recipients, self.share.recipients) if each is not None), default=None)

    @property
    def is_paced(self) -> bool:
        """Whether it matters what time it is."""
        return self._pace is not None or self._door is not None or self.share.upto is not None

    # -- filling

    @property
    def capacity(self) -> int:
        """How many of each kind to hold: enough to keep every connection busy, no more than are soon carried."""
        most = 4 * self.share.slots if self.is_proven else min(self.share.slots, UNPROVEN)
        return most if self.share.rate is None else min(most, max(1, math.ceil(self.share.rate * AHEAD_SECONDS)))

    @property
    def urgent_room(self) -> int:
        """How many more transactional deliveries to claim; bulk takes none of this room."""
        return max(0, self.capacity - len(self.urgent) - self.promised_urgent)

    @property
    def bulk_room(self) -> int:
        return max(0, self.capacity - len(self.bulk) - self.promised_bulk)

    def promise(self, stream: Stream, count: int) -> None:
        """Hold room for so many (or, under 0, let it go again)."""
        if stream is Stream.TRANSACTIONAL:
            self.promised_urgent += count
        else:
            self.promised_bulk += count

    def room_for(self, stream: Stream, domain: str) -> int:
        """How many that are just being accepted may be claimed with it: none where older ones of their kind wait."""
        if stream is Stream.MARKETING:
            return self.bulk_room if domain not in self.domains else 0
        is_behind_bulk = not self.bulk_room and not self.urgent  # what waits in the queue is not of its kind
        return self.urgent_room if domain not in self.domains or is_behind_bulk else 0

    @property
    def is_full(self) -> bool:
        """Whether no more is claimed, of one kind or of both."""
        return not self.urgent_room or not self.bulk_room

    @property
    def is_hungry(self) -> bool:
        """More is due than was claimed, and what was claimed is nearly carried."""
        return bool(self.domains) and 4 * len(self) <= self.capacity

    def put(self, each: Claimed) -> None:
        (self.urgent if each.stream is Stream.TRANSACTIONAL else self.bulk).append(each)

    # -- emptying

    def ready(self, now: float) -> int:
        """How many may be taken now."""
        urgent, bulk = (self._may_go(queue) for queue in (self.urgent, self.bulk))
        if not self.is_paced:
            return urgent + bulk
        urgent = min(urgent, self._allowed(now, is_urgent=True))
        return urgent + min(bulk, max(0, self._allowed(now, is_urgent=False) - urgent))

    def _may_go(self, queue: deque[Claimed]) -> int:
        """How many no limit beyond this site holds back."""
        if not (self.gauges or self.doors):
            return len(queue)
        return sum(self.gauges.may(self.scopes, each) and self._finds_door(each) for each in queue)

    def _finds_door(self, each: Claimed) -> bool:
        """Whether one of its connections, or a new one, may carry this."""
        names = names_of(self.scopes, each)
        return not self.doors or any(self.doors.may_join(names, one) for one in (*self.boarded, Boarded()))

    def wants_connection(self, now: float) -> bool:
        """Whether one more would have something to carry now."""
        if self.connections >= (self.share.slots if self.is_proven else 1) or self.is_hushed or not len(self):
            return False
        if self.ready(now) <= self.idle or not (self._door is None or not self._door.wait(now)):
            return False
        return not self.doors or self.doors.asks(self.scopes, Boarded())

    def opening(self, now: float) -> Boarded:
        """A connection is being opened."""
        one = Boarded()
        self.doors.join(self.scopes, one)
        self.boarded.add(one)
        self.connections += 1
        self.idle += 1  # until it has taken its first delivery, it counts as free
        if self._door is not None:
            self._door.take(now)
        return one

    def closed(self, one: Boarded) -> None:
        """A connection is over, or came to nothing."""
        self.connections -= 1
        self.boarded.discard(one)
        self.doors.leave(one)

    def pauses(self, one: Boarded) -> bool:
        """A connection has nothing to carry now. Whether it may wait for something, or is to be closed: it is worn out for
        what there is, or others want its place."""
        if not self.doors:
            return True
        self.doors.leave(one, but=self.scopes)
        if any(self.doors.is_worn(names_of(self.scopes, each), one) for each in (*self.urgent, *self.bulk)):
            return False
        return not self.doors.is_over(self.scopes, is_idle=True)

    def is_done(self, one: Boarded) -> bool:
        """Whether a connection carried all that limits beyond this site let it."""
        return bool(self.doors) and (self.doors.is_worn(self.scopes, one) or self.doors.is_over(self.scopes))

    def wait(self, now: float) -> float:
        """Seconds until something may be taken or a connection opened; infinite when only another share helps."""
        waits = [math.inf]
        for queue, is_urgent in ((self.urgent, True), (self.bulk, False)):
            if queue and self._granted(is_urgent):
                leave = 0.0 if is_urgent else self.share.reserve
                waits.append(self._pace.wait(now, 1.0, leave) if self._pace else 0.0)
        soonest = min(waits)
        return max(soonest, self._door.wait(now)) if self._door is not None and not self.connections else soonest

    def take(
        self, now: float, suits: Callable[[Demand], bool] | None = None, one: Boarded | None = None
    ) -> Claimed | None:
        """The next delivery, if one may be tried now; it counts as an attempt. Only those whose demand `suits`, and which
        this connection may carry (None: none carries it)."""
        if self.is_hushed:
            return None
        for queue, is_urgent in ((self.urgent, True), (self.bulk, False)):
            place = self._first_allowed(queue, suits, one)
            if place is not None and self._may_spend(now, is_urgent=is_urgent):
                each = queue[place]
                del queue[place]
                self._took(each, one)
                return each
        return None

    def _took(self, each: Claimed, one: Boarded | None) -> None:
        self.gauges.took(self.scopes, each)
        if self.doors and one is not None:
            names = names_of(self.scopes, each)
            self.doors.join(names, one)
            self.doors.carried(names, one)

    def take_mates(self, now: float, first: Claimed, most: int, one: Boarded) -> list[Claimed]:
        """Up to `most` further deliveries of the same message that may go with `first`; each counts as an attempt."""
        queue = self.urgent if first.stream is Stream.TRANSACTIONAL else self.bulk
        demand = self.demand(first.domain)
        mates: list[Claimed] = []
        for each in [one for one in queue if one.message_id == first.message_id and self.demand(one.domain) == demand]:
            if len(mates) == most or not self.gauges.may(self.scopes, each):
                break
            if not self.doors.may_join(names_of(self.scopes, each), one):
                break
            if not self._may_spend(now, is_urgent=queue is self.urgent):
                break
            queue.remove(each)
            self._took(each, one)
            mates.append(each)
        return mates

    def ask(self) -> None:
        """What waits here asks for what limits beyond this site have to let through."""
        for each in (*self.urgent, *self.bulk):
            self.gauges.allows(self.scopes, each)
            if not self._finds_door(each):
                self.doors.asks(names_of(self.scopes, each), Boarded())

    def put_back(self, each: Claimed) -> None:
        """It was not tried after all: it comes first."""
        self.spent -= 1
        (self.urgent if each.stream is Stream.TRANSACTIONAL else self.bulk).appendleft(each)

    def _may_spend(self, now: float, *, is_urgent: bool) -> bool:
        """Whether one may be tried now; then it counts as an attempt."""
        leave = 0.0 if is_urgent else self.share.reserve
        if not self._granted(is_urgent) or not (self._pace is None or self._pace.take(now, 1.0, leave)):
            return False
        self.spent += 1
        return True

    def has_for(self, suits: Callable[[Demand], bool]) -> bool:
        """Whether anything waits whose demand suits."""
        return any(self._first(queue, suits) is not None for queue in (self.urgent, self.bulk))

    def _first(self, queue: deque[Claimed], suits: Callable[[Demand], bool] | None) -> int | None:
        if suits is None or not self.demands:
            return 0 if queue else None
        return next((place for place, each in enumerate(queue) if suits(self.demand(each.domain))), None)

    def _first_allowed(
        self, queue: deque[Claimed], suits: Callable[[Demand], bool] | None, one: Boarded | None
    ) -> int | None:
        """The same, of those that no limit beyond this site holds back."""
        if not (self.gauges or self.doors):
            return self._first(queue, suits)
        return next(
            (
                place
                for place, each in enumerate(queue)
                if (suits is None or suits(self.demand(each.domain)))
                and self.gauges.allows(self.scopes, each)
                and (one is None or self.doors.asks(names_of(self.scopes, each), one))
            ),
            None,
        )

    def learn(self, domain: str, route: Route) -> None:
        """The way to a domain that is folded into this site, as it was found just now."""
        self.route = route
        _set(self.demands, domain, None if route.demand == _ANYHOW else route.demand)
        _set(self.reported, domain, (route.reported, route.no_policy) if route.reported else None)

    def forget_ways(self, known: Container[str]) -> None:
        """Let go of what was found with the ways to other domains than these, where nothing waits or is carried: it is found
        again with their ways."""
        kept = {each.domain for each in (*self.urgent, *self.bulk)}
        for table in (self.demands, self.reported):
            for domain in [each for each in table if each not in known and each not in kept]:
                del table[domain]

    def demand(self, domain: str) -> Demand:
        """What mail for a domain asks of a connection."""
        return self.demands.get(domain, _ANYHOW)

    @property
    def next_domain(self) -> str:
        """Whose mail comes first; "" when nothing waits."""
        first = self.urgent or self.bulk
        return first[0].domain if first else ""

    def empty(self) -> list[Claimed]:
        """All that waits, taken out."""
        out = [*self.urgent, *self.bulk]
        self.urgent.clear()
        self.bulk.clear()
        return out

    def empty_of(self, domains: set[str]) -> list[Claimed]:
        """What waits for these domains, taken out."""
        everything = self.empty()
        for each in everything:
            if each.domain not in domains:
                self.put(each)
        return [each for each in everything if each.domain in domains]

    def empty_of_shut(self) -> list[Claimed]:
        """What belongs to something that an operator suspended, taken out."""
        everything = self.empty()
        for each in everything:
            if not self.gauges.is_shut(self.scopes, each):
                self.put(each)
        return [each for each in everything if self.gauges.is_shut(self.scopes, each)]

    def empty_of_demand(self, demand: Demand) -> list[Claimed]:
        """What waits for a connection that is so, taken out."""
        asking = {each.domain for each in (*self.urgent, *self.bulk) if self.demand(each.domain) == demand}
        return self.empty_of(asking)

    def _granted(self, is_urgent: bool) -> bool:
        upto = self.share.upto if is_urgent else self.share.bulk_upto
        return upto is None or self.spent < upto

    def _allowed(self, now: float, *, is_urgent: bool) -> int:
        upto = self.share.upto if is_urgent else self.share.bulk_upto
        allowed = len(self) if upto is None else max(0, upto - self.spent)
        if self._pace is None:
            return allowed
        leave = 0.0 if is_urgent else self.share.reserve
        return min(allowed, max(0, int(self._pace.level(now) - leave + 1e-6)))


def _set(table: dict[str, T], key: str, value: T | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _bucket(old: TokenBucket | None, rate: float | None, burst: float, now: float) -> TokenBucket | None:
    """A bucket of this rate; what an older one had saved up or owes goes on."""
    if rate is None:
        return None
    if old is None:
        return TokenBucket(rate, burst)
    old.set_rate(rate, now)
    old.burst = burst
    return old
