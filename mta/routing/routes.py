"""Where mail for a domain goes: transport map, smart host, then DNS (RFC 5321 section 5.1, RFC 7505).

The domain's owner writes the DNS, so every address that came out of it is judged before anybody connects to it
(mta.routing.prohibited). Next hops that our administrator named are taken at their word, loopback or not.

What a failure means: a domain that does not exist, that takes no mail, or whose hosts cannot be, fails for good.
Trouble with DNS, and whatever our own administrator may have forgotten (a private network, our own address), waits.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from deliverability.reply import Reply
from mta.ports import REDIRECTED, Chance
from mta.routing.hops import Demand, Hop, Level, Login, Protocol
from mta.routing.policy import Failure, Found, Policies, Reported
from mta.routing.prohibited import IpAddress, Prohibited, prohibited
from mta.routing.resolver import (
    Addresses,
    Mx,
    MxAnswer,
    NoSuchDomain,
    NullMx,
    Resolver,
    TemporaryFailure,
    is_address,
)
from mta.routing.settings import RoutingSettings

__all__ = ["Host", "NoRoute", "Route", "Router", "RoutingSettings"]

T = TypeVar("T")

MAX_EXCHANGERS: Final = 12  # of one domain; a stranger may list a thousand
MAX_HOSTS: Final = 20  # addresses in one route
LOCALHOST: Final = ("127.0.0.1", "::1")  # RFC 6761 section 6.3: not a question for DNS


@dataclass(frozen=True, slots=True)
class Host:
    """One address to try. An address that begins with a slash is the path of a Unix socket."""

    name: str
    address: str
    port: int
    is_named: bool = False  # by our administrator, not by DNS


@dataclass(frozen=True, slots=True)
class Route:
    """`site`: what shaping and back-off go by. All domains with the same exchangers are one site: their host names,
    sorted, with commas; or "transport:host:port" for a next hop that was named.
    """

    site: str
    hosts: tuple[Host, ...]  # in the order to try them
    demand: Demand = Demand()  # noqa: RUF009 - frozen; of the domain that was asked for, not of the site
    protocol: Protocol = Protocol.SMTP
    login: Login | None = None
    reported: Reported | None = None  # who is told how the TLS of sessions for this domain came out
    no_policy: Failure | None = None  # why the policy that the domain announces could not be had


@dataclass(frozen=True, slots=True)
class NoRoute:
    """There is no way, and `reply` says why and whether to wait."""

    reply: Reply


class Router:
    """Finds routes. `own`: this machine's addresses, as the outside sees them."""

    def __init__(
        self, settings: RoutingSettings, resolver: Resolver, chance: Chance, own: Collection[IpAddress] = (),
        policies: Policies | None = None, is_own_door: Callable[[str, int], bool] = lambda *_: False,
        ours: Collection[str] = (),
    ) -> None:  # fmt: skip
        """`is_own_door`: whether we listen at an address and port. `ours`: domains whose mail is read here."""
        self._is_own_door, self._ours = is_own_door, frozenset(ours)
        self._settings, self._resolver, self._chance, self._policies = settings, resolver, chance, policies
        self._own = frozenset(own)

    async def route(self, domain: str) -> Route | NoRoute:
        """The way to `domain` (A-labels, lower case), or to the next hop that an operator gave a delivery instead."""
        hop, demand = named(self._settings, domain)
        if hop is not None:
            return await self._to_hop(hop, demand or Demand())
        if demand is not None or self._policies is None:
            found, asks = await self._by_dns(domain), Found(demand or Demand())
        else:
            found, asks = await asyncio.gather(self._by_dns(domain), self._policies.of(domain))
        if isinstance(found, NoRoute):
            return found
        return replace(found, demand=asks.demand, reported=asks.reported, no_policy=asks.failure)

    async def _to_hop(self, hop: Hop, demand: Demand) -> Route | NoRoute:
        addresses = await self._lookup(hop)
        if isinstance(addresses, TemporaryFailure):
            return _waits("4.4.3", addresses.reason)
        ips = addresses.ips if isinstance(addresses, Addresses) else ()
        hosts = tuple(Host(hop.host, ip, hop.port, is_named=True) for ip in self._ordered(ips))
        if not hosts:  # the name is ours, so a slip in it is ours too: it waits
            return _waits("4.4.4", f"next hop {hop.host} has no address")
        said = self._settings.of_hop(hop)
        login = Login(said.user, Path(said.secret)) if said.user else None
        return Route(f"transport:{hop}", hosts, demand, hop.protocol, login)

    async def _lookup(self, hop: Hop) -> Addresses | NoSuchDomain | TemporaryFailure:
        if hop.is_local_socket or is_address(hop.host):
            return Addresses((hop.host,))
        return Addresses(LOCALHOST) if hop.host == "localhost" else await self._resolver.addresses(hop.host)

    async def _by_dns(self, domain: str) -> Route | NoRoute:
        match await self._resolver.mx(domain):
            case NullMx():
                return _fails(556, "5.1.10", f"{domain} does not accept mail (null MX)")
            case NoSuchDomain():
                return _fails(550, "5.1.2", f"{domain} does not exist")
            case TemporaryFailure(reason):
                return _waits("4.4.3", reason)
            case MxAnswer(records):
                return await self._to_exchangers(domain, records[:MAX_EXCHANGERS])

    async def _to_exchangers(self, domain: str, records: tuple[Mx, ...]) -> Route | NoRoute:
        exchangers = self._shuffled(records) or [Mx(0, domain)]  # the implicit MX
        found = await asyncio.gather(*(self._resolver.addresses(each.host) for each in exchangers))
        search = _Search(domain, is_implicit=not records)
        for exchanger, answer in zip(exchangers, found, strict=True):
            self._judge(exchanger, answer, search)
        return search.result()

    def _shuffled(self, records: Sequence[Mx]) -> list[Mx]:
        """By preference, and at random among equals (RFC 5321 section 5.1)."""
        groups = groupby(records, lambda each: each.preference)
        return [each for _, equals in groups for each in self._chance.shuffled(list(equals))]

    def _judge(self, mx: Mx, answer: Addresses | NoSuchDomain | TemporaryFailure, search: "_Search") -> None:
        search.names.add(mx.host)
        if isinstance(answer, TemporaryFailure):
            search.troubles.append(answer.reason)
        elif isinstance(answer, Addresses):
            ips = self._ordered(answer.ips)
            if answer.ips and not ips:
                search.troubles.append(f"{mx.host} has no address of the family that routing.prefer allows")
            for ip in ips:
                search.add(mx, Host(mx.host, ip, self._settings.port), self._prohibited(search.domain, ip))

    def _prohibited(self, domain: str, ip: str) -> Prohibited | None:
        """Why mail for this domain may not go there. Whoever leads it to our own door would have it go round and round,
        be the address permitted or not; what is read here comes in by that door."""
        if domain not in self._ours and self._is_own_door(ip, self._settings.port):
            return Prohibited.OWN
        why = prohibited(ip, self._settings.permit, self._own)
        return None if why is Prohibited.OWN and domain in self._ours else why

    def _ordered(self, ips: Sequence[str]) -> list[str]:
        """The preferred family first, each in random order."""
        prefer = self._settings.prefer
        mixed = self._chance.shuffled(ips)
        four = [ip for ip in mixed if ":" not in ip and prefer != "ipv6-only"]
        six = [ip for ip in mixed if ":" in ip and prefer != "ipv4-only"]
        return six + four if prefer.startswith("ipv6") else four + six


