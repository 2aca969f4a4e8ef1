"""The lanes of one scheduler, and which domain's mail goes on which: a domain's route folds it into a site.

Routes are asked for beside everything else, and used for a while. Where there are many lanes, those that carry nothing
are let go; what the store knows of their sites, it keeps.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from deliverability.reply import Reply
from deliverability.shaping.share import Share
from mta import maillog
from mta.outbound import tls_ledger
from mta.outbound.doors import Doors
from mta.outbound.due import site_row
from mta.outbound.gauges import Gauges
from mta.outbound.lane import Lane
from mta.outbound.tidings import Tidings
from mta.ports import Clock, Store, StoreTrouble
from mta.queue.places import place
from mta.routing.routes import NoRoute, Route, Router

LANES_MAX: Final = 2000  # sites kept in mind that carry nothing
ROUTE_SECONDS: Final = 30.0  # how long a route is used without asking again (the resolver keeps its own times)
ROUTES_MAX: Final = 50_000
ROUTING_MAX: Final = 100  # routes asked for at once
_NOWHERE: Final = Route("", ())


class Lanes:
    """`share`: of a new lane, where no conductor answers. `found` is told of a domain whose lane is known now, `no_route`
    of one that leads nowhere."""

    def __init__(
        self, *, store: Store, clock: Clock, router: Router, source: str, gauges: Gauges, doors: Doors, share: Share,
        tidings: Tidings, found: Callable[[str], None], no_route: Callable[[str, Reply], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._store, self._clock, self._router, self._source = store, clock, router, source
        self._gauges, self._doors, self._share, self._tidings = gauges, doors, share, tidings
        self._found, self._no_route = found, no_route
        self._by_site: dict[str, Lane] = {}
        self._routes: dict[str, tuple[float, Lane]] = {}  # by domain; until when it is fresh
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._to_forget: set[Lane] = set()  # whose domains' ways were let go
        self._routing = asyncio.Semaphore(ROUTING_MAX)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._by_site.values())

    def get(self, site: str) -> Lane | None:
        """The lane of a site (with the source that it is seen from)."""
        return self._by_site.get(site)

    @property
    def is_asking_much(self) -> bool:
        """Whether as many routes are being asked for as may be at once."""
        return len(self._asking) >= ROUTING_MAX

    def known(self, domain: str) -> Lane | None:
        """The lane of a domain as it was found last, be it long ago."""
        return self._routes.get(domain, (0.0, None))[1]

    def of(self, domain: str) -> Lane | None:
        """The lane of a domain whose route is known and fresh; else None, and the route is asked for beside the others."""
        fresh_until, lane = self._routes.get(domain, (0.0, None))
        if self._clock.monotonic() < fresh_until:
            return lane
        if domain not in self._asking:
            task = asyncio.create_task(self.find(domain))
            self._asking[domain] = task
            task.add_done_callback(lambda _: self._asking.pop(domain, None))
        return None

    async def find(self, domain: str) -> None:
        """Find where a domain's mail goes. A slow look-up holds up nobody but its own domain."""
        try:
            async with self._routing:
                route = await self._router.route(domain)
            if isinstance(route, NoRoute):
                await self._no_route(domain, route.reply)
                return
            name = place(route.site, self._source)
            lane = self._by_site.get(name)
            if lane is None:
                known = await self._store.read(lambda tx: (site_row(tx, name), tls_ledger.broken(tx, name)))
                (retry_ms, failures), (tls_broken_ms, _) = known
                lane = self._new(name, route, retry_ms, failures)
                lane.tls_broken_ms = tls_broken_ms
            lane.learn(domain, route)
        except StoreTrouble as err:
            maillog.store_trouble("route", err)
            return
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
            self._to_forget.update(self._by_site.values())
        self._routes[domain] = (self._clock.monotonic() + ROUTE_SECONDS, lane)
        self._found(domain)

    def nowhere(self, domain: str) -> Lane:
        """What stands for the site of a domain whose route can't be found now."""
        name = place(f"unresolved:{domain}", self._source)
        return self._by_site.setdefault(name, Lane(name, _NOWHERE))

    def forget_idle(self, now_ms: int, waits: Callable[[Lane], bool]) -> None:
        """Where there are many, let go of lanes that carry nothing now, and of what was found of domains. `waits`: for a
        connection. Nothing may be being claimed meanwhile: it would lose what its domain demands."""
        for lane in [each for each in self._to_forget if not each.connections]:
            lane.forget_ways(self._routes.keys())
            self._to_forget.discard(lane)
        if len(self._by_site) <= LANES_MAX:
            return
        idle = [lane for lane in self._by_site.values() if lane.is_idle(now_ms) and not waits(lane)]
        for lane in idle:
            lane.domains.clear()
            self._tidings.changed(lane)
            del self._by_site[lane.site]
        gone = set(idle)
        self._routes = {domain: kept for domain, kept in self._routes.items() if kept[1] not in gone}

    def _new(self, name: str, route: Route, retry_ms: int, failures: int) -> Lane:
        """The lane of a site that this carrier had nothing for until now. Another look-up may have made it meanwhile."""
        lane = self._by_site.get(name)
        if lane is None:
            lane = self._by_site[name] = Lane(name, route, retry_ms=retry_ms, failures=failures)
            lane.gauges, lane.doors = self._gauges, self._doors
            lane.scopes = self._gauges.of_lane(self._source, lane.provider)
            if self._tidings.is_heard:
                self._tidings.new_lane(lane)
            else:
                lane.share = self._share
        return lane
