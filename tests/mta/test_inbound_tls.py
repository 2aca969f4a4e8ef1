"""The turn to TLS: what is offered when, what is forgotten, and what becomes of handshakes that fail."""

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from smtp_door import ENVELOPE, Recorder, codes, door
from tls_door import NAME, PASSWORD, issue, knock_with_tls, plain, secured, shake_hands, tls_door, trusting

from mta.inbound.settings import SubmissionSettings
from mta.inbound.tls import Certificate, CertificateTrouble

MESSAGE = b"Subject: hi\r\n\r\nHello\r\n"


async def test_a_message_comes_in_after_starttls(tmp_path: Path) -> None:
    policy = Recorder()
    async with tls_door(tmp_path, policy) as opened:
        client = await secured(opened)
        await client.talk(
            "C: MAIL FROM:<shop@shop.example>", "S: 250", "C: RCPT TO:<ann@example.org>", "S: 250", "C: DATA", "S: 354",
            "C: .", "S: 250 2.0.0", "C: QUIT", "S: 221", "S: ",
        )  # fmt: skip
    (accepted,) = policy.accepted
    assert (accepted.protocol, accepted.is_tls, accepted.credential) == ("ESMTPS", True, "")


async def test_a_message_comes_in_where_tls_begins_at_once(tmp_path: Path) -> None:
    policy = Recorder()
    async with tls_door(tmp_path, policy, begins_with_tls=True) as opened:
        client = await knock_with_tls(opened)
        client.writer.write(ENVELOPE + b"DATA\r\n" + MESSAGE + b".\r\nQUIT\r\n")
        said = (await client.reader.read()).decode().split("\r\n")[:-1]
        assert codes(said) == ["220", *["250"] * 3, "354", "250", "221"]
    assert policy.accepted[0].protocol == "ESMTPS"


