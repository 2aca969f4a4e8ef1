"""What DNS says, as values: a look-up that failed is an answer too, and says whether trying again can help.

`DnsResolver` asks the configured name servers and nobody else (no /etc/hosts, no search list). An answer is kept for
its TTL within bounds; look-ups of one name at one time are one look-up; each has a deadline over all its tries. Where it has
passed the last try is still made: a machine that stood still meanwhile heard no answer, and has all its time to come.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, cast

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from mta.ports import Clock

DEADLINE: Final = 5.0  # seconds for one look-up, all tries together
SHARES: Final = (2 / 3, 1 / 3)  # of it, for what is asked first, and once more behind that
MIN_TTL: Final = 5.0
MAX_TTL: Final = 3_600.0
NEGATIVE_TTL: Final = 60.0  # of "no such name" and of "no such record"
TROUBLE_TTL: Final = 5.0  # a server in trouble is not asked for each message
MAX_ENTRIES: Final = 20_000
MAX_AT_ONCE: Final = 100  # look-ups under way; each holds a socket

NO_NAMES: Final = (  # what dnspython says of a text that no domain can have
    dns.name.LabelTooLong,
    dns.name.NameTooLong,
    dns.name.EmptyLabel,
    dns.name.BadEscape,
    dns.name.IDNAException,
)


@dataclass(frozen=True, slots=True)
class NoSuchDomain:
    """The name does not exist (NXDOMAIN), or cannot exist."""


@dataclass(frozen=True, slots=True)
class TemporaryFailure:
    """DNS gave no answer. It says nothing about the name."""

    reason: str


@dataclass(frozen=True, slots=True)
class NullMx:
    """The domain takes no mail, and says so (RFC 7505)."""


@dataclass(frozen=True, slots=True)
class Mx:
    preference: int  # lower comes first
    host: str  # A-label, lower case, no dot at the end


@dataclass(frozen=True, slots=True)
class MxAnswer:
    """The MX records by preference. None: the name exists, and its own address is the implicit MX (RFC 5321 §5.1)."""

    records: tuple[Mx, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """IPv4 and IPv6 addresses as text, sorted; none: the name exists and has no address."""

    ips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """The TXT records, each joined to one string; sorted. ttl: seconds, where the answer had records."""

    values: tuple[str, ...]
    ttl: int = field(default=0, compare=False)


class Resolver(Protocol):
    """Where names become addresses."""

    async def mx(self, domain: str) -> MxAnswer | NullMx | NoSuchDomain | TemporaryFailure:
        """The mail exchangers of a domain."""

    async def addresses(self, host: str) -> Addresses | NoSuchDomain | TemporaryFailure:
        """The addresses of a host, of both families."""

    async def txt(self, name: str) -> Texts | NoSuchDomain | TemporaryFailure:
        """The TXT records of a name."""


T = TypeVar("T")
_Records = tuple[list[Any], float]  # rdata, TTL


def stub_resolver(nameservers: Sequence[str] = ()) -> dns.asyncresolver.Resolver:
    """dnspython's, asking these name servers ("ip", "ip:port" or "[ip6]:port"), or those of the system."""
    stub = dns.asyncresolver.Resolver(configure=False)
    if nameservers:
        stub.nameservers = [dns.nameserver.Do53Nameserver(*split_host_port(each, 53)) for each in nameservers]
    else:
        try:
            stub.read_resolv_conf("/etc/resolv.conf")
        except dns.resolver.NoResolverConfiguration:
            stub.nameservers = ["127.0.0.1"]  # what resolv.conf(5) says of a file that is not there
    stub.use_edns(0, 0, 1232)  # the largest answer that no path tears (DNS flag day 2020)
    return stub


