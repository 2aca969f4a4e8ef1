"""Conversations with the submission door: commands, parameters, refusals, and what is handed on."""

import asyncio
from datetime import timedelta
from ipaddress import ip_network

import pytest
import uvloop
from smtp_door import ENVELOPE, HOSTNAME, PATIENCE, Client, Recorder, codes, door

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound.settings import SubmissionSettings
from mta.inbound.submission import NOT_PERMITTED, SubmissionPolicy
from mta.inbound.transaction import Peer, Transaction
from mta.ports import StoreBusy, StoreFull
from mta.queue.queue import Recipient

ANN = Address("ann", "example.org")
MESSAGE = b"Subject: hi\r\n\r\nHello\r\n"


async def test_a_message_goes_from_greeting_to_queue() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        await open_door.talk(
            "S: 220 mail.shop.example ESMTP", "C: EHLO app.example", "S: 250 ",
            "C: MAIL FROM:<shop@shop.example>", "S: 250 2.1.0", "C: RCPT TO:<ann@example.org>", "S: 250 2.1.5",
            "C: DATA", "S: 354 ", "C: Subject: hi", "C: ", "C: Hello", "C: .", "S: 250 2.0.0 queued as 1",
            "C: QUIT", "S: 221 2.0.0", "S: ",
        )  # fmt: skip
    (accepted,) = policy.accepted
    assert (accepted.reverse_path, accepted.recipients) == ("shop@shop.example", (Recipient(ANN),))
    assert (accepted.content, accepted.size, accepted.body_8bit) == (MESSAGE, len(MESSAGE), False)
    assert (accepted.helo, accepted.protocol, accepted.peer.ip) == ("app.example", "ESMTP", "127.0.0.1")
    assert accepted.credential == ""


