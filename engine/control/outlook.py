"""The outlook: what limits marketing mail to each domain, as the conductor has it now, put into gates for the forecast."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from deliverability.shaping.book import Book
from deliverability.shaping.ledger import Ledger
from deliverability.shaping.limits import WINDOWS
from deliverability.shaping.scopes import warming
from engine.campaigns.forecast import Budget, Gate
from engine.conductor import Conductor
from engine.house import House
from mta.ports import Tx
from mta.queue import shaping
from mta.queue.places import site_and_source

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a domain: the share of its mail that goes it, and the names of what that must pass."""

    share: float
    gates: tuple[str, ...]


@dataclass(slots=True)
class Outlook:
    """Gates by name, and the ways to each domain."""

    gates: dict[str, Gate] = field(default_factory=dict)
    routes: dict[str, tuple[Route, ...]] = field(default_factory=dict)
    campaigns: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what all mail of one must pass

    def rate(self, domain: str) -> float | None:
        """Mails a second to a domain, over all ways; None where one of them has no limit."""
        rates = [min(self._rates(each), default=None) for each in self.routes.get(domain, ())]
        known = [each for each in rates if each is not None]
        return sum(known) if known and len(known) == len(rates) else None

    def limit(self, domain: str) -> str:
        """Who limits mail to a domain, in words; "" for nobody."""
        found = [
            gate for each in self.routes.get(domain, ()) for name in each.gates if (gate := self.gates[name]).is_limit
        ]
        return "; ".join(dict.fromkeys(gate.why for gate in found if gate.why))

    def _rates(self, route: Route) -> Iterable[float]:
        for name in route.gates:
            gate = self.gates[name]
            if gate.rate is not None:
                yield gate.rate
            for each in gate.budgets:
                yield each.most[0] / each.seconds


def look(
    tx: Tx, house: House, conductor: Conductor, domains: Iterable[str], campaigns: Iterable[str], now: datetime
) -> Outlook:
    """What holds for mail to these domains ("": any other), and for these campaigns."""
    looking = _Looking(house, conductor, now.timestamp())
    for domain in domains:
        site = (shaping.site_of(tx, domain) or domain) if domain else ""
        looking.domain(domain, conductor.outlook(tx, site) if site else [])
    for name in campaigns:
        looking.campaign(name)
    return looking.found


class _Looking:
    def __init__(self, house: House, conductor: Conductor, now: float) -> None:
        self._house, self._conductor, self._now = house, conductor, now
        self.found = Outlook()

    def domain(self, domain: str, books: list[tuple[float, Book]]) -> None:
        of_all = [*self._scope("stream:marketing"), *self._suspended("domain", domain)]
        routes = []
        for share, book in books:
            source = site_and_source(book.site)[1]
            names = [self._site(book), *self._warm_up(source, book.provider), *of_all]
            for scope in (f"provider:{book.provider}", f"source:{source}"):
                names += self._scope(scope)
            routes.append(Route(share, tuple(names)))
        self.found.routes[domain] = tuple(routes) or (Route(1.0, tuple(of_all)),)

    def campaign(self, name: str) -> None:
        self.found.campaigns[name] = tuple(self._scope(f"campaign:{name}"))

    def _site(self, book: Book) -> str:
        name = f"site {book.site}"
        if name not in self.found.gates:
            budgets = tuple(
                self._budget(ledger, reserve=book.reserve)
                for key, ledger in book.ledgers.items()
                if key != "per_minute"
            )
            self.found.gates[name] = Gate(book.rate, budgets, book.paused_until(), _origin(book))
        return name

    def _warm_up(self, source: str, provider: str) -> list[str]:
        allowances, settings = self._conductor.allowances, self._house.config.warm_up
        state = allowances.warmings.get((source, provider))
        name = warming(source, provider)
        if state is None or allowances.overflows or state.allowance(settings) is None:
            return []
        book = allowances.scopes.get(name)
        ledger = book.ledgers.get("per_day") if book else None
        used = ledger.used(self._now) if ledger else 0
        why = f"warm-up of {source or 'the source'}, day {state.stage + 1} of {len(settings.schedule)}"
        # After the last day nothing of it holds: as much as no day can use.
        most = (*settings.schedule[state.stage :], 1 << 40)
        self.found.gates[name] = Gate(None, (Budget(most, DAY, used),), why=why)
        return [name]

    def _scope(self, name: str) -> list[str]:
        """A limit over all sites, where one is set, or where it is suspended."""
        books = self._conductor.allowances.about(name)
        kind, _, which = name.partition(":")
        held = self._suspended(kind, which)
        ledgers = {key: each for book in books for key, each in book.ledgers.items() if key in (*WINDOWS, "per_second")}
        if not ledgers:
            return held
        rates = [each.limit / each.window for key, each in ledgers.items() if key in ("per_second", "per_minute")]
        budgets = tuple(self._budget(each) for key, each in ledgers.items() if key in ("per_hour", "per_day"))
        self.found.gates[name] = Gate(min(rates, default=None), budgets, why=f"shaping.limits {name}")
        return [name, *held]

    def _suspended(self, scope: str, name: str) -> list[str]:
        each = self._conductor.suspensions.get((scope, name))
        if each is None:
            return []
        key = f"suspended {scope} {name}"
        self.found.gates[key] = Gate(None, (), each.until_ms / 1000, f"suspended by {each.by}")
        return [key]

    def _budget(self, ledger: Ledger, reserve: float = 0.0) -> Budget:
        most = max(1, int(ledger.limit * (1 - reserve)))
        return Budget((most,), ledger.window, min(most, ledger.used(self._now)))


def _origin(book: Book) -> str:
    """Who set the pace of a site."""
    learnt = book.controller.learnt
    if learnt.rate is not None and learnt.rate == book.rate:
        return f"learnt from replies ({learnt.rule})" if learnt.rule else "learnt from replies"
    said = [book.said[name].origin for name in ("per_second", *WINDOWS) if name in book.said]
    return said[0] if said else ""
