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
from deliverability.shaping.limits import SCOPES, Limits, Said, ShapingSettings, effective, of_scope, own_layers
from deliverability.shaping.providers import limits_of, provider_of, providers
from deliverability.shaping.scopes import ScopeBook, Use, warming
from deliverability.shaping.share import Report
from deliverability.shaping.slots import DOORS, SLOTS, SlotBook, book_of, parts
from deliverability.shaping.warmup import Warming, WarmUpSettings
from mta import maillog
from mta.outbound.settings import OutboundSettings
from mta.outbound.sources import Way
from mta.ports import Chance, Clock, Store, StoreTrouble, Tx, to_ms
from mta.queue import shaping
from mta.queue.delivery import Stream
from mta.queue.places import place, site_and_source
from mta.queue.shaping import GUARD, Suspension

TICK_SECONDS: Final = 0.5
SAVE_TICKS: Final = 10  # what was learnt is written every so many ticks, a complaint at once
CHUNK: Final = 500  # sites in one message
KEEP_BOOKS: Final = 20_000  # more than that, and those that nobody has anything for are closed


class Send(Protocol):
    """Says something to one carrier, by its process id."""

    def __call__(self, carrier: int, **message: Any) -> None: ...


class Settings(Protocol):
    """What it needs of the configuration."""

    @property
    def shaping(self) -> ShapingSettings: ...
    @property
    def outbound(self) -> OutboundSettings: ...
    @property
    def carriers(self) -> int: ...
    @property
    def warm_up(self) -> WarmUpSettings: ...
    @property
    def ways(self) -> tuple[Way, ...]: ...
    @property
    def warming(self) -> tuple[str, ...]: ...
    @property
    def has_warm_source(self) -> bool: ...


Disbelieve = Callable[[Tx, str, datetime], int]
"""Takes back what was concluded from a domain's refusals since then; how many."""


