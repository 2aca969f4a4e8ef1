"""Asks the daemon, over HTTP on its Unix socket.

`Control` blocks and is for commands; `AsyncControl` is for the terminal application and can follow the stream. Both
import neither aiohttp nor pydantic, so that a command starts in a tenth of a second.

Promises: an answer is one of the protocol's dataclasses with every string cleaned (see `engine.control.clean`); all
that can go wrong is a `ControlError` that says what happened and what to do about it; no answer is read past 8 MiB; no
call waits for ever. The stream is latest wins: a reader that is slow sees fewer pictures, never old ones, and the
daemon never waits for it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlencode

from engine.control.clean import clean, clean_answer, is_clean
from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.wire import decode

if TYPE_CHECKING:
    # Importing them takes half as long again as all the rest of a command: only who follows the stream pays.
    import asyncio

    from engine.control.protocol.house import Overview

T = TypeVar("T")
Params = Mapping[str, str | int]

LIMIT: Final = 8 * 1024 * 1024  # octets of one answer, or of one line of the stream
HEAD_LIMIT: Final = 64 * 1024
CHUNK: Final = 256 * 1024
PATIENCE: Final = 60.0  # seconds for an answer: a machine with nothing to spare takes some
SCREEN_PATIENCE: Final = 10.0  # a screen says what is wrong, and asks again
COMMAND_PATIENCE: Final = 120.0  # a command may move hours of lab time
SILENCE: Final = 45.0  # the stream says something every 15 s; three times that is a daemon that hangs


class ControlError(Exception):
    """The daemon could not be asked, or refused. `str()` says what happened, `remedy` what to do."""

    def __init__(self, error: str, remedy: str = "", *, refused: bool = False, senseless: bool = False) -> None:
        super().__init__(error)
        self.remedy = remedy
        self.refused = refused  # the daemon is there and said no
        self.senseless = senseless  # and would whenever it was asked: the request itself is wrong

    @property
    def text(self) -> str:
        """Both, as one paragraph."""
        return f"{self}. {self.remedy}" if self.remedy else str(self)


class Control:
    """The daemon behind one socket, asked one thing at a time."""

    def __init__(self, socket_path: str | Path, *, patience: float = PATIENCE) -> None:
        self.socket_path = str(socket_path)
        self._patience = patience

    def get(self, kind: type[T], path: str, params: Params | None = None) -> T:
        """What is at `path`, as a `kind`."""
        return self._ask(kind, target(path, params), None, self._patience)

    def post(self, path: str, body: Mapping[str, object], *, patience: float = COMMAND_PATIENCE) -> Done:
        """Have something done."""
        return self._ask(Done, target(path), json.dumps(dict(body)).encode(), patience)

    def _ask(self, kind: type[T], where: str, body: bytes | None, patience: float) -> T:
        with _troubles(self.socket_path, patience), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(patience)
            line.connect(self.socket_path)
            line.sendall(_request(where, body))
            head, end, answer = _all(line).partition(_HEAD_END)
            if not end:
                raise ControlError(_BROKEN, _LOG)
            return understood(kind, _status(head), answer)


class AsyncControl:
    """The same for a program with an event loop, and the stream."""

    def __init__(self, socket_path: str | Path, *, patience: float = SCREEN_PATIENCE, silence: float = SILENCE) -> None:
        self.socket_path = str(socket_path)
        self._patience = patience
        self._silence = silence

    async def get(self, kind: type[T], path: str, params: Params | None = None) -> T:
        """What is at `path`, as a `kind`."""
        import asyncio

        with _troubles(self.socket_path, self._patience):
            async with asyncio.timeout(self._patience), self._asked(target(path, params)) as (status, reader):
                return understood(kind, status, await _rest(reader))

    async def post(self, path: str, body: Mapping[str, object], *, patience: float = COMMAND_PATIENCE) -> Done:
        """Have something done."""
        import asyncio

        octets = json.dumps(dict(body)).encode()
        with _troubles(self.socket_path, patience):
            async with asyncio.timeout(patience), self._asked(target(path), octets, patience) as (status, reader):
                return understood(Done, status, await _rest(reader))

    async def stream(self) -> AsyncIterator[Overview]:
        """Overviews as they come, for ever: it ends only by a ControlError."""
        from engine.control.protocol.house import Overview

        with _troubles(self.socket_path, self._silence):
            async with self._asked("/v1/stream") as (status, reader):
                if status >= 400:
                    understood(Overview, status, await _rest(reader))
                async for line in self._latest_lines(reader):
                    yield understood(Overview, 200, line)
        raise ControlError("the daemon ended the stream", _START)

    async def _latest_lines(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        import asyncio

        rest = b""
        while True:
            async with asyncio.timeout(self._silence):
                chunk = await reader.read(CHUNK)
            if not chunk:
                return
            # Whole lines that came together are one picture: the last is the newest, the others are history.
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            if len(rest) > LIMIT:
                raise ControlError(f"the daemon sent a line of over {LIMIT >> 20} MiB")
            if said := [line for line in lines if line.strip()]:
                yield said[-1]

    @asynccontextmanager
    async def _asked(
        self, where: str, body: bytes | None = None, patience: float | None = None
    ) -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
        """The answer's status, and what follows its head."""
        import asyncio

        async with asyncio.timeout(self._patience):
            reader, writer = await asyncio.open_unix_connection(self.socket_path, limit=HEAD_LIMIT)
        try:
            writer.write(_request(where, body, _SHARED))
            async with asyncio.timeout(self._patience if patience is None else patience):
                await writer.drain()
                try:
                    head = await reader.readuntil(_HEAD_END)
                except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    raise ControlError(_BROKEN, _LOG) from None
            yield _status(head), reader
        finally:
            writer.close()