async def test_ehlo_offers_what_works_and_nothing_else() -> None:
    async with door(Recorder()) as open_door:
        said = await open_door.converse(b"EHLO app.example\r\n")
    assert said[1] == f"250-{HOSTNAME}"
    offered = {line[4:] for line in said[2:]}
    assert offered == {"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "DELIVERBY", "SIZE 33554432"}


async def test_a_pipelined_group_is_answered_in_order_and_in_one_write() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        client = await open_door.knock()
        assert (await client.reply()).startswith("220 ")
        client.writer.write(ENVELOPE + b"RCPT TO:<bob@example.org>\r\nDATA\r\n")
        said = await client.reader.read(65536)
        assert [line[:3] for line in said.split(b"\r\n") if line[3:4] == b" "] == [b"250"] * 4 + [b"354"]
        client.writer.write(MESSAGE + b".\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n")
        await client.talk("S: 250 2.0.0", "S: 250 2.1.0", "S: 250 2.1.5", "S: 354 ", "C: .", "S: 250 2.0.0")
    assert [len(each.recipients) for each in policy.accepted] == [2, 1]
    assert [each.reverse_path for each in policy.accepted] == ["shop@shop.example", ""]
    assert policy.accepted[1].content == b""


async def test_the_dsn_parameters_arrive_decoded() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        await open_door.talk(
            "S: 220", "C: EHLO app.example", "S: 250",
            "C: MAIL FROM:<a@b.example> RET=hdrs ENVID=QQ+2B314 BODY=8BITMIME", "S: 250",
            "C: RCPT TO:<ann@example.org> NOTIFY=success,delay ORCPT=rfc822;Ann+2BX@Example.ORG", "S: 250",
            "C: RCPT TO:<bob@example.org> NOTIFY=NEVER", "S: 250", "C: DATA", "S: 354", "C: .", "S: 250",
        )  # fmt: skip
    (accepted,) = policy.accepted
    assert (accepted.ret, accepted.envid) == ("HDRS", "QQ+314")
    assert accepted.recipients == (
        Recipient(ANN, frozenset({"SUCCESS", "DELAY"}), "rfc822;Ann+X@Example.ORG"),
        Recipient(Address("bob", "example.org"), frozenset({"NEVER"})),
    )


async def test_addresses_in_other_scripts_need_smtputf8_and_then_arrive_whole() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        await open_door.talk(
            "S: 220", "C: EHLO app.example", "S: 250", "C: MAIL FROM:<דנה@shop.example>", "S: 553 5.6.7",
            "C: MAIL FROM:<shop@shop.example>", "S: 250", "C: RCPT TO:<иван@пример.example>", "S: 553 5.6.7", "C: RSET",
            "S: 250", "C: MAIL FROM:<דנה@shop.example> SMTPUTF8", "S: 250", "C: RCPT TO:<иван@пример.example>",
            "S: 250", "C: DATA", "S: 354", "C: Subject: שלום", "C: .", "S: 250",
        )  # fmt: skip
    (accepted,) = policy.accepted
    assert accepted.reverse_path == "דנה@shop.example"
    assert accepted.recipients[0].forward_path == Address("иван", "xn--e1afmkfd.example")
    assert (accepted.protocol, accepted.body_8bit) == ("UTF8SMTP", True)


async def test_dots_are_taken_off_the_lines_that_have_one_too_many() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        await open_door.converse(ENVELOPE + b"DATA\r\n..first\r\n...\r\nx\r\n..\r\n.\r\nQUIT\r\n")
    assert policy.accepted[0].content == b".first\r\n..\r\nx\r\n.\r\n"


async def test_a_recipient_named_twice_gets_the_message_once() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        await open_door.converse(ENVELOPE + b"RCPT TO:<ann@EXAMPLE.org>\r\nDATA\r\n.\r\n")
    assert policy.accepted[0].recipients == (Recipient(ANN),)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"MAIL FROM:<a@b.example>", "503 5.5.1"),  # EHLO was not said
        (b"EHLO", "501 5.5.4"),
        (b"EHLO <script>", "501 5.5.4"),
        (b"RCPT TO:<ann@example.org>", "503 5.5.1"),
        (b"DATA", "503 5.5.1"),
        (b"RSET now", "501 5.5.4"),
        (b"QUIT now", "501 5.5.4"),
        (b"NOOP whatever", "250 2.0.0"),
        (b"VRFY ann@example.org", "252 2.0.0"),
        (b"EXPN staff", "502 5.5.1"),
        (b"HELP", "214 2.0.0"),
        (b"AUTH PLAIN AGFubgBzZWNyZXQ=", "502 5.5.1"),
        (b"STARTTLS", "502 5.5.1"),
        (b"BDAT 5 LAST", "502 5.5.1"),
        (b"", "500 5.5.1"),
        (b"XYZZY \x1b]0;x", "500 5.5.2"),
        (b"XYZZY", "500 5.5.1"),
        ("RſET".encode(), "500 5.5.1"),
        (b"NOOP \xff\xfe", "500 5.5.2"),
        (b"NOOP \x00", "500 5.5.2"),
        (b"NOOP a\rb", "500 5.5.2"),
        (b"NOOP a\nb", "500 5.5.2"),
        (b"NOOP\tb", "500 5.5.2"),
        ("NOOP \u2028".encode(), "500 5.5.2"),
        (b"NOOP " + b"x" * 2044, "500 5.5.2"),
        (b"NOOP " + b"x" * 100_000, "500 5.5.2"),
    ],
)
async def test_a_command_out_of_place_or_shape_gets_the_right_code(command: bytes, reply: str) -> None:
    async with door(Recorder()) as open_door:
        said = await open_door.converse(command + b"\r\nNOOP\r\n")
    assert said[1].startswith(reply)
    assert len(said) == 3 or reply.startswith("221"), "one reply for each command"
    assert said[2].startswith("250 2.0.0"), "the session goes on"


async def test_what_a_stranger_sent_is_not_sent_back() -> None:
    async with door(Recorder()) as open_door:
        said = await open_door.converse(b"EVILVERB\x1b evil\r\nEVIL evil\r\nMAIL evil\r\nEHLO <evil>\r\n")
    assert "evil" not in "".join(said).lower()


async def test_a_line_feed_alone_is_answered_at_once_and_its_line_is_never_obeyed() -> None:
    async with door(Recorder()) as open_door:
        await open_door.talk(
            "S: 220", "C: EHLO a.example\nMAIL FROM:<x@y.example>", "S: 500 5.5.2", "C: RSET", "S: 250"
        )
        client = await open_door.knock()
        await client.reply()
        client.writer.write(b"EHLO a.example\n")  # somebody with netcat, waiting
        assert (await client.reply()).startswith("500 5.5.2")


