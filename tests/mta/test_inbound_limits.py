"""Every limit holds, has a name that is counted, and costs the attacker more than us."""

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from smtp_door import ENVELOPE, HOSTNAME, PATIENCE, Recorder, codes, door, listening_socket

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound import listener
from mta.inbound.crowd import Crowd, shared_table
from mta.inbound.limits import Load
from mta.inbound.listener import Listener
from mta.inbound.settings import InboundSettings, ListenSettings, SubmissionSettings
from mta.inbound.transaction import Transaction

PAGE = 4096
SHORTLY = timedelta(milliseconds=60)


def resident() -> int:
    """Octets of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@contextmanager
def descriptors_used_up() -> Iterator[None]:
    """This process can open no descriptor more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


@pytest.mark.parametrize("settings", [SubmissionSettings(), InboundSettings(max_size=65_536)])
async def test_an_endless_line_costs_no_memory(settings: ListenSettings) -> None:
    policy = Recorder()
    async with door(policy, settings) as open_door:
        client = await open_door.knock()
        client.writer.write(ENVELOPE + b"DATA\r\n")
        before, portion = resident(), b"x" * 65_536
        for _ in range(50 * 16):
            client.writer.write(portion)
            await client.writer.drain()
        assert resident() - before < 8 * 2**20
        said = await client.converse(b"\r\n.\r\nQUIT\r\n")
    assert codes(said)[-2] in ("550", "552") and codes(said)[-1] == "221"
    assert policy.accepted == []


async def test_an_endless_command_costs_no_memory_and_one_reply() -> None:
    async with door(Recorder()) as open_door:
        client = await open_door.knock()
        before, portion = resident(), b"NOOP " + b"x" * 65_536
        for _ in range(20 * 16):
            client.writer.write(portion)
            await client.writer.drain()
        assert resident() - before < 8 * 2**20
        assert codes(await client.converse(b"\r\nQUIT\r\n")) == ["220", "500", "221"]


async def test_a_message_over_the_limit_is_read_to_its_end_and_refused() -> None:
    policy = Recorder()
    async with door(policy, SubmissionSettings(max_size=65_536)) as open_door:
        said = await open_door.converse(ENVELOPE + b"DATA\r\n" + b"a line\r\n" * 10_000 + b".\r\nQUIT\r\n")
        assert codes(said)[-3:] == ["354", "552", "221"]
        said = await open_door.converse(b"EHLO a\r\nMAIL FROM:<> SIZE=65537\r\nMAIL FROM:<> SIZE=65536\r\n")
        assert codes(said) == ["220", "250", "552", "250"]
        assert open_door.listener.hits["max_size"] == 2
    assert policy.accepted == []


async def test_recipients_over_the_limit_are_put_off_and_the_rest_is_taken() -> None:
    policy = Recorder()
    more = b"".join(b"RCPT TO:<r%d@example.org>\r\n" % number for number in range(120))
    async with door(policy) as open_door:
        said = await open_door.converse(ENVELOPE + more + b"DATA\r\n.\r\nQUIT\r\n")
    assert codes(said)[3:] == ["250"] * 100 + ["452"] * 21 + ["354", "250", "221"]
    assert len(policy.accepted[0].recipients) == 100


async def test_twenty_thousand_recipients_end_the_session() -> None:
    policy = Recorder()
    more = b"".join(b"RCPT TO:<r%d@example.org>\r\n" % number for number in range(20_000))
    async with door(policy) as open_door:
        said = await open_door.converse(ENVELOPE + more + b"DATA\r\n.\r\nQUIT\r\n")
        assert codes(said)[-1] == "421"
        assert len(said) < 5_020
        assert open_door.listener.hits["max_commands"] == 1
    assert policy.accepted == []


async def test_ten_errors_end_the_session_and_an_accepted_message_forgives_them() -> None:
    policy = Recorder()
    message = ENVELOPE + b"DATA\r\n.\r\n"
    async with door(policy) as open_door:
        said = await open_door.converse(b"X\r\n" * 9 + message + b"X\r\n" * 9 + b"NOOP\r\n" + b"X\r\n" * 9 + message)
    assert codes(said) == ["220", *["500"] * 9, "250", "250", "250", "354", "250", *["500"] * 9, "250", "500", "421"]
    assert len(policy.accepted) == 1


@pytest.mark.parametrize(
    ("group", "answers"),
    [
        (
            ENVELOPE + b"RCPT TO:<mis spelt@example.org>\r\n" * 3 + b"RCPT TO:<misspelt@>\r\n" * 30,
            ["501"] * 3 + ["553"] * 30,
        ),
        (b"EHLO a\r\nMAIL FROM:<> SIZE=99999999\r\n" + b"RCPT TO:<a@b.example>\r\n" * 30, ["503"] * 30),
    ],
)
async def test_addresses_we_cannot_take_do_not_cost_a_client_its_connection(group: bytes, answers: list[str]) -> None:
    async with door(Recorder()) as open_door:
        said = await open_door.converse(group + b"QUIT\r\n")
    assert codes(said)[-len(answers) - 1 :] == [*answers, "221"]


