"""The socket's side of a connection: hands octets between a transport and a session, and keeps the time.

It knows no SMTP. All that a session has to say at one moment is one write. One timer serves the whole connection: it is
moved only when it would ring too late, so a message on a busy connection costs no timer at all.
"""

import asyncio
import math
from typing import cast

from mta.smtp.client import ClientSession
from mta.smtp.dialogue import Phase


class Link(asyncio.Protocol):
    """One TCP connection. `block` is how many seconds the other side may take none of our octets."""

    def __init__(self, session: ClientSession, block: float) -> None:
        self.session = session
        self._block = block
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._turn: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = math.inf
        self._progress = -1
        self._waiting_octets = 0

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def use(self, transport: asyncio.Transport) -> None:
        """This transport from now on. It tells us as soon as octets must wait, and when the last has been taken."""
        self._transport = transport
        # A plain transport pauses above the mark, one with TLS already at it.
        transport.set_write_buffer_limits(high=1 if transport.get_extra_info("ssl_object") else 0, low=0)

    async def turn(self) -> None:
        """Say what there is to say, and wait until the session wants something of its driver."""
        self.pump()
        if self.session.is_waiting:
            self._turn = self._loop.create_future()
            await self._turn

    def pump(self) -> None:
        """After anything happened to the session: write, close, keep the time, wake whoever waits."""
        session = self.session
        octets = session.bytes_to_send()
        if octets:
            self.transport.write(octets)
        if session.phase is Phase.OVER:
            self._hang_up()
        self._watch()
        if self._turn is not None and not session.is_waiting and not self._turn.done():
            self._turn.set_result(None)

    def abort(self) -> None:
        """Drop the connection, with whatever has not left yet."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Until the connection is gone."""
        await asyncio.shield(self._closed)

    def _hang_up(self) -> None:
        if self._transport is None:
            return
        # Closing would still send what waits, and with it a dot that was already given up.
        if self.session.all_sent:
            self._transport.close()
        else:
            self._transport.abort()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.use(cast(asyncio.Transport, transport))  # uvloop's are none by inheritance

    def data_received(self, data: bytes) -> None:
        self.session.receive(data)
        self.pump()

    def eof_received(self) -> None:
        self.session.receive(b"")
        self.pump()

    def connection_lost(self, trouble: Exception | None) -> None:
        self.session.lost(f"the connection broke: {trouble}" if trouble else "the connection was closed")
        self.pump()
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self.session.all_sent = False
        self._waiting_octets = self.transport.get_write_buffer_size()
        self._set_deadline(self._block)

    def resume_writing(self) -> None:
        self.session.all_sent = True
        self._set_deadline(self.session.patience)

    # Time.

    def _watch(self) -> None:
        """Give the session's patience from now, when it moved on; a reply that drips in slowly gains no time by it."""
        if self._progress != self.session.progress:
            self._progress = self.session.progress
            self._set_deadline(self.session.patience if self.session.all_sent else self._block)

    def _set_deadline(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds
        if seconds < math.inf and (self._timer is None or self._deadline < self._timer.when()):
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._rung)

    def _rung(self) -> None:
        self._timer = None
        if self._deadline == math.inf or self._has_moved():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
            return
        seconds = self.session.patience if self.session.all_sent else self._block
        self.session.lost(f"no answer within {seconds:g} s")
        self.pump()

    def _has_moved(self) -> bool:
        """Whether octets that waited when we looked last have been taken since: then the other side is alive."""
        if self.session.all_sent:
            return False
        waiting, before = self.transport.get_write_buffer_size(), self._waiting_octets
        self._waiting_octets = waiting
        if waiting < before:
            self._set_deadline(self._block)
        return waiting < before