@pytest.mark.parametrize(
    ("raised", "reply"),
    [(StoreFull("no room"), "452 4.3.1"), (StoreBusy("locked"), "451 4.3.0")],
)
async def test_a_trouble_of_the_store_is_a_4xx_and_the_session_goes_on(raised: Exception, reply: str) -> None:
    policy = Recorder()

    async def fail(transaction: Transaction) -> Reply:
        raise raised

    policy.answer = fail  # type: ignore[method-assign]
    async with door(policy) as open_door:
        said = await open_door.converse(ENVELOPE + b"DATA\r\n" + MESSAGE + b".\r\nDATA\r\n")
    assert said[-2].startswith(reply)
    assert said[-1].startswith("503 5.5.1"), "the transaction is over"
    assert policy.accepted == []


async def test_an_unexpected_exception_is_reported_to_us_and_is_451_to_the_client() -> None:
    policy = Recorder()

    async def fail(transaction: Transaction) -> Reply:
        raise RuntimeError("SELECT secret FROM tables")

    policy.answer = fail  # type: ignore[method-assign]
    async with door(policy) as open_door:
        said = await open_door.converse(ENVELOPE + b"DATA\r\n.\r\n")
        ((what, trouble),) = open_door.reports
        open_door.reports.clear()
    assert (what, str(trouble)) == ("DATA", "SELECT secret FROM tables")
    assert said[-1].startswith("451 4.3.0")
    assert "secret" not in "".join(said) and "RuntimeError" not in "".join(said)