async def test_refused_recipients_are_no_errors_of_the_client() -> None:
    policy = Recorder()

    async def refuse(transaction: Transaction, forward_path: Address) -> Reply:
        return Reply.of(550, "5.7.1", "Suppressed")

    policy.check_recipient = refuse  # type: ignore[method-assign]
    async with door(policy) as open_door:
        said = await open_door.converse(ENVELOPE + b"RCPT TO:<x@example.org>\r\n" * 50 + b"QUIT\r\n")
    assert codes(said)[3:] == ["550"] * 51 + ["221"]


async def test_messages_that_together_are_too_large_for_memory_are_put_off() -> None:
    policy = Recorder()
    body = b"\r\n" + b"a line\r\n" * 100_000
    async with door(policy, SubmissionSettings(max_memory=2**20)) as open_door:
        first, second = await open_door.knock(), await open_door.knock()
        for client in (first, second):
            client.writer.write(ENVELOPE + b"DATA\r\n" + body)
            await client.talk("S: 220", "S: 250", "S: 250", "S: 250", "S: 354")
            # The first has its room before the second asks for more; what may be the message's end does not count yet.
            while open_door.listener._load.octets < len(body) - 9:  # noqa: ASYNC110 - the loop reads it in its own time
                await asyncio.sleep(0)
        await second.talk("C: .", "S: 452 4.3.1")
        await first.talk("C: .", "S: 250 2.0.0")
        await second.talk("C: MAIL FROM:<>", "S: 250", "C: RCPT TO:<a@b.example>", "S: 250", "C: DATA", "S: 354")
        second.writer.write(body)
        await second.talk("C: .", "S: 250 2.0.0")
        assert open_door.listener.hits["max_memory"] == 1
    assert [each.content for each in policy.accepted] == [body, body]


async def test_a_client_with_too_many_connections_is_sent_away_until_one_ends() -> None:
    async with door(Recorder(), SubmissionSettings(max_connections_per_client=2)) as open_door:
        first, second = await open_door.knock(), await open_door.knock()
        await first.talk("S: 220")
        await second.talk("S: 220")
        await open_door.talk("S: 421 4.7.0", "S: ")
        await first.talk("C: QUIT", "S: 221", "S: ")
        await open_door.talk("S: 220")
        assert open_door.listener.hits["max_connections_per_client"] == 1


async def test_a_stranger_may_have_few_connections_where_an_application_in_a_network_may_have_many() -> None:
    settings = SubmissionSettings(networks=(ip_network("192.0.2.0/24"),), max_connections_per_stranger=1)
    async with door(Recorder(), settings) as open_door:
        first = await open_door.knock()
        await first.talk("S: 220")
        await open_door.talk("S: 421 4.7.0", "S: ")
        assert open_door.listener.hits["max_connections_per_stranger"] == 1
    assert settings.limit_of("192.0.2.7") == ("max_connections_per_client", 450)
    assert settings.max_connections > 450, "one application that keeps all it can open leaves room for the others"


async def test_strangers_together_leave_places_for_applications() -> None:
    settings = SubmissionSettings(networks=(ip_network("192.0.2.0/24"),), max_strangers=2)
    async with door(Recorder(), settings) as open_door:
        for _ in range(2):
            await (await open_door.knock()).talk("S: 220")
        await open_door.talk("S: 421 4.7.0", "S: ")
        assert open_door.listener.hits["max_strangers"] == 1


def test_who_showed_a_password_is_no_stranger_any_more() -> None:
    load = Load(SubmissionSettings(networks=(), max_strangers=1))
    assert load.enter("192.0.2.1")
    load.is_known("192.0.2.1")
    assert load.enter("192.0.2.2")
    load.leave("192.0.2.1", was_known=True)
    assert not load.enter("192.0.2.3")
    load.leave("192.0.2.3")
    load.leave("192.0.2.2")
    assert load.enter("192.0.2.4")


async def test_a_stranger_that_shows_nothing_is_sent_away_whatever_it_says_meanwhile() -> None:
    settings = SubmissionSettings(
        networks=(ip_network("192.0.2.0/24"),), auth_timeout=timedelta(milliseconds=50), max_commands=10**9
    )
    async with door(Recorder(), settings) as open_door:
        client = await open_door.knock()
        await client.talk("S: 220")
        said = "250"
        while said.startswith("250"):
            client.writer.write(b"EHLO a\r\n")
            said = await client.reply()
        assert said.startswith("421 4.4.2")
        assert open_door.listener.hits["auth_timeout"] == 1


