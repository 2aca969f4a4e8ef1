"""What the rules ask of the world, asked: DNS, mail doors, documents. All at once, each within its time, none twice.

An examination ends when its time is over: what nobody answered by then is unknown.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import dns.exception
import dns.flags
import dns.rdatatype
import dns.resolver

from deliverability.checks.spf import Dns, DnsTrouble
from deliverability.doctor.examine import Examination
from deliverability.doctor.facts import House
from deliverability.doctor.lists import probes
from deliverability.doctor.look import Answer, Document, Door, NoAnswer, Question
from engine.doctor import probing
from mta.ports import Net
from mta.routing.https import Fetcher, FetchTrouble
from mta.routing.prohibited import IpAddress, IpNetwork, prohibited
from mta.routing.resolver import DEADLINE, NO_NAMES, reason, stub_resolver

AT_ONCE: Final = 50  # questions under way
FETCH_SECONDS: Final = 10.0
MOST: Final = 5_000  # questions of one examination
_NO_TIME: Final = NoAnswer("no answer in time")

Ask = Callable[[Question], Awaitable[Answer]]


async def examine(patient: Examination, ask: Ask, seconds: float) -> None:
    """Judge until all is judged, or the time is over."""
    answers: dict[Question, Answer] = {}
    slots = asyncio.Semaphore(AT_ONCE)

    async def answer(question: Question) -> None:
        async with slots:
            answers[question] = await ask(question)

    questions: Iterable[Question] = patient.judge(answers)
    try:
        async with asyncio.timeout(seconds):
            while wanted := [each for each in questions if each not in answers][: MOST - len(answers)]:
                async with asyncio.TaskGroup() as group:
                    for each in wanted:
                        group.create_task(answer(each))
                questions = patient.judge(answers)
    except TimeoutError:
        pass
    while missing := patient.judge(answers):
        answers |= dict.fromkeys(missing, _NO_TIME)


@dataclass(frozen=True, slots=True)
class World:
    """The network, as the configuration lets us see it. `port`: where mail doors are; `inside`: addresses of our own,
    which may be looked at wherever they lie."""

    net: Net
    nameservers: Sequence[str]
    fetcher: Fetcher
    context: Callable[[], ssl.SSLContext]
    ehlo: str
    port: int = 25
    permit: Collection[IpNetwork] = ()
    inside: Collection[IpAddress] = ()
    _stub: dns.resolver.BaseResolver = field(init=False)

    def __post_init__(self) -> None:
        stub = stub_resolver(self.nameservers)
        stub.timeout = DEADLINE / 3
        stub.flags = dns.flags.RD | dns.flags.AD  # RFC 6840 section 5.7: say whether you checked
        object.__setattr__(self, "_stub", stub)

    async def ask(self, question: Question) -> Answer:
        """Whatever goes wrong is an answer too."""
        match question.kind:
            case "SMTP":
                host, _, rcpt = question.what.partition(" ")
                return await self._door(host, rcpt)
            case "HTTPS":
                return await self._document(question.what)
            case "AD":
                return await self._dns(question.what, "TLSA", is_about_ad=True)
            case kind:
                return await self._dns(question.what, kind)

    async def _dns(self, name: str, kind: str, *, is_about_ad: bool = False) -> Answer:
        try:
            found = await self._stub.resolve(name, kind, search=False, raise_on_no_answer=False, lifetime=DEADLINE)  # type: ignore[attr-defined]
        except (dns.resolver.NXDOMAIN, *NO_NAMES, UnicodeError):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as err:
            return NoAnswer(f"DNS look-up of {name[:100]} {kind}: {reason(err)}")
        if is_about_ad:
            return ["yes" if found.response.flags & dns.flags.AD else "no"]
        records = sorted((_preference(each), _text(each, kind)) for each in found.rrset or ())
        return [text for _, text in records]  # in one order, whatever the server's is today

    async def _addresses(self, host: str) -> list[str] | NoAnswer:
        found = [await self._dns(host, kind) for kind in ("A", "AAAA")]
        ips = [each for answer in found if isinstance(answer, list) for each in answer]
        trouble = next((each for each in found if isinstance(each, NoAnswer)), None)
        return ips if ips or trouble is None else trouble

    async def _door(self, host: str, rcpt: str) -> Answer:
        ips = await self._addresses(host)
        if isinstance(ips, NoAnswer):
            return ips
        usable = [each for each in ips if self._is_ours(each) or not prohibited(each, self.permit)]
        if not usable:
            return NoAnswer(f"{host} has no address that may be connected to")
        door = Door()
        for ip in usable[:2]:
            door = await probing.look_at(self.net, host, ip, self.port, self.ehlo, rcpt, self.context())
            if not door.trouble:
                return door
        return door

    def _is_ours(self, ip: str) -> bool:
        return ip_address(ip) in self.inside

    async def _document(self, url: str) -> Answer:
        parts = urlsplit(url)
        kind = "image/svg+xml" if parts.path.lower().endswith((".svg", ".svgz")) else "text/plain"
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        if parts.scheme != "https" or not parts.hostname or parts.port not in (None, 443) or not path.isascii():
            return Document(trouble="no https address without a port of its own")
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return Document(await self.fetcher.get(parts.hostname, path or "/", kind))
        except TimeoutError:
            return NoAnswer(f"{parts.hostname} gave no answer in time")
        except FetchTrouble as err:
            return Document(trouble=str(err))


def of_file(dns_answers: Dns) -> Ask:
    """DNS out of a file; nothing else is asked of the network."""

    async def ask(question: Question) -> Answer:
        if question.kind in ("SMTP", "HTTPS", "AD"):
            return NoAnswer("not tried: DNS comes out of a file")
        try:
            return dns_answers(question.what, question.kind)
        except DnsTrouble as err:
            return NoAnswer(str(err) or "nobody answers")

    return ask


def with_lists_of(house: House, dns_answers: Dns) -> House:
    """A house that asks only the blocklists that a file of DNS answers knows: one without its names is not dead."""

    def is_there(zone: str) -> bool:
        try:
            return any(dns_answers(each, "A") for each in probes(house, zone))
        except DnsTrouble:
            return True

    return replace(
        house,
        blocklists=tuple(filter(is_there, house.blocklists)),
        domain_blocklists=tuple(filter(is_there, house.domain_blocklists)),
        no_blocklists="not asked: DNS comes out of a file" if house.blocklists or house.domain_blocklists else "",
    )


def _preference(record: object) -> int:
    return int(getattr(record, "preference", 0))


def _text(record: object, kind: str) -> str:
    if kind == "TXT":
        return b"".join(record.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]
    for name in ("exchange", "target", "address"):
        if hasattr(record, name):
            return str(getattr(record, name)).rstrip(".").lower()
    return str(record)
