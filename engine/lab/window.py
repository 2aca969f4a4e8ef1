"""The sample shop's window: HTTP on loopback that shows the pictures which its mails speak of, and a page for each thing.

    GET /p/teapot-2f6f8f.png    the picture (engine.lab.pictures)
    GET /p/T-001, /             a page that says that nothing is sold here

Whatever else is asked is not there. It reads no more than a request's head and answers each connection once.
"""

import asyncio
import html
import re
from typing import Final

from engine.lab.pictures import picture

_HEAD_MAX: Final = 16_384  # octets
_PATIENCE: Final = 60.0  # seconds for a request's head
_REQUEST: Final = re.compile(rb"(GET|HEAD) (/[!-~]{0,2000}) HTTP/1\.[01]\r\n")
_PICTURE: Final = re.compile(r"/p/([a-z0-9-]{1,40})\.png", re.ASCII)
_PAGE: Final = re.compile(r"/(?:[A-Za-z0-9-]{1,40}/?){0,3}", re.ASCII)


class Window:
    """The server. `address` is host:port, once it listens."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self.address = ""

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. OSError when it can't be had."""
        self._server = await asyncio.start_server(_attend, host, port, limit=_HEAD_MAX)
        self.address = f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


async def _attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(head))
            await writer.drain()
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        pass  # whoever asked is gone, or asked nothing that could be read
    finally:
        writer.close()


def answer(head: bytes) -> bytes:
    """The whole reply to a request's head."""
    request = _REQUEST.match(head)
    if request is None:
        return _reply(400, "text/plain", b"no request that is understood\n", with_body=True)
    with_body, path = request[1] == b"GET", request[2].decode().partition("?")[0]
    wanted = _PICTURE.fullmatch(path)
    if wanted and (drawn := picture(wanted[1])) is not None:
        return _reply(200, "image/png", drawn, with_body=with_body)
    if wanted is None and _PAGE.fullmatch(path):
        page = f"<!doctype html><title>{html.escape(path)}</title><p>The sample shop of the lab sells nothing.</p>\n"
        return _reply(200, "text/html; charset=utf-8", page.encode(), with_body=with_body)
    return _reply(404, "text/plain", b"not here\n", with_body=with_body)


def _reply(code: int, kind: str, body: bytes, *, with_body: bool) -> bytes:
    words = {200: "OK", 400: "Bad Request", 404: "Not Found"}[code]
    fields = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close")
    head = "\r\n".join((f"HTTP/1.1 {code} {words}", *fields, "", ""))
    return head.encode() + (body if with_body else b"")
