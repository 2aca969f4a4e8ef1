"""The resolver against a small name server of our own, on loopback and over real UDP."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
import uvloop
from clock import FakeClock

from mta.routing.resolver import (
    DEADLINE,
    MAX_ENTRIES,
    Addresses,
    DnsResolver,
    Mx,
    MxAnswer,
    NoSuchDomain,
    NullMx,
    TemporaryFailure,
    Texts,
    split_host_port,
)

ZONE = {
    ("example.org", "MX"): (30, ["20 Backup.Example.org.", "10 mx.example.org."]),
    ("mx.example.org", "A"): (7200, ["192.0.2.1", "192.0.2.2"]),
    ("mx.example.org", "AAAA"): (7200, ["2001:db8::1"]),
    ("four.example.org", "A"): (300, ["192.0.2.4"]),
    ("four.example.org", "AAAA"): (300, []),
    ("null.example", "MX"): (300, ["0 ."]),
    ("half-null.example", "MX"): (300, ["0 .", "10 mx.example.org."]),
    ("none.example", "MX"): (300, []),
    ("none.example", "A"): (300, []),
    ("none.example", "AAAA"): (300, []),
    ("half.example", "A"): (300, []),
    ("broken.example", "MX"): dns.rcode.SERVFAIL,
    ("broken.example", "A"): dns.rcode.SERVFAIL,
    ("half.example", "AAAA"): dns.rcode.SERVFAIL,
    ("lame.example", "MX"): dns.rcode.REFUSED,
    ("round.example", "MX"): (300, []),
    ("text.example", "TXT"): (300, ['"v=STSv1; " "id=1"', '"other"']),
}


PATIENCE = 60.0  # seconds: one try takes a third of it, so that a machine that stands still makes nobody ask twice


class NameServer(asyncio.DatagramProtocol):
    """Answers from ZONE; what is not there does not exist. `mangle` may spoil an answer, b"" drops it."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.mangle: Callable[[bytes], bytes] = lambda answer: answer
        self.held: asyncio.Event | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.transport.get_extra_info('sockname')[1]}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
        self.asked[f"{name} {kind}"] += 1
        answer = self.mangle(_answer(query, name, kind))
        if answer and self.held is None:
            self.transport.sendto(answer, addr)


def _answer(query: dns.message.Message, name: str, kind: str) -> bytes:
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    found = ZONE.get((name, kind), dns.rcode.NXDOMAIN)
    if isinstance(found, tuple):
        ttl, records = found
        if records:
            answer.answer.append(dns.rrset.from_text(name + ".", ttl, "IN", kind, *records))
        if name == "round.example":
            for alias, of in ((name, "b.example"), ("b.example", name)):
                answer.answer.append(dns.rrset.from_text(f"{alias}.", ttl, "IN", "CNAME", f"{of}."))
    else:
        answer.set_rcode(found)
    return answer.to_wire()


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()


def patient(server: NameServer, clock: FakeClock | None = None) -> DnsResolver:
    """A resolver that waits for its answer."""
    return DnsResolver(clock or FakeClock(), [server.address], deadline=PATIENCE)


@pytest.mark.parametrize(
    ("domain", "answer"),
    [
        ("example.org", MxAnswer((Mx(10, "mx.example.org"), Mx(20, "backup.example.org")))),
        ("null.example", NullMx()),
        ("half-null.example", MxAnswer((Mx(10, "mx.example.org"),))),
        ("none.example", MxAnswer(())),
        ("nowhere.example", NoSuchDomain()),
        ("a" * 64 + ".example", NoSuchDomain()),
        ("a..example", NoSuchDomain()),
        (".".join(["abcdefgh"] * 40), NoSuchDomain()),
        ("a\\256.example", NoSuchDomain()),
    ],
)
async def test_mx_look_ups(domain: str, answer: object) -> None:
    async with name_server() as server:
        assert await patient(server).mx(domain) == answer


