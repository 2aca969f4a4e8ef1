"""The conductor: keeps each site's book in the front office and allots the carriers their shares.

Carriers tell it what they have to carry and what came of it (over engine.link), it answers with shares, so that a limit
holds over all of them together. It also keeps the bounce guard, and the word of an operator who suspends a site or a
domain. What was learnt and what is suspended is in the database; everything else is told anew after a restart.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

from deliverability.shaping.book import Book
from deliverability.shaping.controller import Controller
from deliverability.shaping.guard import Guard
from deliverability.shaping.limits import SCOPES, Limits, Said, effective, own_layers
from deliverability.shaping.providers import limits_of, provider_of
from deliverability.shaping.share import Report
from engine.allowances import Allowances, Allowing, Send
from engine.slowing import Slowings
from engine.suspending import Suspensions
from mta import maillog
from mta.outbound.settings import OutboundSettings
from mta.outbound.sources import Way
from mta.ports import Chance, Clock, Store, StoreTrouble, Tx, to_ms
from mta.queue import shaping
from mta.queue.claiming import BUCKETS
from mta.queue.delivery import Stream
from mta.queue.places import place, site_and_source
from mta.queue.shaping import GUARD, Suspension

TICK_SECONDS: Final = 0.5
SAVE_TICKS: Final = 10  # what was learnt is written every so many ticks, a complaint at once
CHUNK: Final = 500  # sites in one message
KEEP_BOOKS: Final = 20_000  # more than that, and those that nobody has anything for are closed


class Settings(Allowing, Protocol):
    """What it needs of the configuration."""

    @property
    def outbound(self) -> OutboundSettings: ...
    @property
    def carriers(self) -> int: ...
    @property
    def ways(self) -> tuple[Way, ...]: ...


Disbelieve = Callable[[Tx, str, datetime], int]
"""Takes back what was concluded from a domain's refusals since then; how many."""


