"""The LMTP door on a Unix socket: who is heard, and one reply for each recipient."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from smtp_door import HOSTNAME, PATIENCE, Client, Recorder, codes, door, patient

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound.listener import Listener
from mta.inbound.lmtp import LocalPolicy, LocalSession, may_submit
from mta.inbound.settings import LmtpSettings
from mta.inbound.transaction import Peer, Policy, Transaction

KEY = "0123456789abcdef0123456789abcdef"


@asynccontextmanager
async def lmtp_door(folder: Path, policy: Policy) -> AsyncIterator[Path]:
    listener = Listener(policy, LmtpSettings(), HOSTNAME, lambda *_: None, session=LocalSession)
    with socket.socket(socket.AF_UNIX) as listening, patient():
        listening.bind(str(folder / "lmtp.sock"))
        listening.listen()
        listener.start([listening])
        try:
            async with asyncio.timeout(PATIENCE):
                yield folder / "lmtp.sock"
        finally:
            await listener.stop(timedelta(0))


async def knock(path: Path) -> Client:
    return Client(*await asyncio.open_unix_connection(str(path)))


async def test_each_recipient_that_was_taken_gets_a_reply_in_order(tmp_path: Path) -> None:
    policy = Recorder()

    async def check(transaction: Transaction, forward_path: Address) -> Reply | None:
        return Reply.of(550, "5.1.1", "suppressed") if forward_path.local == "bob" else None

    policy.check_recipient = check  # type: ignore[method-assign]
    async with lmtp_door(tmp_path, policy) as path:
        await (await knock(path)).talk(
            "S: 220 mail.shop.example LMTP", "C: LHLO app", "S: 250", "C: MAIL FROM:<a@shop.example>", "S: 250",
            "C: RCPT TO:<ann@example.org>", "S: 250", "C: RCPT TO:<bob@example.org>", "S: 550",
            "C: RCPT TO:<cat@example.org>", "S: 250", "C: RCPT TO:<ann@example.org>", "S: 250", "C: DATA", "S: 354",
            "C: Subject: hi", "C: ", "C: .", "S: 250 2.0.0", "S: 250 2.0.0", "S: 250 2.0.0", "C: QUIT", "S: 221", "S: ",
        )  # fmt: skip
    (accepted,) = policy.accepted
    assert [str(each.forward_path) for each in accepted.recipients] == ["ann@example.org", "cat@example.org"]
    assert (accepted.protocol, accepted.peer) == ("LMTP", Peer("", 0, os.getuid()))


async def test_a_refused_message_is_refused_once_for_each_recipient(tmp_path: Path) -> None:
    async with lmtp_door(tmp_path, Recorder()) as path:
        await (await knock(path)).talk(
            "S: 220", "C: LHLO app", "S: 250", "C: MAIL FROM:<>", "S: 250", "C: RCPT TO:<ann@example.org>", "S: 250",
            "C: RCPT TO:<bob@example.org>", "S: 250", "C: DATA", "S: 354", "C: a\0b", "C: .", "S: 550 5.6.0",
            "S: 550 5.6.0", "C: NOOP", "S: 250",
        )  # fmt: skip


async def test_it_is_not_taken_for_smtp(tmp_path: Path) -> None:
    async with lmtp_door(tmp_path, Recorder()) as path:
        said = await (await knock(path)).converse(
            b"EHLO app\r\nHELO app\r\nMAIL FROM:<>\r\nLHLO app\r\nDATA\r\nMAIL FROM:<>\r\nDATA\r\nAUTH PLAIN\r\nSTARTTLS\r\n"
        )
    assert codes(said) == ["220", "500", "500", "503", "250", "503", "250", "503", "503", "502"]
    async with door(Recorder()) as opened:
        assert codes(await opened.converse(b"LHLO app\r\n"))[1:] == ["500"]


async def test_lines_of_local_programs_are_mended(tmp_path: Path) -> None:
    policy = Recorder()
    async with lmtp_door(tmp_path, policy) as path:
        client = await knock(path)
        await client.converse(
            b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nSubject: x\n\na\n"
            + b"y " * 900
            + b"\r\n.\r\n"
        )
    lines = policy.accepted[0].content.split(b"\r\n")
    assert lines[:3] == [b"Subject: x", b"", b"a"] and max(map(len, lines)) <= 998


async def test_a_key_is_known_here_and_nowhere_else(tmp_path: Path) -> None:
    policy = Recorder()
    async with lmtp_door(tmp_path, policy) as path:
        await (await knock(path)).talk(
            "S: 220", "C: LHLO app", "S: 250", "C: MAIL FROM:<> XPOSTHOUSEKEY=short", "S: 501", "C: MAIL FROM:<> XPOSTHOUSEKEY",
            "S: 501", f"C: MAIL FROM:<> XPOSTHOUSEKEY={KEY}", "S: 250", "C: RCPT TO:<ann@example.org>", "S: 250", "C: DATA",
            "S: 354", "C: .", "S: 250",
        )  # fmt: skip
    assert policy.accepted[0].key == KEY
    async with door(Recorder()) as opened:
        said = await opened.converse(f"EHLO app\r\nMAIL FROM:<> XPOSTHOUSEKEY={KEY}\r\n".encode())
        assert codes(said)[-1] == "555"


async def test_a_user_who_is_not_named_is_sent_away_before_saying_a_word(tmp_path: Path) -> None:
    recorder = Recorder()
    policy = LocalPolicy({os.getuid() + 1}, recorder.accept, recorder.check_recipient)
    async with lmtp_door(tmp_path, policy) as path:
        said = await (await knock(path)).converse(
            b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n.\r\n"
        )
    assert said == ["554 5.7.1 Your user may not submit mail here; see lmtp.users"]
    assert recorder.accepted == []


@pytest.mark.parametrize(
    ("users", "uid", "may"),
    [({0, 33}, 33, True), ({0, 33}, 34, False), (None, 34, True), (None, None, False), ({0}, None, False)],
)
def test_the_kernel_s_word_decides(users: set[int] | None, uid: int | None, may: bool) -> None:
    assert may_submit(users, uid) is may
