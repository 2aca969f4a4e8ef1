"""The sample shop's window: pictures by HTTP, and nothing for whoever asks oddly."""

import asyncio
import http.client
import zlib
from pathlib import Path

import pytest
from clock import FakeChance, FakeClock

from engine.lab.pictures import SIDE, picture
from engine.lab.server import Lab
from engine.lab.window import answer


async def test_a_running_lab_shows_pictures(tmp_path: Path) -> None:
    async with Lab(tmp_path, clock=FakeClock(), chance=FakeChance()) as lab:

        def ask() -> tuple[int, str | None, bytes]:
            connection = http.client.HTTPConnection(lab.window_address, timeout=60)
            connection.request("GET", "/p/teapot-2f6f8f.png?x=1")
            reply = connection.getresponse()
            return reply.status, reply.getheader("Content-Type"), reply.read()

        assert await asyncio.to_thread(ask) == (200, "image/png", picture("teapot-2f6f8f"))


def test_a_picture_is_a_whole_png_of_some_2_kb() -> None:
    drawn = picture("cup-b0402f")
    assert drawn is not None and len(drawn) < 4000
    at = drawn.index(b"IDAT")
    length = int.from_bytes(drawn[at - 4 : at], "big")
    assert len(zlib.decompress(drawn[at + 4 : at + 4 + length])) == SIDE * (SIDE + 1)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 200),
        (b"GET /p/T-001 HTTP/1.0\r\n\r\n", 200),
        (b"GET /p/nothing-2f6f8f.png HTTP/1.1\r\n\r\n", 404),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\n\r\n", 400),
        (b"GET http://other.example/ HTTP/1.1\r\n\r\n", 400),
        (b"\x00\xff\r\n\r\n", 400),
    ],
)
def test_what_is_asked_is_answered(head: bytes, code: int) -> None:
    assert answer(head).startswith(b"HTTP/1.1 %d " % code)


def test_a_head_alone_has_no_body() -> None:
    assert answer(b"HEAD /p/cup-b0402f.png HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")
