"""What the conductor allows over all sites together: limits by source, provider, stream and campaign, and sources that
warm up. Carriers say what they used and what waits, they are granted what is left.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from deliverability.shaping.book import Book
from deliverability.shaping.limits import Said, ShapingSettings, of_scope
from deliverability.shaping.providers import providers
from deliverability.shaping.scopes import ScopeBook, Use, warming
from deliverability.shaping.share import Report
from deliverability.shaping.slots import DOORS, SLOTS, SlotBook, book_of, parts
from deliverability.shaping.warmup import Warming, WarmUpSettings
from mta.ports import Tx
from mta.queue import shaping
from mta.queue.places import site_and_source


class Send(Protocol):
    """Says something to one carrier, by its process id."""

    def __call__(self, carrier: int, **message: Any) -> None: ...


class Allowing(Protocol):
    """What it needs of the configuration."""

    @property
    def shaping(self) -> ShapingSettings: ...
    @property
    def warm_up(self) -> WarmUpSettings: ...
    @property
    def warming(self) -> tuple[str, ...]: ...
    @property
    def has_warm_source(self) -> bool: ...


class Allowances:
    def __init__(self, settings: Allowing, send: Send) -> None:
        self._settings, self._send = settings, send
        self.scopes: dict[str, ScopeBook | SlotBook] = {}
        self.warmings: dict[tuple[str, str], Warming] = {}  # by source and provider

    # -- across restarts

    def restore(self, tx: Tx) -> None:
        """Go on with what was written down."""
        for source in self._settings.warming:
            rows = shaping.learnt(tx, source, [f"warm-up:{provider}" for provider in providers()])
            for name, kept in rows.items():
                self.warmings[source, name.partition(":")[2]] = Warming.from_dict(kept)
        self._open()
        for name, kept in shaping.learnt(tx, "", self.scopes).items():
            self.scopes[name].restore(kept)

    def news(self, now: float) -> dict[tuple[str, str], dict[str, Any]]:
        """What is to be written down, by source ("" is none) and name."""
        scopes = {("", name): each.to_dict(now) for name, each in self.scopes.items() if each.is_news}
        warmings = {
            (source, f"warm-up:{provider}"): each.to_dict()
            for (source, provider), each in self.warmings.items()
            if each.day
        }
        return scopes | warmings

    def use(self, settings: Allowing) -> None:
        """The configuration was read again."""
        self._settings = settings
        self._open()

    def _open(self) -> None:
        """A book for each limit that is set, and one for each source that is new with each provider."""
        pairs = [(source, provider) for source in self._settings.warming for provider in providers()]
        self.warmings = {pair: self.warmings.get(pair) or Warming() for pair in pairs}
        wanted: dict[str, dict[str, Said]] = {}
        for key, said in self._settings.shaping.scopes.items():
            wanted |= parts(key, of_scope(key, said))
        for (source, provider), state in self.warmings.items():
            wanted[warming(source, provider)] = self._said_of(state)
        self.scopes = {name: self.scopes.get(name) or book_of(name, limits) for name, limits in wanted.items()}
        for name, limits in wanted.items():
            self.scopes[name].use(limits)

    # -- what carriers say, and are told

    def hear(self, carrier: int, said: Mapping[str, Any], now: float) -> None:
        """What a carrier used, and what waits."""
        for name, use in said.items():
            if name in self.scopes:
                self.scopes[name].hear(carrier, Use(*use), now)
        self.grant(now)

    def lost(self, carrier: int, now: float) -> None:
        """A carrier is gone; what it was granted counts as used."""
        for scope in self.scopes.values():
            scope.forget(carrier, now)
        self.grant(now)

    def grant(self, now: float) -> None:
        """Let as much through as there is room for."""
        news: dict[int, dict[str, tuple[int, int, bool]]] = {}
        for name, book in self.scopes.items():
            for carrier, grant in book.grants(now).items():
                news.setdefault(carrier, {})[name] = grant
        for carrier, grants in news.items():
            self._send(carrier, grants=grants)

    def about(self, name: str) -> list[ScopeBook | SlotBook]:
        """The books of something over all sites: of its attempts, of new connections, of connections at once."""
        return [self.scopes[kind + name] for kind in ("", DOORS, SLOTS) if kind + name in self.scopes]

    # -- warm-up

    @property
    def overflows(self) -> bool:
        """Whether what a new source has no room for leaves by another one at once."""
        return self._settings.has_warm_source

    def turn_day(self, now: datetime) -> None:
        """A new day: judge the one before, and allow what follows from it."""
        settings = self._settings.warm_up
        for (source, provider), state in self.warmings.items():
            if state.turn(now.toordinal(), settings):
                self.scopes[warming(source, provider)].use(self._said_of(state))

    def note(self, book: Book, report: Report, before: int) -> None:
        """What a report says of a source that is new. `before`: what the carrier had spent by its last report."""
        state = self.warmings.get((site_and_source(book.site)[1], book.provider))
        if state is not None:
            state.note(max(0, report.spent - before), report.refused, len(report.complaints))

    def _said_of(self, state: Warming) -> dict[str, Said]:
        settings = self._settings.warm_up
        allowance = state.allowance(settings)
        origin = f"warm-up, day {state.stage + 1} of {len(settings.schedule)} ({state.verdict})"
        return {"per_day": Said(allowance, origin)} if allowance is not None else {}