@pytest.mark.parametrize("factory", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_both_ways_work_on_uvloop_and_on_asyncio(
    tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def both() -> None:
        async with tls_door(tmp_path) as opened:
            await (await secured(opened)).talk("C: NOOP", "S: 250")
        async with tls_door(tmp_path, begins_with_tls=True) as opened:
            await (await knock_with_tls(opened)).talk("S: 220", "C: NOOP", "S: 250", "C: QUIT", "S: 221", "S: ")

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(both())


async def test_ehlo_offers_starttls_in_clear_and_passwords_under_tls(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        said = await opened.converse(b"EHLO app.example\r\n")
        assert "250 STARTTLS" in said and not [line for line in said if "AUTH" in line]
        client = await secured(opened)
        client.writer.write(b"EHLO app.example\r\nQUIT\r\n")
        said = (await client.reader.read()).decode().split("\r\n")
        assert "250 AUTH PLAIN LOGIN" in said and not [line for line in said if "STARTTLS" in line]


async def test_what_was_sent_in_clear_behind_starttls_is_never_read(tmp_path: Path) -> None:
    policy = Recorder()
    async with tls_door(tmp_path, policy) as opened:
        client = await opened.knock()
        await client.talk("S: 220", "C: EHLO app.example", "S: 250")
        client.writer.write(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@evil.example>\r\nRSET\r\n")
        assert (await client.reply()).startswith("220 2.0.0")
        await shake_hands(client)
        await client.talk("C: RCPT TO:<ann@example.org>", "S: 503 5.5.1", "C: NOOP", "S: 250 2.0.0")


async def test_half_a_command_in_clear_is_not_completed_under_tls(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        client = await opened.knock()
        await client.talk("S: 220", "C: EHLO app.example", "S: 250")
        client.writer.write(b"STARTTLS\r\nMAIL FROM:<evil@evil.example>")
        assert (await client.reply()).startswith("220 2.0.0")
        await shake_hands(client)
        await client.talk("C: NOOP", "S: 250 2.0.0", "C: RCPT TO:<ann@example.org>", "S: 503")


async def test_what_was_said_before_tls_is_forgotten(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        client = await opened.knock()
        await client.talk(
            "S: 220", "C: EHLO app.example", "S: 250", "C: MAIL FROM:<a@b.example>", "S: 250", "C: STARTTLS", "S: 220"
        )
        await shake_hands(client)
        await client.talk(
            "C: RCPT TO:<ann@example.org>", "S: 503", "C: MAIL FROM:<a@b.example>", "S: 503",
            f"C: AUTH PLAIN {plain(NAME, PASSWORD)}", "S: 503", "C: EHLO app.example", "S: 250",
            "C: MAIL FROM:<a@b.example>", "S: 250",
        )  # fmt: skip


@pytest.mark.parametrize("begins_with_tls", [False, True])
async def test_a_second_starttls_is_refused(tmp_path: Path, begins_with_tls: bool) -> None:
    async with tls_door(tmp_path, begins_with_tls=begins_with_tls) as opened:
        client = await (knock_with_tls(opened) if begins_with_tls else secured(opened))
        if begins_with_tls:
            assert (await client.reply()).startswith("220")
        await client.talk("C: STARTTLS", "S: 503 5.5.1", "C: NOOP", "S: 250")


async def test_starttls_takes_no_argument_and_needs_a_certificate(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        assert codes(await opened.converse(b"STARTTLS now\r\nNOOP\r\n"))[1:] == ["501", "250"]
    async with door(Recorder()) as opened:
        assert codes(await opened.converse(b"STARTTLS\r\nNOOP\r\n"))[1:] == ["502", "250"]


@pytest.mark.parametrize(
    "garbage", [b"EHLO app.example\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 300, b"GET / HTTP/1.1\r\n"]
)
@pytest.mark.parametrize("begins_with_tls", [False, True])
async def test_garbage_instead_of_a_handshake_ends_the_connection_and_nothing_else(
    tmp_path: Path, garbage: bytes, begins_with_tls: bool
) -> None:
    async with tls_door(tmp_path, begins_with_tls=begins_with_tls) as opened:
        client = await opened.knock()
        if not begins_with_tls:
            await client.talk("S: 220", "C: EHLO app.example", "S: 250", "C: STARTTLS", "S: 220")
        client.writer.write(garbage)
        left = await client.reader.read()
        assert b"250" not in left and b"220" not in left
        if begins_with_tls:
            await (await knock_with_tls(opened)).talk("S: 220", "C: NOOP", "S: 250")
        else:
            await (await secured(opened)).talk("C: NOOP", "S: 250")


@pytest.mark.parametrize("begins_with_tls", [False, True])
async def test_a_handshake_that_never_comes_has_an_end(tmp_path: Path, begins_with_tls: bool) -> None:
    async with tls_door(tmp_path, begins_with_tls=begins_with_tls, patience=0.05) as opened:
        client = await opened.knock()
        if not begins_with_tls:
            await client.talk("S: 220", "C: STARTTLS", "S: 220")
        assert await client.is_hung_up()


async def test_open_handshakes_count_against_their_client(tmp_path: Path) -> None:
    settings = SubmissionSettings(max_connections_per_client=1)
    async with tls_door(tmp_path, settings=settings, begins_with_tls=True) as opened:
        first, second = await opened.knock(), await opened.knock()
        first.writer.write(b"\x16")
        assert await second.is_hung_up()
        assert opened.listener.hits["max_connections_per_client"] == 1


async def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    old = trusting()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with tls_door(tmp_path, begins_with_tls=True) as opened:
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", opened.port, ssl=old, server_hostname="mail.shop.example")


async def shown(opened: object) -> bytes:
    """The certificate that a new client sees."""
    client = await knock_with_tls(opened)  # type: ignore[arg-type]
    der: bytes = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return der


async def test_a_renewed_certificate_is_shown_to_the_next_client(tmp_path: Path) -> None:
    async with tls_door(tmp_path, begins_with_tls=True) as opened:
        before = await shown(opened)
        assert await shown(opened) == before
        issue(tmp_path)
        assert await shown(opened) != before


@pytest.mark.parametrize("spoil", ["gone", "half written", "of another key"])
async def test_a_renewal_that_went_wrong_leaves_the_old_certificate(tmp_path: Path, spoil: str) -> None:
    async with tls_door(tmp_path, begins_with_tls=True) as opened:
        before, key = await shown(opened), tmp_path / "key.pem"
        if spoil == "gone":
            key.unlink()
        elif spoil == "half written":
            key.write_bytes(key.read_bytes()[:60])
        else:
            kept = key.read_bytes()
            issue(tmp_path)
            key.write_bytes(kept)
        assert await shown(opened) == before
        issue(tmp_path)
        assert await shown(opened) != before


def test_a_certificate_that_cannot_be_used_is_refused_in_words(tmp_path: Path) -> None:
    chain, key = issue(tmp_path)
    with pytest.raises(CertificateTrouble, match=r"nowhere\.pem.*No such file"):
        Certificate(tmp_path / "nowhere.pem", key)
    with pytest.raises(CertificateTrouble, match="can't be used"):
        Certificate(chain, None)  # there is no key in it
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(CertificateTrouble, match="can't be used"):
        Certificate(tmp_path / "text.pem", key)


def test_nobody_waits_for_a_pipe_where_a_key_should_be(tmp_path: Path) -> None:
    pipe = tmp_path / "key.pem"
    os.mkfifo(pipe)
    with pytest.raises(CertificateTrouble, match="a pipe is no file"):
        Certificate(pipe, None)
