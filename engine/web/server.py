"""HTTP on the sockets that the front office opened: aiohttp with a small server's patience and bounds. The public pages, behind
a reverse proxy that speaks TLS; the figures; the control socket, whose peers this machine knows.

A connection that sends no whole request in time is closed, and there is a bound on how many may be open, so slow or
silent clients cost a descriptor for seconds and nothing else. What is no HTTP is answered shortly, without a word about
what runs here, and not logged: the Internet is full of it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from engine.web.desk import Handler

CONNECTIONS_MAX: Final = 500
PATIENCE_SECONDS: Final = 15.0  # for a connection's first whole request head, and between requests
HEAR_SECONDS: Final = 2.0  # that a stop gives to who has just come, to say what they came for
_LOOK: Final = 0.02

_BOUNDS: Final[dict[str, Any]] = {
    "access_log": None,  # it would hold paths, and those hold tokens
    "keepalive_timeout": PATIENCE_SECONDS,
    "auto_decompress": False,
    "max_line_size": 4096,
    "max_field_size": 8192,
    "lingering_time": 2.0,
}


class WebServer:
    """One application on given listening sockets. `stop_seconds`: how long a stop takes at most, all but a quarter of it for
    answers under way; `is_public`: anybody may come, so what they send is bounded shortly, and who has just come is heard out
    at a stop."""

    def __init__(
        self, app: web.Application, sockets: Sequence[socket.socket], *, stop_seconds: float, is_public: bool = True
    ) -> None:
        app.middlewares.insert(0, _note)
        # aiohttp waits twice: for the answer, and once more after it said that the request is over.
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=stop_seconds * 3 / 8)
        self._sockets, self._is_public, self._stop_seconds = sockets, is_public, stop_seconds
        self._bounds = _BOUNDS if is_public else {"access_log": None}
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            self._servers.append(await loop.create_server(self._open, sock=each, backlog=128))

    async def stop(self) -> None:
        """Take no more connections, answer what those ask that there are, close. Harmless when called twice."""
        if self._servers and self._is_public:
            for each in self._sockets:  # a server that is closed at once drops those it has just accepted
                asyncio.get_running_loop().remove_reader(each)
            await self._hear_out()
        for server in self._servers:
            server.close()
        self._servers.clear()
        await self._runner.cleanup()

    async def _hear_out(self) -> None:
        """Wait for the first request of who is connected: the socket's next holder knows nothing of them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(HEAR_SECONDS, self._stop_seconds / 4)):
                await asyncio.sleep(_LOOK)  # what the loop has accepted is a connection by now
                while self._has_unheard:  # noqa: ASYNC110 - aiohttp tells nobody when a request begins
                    await asyncio.sleep(_LOOK)

    @property
    def _has_unheard(self) -> bool:
        open_now = self._runner.server.connections if self._runner.server is not None else ()
        return any(isinstance(each, _Connection) and not each.is_heard for each in open_now)

    def _open(self) -> "_Connection":
        manager = self._runner.server
        assert manager is not None
        return _Connection(manager, self._bounds, is_one_too_many=len(manager.connections) >= CONNECTIONS_MAX)


class _Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_is_one_too_many", "_patience", "is_heard")

    def __init__(self, manager: web.Server, bounds: dict[str, Any], *, is_one_too_many: bool) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **bounds)
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