async def test_a_refused_recipient_is_told_so_and_the_others_are_kept() -> None:
    refusal = Reply.of(550, "5.7.1", "This address is suppressed: hard bounce. See posthouse suppression.")
    policy = Recorder()

    async def check(transaction: Transaction, forward_path: Address) -> Reply | None:
        return refusal if forward_path.local == "bob" else None

    policy.check_recipient = check  # type: ignore[method-assign]
    async with door(policy) as open_door:
        said = await open_door.converse(ENVELOPE + b"RCPT TO:<bob@example.org>\r\nDATA\r\n.\r\n")
        assert str(refusal) in said
        said = await open_door.converse(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n.\r\n")
        assert codes(said)[-3:] == ["550", "554", "500"]
    assert [each.recipients for each in policy.accepted] == [(Recipient(ANN),)]


async def test_the_message_a_policy_refuses_is_answered_with_its_reply() -> None:
    policy = Recorder()

    async def refuse(transaction: Transaction) -> Reply:
        return Reply.of(550, "5.7.0", "No header From:\nAdd one")

    policy.answer = refuse  # type: ignore[method-assign]
    async with door(policy) as open_door:
        said = await open_door.converse(ENVELOPE + b"DATA\r\n.\r\n")
    assert said[-2:] == ["550-5.7.0 No header From:", "550 5.7.0 Add one"]


@pytest.mark.parametrize(
    ("ip", "networks", "is_admitted"),
    [
        ("127.0.0.1", None, True),
        ("127.8.8.8", None, True),
        ("::1", None, True),
        ("10.0.0.7", None, False),
        ("fe80::1%eth0", None, False),
        ("", None, False),
        ("10.0.0.7", ("10.0.0.0/24",), True),
        ("10.0.1.7", ("10.0.0.0/24",), False),
        ("127.0.0.1", ("10.0.0.0/24",), False),
    ],
)
def test_only_peers_in_a_permitted_network_may_speak(
    ip: str, networks: tuple[str, ...] | None, is_admitted: bool
) -> None:
    settings = SubmissionSettings(networks=networks) if networks else SubmissionSettings()  # type: ignore[arg-type]
    recorder = Recorder()
    policy = SubmissionPolicy(settings.networks, recorder.accept, recorder.check_recipient)
    assert policy.admit(Peer(ip, 4711)) == (None if is_admitted else NOT_PERMITTED)


async def test_a_peer_from_elsewhere_is_sent_away_before_it_says_a_word() -> None:
    recorder = Recorder()
    policy = SubmissionPolicy([ip_network("192.0.2.0/24")], recorder.accept, recorder.check_recipient)
    async with door(policy) as open_door:
        assert (await open_door.converse(ENVELOPE))[0].startswith("554 5.7.1")
    assert recorder.accepted == []


@pytest.mark.parametrize("first", ["POST / HTTP/1.1", "GET / HTTP/1.0", "Host: localhost:2525", "host:localhost"])
async def test_a_browser_is_hung_up_on_at_its_first_line(first: str) -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        said = await open_door.converse(first.encode() + b"\r\n\r\n" + ENVELOPE + b"DATA\r\n.\r\n")
    assert codes(said) == ["220", "421"]
    assert policy.accepted == []


def test_the_door_works_on_uvloop_and_on_asyncio() -> None:
    async def one_message() -> list[Transaction]:
        policy = Recorder()
        async with door(policy) as open_door:
            said = await open_door.converse(ENVELOPE + b"DATA\r\n" + MESSAGE + b".\r\nQUIT\r\n")
            assert codes(said) == ["220", "250", "250", "250", "354", "250", "221"]
        return policy.accepted

    for factory in (uvloop.new_event_loop, asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert [each.content for each in runner.run(one_message())] == [MESSAGE]


class Slow(Recorder):
    """A policy whose commit takes until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.is_committing = asyncio.Event()
        self.may_commit = asyncio.Event()

    async def answer(self, transaction: Transaction) -> Reply:
        self.is_committing.set()
        await self.may_commit.wait()
        return await super().answer(transaction)


async def hand_over(client: Client) -> None:
    client.writer.write(ENVELOPE + b"DATA\r\n" + MESSAGE + b".\r\n")
    await client.talk("S: 220", "S: 250", "S: 250", "S: 250", "S: 354")


@pytest.mark.parametrize("leave", ["with a FIN", "with a RST"])
async def test_a_client_that_leaves_after_the_dot_does_not_undo_the_commit(leave: str) -> None:
    policy = Slow()
    async with door(policy) as open_door:
        client = await open_door.knock()
        await hand_over(client)
        await policy.is_committing.wait()
        if leave == "with a FIN":
            client.writer.close()
        else:
            client.writer.transport.abort()
        await open_door.converse(b"NOOP\r\nQUIT\r\n")  # by the end of this the listener has seen the other one go
        policy.may_commit.set()
        await open_door.listener.stop(timedelta(seconds=PATIENCE))
        assert [each.content for each in policy.accepted] == [MESSAGE]


async def test_a_client_that_leaves_before_the_dot_has_sent_nothing() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        for end in (b"", b".", b".\r", b"\r\n", b"\r\n.", b"\r\n.\r", b".\n"):
            said = await open_door.converse(ENVELOPE + b"DATA\r\nSubject: half\r\n\r\nof it" + end)
            assert codes(said) == ["220", "250", "250", "250", "354"], end
    assert policy.accepted == []


async def test_stopping_lets_a_commit_finish_and_sends_the_idle_away_at_once() -> None:
    policy = Slow()
    async with door(policy) as open_door:
        busy, idle = await open_door.knock(), await open_door.knock()
        await hand_over(busy)
        await idle.talk("S: 220", "C: EHLO a.example", "S: 250")
        await policy.is_committing.wait()
        stopping = asyncio.create_task(open_door.listener.stop(timedelta(seconds=PATIENCE)))
        await idle.talk("S: 421 4.3.2", "S: ")
        policy.may_commit.set()
        await busy.talk("S: 250 2.0.0", "S: 421 4.3.2", "S: ")
        busy.writer.close()
        await stopping
        assert len(policy.accepted) == 1
        assert open_door.listener.sessions == 0


async def test_stopping_cuts_off_a_message_that_outlasts_the_grace() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        client = await open_door.knock()
        client.writer.write(ENVELOPE + b"DATA\r\nSubject: slow\r\n")
        await client.talk("S: 220", "S: 250", "S: 250", "S: 250", "S: 354")
        await open_door.listener.stop(timedelta(milliseconds=20))
        await client.talk("S: 421 4.3.2", "S: ")
    assert policy.accepted == []