async def test_who_waits_for_a_place_that_no_carrier_has_is_told_so() -> None:
    async with door(Recorder(), SubmissionSettings(max_connections=1)) as open_door:
        open_door.listener.full_seconds, open_door.listener.mute_seconds = 0.01, 60
        first = await open_door.knock()
        await first.talk("S: 220")
        await open_door.talk("S: 421 4.3.2", "S: ")
        await first.talk("C: NOOP", "S: 250")


@pytest.mark.parametrize(
    "said", [[], ["C: EHLO a", "S: 250", "C: MAIL FROM:<>", "S: 250"]], ids=["nothing", "something"]
)
async def test_who_idles_in_a_full_house_goes_before_who_waits_for_a_place(said: list[str]) -> None:
    """Also from a network that is known: a crowd of connections that say nothing keeps no application out."""
    async with door(Recorder(), SubmissionSettings(max_connections=1)) as open_door:
        open_door.listener.mute_seconds = open_door.listener.idle_seconds = 0.01
        first = await open_door.knock()
        await first.talk("S: 220", *said)
        await open_door.talk("S: 220", "C: NOOP", "S: 250")
        await first.talk("S: 421 4.3.2 All places are taken", "S: ")


async def test_nobody_goes_where_nobody_waits_nor_while_a_message_is_on_its_way() -> None:
    async with door(Recorder(), SubmissionSettings(max_connections=1)) as open_door:
        opened = open_door.listener
        opened.mute_seconds = opened.idle_seconds = 0.0
        first = await open_door.knock()
        await first.talk(
            "S: 220", "C: EHLO a", "S: 250", "C: MAIL FROM:<>", "S: 250", "C: RCPT TO:<a@b.example>", "S: 250"
        )
        opened.make_room()
        await first.talk("C: DATA", "S: 354")
        second = await open_door.knock()
        while not opened._is_awaited:  # noqa: ASYNC110 - the kernel has it in its own time
            await asyncio.sleep(0)
        opened.make_room()
        opened.mute_seconds = opened.idle_seconds = 60.0  # between two commands it idles, for as long as we take
        await first.talk("C: .", "S: 250", "C: QUIT", "S: 221")
        first.writer.close()
        await second.talk("S: 220")


async def test_a_full_listener_lets_the_next_wait_for_a_place() -> None:
    async with door(Recorder(), SubmissionSettings(max_connections=1)) as open_door:
        open_door.listener.mute_seconds = open_door.listener.idle_seconds = 60
        first, second = await open_door.knock(), await open_door.knock()
        await first.talk("S: 220", "C: NOOP", "S: 250")
        assert open_door.listener.sessions == 1
        await first.talk("C: QUIT", "S: 221", "S: ")
        first.writer.close()
        await second.talk("S: 220")


