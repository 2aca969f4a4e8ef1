"""What counted mail leads to: its links, its picture, and its page.

A click's target is in its signed token, so nobody can make an address of ours that leads anywhere else, and no table is
asked. HEAD counts as nothing, nor does what a browser fetches ahead. The page of a mail is the mail as it was sent, in a
sandbox: no script runs in it, and it speaks with no other site but for its pictures.
"""

from typing import Final

from aiohttp import web

from engine.audience.tokens import Purpose
from engine.tracking.hits import Fetch
from engine.tracking.machines import Kind
from engine.tracking.marks import Mark, read_click, read_mark
from engine.tracking.recorder import Recorder
from engine.tracking.viewing import html_of, locale_of
from engine.web.desk import Desk, html
from mta.ports import Tx

# One transparent dot (GIF 89a).
DOT: Final = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
LETTER_POLICY: Final = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def add(app: web.Application, desk: Desk) -> None:
    """The routes of this group."""
    pages = _Tracked(desk)
    app.router.add_get("/c/{token}", pages.click)
    app.router.add_get("/o/{token}.gif", pages.open)
    app.router.add_get("/v/{token}", pages.view)
    app.on_startup.append(pages.start)
    app.on_cleanup.append(pages.stop)


class _Tracked:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._recorder = Recorder(desk.store)

    async def start(self, _: web.Application) -> None:
        await self._recorder.start()

    async def stop(self, _: web.Application) -> None:
        await self._recorder.stop()

    async def click(self, request: web.Request) -> web.Response:
        now = self._desk.clock.now()
        link = read_click(self._desk.composer.tokens, request.match_info["token"], now)
        if counts(request):
            who = (request.headers.get("User-Agent", ""), self._desk.peer(request))
            self._recorder.add(Fetch(Kind.CLICK, link.mark, now, *who, link.number, link.links, link.target, link.name))
        return web.Response(status=302, headers={"Location": link.target})

    async def open(self, request: web.Request) -> web.Response:
        mark = self._mark(request, Purpose.OPEN)
        if counts(request):
            agent, peer = request.headers.get("User-Agent", ""), self._desk.peer(request)
            self._recorder.add(Fetch(Kind.OPEN, mark, self._desk.clock.now(), agent, peer))
        # Readers of webmail fetch it from their provider's pages.
        headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
        return web.Response(body=DOT, content_type="image/gif", headers=headers)

    async def view(self, request: web.Request) -> web.Response:
        mark = self._mark(request, Purpose.VIEW)

        def look(tx: Tx) -> tuple[str | None, str]:
            return html_of(tx, mark), locale_of(tx, mark)

        letter, locale = await self._desk.store.read(look)
        if letter is None:
            return self._desk.page(request, "gone", {}, locale=locale, status=410)
        return html(letter, headers={"Content-Security-Policy": LETTER_POLICY})

    def _mark(self, request: web.Request, purpose: Purpose) -> Mark:
        return read_mark(self._desk.composer.tokens, purpose, request.match_info["token"], self._desk.clock.now())


def counts(request: web.Request) -> bool:
    """Whether somebody may be behind a request: no HEAD, and nothing that a browser fetches before anybody asked for it
    (Sec-Purpose of the Fetch standard, and the older names of the same)."""
    said = " ".join(request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    return request.method == "GET" and not any(word in said.lower() for word in ("prefetch", "preview"))
