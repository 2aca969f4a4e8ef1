"""The socket loop of the lab's receiving hosts: a plain asyncio protocol around `Session`."""

import asyncio
import itertools
import ssl
from collections.abc import Callable
from typing import cast

from engine.lab.errands import Errand
from engine.lab.reception import Reception
from engine.lab.session import Session
from engine.lab.speaker import Next


class Connection(asyncio.Protocol):
    """One client's connection. It knows no SMTP; the session knows no socket."""

    def __init__(self, desk: "Desk", reception: Reception, number: int) -> None:
        self._desk = desk
        self._reception = reception
        self._number = number
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._desk.connections.add(self)
        client = str(transport.get_extra_info("peername")[0])
        self._session = Session(self._reception, client, self._number)
        self._session.greet()
        self._proceed()

    def data_received(self, data: bytes) -> None:
        assert self._session is not None and self._transport is not None
        if self._session.next is Next.SPOIL_TLS:
            self._transport.write(b"this is no handshake\r\n")
            self._transport.close()
        elif self._session.next is Next.START_TLS:
            self._early += data  # through TLS already: it came with the end of the handshake
        elif self._session.next is Next.READ:
            self._session.receive(data)
            self._proceed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._desk.connections.discard(self)
        self._session = self._transport = None

    def hang_up(self) -> None:
        """Reset the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _proceed(self) -> None:
        """Do what the session wants, after the delay that it wants."""
        assert self._session is not None and self._transport is not None
        delay = self._session.delay.total_seconds()
        if delay:
            self._session.delay *= 0
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(delay, self._proceed_later)
        else:
            self._speak(self._session, self._transport)

    def _proceed_later(self) -> None:
        if self._session is not None and self._transport is not None:  # it may have hung up meanwhile
            self._speak(self._session, self._transport)
            if self._session.next is Next.READ and not self._transport.is_closing():
                self._transport.resume_reading()

    def _speak(self, session: Session, transport: asyncio.Transport) -> None:
        if session.next is Next.DROP:
            transport.abort()
        elif session.output:
            transport.write(bytes(session.output))
            session.output.clear()
        errands, session.errands = session.errands, []
        for errand in errands:
            self._desk.run_errand(errand)
        match session.next:
            case Next.CHOKE:
                transport.pause_reading()
            case Next.CLOSE:
                transport.close()
            case Next.START_TLS:
                transport.pause_reading()  # the handshake's first octets are not for us
                self._handshake = asyncio.get_running_loop().create_task(self._start_tls(session, transport))

    async def _start_tls(self, session: Session, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(transport, self, self._desk.context, server_side=True)
        except (OSError, ssl.SSLError):  # the client gave up, or would not have our certificate
            transport.abort()
            self.connection_lost(None)
            return
        if secure is not None:
            self._transport = secure
            session.secured(str(secure.get_extra_info("ssl_object").version()))
            early, self._early = self._early, b""
            if early:
                self.data_received(early)


class Desk:
    """What the connections of all hosts share."""

    def __init__(self, context: ssl.SSLContext, run_errand: Callable[[Errand], None]) -> None:
        self.context = context
        self.run_errand = run_errand
        self.connections: set[Connection] = set()
        self._numbers = itertools.count(1)

    async def listen(self, reception: Callable[[], Reception], address: str, port: int) -> asyncio.Server:
        """Listen for one host. `reception` is asked at each connection, so that changed moods act from the next one."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: Connection(self, reception(), next(self._numbers)), address, port, backlog=1024
        )
