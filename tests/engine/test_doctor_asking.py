"""What the doctor asks of the world: real DNS, real mail doors; silence is unknown, and an examination ends in its time."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from clock import FakeChance, FakeClock
from doctor_world import DOMAIN, World
from house_process import free_port
from mail_shop import Place, make_composer, open_store

from deliverability.checks.spf import DnsTrouble
from deliverability.checks.zone import Zone as FileZone
from deliverability.doctor.examine import RULES, Examination
from deliverability.doctor.look import Answer, Document, Door, NoAnswer, Question
from deliverability.doctor.model import Verdict
from engine.config import parse
from engine.doctor import asking, gathering, keeping, probing
from engine.doctor.asking import of_file, with_lists_of
from engine.doctor.practice import shown_to_browsers
from engine.doctor.rounds import Doctor
from engine.doctor.visit import Report, visit
from engine.lab.dns import DnsServer
from engine.lab.zones import Zone
from engine.system import SystemNet, clock_error
from mta.ports import from_ms
from mta.routing.https import Fetcher
from mta.routing.resolver import DnsResolver

HOST = "mx.shop.example"
pytestmark = pytest.mark.usefixtures("patient_dns", "patient_visits")
ENDED = datetime(2020, 1, 2, tzinfo=UTC)
TABLES = {
    "shop.example": {"TXT": ["v=spf1 -all", "x" * 300], "MX": ["20 b.shop.example.", "10 a.shop.example."]},
    "null.example": {"MX": ["0 ."]},
    "alias.example": {"CNAME": ["shop.example."]},
    HOST: {"A": ["127.0.0.1"]},
    "_25._tcp.mx.shop.example": {"TLSA": ["3 1 1 " + "ab" * 32]},
    "servfail.example": {"answer": "servfail"},
    "silent.example": {"answer": "timeout"},
}


@pytest.fixture
def patient_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A door has a minute to answer."""
    monkeypatch.setattr(probing, "SECONDS", 60.0)


@pytest.fixture
async def world() -> asking.World:
    server = DnsServer(lambda: Zone(TABLES))
    await server.start("127.0.0.1", 0)
    net = SystemNet()
    fetcher = Fetcher(net, DnsResolver(FakeClock(), [server.address]), ssl.create_default_context)
    return asking.World(net, [server.address], fetcher, ssl.create_default_context, "mail.shop.example")


async def ask(world: asking.World, kind: str, what: str) -> Answer:
    return await world.ask(Question(kind, what))


async def test_dns_is_asked_and_what_is_not_there_is_empty(world: asking.World) -> None:
    assert await ask(world, "TXT", "shop.example") == ["v=spf1 -all", "x" * 300]
    assert await ask(world, "MX", "shop.example") == ["a.shop.example", "b.shop.example"]
    assert await ask(world, "MX", "null.example") == [""]
    assert await ask(world, "CNAME", "alias.example") == ["shop.example"]
    assert await ask(world, "TXT", "alias.example") == ["v=spf1 -all", "x" * 300]
    assert await ask(world, "TLSA", f"_25._tcp.{HOST}") == ["3 1 1 " + "ab" * 32]
    assert await ask(world, "AD", f"_25._tcp.{HOST}") == ["no"]
    for name in ("nobody.example", "a..b", "x" * 70 + ".example", "\x1b.example", "א\u202eב.example"):
        assert await ask(world, "TXT", name) == [], name


async def test_who_answers_with_an_error_said_nothing(world: asking.World) -> None:
    answer = await ask(world, "TXT", "servfail.example")
    assert isinstance(answer, NoAnswer) and "servfail.example" in answer.why


async def test_documents_are_fetched_over_https_only(world: asking.World) -> None:
    for url in ("http://shop.example/x", "https://shop.example:8443/x", "https:///x", "file:///etc/passwd"):
        answer = await ask(world, "HTTPS", url)
        assert isinstance(answer, Document) and answer.trouble, url


async def test_a_door_inside_the_network_of_another_is_not_knocked_at(world: asking.World) -> None:
    answer = await ask(world, "SMTP", HOST)
    assert isinstance(answer, NoAnswer) and "may be connected" in answer.why


async def test_an_examination_ends_in_its_time_with_unknowns() -> None:
    async def silence(question: Question) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    patient = Examination(World().house, [DOMAIN])
    async with asyncio.timeout(60):
        await asking.examine(patient, silence, 0.05)
    assert len(patient.findings) == len(RULES)
    assert not [each.rule for each in patient.findings if each.verdict is Verdict.FAIL]


async def test_what_can_be_asked_at_once_is() -> None:
    world, under_way, most = World(), 0, 0

    async def slow(question: Question) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        under_way -= 1
        return world.answer(question)

    report = await visit(world.house, [DOMAIN], slow, 60)
    assert {each.verdict for each in report.findings} == {Verdict.PASS}
    assert most > 10


async def test_a_file_answers_for_dns_alone() -> None:
    def dns(name: str, kind: str) -> list[str]:
        if name == "x":
            raise DnsTrouble("nobody answers for x")
        return ["127.0.0.1"]

    asked = of_file(dns)
    assert await asked(Question("A", "y")) == ["127.0.0.1"]
    assert await asked(Question("A", "x")) == NoAnswer("nobody answers for x")
    assert isinstance(await asked(Question("SMTP", "y")), NoAnswer)


