"""What holds on the control socket as on the public pages: how many may be connected, and how long a request may take to come."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from engine.web.server import WebServer


@pytest.fixture
async def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A socket at which one question is answered."""
    monkeypatch.setattr("engine.web.server.PATIENCE_SECONDS", 3600.0)

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    listening = socket.socket(socket.AF_UNIX)
    listening.setblocking(False)
    listening.bind(str(tmp_path / "control.sock"))
    listening.listen()
    app = web.Application()
    app.add_routes([web.get("/v1/hello", hello)])
    server = WebServer(app, [listening], stop_seconds=1, is_public=False)
    await server.start()
    yield tmp_path / "control.sock"
    await server.stop()
    listening.close()


async def ask(path: Path, head: bytes = b"GET /v1/hello HTTP/1.0\r\n\r\n") -> bytes:
    """All that is said to this until the connection is closed."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(head)
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:  # closed with what we said unread
        return b""
    finally:
        writer.close()


async def test_half_a_head_is_not_waited_for_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as soon:
        soon.setattr("engine.web.server.PATIENCE_SECONDS", 0.05)
        assert await ask(path, b"GET /v1/hello HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""
    assert (await ask(path)).endswith(b"hello")


async def test_a_crowd_of_connections_has_an_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.web.server.CONNECTIONS_MAX", 1)
    _, first = await asyncio.open_unix_connection(path)
    assert await ask(path) == b""
    first.close()
    await asyncio.wait_for(first.wait_closed(), 60)
    async with asyncio.timeout(60):
        while not (await ask(path)).endswith(b"hello"):  # the server hears of the end in its own time
            pass
