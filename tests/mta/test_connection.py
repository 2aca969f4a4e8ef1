"""Connections over real sockets: against a server that follows a script, and against aiosmtpd as a foreign peer."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop
from aiosmtpd.smtp import SMTP
from chat import CONTENT, mail
from fake_mx import fake_mx

from deliverability.reply import Reply
from engine.system import SystemClock, SystemNet
from mta.outbound.connection import ConnectFailed, Connection, ConnectionSettings
from mta.outbound.outcome import Delivered, Failure, NotPermitted, Scope, Stage, Unanswered
from mta.outbound.security import TlsResult
from mta.routing.hops import Demand, Level, Login, Protocol
from mta.routing.routes import Host
from mta.smtp.timeouts import Timeouts

OPENING = ("S: 220 mx", "C: EHLO out.example", "S: 250-mx", "S: 250 PIPELINING")
GROUP = ("C: MAIL FROM:<b+41c9@out.example>", "C: RCPT TO:<ann@example.org>", "C: DATA")
TAKEN = ("S: 250 ok", "S: 250 ok", "S: 354 go")
AT_THE_DOT = (*OPENING, *GROUP, *TAKEN, "C: (the message)")
LEAVING = ("C: QUIT", "S: 221 bye")
BIG = mail(content=b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 200_000)  # 14 MB: more than any socket buffer takes


def hasty(**seconds: float) -> Timeouts:
    """In a hurry at one stage, which is what a test is about: at the others this machine may be slow."""
    return Timeouts(quit=0.005, **seconds)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mx.example.org").configure_cert(context)
    return context


async def opened(host: Host, **settings: Any) -> Connection | ConnectFailed:
    return await Connection.open(SystemNet(), SystemClock(), host, ConnectionSettings("out.example", **settings))


@contextlib.asynccontextmanager
async def connected(host: Host, **settings: Any) -> AsyncIterator[Connection]:
    connection = await opened(host, **settings)
    assert isinstance(connection, Connection), connection
    try:
        yield connection
    finally:
        connection.close()
        await connection.wait_closed()


async def permitted() -> bool:
    return True


async def forbidden() -> bool:
    return False


# The straight road.


async def test_messages_follow_each_other_over_one_connection() -> None:
    more = (*GROUP, *TAKEN, "C: (the message)", "S: 250 two")
    async with fake_mx([*AT_THE_DOT, "S: 250 one", *more, *LEAVING]) as mx, connected(mx.host) as connection:
        assert await connection.deliver(mail(), permitted) == Delivered(Reply.parse("250 one"))
        assert await connection.deliver(mail(), permitted) == Delivered(Reply.parse("250 two"))
        assert connection.is_usable
        assert connection.delivered_count == 2
        assert mx.messages == [CONTENT, CONTENT]


async def test_without_pipelining_commands_go_one_by_one() -> None:
    script = ["S: 220 mx", "C: EHLO out.example", "S: 250 mx", GROUP[0], "S: 250 ok", GROUP[1], "S: 250 ok", GROUP[2],
              "S: 354 go", "C: (the message)", "S: 250 ok", *LEAVING]  # fmt: skip
    async with fake_mx(script) as mx, connected(mx.host) as connection:
        assert isinstance(await connection.deliver(mail(), permitted), Delivered)


async def test_a_big_message_passes_through_a_narrow_pipe() -> None:
    async with fake_mx([*AT_THE_DOT, "S: 250 ok", *LEAVING]) as mx, connected(mx.host) as connection:
        assert isinstance(await connection.deliver(BIG, permitted), Delivered)
        assert mx.messages == [BIG.content]


async def test_the_facts_of_a_try_are_kept() -> None:
    script = [*OPENING, *GROUP, "S: 250 ok", "S: 550 5.1.1 no such user", "S: 554 no", *LEAVING]
    async with fake_mx(script) as mx, connected(mx.host) as connection:
        outcome = await connection.deliver(mail(), permitted)
        assert outcome == Failure(Scope.RECIPIENT, Reply.parse("550 5.1.1 no such user"), Stage.RCPT)
        assert (connection.host.name, connection.host.address, connection.tls) == ("mx.example.org", "127.0.0.1", "")
        assert "S: 550 5.1.1 no such user" in connection.dialogue
        assert connection.is_usable


# Permission.


async def test_nothing_of_the_message_leaves_before_permission() -> None:
    async with fake_mx([*AT_THE_DOT, "S: 250 ok", *LEAVING]) as mx, connected(mx.host) as connection:

        async def permit() -> bool:
            for _ in range(50):  # rounds of the loop: what had been written would have come by now
                await asyncio.sleep(0)
            assert mx.messages == []
            assert mx.seen[-1] == "DATA"
            return True

        assert isinstance(await connection.deliver(mail(), permit), Delivered)


async def test_without_permission_the_connection_is_dropped_and_no_dot_sent() -> None:
    async with fake_mx([*OPENING, *GROUP, *TAKEN, "C: (hangs up)"]) as mx, connected(mx.host) as connection:
        assert await connection.deliver(mail(), forbidden) == NotPermitted()
        assert not connection.is_usable


async def test_a_mark_that_cannot_be_written_drops_the_connection_and_reaches_the_caller() -> None:
    async def permit() -> bool:
        raise RuntimeError("the disk is full")

    async with fake_mx([*OPENING, *GROUP, *TAKEN, "C: (hangs up)"]) as mx, connected(mx.host) as connection:
        with pytest.raises(RuntimeError, match="the disk is full"):
            await connection.deliver(mail(), permit)
        assert not connection.is_usable


async def test_who_is_cancelled_leaves_no_dot_behind() -> None:
    waiting = asyncio.Event()

    async def permit() -> bool:
        waiting.set()
        await asyncio.Event().wait()
        return True

    async with fake_mx([*OPENING, *GROUP, *TAKEN, "C: (hangs up)"]) as mx, connected(mx.host) as connection:
        delivering = asyncio.ensure_future(connection.deliver(mail(), permit))
        await waiting.wait()
        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering


@pytest.mark.parametrize("answer", [True, False])
async def test_a_host_that_hangs_up_while_the_mark_is_written_gets_no_dot(answer: bool) -> None:
    async with fake_mx([*OPENING, *GROUP, *TAKEN, "S: (hangs up)"]) as mx, connected(mx.host) as connection:

        async def permit() -> bool:
            await connection.wait_closed()
            return answer

        outcome = await connection.deliver(mail(), permit)
        if answer:
            assert isinstance(outcome, Failure)
            assert (outcome.scope, outcome.stage) == (Scope.ROUTE, Stage.DATA)
        else:
            assert outcome == NotPermitted()


# Ends and silence.


async def test_a_host_that_hangs_up_after_the_dot_leaves_the_message_in_doubt() -> None:
    async with fake_mx([*AT_THE_DOT, "S: (hangs up)"]) as mx, connected(mx.host) as connection:
        outcome = await connection.deliver(mail(), permitted)
        assert outcome == Unanswered(Stage.DOT, "the remote host closed the connection")
        assert not connection.is_usable


async def test_a_host_that_is_silent_after_the_dot_leaves_the_message_in_doubt() -> None:
    async with fake_mx([*AT_THE_DOT, "S: (silence)"]) as mx, connected(mx.host, timeouts=hasty(dot=0.6)) as connection:
        assert await connection.deliver(mail(), permitted) == Unanswered(Stage.DOT, "no answer within 0.6 s")


@pytest.mark.parametrize(
    ("script", "stage"),
    [(("S: (silence)",), Stage.GREETING), (("S: 220 mx", "C: EHLO out.example", "S: (silence)"), Stage.EHLO)],
)
async def test_a_host_that_is_silent_at_the_opening_is_given_up(script: tuple[str, ...], stage: Stage) -> None:
    async with fake_mx(script) as mx:
        failed = await opened(mx.host, timeouts=hasty(**{stage.name.lower(): 0.3}))
        assert isinstance(failed, ConnectFailed)
        assert (failed.failure.scope, failed.failure.stage) == (Scope.ROUTE, stage)


async def test_a_reply_that_drips_in_gains_no_time() -> None:
    script = [*OPENING, *GROUP, "S: (drips) 250 this takes longer than anybody should wait"]
    async with fake_mx(script) as mx, connected(mx.host, timeouts=hasty(mail=0.3)) as connection:
        outcome = await connection.deliver(mail(), permitted)
        assert isinstance(outcome, Failure)
        assert outcome.stage is Stage.MAIL
        assert outcome.reply.text == "no answer within 0.3 s"


async def test_a_flood_of_reply_is_cut() -> None:
    async with fake_mx([*OPENING, *GROUP, "S: (floods)"]) as mx, connected(mx.host) as connection:
        outcome = await connection.deliver(mail(), permitted)
        assert isinstance(outcome, Failure)
        assert "a reply longer than 65536 octets" in outcome.reply.text


async def test_an_idle_connection_that_ends_is_not_usable() -> None:
    async with (
        fake_mx([*AT_THE_DOT, "S: 250 ok", "S: 421 idle", "S: (hangs up)"]) as mx,
        connected(mx.host) as connection,
    ):
        assert isinstance(await connection.deliver(mail(), permitted), Delivered)
        await connection.wait_closed()
        assert not connection.is_usable
        outcome = await connection.deliver(mail(), permitted)
        assert isinstance(outcome, Failure)
        assert outcome.scope is Scope.SESSION


# In the middle of the content.


async def test_a_host_that_breaks_off_in_the_middle_of_the_content_leaves_no_doubt() -> None:
    script = [*OPENING, *GROUP, *TAKEN, "C: (half of it)", "S: (resets)"]
    async with fake_mx(script) as mx, connected(mx.host) as connection:
        outcome = await connection.deliver(BIG, permitted)
        assert isinstance(outcome, Failure)
        assert outcome.scope is Scope.ROUTE


async def test_a_host_that_stops_reading_is_given_up_without_doubt() -> None:
    script = [*OPENING, *GROUP, *TAKEN, "S: (sleeps)"]
    async with fake_mx(script) as mx, connected(mx.host, timeouts=hasty(block=0.18)) as connection:
        outcome = await connection.deliver(BIG, permitted)
        assert isinstance(outcome, Failure)
        assert outcome.reply.text == "no answer within 0.18 s"


async def test_a_refusal_in_the_middle_of_the_content_ends_the_connection() -> None:
    script = [*OPENING, *GROUP, *TAKEN, "C: (half of it)", "S: 552 5.3.4 too big", "S: (silence)"]
    async with fake_mx(script) as mx, connected(mx.host) as connection:
        outcome = await connection.deliver(BIG, permitted)
        assert outcome == Failure(Scope.MESSAGE, Reply.parse("552 5.3.4 too big"), Stage.DOT)
        assert not connection.is_usable


# Opening.


async def test_nobody_there_is_a_failure_of_the_route() -> None:
    failed = await opened(Host("mx.example.org", "127.0.0.1", 1))
    assert isinstance(failed, ConnectFailed)
    assert (failed.failure.scope, failed.failure.stage) == (Scope.ROUTE, Stage.CONNECT)
    assert "mx.example.org [127.0.0.1]:1" in failed.failure.reply.text
    assert failed.failure.reply.is_transient


async def test_a_refusing_host_is_left_politely() -> None:
    async with fake_mx(["S: 554 5.7.1 not you", *LEAVING]) as mx:
        failed = await opened(mx.host)
        assert isinstance(failed, ConnectFailed)
        assert failed.failure == Failure(Scope.ROUTE, Reply.parse("554 5.7.1 not you"), Stage.GREETING)


# TLS.

OFFERS_TLS = ("S: 220 mx", "C: EHLO out.example", "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS")


async def test_tls_is_used_where_it_is_offered(server_tls: ssl.SSLContext) -> None:
    script = [*OFFERS_TLS, "S: 220 go", "S: (TLS)", *AT_THE_DOT[1:], "S: 250 ok", *LEAVING]
    async with fake_mx(script, tls=server_tls) as mx, connected(mx.host) as connection:
        assert connection.tls.startswith("TLSv1.3 ")
        assert isinstance(await connection.deliver(mail(), permitted), Delivered)
        assert connection.dialogue.startswith("mail ")


async def test_a_big_message_passes_through_tls(server_tls: ssl.SSLContext) -> None:
    script = [
        *OFFERS_TLS,
        "S: 220 go",
        "S: (TLS)",
        *AT_THE_DOT[1:],
        "S: 250 ok",
        *AT_THE_DOT[4:],
        "S: 250 ok",
        *LEAVING,
    ]
    async with fake_mx(script, tls=server_tls) as mx, connected(mx.host) as connection:
        assert isinstance(await connection.deliver(BIG, permitted), Delivered)
        assert isinstance(await connection.deliver(mail(), permitted), Delivered)
        assert mx.messages == [BIG.content, CONTENT]


@pytest.mark.parametrize(
    "broken", [["C: (half of it)", "S: this is no handshake"], ["S: (hangs up)"], ["S: (silence)"]]
)
async def test_a_broken_handshake_is_followed_by_one_new_connection_in_clear(broken: list[str]) -> None:
    first = [*OFFERS_TLS, "S: 220 go", *broken]
    second = [*OPENING[:3], "S: 250 STARTTLS", *GROUP[:1], "S: 250 ok", *GROUP[1:2], "S: 250 ok", *GROUP[2:],
              "S: 354 go", "C: (the message)", "S: 250 ok", *LEAVING]  # fmt: skip
    async with (
        fake_mx(first, second) as mx,
        connected(mx.host, timeouts=hasty(starttls=0.5)) as connection,
    ):
        assert connection.tls == ""
        assert connection.tls_trouble
        assert isinstance(await connection.deliver(mail(), permitted), Delivered)


async def test_a_server_that_breaks_off_right_behind_the_handshake_gets_clear_text_too(
    server_tls: ssl.SSLContext,
) -> None:
    first = [*OFFERS_TLS, "S: 220 go", "S: (TLS)", "S: (hangs up)"]
    async with (
        fake_mx(first, [*OPENING, *LEAVING], tls=server_tls) as mx,
        connected(mx.host) as connection,
    ):
        assert connection.tls == ""


async def test_a_broken_handshake_ends_it_where_tls_is_required() -> None:
    async with fake_mx([*OFFERS_TLS, "S: 220 go", "C: (half of it)", "S: no handshake"]) as mx:
        failed = await opened(mx.host, demand=Demand(Level.ENCRYPT))
        assert isinstance(failed, ConnectFailed)
        assert failed.failure.stage is Stage.STARTTLS


async def test_octets_behind_the_220_end_it_and_are_not_retried_in_clear() -> None:
    async with fake_mx([*OFFERS_TLS, "S: 220 go\r\n250 injected", "C: (hangs up)"]) as mx:
        failed = await opened(mx.host)
        assert isinstance(failed, ConnectFailed)
        assert failed.failure.stage is Stage.STARTTLS


def verifying(authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return {"demand": Demand(Level.VERIFY, "routing.tls"), "authorities": tmp_path / "authority.pem"}


async def test_a_certificate_of_the_hosts_name_from_a_trusted_authority_is_believed(
    authority: trustme.CA, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    script = [*OFFERS_TLS, "S: 220 go", "S: (TLS)", *AT_THE_DOT[1:], "S: 250 ok", *LEAVING]
    async with (
        fake_mx(script, tls=server_tls) as mx,
        connected(mx.host, **verifying(authority, tmp_path)) as connection,
    ):
        assert connection.is_verified
        assert connection.suits(Demand(Level.VERIFY))
        assert isinstance(await connection.deliver(mail(), permitted), Delivered)


async def test_tls_that_nobody_asked_to_verify_does_not_suit_who_asks_for_it(server_tls: ssl.SSLContext) -> None:
    script = [*OFFERS_TLS, "S: 220 go", "S: (TLS)", *OPENING[1:], *LEAVING]
    async with fake_mx(script, tls=server_tls) as mx, connected(mx.host) as connection:
        assert connection.suits(Demand(Level.ENCRYPT))
        assert not connection.suits(Demand(Level.VERIFY))


def _past() -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("result", "issue"),
    [
        (TlsResult.WRONG_NAME, lambda ca: ca.issue_cert("other.example.org")),
        (TlsResult.EXPIRED, lambda ca: ca.issue_cert("mx.example.org", not_after=_past())),
        (TlsResult.NOT_TRUSTED, lambda _: trustme.CA().issue_cert("mx.example.org")),
    ],
)
async def test_a_certificate_that_is_not_believed_ends_it_before_anything_was_said(
    result: TlsResult, issue: Callable[[trustme.CA], trustme.LeafCert], authority: trustme.CA, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issue(authority).configure_cert(context)
    async with fake_mx([*OFFERS_TLS, "S: 220 go", "S: (TLS refused)"], tls=context) as mx:
        failed = await opened(mx.host, **verifying(authority, tmp_path))
        assert isinstance(failed, ConnectFailed)
        assert failed.tls_result is result
        assert "the certificate is not believed: " in failed.failure.reply.text


async def test_a_host_that_offers_no_tls_is_left_where_it_is_demanded(authority: trustme.CA, tmp_path: Path) -> None:
    async with fake_mx([*OPENING, *LEAVING]) as mx:
        failed = await opened(mx.host, **verifying(authority, tmp_path))
        assert isinstance(failed, ConnectFailed)
        assert (failed.tls_result, failed.failure.reply.code) == (TlsResult.NOT_OFFERED, 451)


async def test_tls_that_is_known_to_be_broken_is_not_begun() -> None:
    async with (
        fake_mx([*OPENING[:3], "S: 250 STARTTLS", *LEAVING]) as mx,
        connected(mx.host, is_tls_broken=True) as made,
    ):
        assert made.tls == ""


async def test_we_log_in_over_tls_from_the_first_octet(
    authority: trustme.CA, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    login = Login("shop", tmp_path / "secret")
    script = ["S: (TLS)", "S: 220 mx", "C: EHLO out.example", "S: 250-mx", "S: 250 AUTH PLAIN",
              "C: AUTH PLAIN AHNob3AAczNjcmV0", "S: 235 ok", *LEAVING]  # fmt: skip
    async with (
        fake_mx(script, tls=server_tls) as mx,
        connected(mx.host, protocol=Protocol.SMTPS, login=login, **verifying(authority, tmp_path)) as made,
    ):
        assert made.is_verified


async def test_a_password_that_cannot_be_read_is_our_trouble_and_nobody_is_called(tmp_path: Path) -> None:
    failed = await opened(Host("mx.example.org", "127.0.0.1", 1), login=Login("shop", tmp_path / "none"))
    assert isinstance(failed, ConnectFailed)
    assert (failed.failure.stage, failed.failure.is_ours, failed.failure.reply.code) == (Stage.AUTH, True, 451)


async def test_lmtp_goes_over_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "lmtp.sock")
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (b"220 store\r\n", b"250 store\r\n"):
            writer.write(reply)
            said.append(await reader.readline())
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    async with connected(Host(path, path, 0, is_named=True), protocol=Protocol.LMTP) as made:
        assert made.is_usable
    server.close()
    assert said == [b"LHLO out.example\r\n", b"QUIT\r\n"]


# aiosmtpd, which others wrote.


class Inbox:
    """A handler that keeps what it gets, or refuses it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 2.0.0 queued"