def test_a_file_is_asked_only_for_the_blocklists_that_it_knows() -> None:
    house = replace(World().house, blocklists=("bl.example", "other.example"), domain_blocklists=("dbl.example",))
    known = with_lists_of(house, FileZone({"2.0.0.127.bl.example": [{"A": "127.0.0.2"}]}))
    assert (known.blocklists, known.domain_blocklists) == (("bl.example",), ())


# -- mail doors


async def door(*says: bytes, context: ssl.SSLContext | None = None, rcpt: str = "postmaster@x.example") -> Door:
    """What `look_at` makes of a server that says these lines, one after each line it hears."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for line in says:
                writer.write(line)
                if line.startswith(b"220 go"):
                    assert context is not None
                    await writer.start_tls(context)
                if not await reader.readline():
                    break
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await probing.look_at(
            SystemNet(), HOST, "127.0.0.1", port, "me.example", rcpt, ssl.create_default_context()
        )


async def test_a_door_says_what_it_offers_and_whom_it_takes() -> None:
    found = await door(
        b"220 mx ESMTP\r\n",
        b"250-mx\r\n250-SIZE 10\r\n250 PIPELINING\r\n",
        b"250 ok\r\n",
        b"550 5.1.1 no\r\n",
        b"250 ok\r\n",
    )
    assert (found.trouble, found.offers, found.reply) == ("", ("SIZE", "PIPELINING"), "550 5.1.1 no")


@pytest.mark.parametrize(
    "greeting", [b"554 go away\r\n", b"HTTP/1.1 400 Bad\r\n", b"x" * 70_000, b"\x00\xff\r\n", b"220-a\r\n" * 200]
)
async def test_what_is_no_mail_server_is_closed(greeting: bytes) -> None:
    found = await door(greeting)
    assert found.is_closed and found.trouble


async def test_nobody_there_is_closed() -> None:
    found = await probing.look_at(SystemNet(), HOST, "127.0.0.1", 1, "me.example", "", ssl.create_default_context())
    assert found.is_closed and "refused" in found.trouble


async def test_a_certificate_that_is_not_believed_is_shown_all_the_same() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    found = await door(
        b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n", b"250 mx\r\n", context=context, rcpt=""
    )
    assert "STARTTLS" in found.offers and "not believed" in found.distrust and found.certificate


@pytest.mark.parametrize("is_known", [True, False], ids=["a known authority", "an unknown one"])
async def test_a_web_server_s_certificate_is_seen_after_it_has_ended(is_known: bool) -> None:
    """What nobody believes any more is what an operator wants to hear of."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.shop.example", not_after=ENDED).configure_cert(context)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    careful = ssl.create_default_context()
    if is_known:
        authority.configure_trust(careful)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await shown_to_browsers(SystemNet(), "mail.shop.example", "127.0.0.1", port, careful)
    assert found is not None and found.where == "web (mail.shop.example)"
    assert found.not_after == ENDED
    assert ("expired" if is_known else "believed") in found.trouble
    nobody = free_port()
    assert await shown_to_browsers(SystemNet(), "mail.shop.example", "127.0.0.1", nobody, careful) is None


# -- the house


def test_what_was_found_is_kept_and_read_back(place: Place) -> None:
    store, world = open_store(place), World()
    world.txt(f"_dmarc.{DOMAIN}")
    report = Report(from_ms(1_795_000_000_000), (DOMAIN,), tuple(world.judge()))
    assert store.read_now(keeping.kept) is None
    store.write_now(lambda tx: keeping.keep(tx, report))
    store.write_now(lambda tx: keeping.keep(tx, report))
    assert store.read_now(keeping.kept) == report
    store.write_now(lambda tx: tx.execute("UPDATE meta SET value = '{}' WHERE key = 'doctor'"))
    assert store.read_now(keeping.kept) is None
    store.close()


def test_addresses_are_those_that_the_world_sees() -> None:
    lab = "[lab]\nenabled = true\n"
    assert [each.address for each in gathering.sources(parse(lab)) or ()] == ["127.0.0.1"]
    said = gathering.sources(parse('[doctor]\naddresses = ["198.51.100.7"]\n[routing]\nsmart_host = "relay.example"\n'))
    assert [each.address for each in said or ()] == ["198.51.100.7"]
    assert gathering.sources(parse('[routing]\nsmart_host = "relay.example"\n')) is None
    named = parse('[sources.a]\naddress = ["8.8.8.8", "2001:4860::1"]\nehlo = "a.example"\n')
    assert [(each.address, each.ehlo) for each in gathering.sources(named) or ()] == [
        ("8.8.8.8", "a.example"), ("2001:4860::1", "a.example"),
    ]  # fmt: skip


def test_the_kernel_says_how_right_the_clock_is_or_that_nobody_knows() -> None:
    error = clock_error()
    assert error is None or error >= timedelta(0)


def test_everything_is_looked_at_again_when_the_last_look_is_old(place: Place) -> None:
    store, clock = open_store(place), FakeClock()

    def doctor(settings: str) -> Doctor:
        return Doctor(store, clock, FakeChance(1), SystemNet(), parse(settings), make_composer())

    often, never = doctor('[doctor]\nevery = "6h"\n'), doctor('[doctor]\nevery = "0s"\n')
    assert often.is_due() and not never.is_due()
    often.last = Report(clock.now(), (DOMAIN,), ())
    assert not often.is_due()
    clock.advance(timedelta(hours=6))
    assert often.is_due()
    store.close()
