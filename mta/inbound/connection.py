"""The server's end of one SMTP connection: lines, replies, waits. Here aiosmtpd ends: nothing else of ours imports it.

From aiosmtpd come the protocol object, its writer, its timer and its table of commands. Ours are the lines, the replies,
the waits and the turn to TLS, because aiosmtpd 1.4.6 ends a command at a bare LF, cancels the session (a commit included)
when the client stops sending, writes each reply by itself, answers an exception with its text, and bears a second STARTTLS.

The promises: a line ends with CRLF and nothing else; replies to a pipelined group leave in one write (RFC 2920);
nothing the client does cancels a command that runs; every wait has an end, and what is kept of a line has a size; no
octet that came in clear is read after the turn to TLS.
"""

import asyncio
import logging
import ssl
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import log as aiosmtpd_log

from deliverability.reply import Reply
from mta import maillog
from mta.inbound import replies
from mta.inbound.limits import Load
from mta.inbound.replies import wire
from mta.inbound.settings import DoorSettings
from mta.inbound.transaction import Peer

READ_SIZE: Final = 256 * 1024
LINGER: Final = 2.0  # seconds for a client to take our last words and close its side
PROMPT: Final = timedelta(seconds=1)  # once we are leaving, a client may take this long over each command
MAX_COMMAND: Final = 2048  # octets without CRLF: 512 (RFC 5321 section 4.5.3.1.4), and what RFC 3461 and 6531 add

aiosmtpd_log.setLevel(logging.WARNING)  # below that it logs strangers' octets; our log has words of its own

Report = Callable[[str, Exception], None]
"""Told of an unexpected exception: what was being done, and the exception. The client hears nothing of it."""


