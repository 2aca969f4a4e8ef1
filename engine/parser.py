"""The parser worker: where mail of strangers is read, in a process that may burn.

Three processes stand in a row. The carrier asks and waits with a time limit; the *keeper* (forked before any thread
ran) never reads mail, it only passes requests on and replaces a worker that takes too long, grows too big or dies;
the *worker* has limits on memory, time, files and processes, no socket but the one to its keeper, and no file but Python's
(engine.cage).

A request is one kind octet-string and the mail; an answer is a JSON object. What could not be read is answered
`{"unread": why}`: the mail itself is never held up by that.
"""

import asyncio
import json
import os
import resource
import select
import signal
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from engine import cage

SECONDS: Final = 2  # of work for one mail
SLOWEST: Final = 12  # how many times as long it may take where others have the processor
WAIT_SECONDS: Final = 30  # for one's turn; then the mail goes on unread
MEMORY: Final = 256 * 1024 * 1024  # octets a worker may add to what it began with
MAILS: Final = 2000  # a worker is replaced after this many
LONGEST: Final = 64 * 1024 * 1024  # octets of one frame
BUSY: Final = "the parser is busy"
GONE: Final = "no parser"
STARVED: Final = "the parser got too little of the processor's time"
TROUBLES: Final = frozenset({BUSY, GONE, STARVED})  # why a mail is unread that another time may be read
_HEAD: Final = struct.Struct("!I")

Readers = Mapping[str, Callable[[bytes], Any]]
"""What the worker can read: a kind's name, and the pure function that makes JSON-ready data of the octets."""


class Parser:
    """The carrier's end. One request at a time; the others wait their turn."""

    def __init__(self, to_keeper: socket.socket) -> None:
        to_keeper.setblocking(False)
        self._socket = to_keeper
        self._turn = asyncio.Lock()
        self._asking: set[asyncio.Task[dict[str, Any]]] = set()
        self.is_gone = False

    async def read(self, kind: str, content: bytes) -> dict[str, Any]:
        """What the reader `kind` made of `content`, or {"unread": why}."""
        if len(content) > LONGEST - 64:
            return {"unread": "too large"}
        # A caller that is cancelled must not leave its answer on the line for the next one to take as its own.
        asking = asyncio.create_task(self._ask(kind.encode() + b"\n" + content))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        return await asyncio.shield(asking)

    async def _ask(self, request: bytes) -> dict[str, Any]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            return {"unread": BUSY}
        try:
            if self.is_gone:
                return {"unread": GONE}
            async with asyncio.timeout(SECONDS * SLOWEST + 3):
                return await self._exchange(request)
        except (TimeoutError, OSError, EOFError):
            self.is_gone = True  # a frame may be half read: this line is of no more use
            self._socket.close()
            return {"unread": GONE}
        finally:
            self._turn.release()

    async def _exchange(self, request: bytes) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, _HEAD.pack(len(request)) + request)
        size = _HEAD.unpack(await self._receive(loop, _HEAD.size))[0]
        answer = json.loads(await self._receive(loop, size))
        return answer if isinstance(answer, dict) else {"unread": "no answer"}

    async def _receive(self, loop: asyncio.AbstractEventLoop, size: int) -> bytes:
        got = bytearray()
        while len(got) < size:
            more = await loop.sock_recv(self._socket, min(size - len(got), 1 << 16))
            if not more:
                raise EOFError
            got += more
        return bytes(got)


def keep(from_carrier: socket.socket, readers: Readers) -> None:
    """The keeper's life: until the carrier's end closes."""
    from_carrier.setblocking(True)
    worker: _Worker | None = None
    while (request := _read_frame(from_carrier)) is not None:
        if worker is None or worker.mails >= MAILS:
            if worker is not None:
                worker.stop()
            worker = _Worker(readers, from_carrier)
        answer = worker.ask(request)
        if answer is None:
            why = worker.stop()
            worker = None
            answer = json.dumps({"unread": why}).encode()
        _write_frame(from_carrier, answer)
    if worker is not None:
        worker.stop()


class _Worker:
    """A forked reader, as its keeper sees it."""

    def __init__(self, readers: Readers, from_carrier: socket.socket) -> None:
        ours, theirs = socket.socketpair()
        self.mails = 0
        self._late = ""  # why it was not waited for any longer
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            from_carrier.close()
            _work(theirs, readers)
        theirs.close()
        self._socket = ours

    def ask(self, request: bytes) -> bytes | None:
        """The answer; None when the worker died or took too long."""
        self.mails += 1
        self._socket.settimeout(SECONDS * SLOWEST)
        limit = self._worked() + SECONDS
        try:
            _write_frame(self._socket, request)
            self._late = self._late_for(limit)
            return None if self._late else _read_frame(self._socket)
        except TimeoutError:
            self._late = STARVED  # it did not take the mail, or not give the answer that it had made
        except OSError:
            pass  # it died, and stop() says how
        return None

    def _late_for(self, limit: float) -> str:
        """Why it does not answer before it has worked so much; "" where it does. One that got no processor meanwhile is waited
        for again."""
        for _ in range(SLOWEST):
            left = limit - self._worked()
            if left <= 0:
                return f"took more than {SECONDS} s of work"
            if select.select([self._socket], [], [], max(left, SECONDS / 4))[0]:
                return ""
        return STARVED

    def _worked(self) -> float:
        """Seconds of the processor's time that it had so far (proc(5): utime and stime)."""
        fields = Path("/proc", str(self.pid), "stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> str:
        """Kill and bury it; how it ended."""
        os.kill(self.pid, signal.SIGKILL)  # changes nothing for one that is ending already
        _, status = os.waitpid(self.pid, 0)
        self._socket.close()
        if self._late:
            return self._late
        return f"the parser ended with {os.waitstatus_to_exitcode(status)}"


def _work(keeper: socket.socket, readers: Readers) -> None:
    """The worker's life. Never returns."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends when its keeper does
        _limit()
        cage.shut()
        keeper.setblocking(True)
        while (request := _read_frame(keeper)) is not None:
            kind, _, content = request.partition(b"\n")
            _write_frame(keeper, _answer(readers[kind.decode()], content))
        code = 0
    finally:
        os._exit(code)


def _answer(reader: Callable[[bytes], Any], content: bytes) -> bytes:
    try:
        return json.dumps({"read": reader(content)}).encode()
    except (MemoryError, RecursionError) as err:
        return json.dumps({"unread": type(err).__name__}).encode()
    except Exception as err:  # a fault of ours on hostile input: the mail must not suffer for it
        return json.dumps({"unread": f"{type(err).__name__}: {err}"[:200]}).encode()


def _limit() -> None:
    began = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    most = began + MEMORY
    for what, limit in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_CPU, MAILS * SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (limit, limit))


def _read_frame(source: socket.socket) -> bytes | None:
    head = _read_exactly(source, _HEAD.size)
    if head is None:
        return None
    size = _HEAD.unpack(head)[0]
    return _read_exactly(source, size) if size <= LONGEST else None


def _read_exactly(source: socket.socket, size: int) -> bytes | None:
    got = bytearray()
    while len(got) < size:
        more = source.recv(min(size - len(got), 1 << 16))
        if not more:
            return None
        got += more
    return bytes(got)


def _write_frame(target: socket.socket, content: bytes) -> None:
    target.sendall(_HEAD.pack(len(content)) + content)
