"""A mail server on loopback that follows a script, one for each connection, in the words of `chat`.

    async with fake_mx(["S: 220 mx", "C: EHLO out.example", ...]) as mx:
        ... connect to mx.host ...

"S:" lines are sent, "C:" lines are expected. Instead of a line there may also be:

    C: (the message)    reads to the final dot    S: (hangs up)  closes
    C: (half of it)     reads some of a message   S: (resets)    breaks off
    C: (hangs up)       nothing more may come     S: (TLS)       turns to TLS
    S: (drips) 250 x    one octet at a time       S: (silence)   reads and says nothing
    S: (floods)         10 MB of one reply        S: (sleeps)    does not even read
    S: (TLS refused)    turns to TLS, which the client breaks off
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from mta.routing.routes import Host

DRIP = 0.03  # seconds between two octets


@dataclass
class FakeMx:
    host: Host
    messages: list[bytes] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # every line that came
    troubles: list[str] = field(default_factory=list)  # where a script and what came part
    over: asyncio.Event = field(default_factory=asyncio.Event)  # the test is


@contextlib.asynccontextmanager
async def fake_mx(*scripts: Sequence[str], tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeMx]:
    """At the end of the block every script must have been followed."""
    left = list(scripts)
    held: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        held.add(task)
        if not left:
            mx.troubles.append("a connection too many")
            writer.close()
            return
        script = left.pop(0)
        try:
            await _Follower(mx, reader, writer, tls).follow(script)
        except (OSError, EOFError, AssertionError) as trouble:
            mx.troubles.append(f"{trouble!r} in {script}")
        finally:
            writer.close()

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that a big message has to wait
        listening.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(serve, sock=listening, limit=2**16)
        mx = FakeMx(Host("mx.example.org", *listening.getsockname()))
        try:
            yield mx
        finally:
            mx.over.set()
            server.close()
            if held:
                await asyncio.wait(held, timeout=60)
    assert not mx.troubles, mx.troubles
    assert not left, f"never connected for {left}"


class _Follower:
    def __init__(
        self, mx: FakeMx, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext | None
    ) -> None:
        self._mx, self._reader, self._writer, self._tls = mx, reader, writer, tls

    async def follow(self, script: Sequence[str]) -> None:
        for line in script:
            who, _, what = line.partition(": ")
            await (self._say(what) if who == "S" else self._hear(what))

    async def _say(self, what: str) -> None:
        match what.partition(") "):
            case ("(hangs up)", _, _):
                self._writer.close()
            case ("(resets)", _, _):
                opened = self._writer.get_extra_info("socket")
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._writer.transport.abort()
            case ("(TLS)", _, _):
                assert self._tls is not None
                await self._writer.start_tls(self._tls)
            case ("(TLS refused)", _, _):
                assert self._tls is not None
                with contextlib.suppress(OSError):
                    await self._writer.start_tls(self._tls)
                    await self._reader.read()
            case ("(silence)", _, _):
                with contextlib.suppress(ConnectionError):
                    await self._reader.read()
            case ("(sleeps)", _, _):
                await self._mx.over.wait()
            case ("(floods)", _, _):
                with contextlib.suppress(ConnectionError):
                    for _ in range(10_000):
                        self._writer.write(b"250-" + b"x" * 994 + b"\r\n")
                        await self._writer.drain()
            case ("(drips", _, reply):
                await self._drip(reply)
            case _:
                self._writer.write(what.encode() + b"\r\n")

    async def _drip(self, reply: str) -> None:
        with contextlib.suppress(ConnectionError):
            for octet in reply.encode():
                self._writer.write(bytes([octet]))
                await self._writer.drain()
                await asyncio.sleep(DRIP)  # slowness is what this is about

    async def _hear(self, what: str) -> None:
        match what:
            case "(the message)":
                self._mx.messages.append(await self._message())
            case "(half of it)":
                await self._reader.read(2**16)
            case "(hangs up)":
                with contextlib.suppress(ConnectionError):
                    left = await self._reader.read()
                    assert left == b"", f"{left!r} came"
            case _:
                line = (await self._reader.readuntil(b"\r\n"))[:-2].decode()
                self._mx.seen.append(line)
                assert line == what, f"{line!r} came, not {what!r}"

    async def _message(self) -> bytes:
        content = bytearray()
        while not content.endswith(b"\r\n.\r\n"):
            octets = await self._reader.read(2**16)
            assert octets, "the message has no end"
            content += octets
        return bytes(content[:-3])