@contextlib.asynccontextmanager
async def aiosmtpd_host(inbox: Inbox, **options: Any) -> AsyncIterator[Host]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(inbox, hostname="mx.example.org", enable_SMTPUTF8=True, loop=loop, **options), "127.0.0.1", 0
    )
    try:
        yield Host("mx.example.org", *server.sockets[0].getsockname())
    finally:
        server.close()


@pytest.mark.parametrize("with_tls", [False, True])
async def test_aiosmtpd_gets_the_message_octet_for_octet(with_tls: bool, server_tls: ssl.SSLContext) -> None:
    inbox, content = Inbox(), b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\nend\r\n"
    options = {"tls_context": server_tls} if with_tls else {}
    async with aiosmtpd_host(inbox, **options) as host, connected(host) as connection:
        assert bool(connection.tls) is with_tls
        for _ in range(3):
            outcome = await connection.deliver(mail(content=content), permitted)
            assert outcome == Delivered(Reply.parse("250 2.0.0 queued"))
    assert inbox.taken == [("b+41c9@out.example", ["ann@example.org"], content)] * 3


async def test_aiosmtpd_refuses_one_recipient_and_takes_the_next() -> None:
    inbox = Inbox()
    async with aiosmtpd_host(inbox) as host, connected(host) as connection:
        refused = await connection.deliver(mail(forward_path="nobody@example.org"), permitted)
        assert refused == Failure(Scope.RECIPIENT, Reply.parse("550 5.1.1 no such user"), Stage.RCPT)
        assert isinstance(await connection.deliver(mail(), permitted), Delivered)