async def test_a_house_that_is_full_again_and_again_is_looked_after_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place that was taken anew began one more watch, and under load they never ended."""
    monkeypatch.setattr(listener, "_LOOK", 3600.0)
    loop, alarms = asyncio.get_running_loop(), list[asyncio.TimerHandle]()

    def call_later(seconds: float, work: Callable[..., object], *given: object) -> asyncio.TimerHandle:
        alarm = loop.call_at(loop.time() + seconds, work, *given)
        if work in (opened._keep_room, opened._turn_away):
            alarms.append(alarm)
        return alarm

    async with door(Recorder(), SubmissionSettings(max_connections=1)) as open_door:
        opened = open_door.listener
        opened.full_seconds = 3600.0
        monkeypatch.setattr(loop, "call_later", call_later)
        for _ in range(5):
            client = await open_door.knock()
            await client.talk("S: 220", "C: QUIT", "S: 221", "S: ")
            client.writer.close()
        assert len([each for each in alarms if not each.cancelled()]) <= 2
        assert opened.hits["max_connections"] == 5


async def test_carriers_share_one_socket_and_a_full_one_leaves_connections_to_the_other() -> None:
    settings = SubmissionSettings(max_connections=1)
    with listening_socket() as mine, socket.socket(fileno=mine.dup().detach()) as yours:
        carriers = [Listener(Recorder(), settings, HOSTNAME, lambda what, trouble: None) for _ in range(2)]
        for carrier, listening in zip(carriers, (mine, yours), strict=True):
            carrier.start([listening])
        clients = [await asyncio.open_connection("127.0.0.1", mine.getsockname()[1]) for _ in range(2)]
        for reader, _ in clients:
            assert (await reader.readline()).startswith(b"220 ")
        assert [carrier.sessions for carrier in carriers] == [1, 1]
        for _, writer in clients:
            writer.write(b"QUIT\r\n")
            writer.close()
        for carrier in carriers:
            await carrier.stop(timedelta(seconds=PATIENCE))


async def test_of_two_carriers_the_one_with_fewer_clients_takes_the_next() -> None:
    table = shared_table()
    with listening_socket() as mine, socket.socket(fileno=mine.dup().detach()) as yours:
        carriers = [
            Listener(Recorder(), SubmissionSettings(), HOSTNAME, lambda *_: None, crowd=Crowd(table, each, 2))
            for each in range(2)
        ]
        for carrier, listening in zip(carriers, (mine, yours), strict=True):
            carrier.start([listening])
        clients = []
        for _ in range(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", mine.getsockname()[1])
            assert (await reader.readline()).startswith(b"220 ")
            clients.append(writer)
        assert [carrier.sessions for carrier in carriers] == [5, 5]
        for writer in clients:
            writer.close()
        for carrier in carriers:
            await carrier.stop(timedelta(seconds=PATIENCE))
        assert list(table[:2]) == [0, 0]


async def test_a_carrier_with_more_clients_takes_the_next_when_nobody_else_does() -> None:
    table = shared_table()
    with listening_socket() as listening:
        carrier = Listener(Recorder(), SubmissionSettings(), HOSTNAME, lambda *_: None, crowd=Crowd(table, 1, 2))
        carrier.start([listening])
        clients = []
        for _ in range(3):  # the other one, with none, does not come
            reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
            assert (await reader.readline()).startswith(b"220 ")
            clients.append(writer)
        for writer in clients:
            writer.close()
        await carrier.stop(timedelta(seconds=PATIENCE))


async def test_without_a_free_descriptor_connections_wait_and_it_is_reported() -> None:
    async with door(Recorder()) as open_door:
        early = await open_door.knock()
        await early.talk("S: 220")
        loop, plain = asyncio.get_running_loop(), socket.socket()
        plain.setblocking(False)
        with descriptors_used_up():
            began = loop.time()
            await loop.sock_connect(plain, ("127.0.0.1", open_door.port))
            while not open_door.reports:
                await early.talk("C: NOOP", "S: 250")
            await early.talk("C: NOOP", "S: 250", "C: NOOP", "S: 250")
            assert len(open_door.reports) <= 1 + (loop.time() - began) / listener._BREATH, (
                "no more often than it breathes"
            )
        for what, trouble in open_door.reports:
            assert (what, isinstance(trouble, OSError)) == ("accepting a connection", True)
        open_door.reports.clear()
        reader, writer = await asyncio.open_connection(sock=plain)
        assert (await reader.readline()).startswith(b"220 ")
        writer.close()


async def test_a_client_that_says_nothing_is_hung_up_on() -> None:
    async with door(Recorder(), SubmissionSettings(idle_timeout=SHORTLY)) as open_door:
        await open_door.talk("S: 220", "S: 421 4.4.2", "S: ")
        assert open_door.listener.hits["idle_timeout"] == 1


async def test_a_client_that_trickles_a_command_is_hung_up_on() -> None:
    async with door(Recorder(), SubmissionSettings(idle_timeout=SHORTLY)) as open_door:
        client = await open_door.knock()
        await client.talk("S: 220")
        goodbye, octets = asyncio.create_task(client.reply()), iter(b"x" * 2000)
        while not goodbye.done():
            client.press(bytes([octet]) if (octet := next(octets, 0)) else b"")
            await asyncio.sleep(0)
        assert goodbye.result().startswith("421 4.4.2")


async def test_a_message_that_takes_too_long_is_given_up_however_busy_it_looks() -> None:
    policy = Recorder()
    async with door(policy, SubmissionSettings(data_timeout=SHORTLY)) as open_door:
        client = await open_door.knock()
        client.writer.write(ENVELOPE + b"DATA\r\n")
        await client.talk("S: 220", "S: 250", "S: 250", "S: 250", "S: 354")
        goodbye = asyncio.create_task(client.reply())
        while not goodbye.done():
            client.press(b"a line\r\n")
            await asyncio.sleep(0)
        assert open_door.listener.hits["data_timeout"] == 1
    assert policy.accepted == []


async def test_a_client_that_never_reads_is_cut_off() -> None:
    settings = SubmissionSettings(idle_timeout=SHORTLY, max_commands=10**9)
    async with door(Recorder(), settings) as open_door:
        client = await open_door.knock(receive_buffer=4096)
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(ConnectionError):
            while True:
                client.writer.write(b"EHLO a.example\r\n" * 1000)
                await client.writer.drain()


@pytest.mark.parametrize("setting", ["max_size", "max_recipients", "max_errors", "idle_timeout"])
def test_every_limit_says_what_it_is(setting: str) -> None:
    field = ListenSettings.model_fields[setting]
    assert field.description and not field.is_required()
