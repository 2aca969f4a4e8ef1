"""The public pages on the sockets that the front office opened: aiohttp with a small server's patience and bounds.

Behind a reverse proxy that speaks TLS. A connection that sends no whole request in time is closed, and there is a bound
on how many may be open, so slow or silent clients cost a descriptor for seconds and nothing else. What is no HTTP is
answered shortly, without a word about what runs here, and not logged: the Internet is full of it.
"""

import asyncio
import socket
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from engine.web.desk import Handler

CONNECTIONS_MAX: Final = 500
PATIENCE_SECONDS: Final = 15.0  # for a connection's first whole request head, and between requests
STOP_SECONDS: Final = 5.0  # that a stop gives to requests being answered

_BOUNDS: Final[dict[str, Any]] = {
    "access_log": None,  # it would hold paths, and those hold tokens
    "keepalive_timeout": PATIENCE_SECONDS,
    "auto_decompress": False,
    "max_line_size": 4096,
    "max_field_size": 8192,
    "lingering_time": 2.0,
}


class WebServer:
    """One application on given listening sockets."""

    def __init__(self, app: web.Application, sockets: Sequence[socket.socket]) -> None:
        app.middlewares.insert(0, _note)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=STOP_SECONDS)
        self._sockets = sockets
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            self._servers.append(await loop.create_server(self._open, sock=each, backlog=128))

    async def stop(self) -> None:
        """Take no more connections, finish the requests being answered, close. Harmless when called twice."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        await self._runner.cleanup()

    def _open(self) -> "_Connection":
        manager = self._runner.server
        assert manager is not None
        return _Connection(manager, is_one_too_many=len(manager.connections) >= CONNECTIONS_MAX)


class _Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_is_one_too_many", "_patience", "is_heard")

    def __init__(self, manager: web.Server, *, is_one_too_many: bool) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **_BOUNDS)
        self.is_heard = False
        self._is_one_too_many = is_one_too_many
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._is_one_too_many:
            self.force_close()
        # aiohttp waits for ever for the first request; between later ones it has a limit of its own.
        self._patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was already begun")
        self.close()
        return web.Response(status=status, text=f"{HTTPStatus(status).phrase}\n", headers={"Server": "posthouse"})

    def _give_up(self) -> None:
        if not self.is_heard:
            self.force_close()


@web.middleware
async def _note(request: web.Request, handler: Handler) -> web.StreamResponse:
    if isinstance(request.protocol, _Connection):
        request.protocol.is_heard = True
    return await handler(request)