class Conductor:
    def __init__(
        self, store: Store, clock: Clock, chance: Chance, settings: Settings, send: Send, disbelieve: Disbelieve,
        spread: Callable[[], None],
    ) -> None:  # fmt: skip
        """`spread` lets the conductors of other machines know that what is suspended changed."""
        self._store, self._clock, self._chance, self._settings = store, clock, chance, settings
        self._send, self._disbelieve = send, disbelieve
        self._source = settings.outbound.source
        self._guard = Guard(settings.shaping)
        self._carriers: set[int] = set()
        self._unsaved: set[str] = set()
        self.books: dict[str, Book] = {}
        self.allowances = Allowances(settings, send)
        self.suspending = Suspensions(store, clock, self, spread)
        self.slowings = Slowings(store, clock, self._brake, spread)

    # -- its life

    async def start(self) -> None:
        """Read what is suspended."""
        await self.refresh()
        await self._store.read(self.allowances.restore)
        self.allowances.turn_day(self._clock.now())  # what is told before the first tick belongs to today

    async def run(self) -> None:
        """Until cancelled."""
        ticks = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
            try:
                await self.tick(save=ticks % SAVE_TICKS == 0)
            except StoreTrouble as err:
                maillog.store_trouble("shaping", err)

    async def tick(self, *, save: bool = True) -> None:
        """Share out anew what time has freed, end suspensions whose time is over, keep what was learnt."""
        now = self._clock.now()
        await self.suspending.end_over()
        await self.slowings.end_over()
        self._answer([book for book in self.books.values() if not book.is_plain])
        self.allowances.turn_day(now)
        self.allowances.grant(now.timestamp())
        if save:
            await self.save()
            self._close_books()

    async def save(self) -> None:
        """Write what was learnt since the last time."""
        unsaved, self._unsaved = self._unsaved, set()
        books = [self.books[site] for site in sorted(unsaved)]  # in one order, as everybody who writes sites
        now = self._clock.now()
        rows = [(book.site, book.controller.learnt, book.to_dict(now.timestamp())) for book in books]
        allowed = self.allowances.news(now.timestamp())

        def work(tx: Tx) -> None:
            for site, learnt, kept in rows:
                shaping.keep(tx, *self._source_and_site(site), kept, now)
                base, source = site_and_source(site)
                if source and learnt.reason:
                    shaping.note_reply(tx, base, learnt.reason, to_ms(now))
                shaping.rest(tx, site, int(learnt.paused_until * 1000), learnt.strikes, learnt.reason, now)
            for (source, name), news in sorted(allowed.items()):
                shaping.keep(tx, source, name, news, now)

        if rows or allowed:
            try:
                await self._store.write(work)
            except StoreTrouble:
                self._unsaved |= unsaved
                raise

    def use(self, settings: Settings) -> None:
        """The configuration was read again."""
        self._settings = settings
        self._source = settings.outbound.source
        self._guard.settings = settings.shaping
        for book in self.books.values():
            book.carriers, book.reserve = settings.carriers, settings.shaping.reserve
            book.use(self._said(book.site, book.provider, book.hosts))
            book.controller.back_off = settings.shaping.pause
        self.allowances.use(settings)
        self._answer(self.books.values())

    # -- carriers

    async def hear(self, carrier: int, message: Mapping[str, Any]) -> None:
        """What a carrier said."""
        if carrier not in self._carriers:
            self._carriers.add(carrier)
            self._tell_pauses({carrier})
        try:
            if "sites" in message:
                await self._hear_sites(carrier, [Report.from_dict(each) for each in message["sites"]])
            if "scopes" in message:
                self.allowances.hear(carrier, message["scopes"], self._clock.now().timestamp())
            for domain, (attempts, hard) in message.get("fates", {}).items():
                await self._hear_fate(domain, attempts, hard)
        except StoreTrouble as err:
            maillog.store_trouble("shaping", err)

    def lost(self, carrier: int) -> None:
        """A carrier is gone; what it held is free."""
        self._carriers.discard(carrier)
        now = self._clock.now().timestamp()
        for book in self.books.values():
            book.forget(carrier, now)
        self.allowances.lost(carrier, now)
        self._answer([book for book in self.books.values() if not book.is_plain])

    async def _hear_sites(self, carrier: int, reports: list[Report]) -> None:
        await self._open_books(reports)
        if carrier not in self._carriers:
            return  # it went while we read
        now = self._clock.now()
        heard = []
        slowed = False
        for report in reports:
            book = self.books[report.site]
            strikes = book.controller.learnt.strikes
            before = book.peers[carrier].spent if carrier in book.peers else 0
            jitter = self._chance.uniform(-1, 1)
            if book.hear(carrier, report, now.timestamp(), jitter=jitter):
                self._log_slowed(book, now)
                slowed = True
            if (
                (book.ledgers and book.is_spending)
                or book.controller.learnt != book.kept
                or strikes != book.controller.learnt.strikes
            ):
                self._unsaved.add(report.site)
                book.kept = replace(book.controller.learnt)
            self.allowances.note(book, report, before)
            if report.complaints:
                book.peers[carrier].must_hear = True
            heard.append(book)
        self._answer(heard)
        if slowed:
            await self.save()

    def has_stand_in(self, book: Book, stream: Stream | None = None) -> bool:
        """Whether another source may send what this one is refused with: one of the stream's pool that is warm and may try
        that site now."""
        site, source = site_and_source(book.site)
        now = self._clock.now().timestamp()
        for way in self._settings.ways:
            low, high = way.buckets[stream] if stream is not None else (0, 1)
            if low == high or way.source.name in (source, *self._settings.warming):
                continue
            other = self.books.get(place(site, way.source.name))
            if other is None or not other.controller.is_paused(now):
                return True
        return False

    def _log_slowed(self, book: Book, now: datetime) -> None:
        learnt = book.controller.learnt
        if learnt.is_blocked:
            site, source = site_and_source(book.site)
            maillog.address_refused(site, source=source, stands_in=self.has_stand_in(book), reply=learnt.reason)
        maillog.site_slowed(
            book.site, seconds=max(0.0, learnt.paused_until - now.timestamp()), rate=learnt.rate,
            connections=book.connections, rule=learnt.rule, reply=learnt.reason,
        )  # fmt: skip

    def _answer(self, books: Iterable[Book]) -> None:
        """Tell the carriers what changed of their shares."""
        now = self._clock.now().timestamp()
        news: dict[int, dict[str, Any]] = {}
        for book in books:
            for carrier, share in book.shares(now).items():
                news.setdefault(carrier, {})[book.site] = share.to_dict()
        for carrier, shares in news.items():
            sites = list(shares)
            for begin in range(0, len(sites), CHUNK):
                self._send(carrier, shares={site: shares[site] for site in sites[begin : begin + CHUNK]})

    # -- books

    async def _open_books(self, reports: Iterable[Report]) -> None:
        new = {each.site: each.hosts for each in reports if each.site not in self.books}
        if not new:
            return
        known = await self._store.read(lambda tx: {each: self._learnt(tx, each) for each in new})
        for each, hosts in new.items():
            if each not in self.books:  # another carrier may have asked meanwhile
                self.books[each] = self._book(each, hosts, known[each])

    def _learnt(self, tx: Tx, where: str) -> dict[str, Any] | None:
        source, site = self._source_and_site(where)
        return shaping.learnt(tx, source, [site]).get(site)

    def _source_and_site(self, where: str) -> tuple[str, str]:
        """What it is kept under: a source without a name is known by its address."""
        site, source = site_and_source(where)
        return source or self._source, site

    def books_of(self, site: str) -> list[Book]:
        """A site's books: one for each source that has mail for it; those that hold most up come first. `site` may also
        name one of them alone."""
        found = [book for where, book in self.books.items() if site in (where, site_and_source(where)[0])]
        return sorted(
            found, key=lambda book: (-book.paused_until(), -sum(p.waiting for p in book.peers.values()), book.site)
        )

    def outlook(self, tx: Tx, site: str) -> list[tuple[float, Book]]:
        """A site's books for marketing mail, one for each source, with its share; as they would be, where none is open."""
        hosts = () if site.startswith("transport:") else tuple(site.split(","))
        found = []
        for way in self._settings.ways:
            low, high = way.buckets[Stream.MARKETING]
            where = place(site, way.source.name)
            if low < high:
                book = self.books.get(where) or self._book(where, hosts, self._learnt(tx, where))
                found.append(((high - low) / BUCKETS, book))
        return found

    def _book(self, site: str, hosts: tuple[str, ...], known: dict[str, Any] | None) -> Book:
        settings = self._settings.shaping
        provider = provider_of(hosts)
        controller = Controller(settings.pause, known=bool(provider))
        if known is not None:
            controller.restore(known)
            controller.heed_clock(self._clock.now().timestamp())
        book = Book(
            site, provider, self._said(site, provider, hosts), controller, settings.reserve, self._settings.carriers,
            hosts=hosts,
        )  # fmt: skip
        book.restore((known or {}).get("windows", {}))
        if (held := self.suspensions.get(("site", site_and_source(site)[0]))) is not None:
            book.suspended_until = held.until_ms / 1000
        return book

    def _said(self, site: str, provider: str, hosts: tuple[str, ...]) -> dict[str, Said]:
        outbound = self._settings.outbound
        general = [
            ("posthouse.toml outbound.site_connections", Limits(connections=outbound.site_connections)),
            ("posthouse.toml outbound.connection_deliveries", Limits(per_connection=outbound.connection_deliveries)),
            (f"providers.toml {provider}", limits_of(provider)),
        ]
        own = own_layers(self._settings.shaping, site_and_source(site)[0], provider, hosts)
        return self.slowings.narrow(site_and_source(site)[0], effective(general, own))

    def _close_books(self) -> None:
        if len(self.books) > KEEP_BOOKS:
            idle = [site for site, book in self.books.items() if book.is_plain and not book.is_wanted]
            for site in idle[: len(self.books) - KEEP_BOOKS]:
                if site not in self._unsaved:
                    del self.books[site]

    # -- the bounce guard

    async def _hear_fate(self, domain: str, attempts: int, hard: int) -> None:
        now = self._clock.now()
        found = self._guard.saw(domain, attempts, hard, now.timestamp())
        if found is None or ("domain", domain) in self.suspensions:
            return
        tried, bounced = found
        settings = self._settings.shaping
        why = f"{bounced} of {tried} attempts within {settings.guard_window} were refused for good"
        await self.suspending.suspend("domain", domain, now + settings.guard_pause, by=GUARD, why=why)
        since = now - settings.guard_window
        await self._store.write(lambda tx: self._disbelieve(tx, domain, since))

    # -- an operator's word

    @property
    def suspensions(self) -> Mapping[tuple[str, str], Suspension]:
        """What is suspended, by scope and name."""
        return self.suspending.held

    async def refresh(self) -> None:
        """Know what is suspended and slowed; another machine's conductor may have changed it."""
        await self.suspending.read()
        await self.slowings.read()

    def heed_clock(self) -> None:
        """The clock was set back: no site rests until the time that was."""
        now = self._clock.now().timestamp()
        self._unsaved |= {site for site, book in self.books.items() if book.controller.heed_clock(now)}
        self._answer(self.books.values())

    def _brake(self, sites: Iterable[str]) -> None:
        """An operator slows them, or does so no longer."""
        for book in [each for site in sites for each in self.books_of(site)]:
            book.use(self._said(book.site, book.provider, book.hosts))
            self._answer([book])

    async def forgive(self, name: str) -> None:
        """An operator wants a site tried now: its pause is over. What was learnt of its rate stays."""
        site = await self._store.read(lambda tx: shaping.site_of(tx, name)) or name
        books = self.books_of(site)
        for book in books:
            book.controller.learnt.paused_until = 0.0
            self._unsaved.add(book.site)
        if books:
            await self.save()
            self._answer(books)

    def obey(self, each: Suspension) -> None:
        """It is suspended from now on."""
        if each.scope == "site":
            self._suspend_books(each.name, each.until_ms / 1000)
        else:
            self.tell_suspended()

    def relent(self, each: Suspension) -> None:
        """It is suspended no longer."""
        if each.scope == "domain":
            self._guard.forget(each.name)
        elif each.scope == "site":
            self._suspend_books(each.name, 0.0)

    def _suspend_books(self, site: str, until: float) -> None:
        books = self.books_of(site)
        for book in books:
            book.suspended_until = until
        self._answer(books)

    def tell_suspended(self) -> None:
        """All carriers are told what is."""
        self._tell_pauses(self._carriers)

    def _tell_pauses(self, carriers: Iterable[int]) -> None:
        domains = [each for each in self.suspensions.values() if each.scope == "domain"]
        shut = [f"{scope}:{name}" for scope, name in self.suspensions if scope in SCOPES]
        for carrier in carriers:
            self._send(
                carrier,
                paused={each.name: each.until_ms for each in domains},
                doubted=[each.name for each in domains if each.is_guard],
                shut=shut,
            )