async def test_aiosmtpd_takes_an_internationalised_message() -> None:
    inbox, content = Inbox(), "Subject: привет\r\n\r\nשלום\r\n".encode()
    async with aiosmtpd_host(inbox) as host, connected(host) as connection:
        message = mail(content=content, forward_path="анна@example.org", needs_utf8=True, has_8bit=True)
        assert isinstance(await connection.deliver(message, permitted), Delivered)
    assert inbox.taken == [("b+41c9@out.example", ["анна@example.org"], content)]


# The loop that the daemon runs on tells in its own way what has left and what waits.


@pytest.mark.parametrize(
    "scenario",
    [
        test_messages_follow_each_other_over_one_connection,
        test_a_big_message_passes_through_a_narrow_pipe,
        test_a_host_that_breaks_off_in_the_middle_of_the_content_leaves_no_doubt,
        test_a_host_that_stops_reading_is_given_up_without_doubt,
        test_a_refusal_in_the_middle_of_the_content_ends_the_connection,
        test_a_host_that_is_silent_after_the_dot_leaves_the_message_in_doubt,
        test_an_idle_connection_that_ends_is_not_usable,
    ],
)
def test_the_same_holds_on_uvloop(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    uvloop.run(scenario())


@pytest.mark.parametrize(
    "scenario",
    [
        test_tls_is_used_where_it_is_offered,
        test_a_big_message_passes_through_tls,
        test_a_server_that_breaks_off_right_behind_the_handshake_gets_clear_text_too,
    ],
)
def test_the_same_holds_on_uvloop_with_tls(
    scenario: Callable[[ssl.SSLContext], Coroutine[Any, Any, None]], server_tls: ssl.SSLContext
) -> None:
    uvloop.run(scenario(server_tls))