def target(path: str, params: Params | None = None) -> str:
    """The request target: any text may stand in the path's parts (see `part`) and in the parameters."""
    return f"{path}?{urlencode(params)}" if params else path


def part(text: str) -> str:
    """Any text as one part of a path."""
    return quote(text, safe="")


def understood(kind: type[T], status: int, body: bytes) -> T:
    """The answer as a `kind`, cleaned. ControlError when the daemon refused, or said what we don't understand."""
    if len(body) > LIMIT:
        raise ControlError(f"the daemon's answer is over {LIMIT >> 20} MiB", "Ask for less at a time")
    try:
        if status >= 400:
            refused = clean_answer(decode(Refused, body))
            raise ControlError(refused.error, refused.remedy, refused=True, senseless=status == 400)
        text = body.decode()
        return decode(kind, text) if is_clean(text) else clean_answer(decode(kind, text))
    except (ValueError, AttributeError, RecursionError) as err:
        raise ControlError(f"the daemon answered {status} with something else: {clean(str(err))}", _UPGRADE) from None


def _request(where: str, body: bytes | None, more: str = "") -> bytes:
    """HTTP/1.0 on purpose: its body ends where the connection does, and no chunk framing may come (RFC 9112 §7). Written
    by hand: http.client brings TLS and mail along, a tenth of what a command takes."""
    head = f"{'GET' if body is None else 'POST'} {where} HTTP/1.0\r\nHost: posthouse\r\n"
    if body is None:
        return f"{head}{more}\r\n".encode("ascii")
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def _all(line: socket.socket) -> bytes:
    """What comes until the daemon hangs up; a little more than may come."""
    said = bytearray()
    while len(said) <= HEAD_LIMIT + LIMIT and (chunk := line.recv(CHUNK)):
        said += chunk
    return bytes(said)


def _status(head: bytes) -> int:
    words = head.split(b" ", 2)
    if not head.startswith(b"HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise ControlError("what listens on the control socket speaks no HTTP", _OTHER_SOCKET)
    return int(words[1][:3])


async def _rest(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while len(body) <= LIMIT and (chunk := await reader.read(CHUNK)):
        body += chunk
    return bytes(body)


_HEAD_END: Final = b"\r\n\r\n"
_SHARED: Final = "Cache-Control: max-age=1\r\n"  # as old as the stream's pictures: see engine.control.sharing
_BROKEN: Final = "the daemon broke off its answer"
_LOG: Final = "See its log"
_START: Final = "Start it with: posthoused serve"
_OTHER_SOCKET: Final = "Name the daemon's socket with --socket"
_UPGRADE: Final = "If posthouse and posthoused are of different versions, restart the older one"


@contextmanager
def _troubles(path: str, patience: float) -> Iterator[None]:
    """Whatever the operating system says about a socket, in words and with a remedy."""
    try:
        yield
    except ControlError:
        raise
    except FileNotFoundError:
        raise ControlError(f"no daemon: there is no socket at {path}", f"{_START}, or {_LOWER_SOCKET}") from None
    except ConnectionRefusedError:
        raise ControlError(f"no daemon: nothing listens on {path}", _START) from None
    except PermissionError:
        raise ControlError(f"you may not open {path}", "Join its group (posthouse) and log in again") from None
    except TimeoutError:
        raise ControlError(f"the daemon did not answer within {patience:g} s", _LOG) from None
    except ConnectionError:
        raise ControlError(_BROKEN, _LOG) from None
    except OSError as err:
        raise ControlError(f"cannot use {path}: {err.strerror or err}", _OTHER_SOCKET) from None


_LOWER_SOCKET: Final = _OTHER_SOCKET[0].lower() + _OTHER_SOCKET[1:]
