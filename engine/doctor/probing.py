"""A look at somebody's mail door: greeting, EHLO, STARTTLS and its certificate, and whether an address is taken.

No mail is sent: after RCPT comes RSET. Everything a stranger says is bounded, in lines, octets and time.
"""

import asyncio
import ssl
from typing import Final, cast

from deliverability.doctor.look import Door
from mta.outbound.security import opportunistic_context, tls_words_of
from mta.ports import Net

SECONDS: Final = 8.0  # for all of it
MAX_OCTETS: Final = 65_536
MAX_LINES: Final = 100


class Silent(Exception):
    """The other side says nothing that makes sense, or nothing at all; the words say what."""


class _Lines(asyncio.Protocol):
    """What comes in, as replies."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._news = asyncio.Event()
        self._is_over = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._octets += data
        self._news.set()

    def connection_lost(self, trouble: Exception | None) -> None:
        self._is_over = True
        self._news.set()

    def forget(self) -> None:
        """What came in clear means nothing once TLS began (RFC 3207 section 4.2)."""
        self._octets.clear()

    async def reply(self) -> list[str]:
        """The lines of one reply. Silent."""
        lines: list[str] = []
        while len(lines) < MAX_LINES:
            line = await self._line()
            lines.append(line)
            if line[3:4] != "-":
                if not line[:3].isdigit():
                    raise Silent("what answers is no mail server")
                return lines
        raise Silent("a reply without end")

    async def _line(self) -> str:
        while b"\n" not in self._octets:
            if self._is_over or len(self._octets) > MAX_OCTETS:
                raise Silent("it hung up" if self._is_over else "a line without end")
            self._news.clear()
            await self._news.wait()
        line, _, rest = bytes(self._octets).partition(b"\n")
        self._octets[:] = rest
        return line.rstrip(b"\r").decode("utf-8", "replace")

    async def say(self, words: str) -> list[str]:
        if self.transport is not None:
            self.transport.write(f"{words}\r\n".encode())
        return await self.reply()


async def look_at(net: Net, host: str, ip: str, port: int, ehlo: str, rcpt: str, context: ssl.SSLContext) -> Door:
    """The door of `host` at one of its addresses. `context` verifies its certificate."""
    door = await _look(net, host, ip, port, ehlo, rcpt, context)
    if door.distrust and not door.certificate:  # what it shows is of interest all the same
        again = await _look(net, host, ip, port, ehlo, "", opportunistic_context())
        return Door(
            door.trouble, door.is_closed, door.banner, door.offers, again.certificate, door.distrust, again.reply
        )
    return door


async def _look(net: Net, host: str, ip: str, port: int, ehlo: str, rcpt: str, context: ssl.SSLContext) -> Door:
    try:
        async with asyncio.timeout(SECONDS):
            transport, lines = await net.connect(_Lines, ip, port)
            try:
                return await _talk(net, host, lines, ehlo, rcpt, context)
            finally:
                (lines.transport or transport).abort()
    except TimeoutError:
        return Door(trouble=f"no answer within {SECONDS:g} s")
    except ConnectionRefusedError:
        return Door(trouble="connection refused", is_closed=True)
    except OSError as err:
        return Door(trouble=err.strerror or type(err).__name__)


async def _talk(net: Net, host: str, lines: _Lines, ehlo: str, rcpt: str, context: ssl.SSLContext) -> Door:
    try:
        banner = (await lines.reply())[0]
        if not banner.startswith("220"):
            return Door(trouble=banner, is_closed=True, banner=banner)
        offers = _offers(await lines.say(f"EHLO {ehlo}"))
    except Silent as err:
        return Door(trouble=str(err), is_closed=True)
    certificate, distrust, reply = b"", "", ""
    try:
        if "STARTTLS" in offers and (await lines.say("STARTTLS"))[0].startswith("220"):
            certificate = await _begin_tls(net, host, lines, context)
            await lines.say(f"EHLO {ehlo}")
        if rcpt:
            await lines.say("MAIL FROM:<>")
            reply = (await lines.say(f"RCPT TO:<{rcpt}>"))[-1]
            await lines.say("RSET")
    except ssl.SSLError as err:
        distrust = tls_words_of(err)
    except (Silent, OSError) as err:
        reply = reply or ""
        if not certificate and "STARTTLS" in offers:
            distrust = str(err)
    return Door(banner=banner, offers=offers, certificate=certificate, distrust=distrust, reply=reply)


async def _begin_tls(net: Net, host: str, lines: _Lines, context: ssl.SSLContext) -> bytes:
    assert lines.transport is not None
    lines.forget()
    lines.transport = await net.start_tls(lines.transport, lines, context, host)
    shown = lines.transport.get_extra_info("ssl_object")
    return (shown.getpeercert(binary_form=True) or b"") if shown is not None else b""


def _offers(lines: list[str]) -> tuple[str, ...]:
    return tuple(line[4:].upper().split(" ")[0] for line in lines[1:] if line[4:].strip())


class _Quiet(asyncio.Protocol):
    """A connection that nothing is said on."""


async def certificate_of(net: Net, host: str, ip: str, port: int, context: ssl.SSLContext) -> tuple[bytes, str]:
    """What a server that begins with TLS shows: its certificate, or why it is not believed. OSError, TimeoutError."""
    async with asyncio.timeout(SECONDS):
        transport, protocol = await net.connect(_Quiet, ip, port)
        try:
            transport = await net.start_tls(transport, protocol, context, host)
            shown = transport.get_extra_info("ssl_object")
            return (shown.getpeercert(binary_form=True) or b"") if shown is not None else b"", ""
        except ssl.SSLCertVerificationError as err:
            return b"", tls_words_of(err)
        finally:
            transport.abort()
