"""A control server with canned answers, hostile ones among them, for the screens and for a look at them by hand:

python tests/support/canned_daemon.py /tmp/posthouse.sock

Each module of tests/support/canned tells of one mode: ANSWERS (path -> function of the query's and the path's words),
ACTS (command -> function of the body) and SCENES, what is pictured. A Refused is answered with 409.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module
from inspect import isawaitable
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent.parent)]

from aiohttp import web  # noqa: E402

from engine.control.protocol.acts import Refused  # noqa: E402
from engine.control.protocol.house import Overview  # noqa: E402
from engine.control.protocol.wire import encode  # noqa: E402


def modules() -> list[ModuleType]:
    return [import_module(f"canned.{path.stem}") for path in sorted((HERE / "canned").glob("*.py"))]


class CannedDaemon:
    """Answers from the modules. `overview` may be changed and `push`ed; `stop` and `start` are a restart; `answers` and
    `acts` may be replaced one by one; what they give may be awaited."""

    def __init__(self, socket_path: Path) -> None:
        self.socket_path = socket_path
        self.overview: Overview = import_module("canned.post").overview()
        self.answers: dict[str, Callable[[Mapping[str, str], Mapping[str, str]], object]] = {}
        self.acts: dict[str, Callable[[Mapping[str, Any]], object]] = {}
        for module in modules():
            self.answers |= getattr(module, "ANSWERS", {})
            self.acts |= getattr(module, "ACTS", {})
        self.asked: list[str] = []
        self.done: list[tuple[str, Mapping[str, Any]]] = []
        self._followers: set[asyncio.Queue[Overview | None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.add_routes([web.get("/v1/overview", self._overview), web.get("/v1/stream", self._stream)])
        app.add_routes([web.get(path, self._answered(path)) for path in self.answers])
        app.add_routes([web.post("/v1/{act:[a-z/-]+}", self._act)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket_path)).start()

    async def stop(self) -> None:
        for follower in self._followers:
            follower.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.socket_path.unlink(missing_ok=True)

    def push(self, **changes: object) -> None:
        """Change the overview and tell all who follow."""
        self.overview = replace(self.overview, **changes)  # type: ignore[arg-type]
        for follower in self._followers:
            follower.put_nowait(self.overview)

    def _answered(self, path: str) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            self.asked.append(request.path_qs)
            found = self.answers[path](dict(request.query), dict(request.match_info))
            return _json(await found if isawaitable(found) else found)

        return answer

    async def _act(self, request: web.Request) -> web.Response:
        name, body = request.match_info["act"], await request.json()
        self.done.append((name, body))
        act = self.acts.get(name)
        found = act(body) if act else Refused(f"there is no command {name}", "is the daemon older?")
        return _json(await found if isawaitable(found) else found)

    async def _overview(self, request: web.Request) -> web.Response:
        return _json(self.overview)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        pictures: asyncio.Queue[Overview | None] = asyncio.Queue()
        self._followers.add(pictures)
        pictures.put_nowait(self.overview)
        try:
            while (picture := await pictures.get()) is not None:
                await response.write(encode(picture) + b"\n")
        finally:
            self._followers.discard(pictures)
        return response


def _json(answer: object) -> web.Response:
    code = 409 if isinstance(answer, Refused) else 200
    return web.Response(body=encode(answer), status=code, content_type="application/json")


@asynccontextmanager
async def canned(socket_path: Path) -> AsyncIterator[CannedDaemon]:
    daemon = CannedDaemon(socket_path)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()


async def _serve(socket_path: Path) -> None:
    import_module("canned.queue").TOTAL = 1_000_000
    async with canned(socket_path):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