async def test_addresses_are_of_both_families() -> None:
    async with name_server() as server:
        resolver = patient(server)
        assert await resolver.addresses("mx.example.org") == Addresses(("192.0.2.1", "192.0.2.2", "2001:db8::1"))
        assert await resolver.addresses("four.example.org") == Addresses(("192.0.2.4",))
        assert await resolver.addresses("none.example") == Addresses(())
        assert await resolver.addresses("nowhere.example") == NoSuchDomain()


async def test_no_address_in_one_family_and_trouble_in_the_other_is_trouble() -> None:
    async with name_server() as server:
        assert isinstance(await patient(server).addresses("half.example"), TemporaryFailure)


async def test_the_strings_of_a_txt_record_are_one() -> None:
    async with name_server() as server:
        assert await patient(server).txt("text.example") == Texts(("other", "v=STSv1; id=1"))


async def test_localhost_is_not_looked_up_in_a_file() -> None:
    async with name_server() as server:
        assert await patient(server).addresses("localhost") == NoSuchDomain()
        assert server.asked["localhost A"] == 1


# Trouble is temporary, whatever its kind.


async def test_an_error_of_the_name_server_is_temporary() -> None:
    async with name_server() as server:
        answer = await patient(server).mx("broken.example")
        assert answer == TemporaryFailure("DNS look-up of broken.example MX: the name servers answered with an error")


async def test_a_name_server_that_never_answers_is_given_up() -> None:
    async with name_server() as server:
        server.mangle = lambda _: b""
        answer = await DnsResolver(FakeClock(), [server.address], deadline=0.1).mx("example.org")
        assert answer == TemporaryFailure("DNS look-up of example.org MX: no answer in time")


async def _dnspython_gives_up() -> None:
    raise dns.resolver.LifetimeTimeout(timeout=DEADLINE, errors=[])


async def _nothing_is_heard() -> None:
    await asyncio.Event().wait()


class StandingStill:
    """dnspython's resolver where the machine stands still, so many times, until the time of what was asked is over."""

    def __init__(self, stands: Callable[[], Awaitable[None]], times: int) -> None:
        self.lifetimes: list[float] = []  # seconds that each time of asking was given
        self._stands, self._times = stands, times

    async def resolve(self, name: str, kind: str, *, lifetime: float, **said: object) -> object:
        self.lifetimes.append(lifetime)
        if len(self.lifetimes) <= self._times:
            await self._stands()
        return SimpleNamespace(rrset=None)  # the name has no such record


@pytest.mark.parametrize("stands", [_dnspython_gives_up, _nothing_is_heard])
async def test_who_stood_still_until_the_deadline_asks_once_more(stands: Callable[[], Awaitable[None]]) -> None:
    resolver = DnsResolver(FakeClock(), ["192.0.2.53"], deadline=0.1)
    resolver._dns = cast(Any, StandingStill(stands, 1))
    assert await resolver.mx("example.org") == MxAnswer(())


async def test_all_times_of_asking_together_are_within_the_deadline() -> None:
    resolver, still = DnsResolver(FakeClock(), ["192.0.2.53"]), StandingStill(_dnspython_gives_up, 9)
    resolver._dns = cast(Any, still)
    assert await resolver.mx("example.org") == TemporaryFailure("DNS look-up of example.org MX: no answer in time")
    assert len(still.lifetimes) == 2 and sum(still.lifetimes) == pytest.approx(DEADLINE)


@pytest.mark.parametrize(
    "mangle",
    [
        lambda answer: answer[:20],
        lambda answer: b"\0" * 12,
        lambda answer: answer[:2] + b"\xff" * 40,
        lambda answer: answer[:12] + b"\xc0\x0c" * 20,
        lambda answer: b"\1\2" + answer[2:],
    ],
)
async def test_a_corrupt_or_foreign_answer_is_not_believed(mangle: Callable[[bytes], bytes]) -> None:
    async with name_server() as server:
        server.mangle = mangle
        answer = await DnsResolver(FakeClock(), [server.address], deadline=0.1).mx("example.org")
        assert isinstance(answer, TemporaryFailure)


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("lame.example", "the name servers answered with an error"),
        ("round.example", "its aliases (CNAME) lead round in a circle, or are too many"),
    ],
)
async def test_a_lame_server_and_a_circle_of_aliases_wait_and_say_so(domain: str, words: str) -> None:
    async with name_server() as server:
        answer = await patient(server).mx(domain)
        assert answer == TemporaryFailure(f"DNS look-up of {domain} MX: {words}")