class Conductor:
    def __init__(
        self, store: Store, clock: Clock, chance: Chance, settings: Settings, send: Send, disbelieve: Disbelieve,
        spread: Callable[[], None],
    ) -> None:  # fmt: skip
        """`spread` lets the conductors of other machines know that what is suspended changed."""
        self._store, self._clock, self._chance, self._settings = store, clock, chance, settings
        self._send, self._disbelieve, self._spread = send, disbelieve, spread
        self._source = settings.outbound.source
        self._guard = Guard(settings.shaping)
        self._carriers: set[int] = set()
        self._unsaved: set[str] = set()
        self.books: dict[str, Book] = {}
        self.scopes: dict[str, ScopeBook | SlotBook] = {}
        self.warmings: dict[tuple[str, str], Warming] = {}  # by source and provider
        self.suspensions: dict[tuple[str, str], Suspension] = {}
        self._suspending = asyncio.Lock()  # so that what is known here and what is written down change together

    # -- its life

    async def start(self) -> None:
        """Read what is suspended."""
        now = self._clock.now()
        self.suspensions = _by_name(await self._store.read(lambda tx: shaping.suspensions(tx, now)))
        self.warmings = await self._store.read(self._kept_warmings)
        self._use_scopes()
        kept = await self._store.read(lambda tx: shaping.learnt(tx, "", self.scopes))
        for name, rows in kept.items():
            self.scopes[name].restore(rows)
        self._turn_day(now)  # what is told before the first tick belongs to today

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
        over = [key for key, each in self.suspensions.items() if each.until_ms <= to_ms(now)]
        for key in over:
            self._forget_suspension(self.suspensions.pop(key))
        if over:
            await self._store.write(lambda tx: shaping.drop_ended(tx, now))
            self._tell_pauses(self._carriers)
        self._answer([book for book in self.books.values() if not book.is_plain])
        self._turn_day(now)
        self._grant()
        if save:
            await self.save()
            self._close_books()

    async def save(self) -> None:
        """Write what was learnt since the last time."""
        unsaved, self._unsaved = self._unsaved, set()
        books = [self.books[site] for site in sorted(unsaved)]  # in one order, as everybody who writes sites
        now = self._clock.now()
        rows = [(book.site, book.controller.learnt, book.to_dict(now.timestamp())) for book in books]
        warmings = {key: each.to_dict() for key, each in self.warmings.items() if each.day}
        scopes = {name: each.to_dict(now.timestamp()) for name, each in self.scopes.items() if each.is_news}

        def work(tx: Tx) -> None:
            for site, learnt, kept in rows:
                shaping.keep(tx, *self._source_and_site(site), kept, now)
                base, source = site_and_source(site)
                if source and learnt.reason:
                    shaping.note_reply(tx, base, learnt.reason, to_ms(now))
                shaping.rest(tx, site, int(learnt.paused_until * 1000), learnt.strikes, learnt.reason, now)
            for name, spent in sorted(scopes.items()):
                shaping.keep(tx, "", name, spent, now)
            for (source, provider), state in sorted(warmings.items()):
                shaping.keep(tx, source, f"warm-up:{provider}", state, now)

        if rows or scopes or warmings:
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
        self._use_scopes()
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
                self._hear_scopes(carrier, message["scopes"])
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
        for scope in self.scopes.values():
            scope.forget(carrier, now)
        self._grant()
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
            self._note_warming(book, report, before)
            if report.complaints:
                book.peers[carrier].must_hear = True
            heard.append(book)
        self._answer(heard)
        if slowed:
            await self.save()

    # -- limits beyond one site

    def _use_scopes(self) -> None:
        wanted: dict[str, dict[str, Said]] = {}
        for key, said in self._settings.shaping.scopes.items():
            wanted |= parts(key, of_scope(key, said))
        for (source, provider), state in self._warmings_now().items():
            wanted[warming(source, provider)] = self._said_of(state)
        self.scopes = {name: self.scopes.get(name) or book_of(name, limits) for name, limits in wanted.items()}
        for name, limits in wanted.items():
            self.scopes[name].use(limits)

    def scopes_about(self, name: str) -> list[ScopeBook | SlotBook]:
        """The books of something over all sites: of its attempts, of new connections, of connections at once."""
        return [self.scopes[kind + name] for kind in ("", DOORS, SLOTS) if kind + name in self.scopes]

    # -- warm-up

    @property
    def overflows(self) -> bool:
        """Whether what a new source has no room for leaves by another one at once."""
        return self._settings.has_warm_source

    def _kept_warmings(self, tx: Tx) -> dict[tuple[str, str], Warming]:
        found = {}
        for source in self._settings.warming:
            rows = shaping.learnt(tx, source, [f"warm-up:{provider}" for provider in providers()])
            found.update({(source, name.partition(":")[2]): Warming.from_dict(kept) for name, kept in rows.items()})
        return found

    def _warmings_now(self) -> dict[tuple[str, str], Warming]:
        """Each source that is new, with each provider."""
        pairs = [(source, provider) for source in self._settings.warming for provider in providers()]
        self.warmings = {pair: self.warmings.get(pair) or Warming() for pair in pairs}
        return self.warmings

    def _said_of(self, state: Warming) -> dict[str, Said]:
        settings = self._settings.warm_up
        allowance = state.allowance(settings)
        origin = f"warm-up, day {state.stage + 1} of {len(settings.schedule)} ({state.verdict})"
        return {"per_day": Said(allowance, origin)} if allowance is not None else {}

    def _turn_day(self, now: datetime) -> None:
        """A new day: judge the one before, and allow what follows from it."""
        settings = self._settings.warm_up
        for (source, provider), state in self.warmings.items():
            if state.turn(now.toordinal(), settings):
                self.scopes[warming(source, provider)].use(self._said_of(state))

    def _note_warming(self, book: Book, report: Report, before: int) -> None:
        """What a report says of a source that is new."""
        state = self.warmings.get((site_and_source(book.site)[1], book.provider))
        if state is not None:
            state.note(max(0, report.spent - before), report.refused, len(report.complaints))

    def _hear_scopes(self, carrier: int, said: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        for name, use in said.items():
            if name in self.scopes:
                self.scopes[name].hear(carrier, Use(*use), now)
        self._grant()

    def _grant(self) -> None:
        """Let as much through as there is room for."""
        now = self._clock.now().timestamp()
        news: dict[int, dict[str, tuple[int, int, bool]]] = {}
        for name, book in self.scopes.items():
            for carrier, grant in book.grants(now).items():
                news.setdefault(carrier, {})[name] = grant
        for carrier, grants in news.items():
            self._send(carrier, grants=grants)

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

    def _book(self, site: str, hosts: tuple[str, ...], known: dict[str, Any] | None) -> Book:
        settings = self._settings.shaping
        provider = provider_of(hosts)
        controller = Controller(settings.pause, known=bool(provider))
        if known is not None:
            controller.restore(known)
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
        return effective(general, own_layers(self._settings.shaping, site_and_source(site)[0], provider, hosts))

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
        await self.suspend("domain", domain, now + settings.guard_pause, by=GUARD, why=why)
        since = now - settings.guard_window
        await self._store.write(lambda tx: self._disbelieve(tx, domain, since))

    # -- an operator's word

    async def suspend(self, scope: str, name: str, until: datetime, *, by: str, why: str) -> None:
        """Let nothing go to a site or a domain, or leave of another scope, until then."""
        each = Suspension(scope, name, to_ms(until), by, why, to_ms(self._clock.now()))
        async with self._suspending:
            await self._store.write(lambda tx: shaping.suspend(tx, each))
            self.suspensions[scope, name] = each
        maillog.suspended(scope, name, until=until.isoformat(timespec="seconds"), by=by, why=why)
        self._obey(each)
        self._spread()

    async def resume(self, scope: str, name: str, *, by: str) -> bool:
        """Let it go on. False when it was not suspended."""
        async with self._suspending:
            found = await self._store.write(lambda tx: shaping.resume(tx, scope, name))
            each = self.suspensions.pop((scope, name), None)
        if each is not None:
            maillog.resumed(scope, name, by=by)
            self._forget_suspension(each)
            self._tell_pauses(self._carriers)
        self._spread()
        return found

    async def refresh(self) -> None:
        """Another machine's conductor suspended or resumed something: do as it does."""
        now = self._clock.now()
        async with self._suspending:
            fresh = _by_name(await self._store.read(lambda tx: shaping.suspensions(tx, now)))
            known, self.suspensions = self.suspensions, fresh
        for key in known.keys() - self.suspensions.keys():
            self._forget_suspension(known[key])
        for key, each in self.suspensions.items():
            if known.get(key) != each:
                self._obey(each)
        self._tell_pauses(self._carriers)

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

    def _obey(self, each: Suspension) -> None:
        if each.scope == "site":
            self._suspend_books(each.name, each.until_ms / 1000)
        else:
            self._tell_pauses(self._carriers)

    def _forget_suspension(self, each: Suspension) -> None:
        if each.scope == "domain":
            self._guard.forget(each.name)
        elif each.scope == "site":
            self._suspend_books(each.name, 0.0)

    def _suspend_books(self, site: str, until: float) -> None:
        books = self.books_of(site)
        for book in books:
            book.suspended_until = until
        self._answer(books)

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


def _by_name(found: Iterable[Suspension]) -> dict[tuple[str, str], Suspension]:
    return {(each.scope, each.name): each for each in found}