@dataclass(slots=True)
class _Search:
    """What was found on the way through the exchangers of one domain."""

    domain: str
    is_implicit: bool
    names: set[str] = field(default_factory=set)
    hosts: list[tuple[int, Host]] = field(default_factory=list)  # with preference
    refused: list[tuple[Host, Prohibited]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    own_preference: float = math.inf

    def add(self, mx: Mx, host: Host, why: Prohibited | None) -> None:
        if why is None:
            self.hosts.append((mx.preference, host))
            return
        self.refused.append((host, why))
        if why is Prohibited.OWN:
            self.own_preference = min(self.own_preference, mx.preference)

    def result(self) -> Route | NoRoute:
        # RFC 5321 section 5.1: who finds itself in the list may use only what stands before it, or mail would loop.
        hosts = tuple(host for preference, host in self.hosts if preference < self.own_preference)
        if hosts:
            return Route(",".join(sorted(self.names)), hosts[:MAX_HOSTS])
        if self.refused:
            return self._refusal()
        if self.troubles:
            return _waits("4.4.3", self.troubles[0])
        if self.is_implicit:
            return _fails(550, "5.1.2", f"{self.domain} has neither a mail exchanger nor an address")
        literals = sorted(name for name in self.names if is_address(name))
        why = f": {literals[0]} is an address where its MX record wants a name" if literals else ""
        return _fails(550, "5.4.4", f"no mail exchanger of {self.domain} has an address{why}")

    def _refusal(self) -> NoRoute:
        said = "; ".join(f"{host.name} at {host.address}, {why.value}" for host, why in self.refused[:3])
        if self.troubles or any(why.may_be_mended_here for _, why in self.refused):
            hint = "if mail should go there, say so in routing.transport or routing.permit"
            return _waits("4.4.6", f"{self.domain} leads to {said}: {hint}")
        is_own = any(why is Prohibited.OWN for _, why in self.refused)
        hint = ": mail would come back to us; where another server here takes it, say so in routing.transport"
        return _fails(550, "5.4.6", f"{self.domain} leads to {said}{hint if is_own else ''}")


def named(settings: RoutingSettings, domain: str) -> tuple[Hop | None, Demand | None]:
    """What the administrator says of a domain, or an operator by redirecting: the next hop, and what is asked of the
    connection. None: DNS says it, and the domain's MTA-STS policy."""
    is_redirected = domain.startswith(REDIRECTED)
    where = domain[1:] if is_redirected else _by_pattern(settings.transport, domain) or settings.smart_host
    level = _by_pattern(settings.tls, domain)
    if not where:
        return None, Demand(level, "routing.tls") if level is not None else None
    hop = Hop.parse(where, settings.port)
    said = settings.of_hop(hop)
    return hop, _demand_of_hop(hop, said.tls, level, has_login=bool(said.user))


def _demand_of_hop(hop: Hop, said: Level | None, of_domain: Level | None, *, has_login: bool) -> Demand:
    """What was said of the hop, or of the domain. Who is shown a password must show a certificate, unless the hop's own
    setting says otherwise."""
    if hop.is_local_socket:
        return Demand(Level.NONE)
    if said is not None:
        return Demand(said, "routing.hops")
    if has_login:
        return Demand(Level.VERIFY, "routing.hops")
    if of_domain is not None:
        return Demand(of_domain, "routing.tls")
    return Demand(Level.ENCRYPT, "routing.transport") if hop.protocol is Protocol.SMTPS else Demand()


def _by_pattern(table: Mapping[str, T], domain: str) -> T | None:
    """What a table says of a domain: the domain itself, the nearest ".parent", "*"."""
    keys = (domain, *_parents(domain), "*") if table else ()
    return next((table[key] for key in keys if key in table), None)


def _parents(domain: str) -> Iterator[str]:
    """ ".b.c", ".c" of "a.b.c": the keys that stand for all domains below one, the nearest first."""
    rest = domain
    while "." in rest:
        rest = rest.partition(".")[2]
        yield "." + rest


def _waits(enhanced: str, text: str) -> NoRoute:
    return NoRoute(Reply.of(451, enhanced, text))


def _fails(code: int, enhanced: str, text: str) -> NoRoute:
    return NoRoute(Reply.of(code, enhanced, text))