class SmtpConnection(SMTP):
    """Feeds whole command lines to `_obey`, one after the other, until one of them or the client ends the session."""

    protocol_name = "ESMTP"
    line_length_limit = READ_SIZE  # for aiosmtpd this is also where its stream stops reading; a line has MAX_COMMAND

    def __init__(
        self, settings: DoorSettings, hostname: str, load: Load, report: Report, uid: int | None = None
    ) -> None:
        """uid: who is at the other end of a Unix socket."""
        idle = settings.idle_timeout.total_seconds()
        super().__init__(None, hostname=hostname, timeout=idle, loop=asyncio.get_running_loop())
        self._settings = settings
        self._load = load
        self._report = report
        self._peer = Peer("", 0, uid)
        self._arrived = b""  # from the client, and not yet read
        self._arrival: asyncio.Future[None] | None = None
        self._has_ended = False  # the client sends no more
        self._input = bytearray()
        self._skips_line = False  # what comes belongs to a line that was refused before its end
        self._outgoing: list[bytes] = []
        self._awaited = ""  # the setting that bounds the present wait
        self._deadline = float("inf")  # of that wait, on the loop's clock
        self._waits_since = 0.0  # likewise
        self._has_spoken = False  # a whole line came
        self._is_leaving = False  # say 421 as soon as the client has had its turn
        self._is_over = False
        self._is_known = False  # the client showed who it is
        self._is_lost = False  # the connection ended where nobody tells us: in a TLS handshake

    # What the rest of the session adds.

    @abstractmethod
    def _refusal(self) -> Reply | None:
        """What to say instead of a greeting, if the peer is not welcome."""

    @abstractmethod
    async def _obey(self, line: bytes) -> None:
        """Carry out one command line, given without its CRLF."""

    @abstractmethod
    def _refuse(self, reply: Reply) -> None:
        """Answer a command that cannot be carried out."""

    # The life of the connection.

    def data_received(self, data: bytes) -> None:
        """Octets of the client. They pass aiosmtpd's stream by, which wakes three coroutines for each of its reads."""
        self._arrived = self._arrived + data if self._arrived else data
        if len(self._arrived) > READ_SIZE:
            self._writer.transport.pause_reading()  # type: ignore[attr-defined]
        self._tell()

    def eof_received(self) -> bool | None:
        """The client sends no more, but may still read: what it sent is worked off, and answered."""
        self._has_ended = True
        self._tell()
        return super(SMTP, self).eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone; the session finds out at its next read. Nothing is cancelled."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        super(SMTP, self).connection_lost(error)
        self.transport = None
        self._has_ended = True
        self._tell()

    async def ended(self) -> None:
        """Wait for the end of the session and of its connection. Cancelling this gives the session up."""
        if self._handler_coroutine is not None:
            await self._handler_coroutine

    def leave(self) -> None:
        """Say 421 and hang up as soon as it refuses nobody: a client may hand over the message it came with and say
        QUIT, if it is prompt.
        """
        self._is_leaving = True
        if self._awaited == "idle_timeout":
            self._expect_line()

    def idled(self, mute: float, patience: float) -> float:
        """For how many seconds a command was waited for, if that is longer than `patience`, or than `mute` where none came
        yet; else 0.0."""
        seconds = self.loop.time() - self._waits_since if self._awaited == "idle_timeout" else 0.0
        return seconds if seconds > (patience if self._has_spoken else mute) else 0.0

    def hang_up(self, reply: Reply) -> None:
        """Say a last word, unless one was said, and close. A client that has not read what came before is cut off."""
        if not self._is_over:
            self._end(reply)
            self._flush()
        self._let_go()

    def _timeout_cb(self) -> None:
        """One timer serves every wait: it looks whether the present one is over, and comes again if not."""
        left = self._deadline - self.loop.time()
        if left > 0:
            self._reset_timeout(min(left, self._timeout_duration))
        else:
            self._load.hit(self._awaited)
            self.hang_up(replies.CLOSING if self._is_leaving else replies.TIMED_OUT)

    async def _handle_client(self) -> None:
        peername = self._writer.get_extra_info("peername")
        if isinstance(peername, tuple):
            self._peer = Peer(peername[0].removeprefix("::ffff:"), peername[1])
        client = client_of(self._peer)
        is_welcome = self._load.enter(client)
        patience = self._settings.stranger_patience if self._settings.is_stranger(client) else None
        alarm = self.loop.call_later(patience.total_seconds(), self._too_late) if patience else None
        try:
            self._greet(None if is_welcome else replies.TOO_MANY_CONNECTIONS)
            while (line := await self._next_line()) is not None:
                self._has_spoken = True
                await self._obey(line)
        except Exception as trouble:
            self._report("a session", trouble)
        finally:
            if alarm is not None:
                alarm.cancel()
            self._load.leave(client, was_known=self._is_known)
            await self._close()

    def _too_late(self) -> None:
        """A stranger took its time."""
        if not self._is_known:
            self._load.hit("auth_timeout")
            self.hang_up(replies.TIMED_OUT)

    def _greet(self, refusal: Reply | None) -> None:
        refusal = refusal or self._refusal()
        if refusal:
            self._end(refusal)
        else:
            self._reply(Reply.of(220, None, f"{self.hostname} {self.protocol_name} Posthouse"))

    async def _close(self) -> None:
        """Let the last words arrive: closing a socket with unread input resets the connection and takes them back."""
        self._flush()
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        transport = self._writer.transport
        with suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(LINGER):
                if not (self.is_tls or transport.is_closing()):  # TLS knows no half-closed connection
                    transport.write_eof()
                    while await self._arrive():
                        pass
        self._let_go()
        with suppress(OSError):
            if not self._is_lost:
                await self._writer.wait_closed()

    # The turn to TLS.

    @property
    def is_tls(self) -> bool:
        """Whether nobody can listen."""
        return self._over_ssl

    async def _start_tls(self, context: ssl.SSLContext, patience: float) -> None:
        """Say that we are ready, and turn to TLS. What the client sent before it heard that is forgotten: whoever sits
        between could have written it (RFC 3207 section 5). When the handshake fails the session is over.
        """
        plain = self._writer.transport
        try:
            plain.pause_reading()  # type: ignore[attr-defined]
            self._input.clear()
            self._arrived = b""
            self._reply(replies.READY_FOR_TLS)
            self._flush()
            await self._writer.drain()
            secure = await self.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=patience, ssl_shutdown_timeout=LINGER
            )
        except OSError as trouble:  # ssl.SSLError is one, and a handshake that takes too long too
            maillog.no_handshake(self._peer.ip, trouble)
            self._is_over = self._is_lost = True
            plain.abort()
            return
        assert secure is not None
        self._use(secure)

    def _use(self, transport: asyncio.Transport) -> None:
        """The streams were made for the transport in clear; the standard library changes them from Python 3.12 on."""
        self._over_ssl = True
        self.transport = transport
        self._reader._transport = self._writer._transport = transport  # type: ignore[attr-defined]

    def _let_go(self) -> None:
        """A close waits for what is unwritten, which a client that reads nothing would make forever; under TLS the
        shutdown has a time of its own.
        """
        transport = self._writer.transport
        if not self.is_tls and transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.close()

    # Waiting and reading.

    def _expect(self, name: str, patience: timedelta) -> None:
        """Begin a wait, bounded by the setting of that name. What trickles in meanwhile does not prolong it."""
        seconds = patience.total_seconds()
        self._awaited = name
        self._waits_since = self.loop.time()
        self._deadline = self._waits_since + seconds
        if seconds < self._timeout_duration and not self._has_ended:
            self._reset_timeout(seconds)  # the timer runs for longer than that

    def _expect_line(self) -> None:
        self._expect("idle_timeout", PROMPT if self._is_leaving else self._settings.idle_timeout)

    def _expect_nothing(self) -> None:
        self._awaited = ""
        self._deadline = float("inf")

    async def _read(self) -> bytes:
        """What the client sends next; b"" at its end. Before we wait, it gets all that we have to say."""
        self._flush()
        if self._paused:  # type: ignore[attr-defined]  # the client does not take what we say
            try:
                await self._writer.drain()
            except OSError:
                return b""
        return await self._arrive()

    async def _arrive(self) -> bytes:
        if not self._arrived and not self._has_ended:
            self._arrival = self.loop.create_future()
            await self._arrival
        octets, self._arrived = self._arrived, b""
        if len(octets) > READ_SIZE and not self._has_ended:
            self._writer.transport.resume_reading()  # type: ignore[attr-defined]
        return octets

    def _tell(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _next_line(self) -> bytes | None:
        """The next command line without its CRLF, or None when the session is over."""
        self._expect_line()
        try:
            while (line := self._take_line()) is None and not self._is_over:
                octets = await self._read()
                if not octets:
                    break
                self._input += octets
        finally:
            self._expect_nothing()
        return line

    def _take_line(self) -> bytes | None:
        """A whole line of what was read, or None. A line that cannot become a command is refused before it ends."""
        while not self._is_over and (end := self._input.find(b"\r\n")) >= 0:
            line = bytes(self._input[:end])
            del self._input[: end + 2]
            if not self._skips_line:
                return line
            self._skips_line = False
        has_bare_lf = b"\n" in self._input
        if not self._is_over and (has_bare_lf or len(self._input) > MAX_COMMAND + 1):
            if not self._skips_line:
                self._refuse(replies.BAD_LINE if has_bare_lf else replies.LINE_TOO_LONG)
            self._skips_line = True
            del self._input[:-1]
        return None

    # Answering.

    def _reply(self, reply: Reply) -> None:
        self._outgoing.append(wire(reply))

    def _end(self, reply: Reply) -> None:
        """Say a last word; no further command is read."""
        self._reply(reply)
        self._is_over = True

    def _flush(self) -> None:
        if self._outgoing and not self._writer.is_closing():
            self._writer.write(b"".join(self._outgoing))
        self._outgoing.clear()


def client_of(peer: Peer) -> str:
    """What counts as one client where connections are counted."""
    return peer.ip or f"uid {peer.uid}"