async def test_an_answer_cut_off_is_asked_for_again_by_tcp_and_waits_where_nobody_answers() -> None:
    async with name_server() as server:
        server.mangle = lambda answer: answer[:2] + bytes([answer[2] | 2]) + answer[3:]  # TC, RFC 1035 section 4.1.1
        answer = await DnsResolver(FakeClock(), [server.address], deadline=0.2).mx("example.org")
        assert isinstance(answer, TemporaryFailure)


async def test_the_second_name_server_is_asked_when_the_first_is_not_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{nobody.getsockname()[1]}"
    async with name_server() as server:
        resolver = DnsResolver(FakeClock(), [closed, server.address], deadline=PATIENCE)
        resolver._dns.timeout = 0.2  # for each try: they go round until the second one's answer is in time
        assert await resolver.mx("null.example") == NullMx()


# The cache.


async def test_an_answer_is_kept_for_its_ttl() -> None:
    clock = FakeClock()
    async with name_server() as server:
        resolver = patient(server, clock)
        for seconds, asked in ((0, 1), (29, 1), (2, 2)):
            clock.advance(timedelta(seconds=seconds))
            await resolver.mx("example.org")
            assert server.asked["example.org MX"] == asked


async def test_no_answer_is_kept_longer_than_an_hour() -> None:
    clock = FakeClock()
    async with name_server() as server:
        resolver = patient(server, clock)
        await resolver.addresses("mx.example.org")
        clock.advance(timedelta(minutes=61))
        await resolver.addresses("mx.example.org")
        assert server.asked["mx.example.org A"] == 2


@pytest.mark.parametrize(("domain", "seconds"), [("nowhere.example", 60), ("none.example", 60), ("broken.example", 5)])
async def test_a_bad_answer_is_kept_for_a_short_time(domain: str, seconds: int) -> None:
    clock = FakeClock()
    async with name_server() as server:
        resolver = patient(server, clock)
        await resolver.mx(domain)
        asked = server.asked[f"{domain} MX"]
        clock.advance(timedelta(seconds=seconds - 1))
        await resolver.mx(domain)
        assert server.asked[f"{domain} MX"] == asked
        clock.advance(timedelta(seconds=2))
        await resolver.mx(domain)
        assert server.asked[f"{domain} MX"] > asked


async def test_a_hundred_who_ask_at_once_ask_once() -> None:
    async with name_server() as server:
        resolver = patient(server)
        answers = await asyncio.gather(*(resolver.mx("null.example") for _ in range(100)))
        assert answers == [NullMx()] * 100
        assert server.asked["null.example MX"] == 1


def test_it_works_on_the_loop_that_the_daemon_runs_on() -> None:
    uvloop.run(test_addresses_are_of_both_families())


async def test_one_who_stops_waiting_does_not_spoil_it_for_the_others() -> None:
    async with name_server() as server:
        resolver = patient(server)
        first, second = (asyncio.ensure_future(resolver.mx("null.example")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == NullMx()


async def test_the_cache_does_not_grow_without_end() -> None:
    async with name_server() as server:
        resolver = patient(server)
        await resolver.mx("null.example")
        for number in range(MAX_ENTRIES):
            await resolver.mx(f"{'a' * 64}.x{number}")  # answered without a question
        await resolver.mx("null.example")
        assert server.asked["null.example MX"] == 2


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("mx.example", ("mx.example", 25)),
        ("mx.example:26", ("mx.example", 26)),
        ("::1", ("::1", 25)),
        ("[::1]", ("::1", 25)),
        ("[::1]:26", ("::1", 26)),
    ],
)
def test_hosts_and_ports(text: str, pair: tuple[str, int]) -> None:
    assert split_host_port(text, 25) == pair


@pytest.mark.parametrize("text", ["", ":25", "mx:", "mx:0", "mx:65536", "mx:+5", "mx:٢٥", "[::1", "[::1]25", "[]"])
def test_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host and port"):
        split_host_port(text, 25)