class DnsResolver:
    """The resolver over dnspython. `nameservers` are "ip", "ip:port" or "[ip6]:port"; none: those of the system."""

    def __init__(self, clock: Clock, nameservers: Sequence[str] = (), *, deadline: float = DEADLINE) -> None:
        self._dns = stub_resolver(nameservers)
        self._deadline = deadline
        self._dns.timeout = deadline / 3  # for one try with one server
        self._cache = _Cache(clock)
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def mx(self, domain: str) -> MxAnswer | NullMx | NoSuchDomain | TemporaryFailure:
        return await self._cache.get(("MX", domain), lambda: self._mx(domain))

    async def addresses(self, host: str) -> Addresses | NoSuchDomain | TemporaryFailure:
        return await self._cache.get(("A", host), lambda: self._addresses(host))

    async def txt(self, name: str) -> Texts | NoSuchDomain | TemporaryFailure:
        return await self._cache.get(("TXT", name), lambda: self._txt(name))

    async def _mx(self, domain: str) -> tuple[MxAnswer | NullMx | NoSuchDomain | TemporaryFailure, float]:
        found = await self._ask(domain, "MX")
        if not isinstance(found, tuple):
            return found, _ttl_of(found)
        records, ttl = found
        pairs = sorted((each.preference, _host_name(each.exchange)) for each in records)
        if pairs and all(host == "" for _, host in pairs):
            return NullMx(), ttl
        return MxAnswer(tuple(Mx(preference, host) for preference, host in pairs if host)), ttl

    async def _addresses(self, host: str) -> tuple[Addresses | NoSuchDomain | TemporaryFailure, float]:
        four, six = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"))
        both = [each for each in (four, six) if isinstance(each, tuple)]
        ips = tuple(sorted(rdata.address for records, _ in both for rdata in records))
        if ips or len(both) == 2:
            return Addresses(ips), min((ttl for records, ttl in both if records), default=NEGATIVE_TTL)
        # One family answered "none" and the other not at all: whether there is an address is not known.
        trouble = next((each for each in (four, six) if isinstance(each, TemporaryFailure)), NoSuchDomain())
        return trouble, _ttl_of(trouble)

    async def _txt(self, name: str) -> tuple[Texts | NoSuchDomain | TemporaryFailure, float]:
        found = await self._ask(name, "TXT")
        if not isinstance(found, tuple):
            return found, _ttl_of(found)
        records, ttl = found
        return Texts(tuple(sorted(b"".join(each.strings).decode("utf-8", "replace") for each in records))), ttl

    async def _ask(self, name: str, kind: str) -> "_Records | NoSuchDomain | TemporaryFailure":
        """The records of one kind and their TTL; none of that kind is an empty list."""
        failure: Exception = TimeoutError()
        for share in SHARES:
            try:
                return await self._answer(name, kind, self._deadline * share)
            except (dns.resolver.NXDOMAIN, *NO_NAMES):
                return NoSuchDomain()
            except (dns.exception.Timeout, TimeoutError) as trouble:
                failure = trouble
            except (dns.exception.DNSException, OSError, ValueError) as trouble:
                failure = trouble
                break
        return TemporaryFailure(f"DNS look-up of {name} {kind}: {reason(failure)}")

    async def _answer(self, name: str, kind: str, seconds: float) -> "_Records":
        """The same, within so many seconds. What dnspython raises, TimeoutError, OSError, ValueError."""
        async with asyncio.timeout(seconds), self._slots:
            answer = await self._dns.resolve(name, kind, search=False, raise_on_no_answer=False, lifetime=seconds)
        if answer.rrset is None:
            return [], NEGATIVE_TTL
        return list(answer.rrset), float(answer.rrset.ttl)


class _Cache:
    """Answers by question, each until its time; and one look-up a question, however many wait for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, object]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[Any]] = {}

    async def get(self, key: tuple[str, str], ask: Callable[[], Awaitable[tuple[T, float]]]) -> T:
        until, answer = self._kept.get(key, (0.0, None))
        if self._clock.monotonic() < until:
            return cast(T, answer)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.ensure_future(self._fetch(key, ask))
        # Shielded: one that stops waiting must not take the answer from the others.
        return cast(T, await asyncio.shield(task))

    async def _fetch(self, key: tuple[str, str], ask: Callable[[], Awaitable[tuple[T, float]]]) -> T:
        try:
            answer, ttl = await ask()
        finally:
            del self._asking[key]
        self._kept[key] = (self._clock.monotonic() + min(max(ttl, MIN_TTL), MAX_TTL), answer)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_ENTRIES:
            self._kept.popitem(last=False)
        return answer


def split_host_port(text: str, port: int) -> tuple[str, int]:
    """("host", port) of "host", "host:port", "ip6", "[ip6]" or "[ip6]:port". ValueError when it is none of these."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        is_right = bool(bracket) and rest[:1] in ("", ":")
        number = rest[1:]
    elif text.count(":") > 1:
        host, number, is_right = text, "", True
    else:
        host, colon, number = text.partition(":")
        is_right = not colon or bool(number)
    if not is_right or not host or (number and not (number.isascii() and number.isdigit() and 0 < int(number) < 65536)):
        raise ValueError(f'"{text}" is not a host and port (try "mx.example:25" or "[2001:db8::1]:25")')
    return host, int(number) if number else port


def is_address(text: str) -> bool:
    """Whether this is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ttl_of(answer: object) -> float:
    return TROUBLE_TTL if isinstance(answer, TemporaryFailure) else NEGATIVE_TTL


def _host_name(name: dns.name.Name) -> str:
    """Lower case, no dot at the end. Octets no host name has come out as backslash escapes, and resolve to nothing."""
    return name.to_text(omit_final_dot=True).lower().rstrip(".")


def reason(trouble: Exception) -> str:
    """What went wrong, short."""
    match trouble:
        case dns.exception.Timeout() | TimeoutError():
            return "no answer in time"
        case dns.resolver.NoNameservers(kwargs={"errors": errors}):
            if any(isinstance(part, dns.message.ChainTooLong) for each in errors for part in each):
                return "its aliases (CNAME) lead round in a circle, or are too many"
            return "the name servers answered with an error"
        case _:
            return type(trouble).__name__
