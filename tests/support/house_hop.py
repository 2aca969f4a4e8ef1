"""A next hop inside the test's own loop: it answers as told, counts connections, and can be held at any point.

async with Hop() as hop:
    hop.answers["RCPT"] = lambda line: "450 4.2.0 later" if "later@" in line else "250 ok"
    hop.gate.clear()              # every dot now waits for hop.gate.set()
    await hop.until(lambda: hop.waiting == 3)
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mta.routing.routes import Host, Route

_PATIENCE = 60.0


class Hop:
    def __init__(self) -> None:
        self.answers: dict[str, Callable[[str], str]] = {}  # by verb, and "GREETING" and "DOT"; "" hangs up
        self.kept: list[str] = []  # forward-paths of the messages that were answered 250, in order
        self.counts: Counter[str] = Counter()  # commands, by verb
        self.messages = 0  # contents that were answered 250
        self.connections = 0  # so far
        self.most_open = 0
        self.waiting = 0  # at the gate
        self.gate = asyncio.Event()
        self.gate.set()
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> int:
        """Connections whose client did not leave: whoever is told goodbye may be back before we have closed."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def route(self, site: str = "hop") -> Route:
        return Route(site, (Host("hop.example", "127.0.0.1", self.port),))

    async def until(self, question: Callable[[], bool]) -> None:
        """Wait until it is true; it is asked at everything that happens here."""
        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(question)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._open.add(task)
        self.most_open = max(self.most_open, self.open)
        try:
            await self._converse(task, reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            self._open.discard(task)
            writer.close()
            self._tasks.discard(task)
            await self._tell()

    async def _converse(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        taken: list[str] = []
        line = "GREETING"
        while True:
            reply = self._answer(line)
            if line.startswith("MAIL"):
                taken = []
            if line.startswith("RCPT") and reply.startswith("250"):
                taken.append(line.partition("<")[2].partition(">")[0])
            if line == "DATA" and not taken:
                reply = "554 5.5.1 no valid recipients"
            if line == "DOT" and reply.startswith("250"):
                self.kept += taken
                self.messages += 1
            if not reply:
                return
            if line.startswith("QUIT"):
                self._open.discard(task)
            writer.write(reply.encode() + b"\r\n")
            await self._tell()
            if line.startswith("QUIT"):
                return
            line = await self._next(reader, line, reply)

    async def _next(self, reader: asyncio.StreamReader, line: str, reply: str) -> str:
        if not (line == "DATA" and reply.startswith("354")):
            return (await reader.readuntil(b"\r\n"))[:-2].decode()
        await reader.readuntil(b"\r\n.\r\n")
        self.waiting += 1
        await self._tell()
        await self.gate.wait()
        self.waiting -= 1
        return "DOT"

    def _answer(self, line: str) -> str:
        verb = line if line in ("GREETING", "DOT") else line[:4].upper()
        self.counts[verb] += 1
        if verb in self.answers:
            return self.answers[verb](line)
        usual = {"GREETING": "220 hop", "EHLO": "250-hop\r\n250 PIPELINING", "DATA": "354 go", "QUIT": "221 bye"}
        return usual.get(verb, "250 2.0.0 ok")
