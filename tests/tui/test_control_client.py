"""The two clients against a real socket: canned answers, and peers that misbehave."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from canned_daemon import canned

from engine.control import client
from engine.control.client import AsyncControl, Control, ControlError, part, target
from engine.control.protocol.acts import Done
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import MessageLife, Messages, Queue
from engine.control.protocol.wire import encode

PICTURE = Overview("mail.example", "1", 1)


def patient(path: Path) -> AsyncControl:
    """No answer is too late for it, on a machine that stands still."""
    return AsyncControl(path, patience=3600, silence=3600)


@asynccontextmanager
async def peer(path: Path, *said: bytes, then_hang: bool = False) -> AsyncIterator[None]:
    """A server that says these octets to whoever asks, and hangs up or does not."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for octets in said:
            writer.write(octets)
            await writer.drain()
        if then_hang:
            await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()


def answer(body: bytes, code: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (code.encode(), len(body), body)


async def test_both_clients_get_the_same_answer(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with canned(path):
        ours = await patient(path).get(Queue, "/v1/queue")
        assert await asyncio.to_thread(Control(path).get, Queue, "/v1/queue") == ours
    assert ours.sites[0].site == "gmail.com"
    assert "\x1b" not in "".join(row.site + row.last_reply for row in ours.sites)


async def test_any_text_may_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with canned(path) as daemon:
        await patient(path).get(Messages, "/v1/messages", {"site": "a b&c=דואר", "limit": 1})
        assert daemon.asked == ["/v1/messages?site=a+b%26c%3D%D7%93%D7%95%D7%90%D7%A8&limit=1"]
        with pytest.raises(ControlError, match="there is no flow a/b"):
            await patient(path).get(MessageLife, f"/v1/flows/{part('a/b')}")
    assert target("/v1/queue") == "/v1/queue"


async def test_a_command_is_posted_and_its_facts_come_back(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with canned(path):
        done = await asyncio.to_thread(Control(path).post, "/v1/lab/advance", {"seconds": 7200})
    assert done == Done("the lab's clock is 7200 s further", {"seconds": 7200})


async def test_a_refusal_says_what_the_daemon_said_and_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with canned(path):
        with pytest.raises(ControlError) as caught:
            await asyncio.to_thread(Control(path).get, MessageLife, "/v1/messages/none")
    assert caught.value.refused
    assert caught.value.text == "there is no such message. See: posthouse queue"


def test_without_a_socket_it_says_so_and_how_to_start_the_daemon(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="there is no socket at") as caught:
        Control(tmp_path / "none").get(Queue, "/v1/queue")
    assert "posthoused serve" in caught.value.remedy
    assert not caught.value.refused


def test_a_socket_that_nobody_listens_on_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ControlError, match="nothing listens on"):
        Control(path).get(Queue, "/v1/queue")


def test_a_path_too_long_for_a_socket_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="cannot use"):
        Control(tmp_path / ("x" * 200)).get(Queue, "/v1/queue")


def test_a_socket_one_may_not_open_says_which_group_to_join() -> None:
    with pytest.raises(ControlError) as caught, client._troubles("/run/s", 1):
        raise PermissionError(13, "Permission denied")
    assert "group" in caught.value.remedy


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"220 mail.example ESMTP\r\n\r\n", "speaks no HTTP|broke off"),
        (b"", "broke off"),
        (b"HTTP/1.1 200", "broke off|something else"),
        (answer(b"[1, 2]"), "something else"),
        (answer(b'{"now_ms": 1, "sites": 3}'), "something else"),
        (answer(b'{"now_ms": 1, "sites": [3]}'), "something else"),
        (answer(b"{}"), "something else"),
        (answer(b"[" * 100_000), "something else"),
        (answer(b"\xff\xfe"), "something else"),
        (answer(b"<html>", "502 Bad Gateway"), "answered 502"),
    ],
)
async def test_nonsense_is_an_error_in_words_for_both(tmp_path: Path, said: bytes, error: str) -> None:
    path = tmp_path / "s"
    async with peer(path, said):
        with pytest.raises(ControlError, match=error):
            await patient(path).get(Queue, "/v1/queue")
        with pytest.raises(ControlError, match=error):
            await asyncio.to_thread(Control(path).get, Queue, "/v1/queue")


async def test_an_answer_without_end_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIMIT", 1000)
    path = tmp_path / "s"
    async with peer(path, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 500_000):
        with pytest.raises(ControlError, match="the daemon's answer is over"):
            await patient(path).get(Queue, "/v1/queue")
        with pytest.raises(ControlError, match="the daemon's answer is over"):
            await asyncio.to_thread(Control(path).get, Queue, "/v1/queue")


async def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with peer(path, then_hang=True):
        with pytest.raises(ControlError, match="did not answer within"):
            await AsyncControl(path, patience=0.01).get(Queue, "/v1/queue")
        with pytest.raises(ControlError, match="did not answer within"):
            await AsyncControl(path, patience=0.01).stream().__anext__()
        with pytest.raises(ControlError, match="did not answer within"):
            await asyncio.to_thread(Control(path, patience=0.01).get, Queue, "/v1/queue")


async def test_a_stream_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "s"
    # At once: whatever comes a moment later may come too late.
    async with peer(path, b"HTTP/1.1 200 OK\r\n\r\n" + encode(PICTURE) + b"\n", then_hang=True):
        pictures = AsyncControl(path, silence=0.05).stream()
        assert await anext(pictures) == PICTURE
        with pytest.raises(ControlError, match="did not answer within"):
            await anext(pictures)


async def test_of_pictures_that_come_together_only_the_newest_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "s"
    together = b"".join(encode(Overview("mail.example", "1", now)) + b"\n" for now in range(1, 9))
    async with peer(path, b"HTTP/1.1 200 OK\r\n\r\n" + together + b'{"half'):
        pictures = patient(path).stream()
        seen = [picture.now_ms async for picture in _until_error(pictures)]
    assert seen[-1] == 8
    assert len(seen) <= 2


async def test_the_stream_survives_any_split_of_its_octets(tmp_path: Path) -> None:
    path = tmp_path / "s"
    whole = b"HTTP/1.1 200 OK\r\n\r\n" + encode(Overview("mail.דואר", "1", 7)) + b"\n"
    async with peer(path, *(whole[at : at + 1] for at in range(len(whole)))):
        assert (await anext(patient(path).stream())).host == "mail.דואר"


async def test_the_end_of_the_stream_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with peer(path, b"HTTP/1.1 200 OK\r\n\r\n"):
        with pytest.raises(ControlError, match="ended the stream"):
            await anext(patient(path).stream())


async def test_a_line_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIMIT", 1000)
    path = tmp_path / "s"
    async with peer(path, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000):
        with pytest.raises(ControlError, match="a line of over"):
            await anext(patient(path).stream())


async def _until_error(pictures: AsyncIterator[Overview]) -> AsyncIterator[Overview]:
    try:
        async for picture in pictures:
            yield picture
    except ControlError:
        return


def test_the_client_and_the_plain_screens_import_nothing_heavy() -> None:
    asked = "import sys, tui.cli, tui.plain, engine.control.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    roots = {name.partition(".")[0] for name in loaded}
    assert not roots & {"textual", "aiohttp", "pydantic", "peewee", "jinja2", "typer", "mta", "deliverability"}
