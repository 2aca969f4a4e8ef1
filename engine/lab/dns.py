"""The lab's resolver: real DNS over UDP and TCP on loopback, answering from a zone (RFC 1035)."""

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass

from engine.lab.zones import Zone

_TRIES: Final = 20
_DATAGRAM: Final = 512  # what a client without EDNS takes (RFC 1035 section 4.2.1)


def respond(zone: Zone, octets: bytes, limit: int | None) -> bytes | None:
    """The response to a query, truncated to what a datagram may hold when `limit` says so; None is silence."""
    try:
        query = dns.message.from_wire(octets)
        response = dns.message.make_response(query, recursion_available=True)
    except (dns.exception.DNSException, ValueError, struct.error):
        return None  # not a query: a resolver may drop it, and answering noise helps nobody
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        response.set_rcode(dns.rcode.NOTIMP)
    elif not _fill(zone, query, response):
        return None
    if limit is None:
        return response.to_wire(max_size=65535)
    return response.to_wire(max_size=max(limit, query.payload), prefer_truncation=True)


def _fill(zone: Zone, query: dns.message.Message, response: dns.message.Message) -> bool:
    question = query.question[0]
    answer = zone.look_up(question.name.canonicalize(), question.rdtype)
    if answer is None:
        return False
    response.flags |= dns.flags.AA
    response.set_rcode(answer.rcode)
    response.answer.extend(answer.answer)
    response.authority.extend(answer.authority)
    return True


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: Callable[[], Zone]) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        response = respond(self._zone(), data, _DATAGRAM)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)


class DnsServer:
    """The resolver. `zone` is asked at each question, so that changes act at once."""

    def __init__(self, zone: Callable[[], Zone]) -> None:
        self._zone = zone
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.address = ""

    async def start(self, host: str, port: int) -> None:
        """Listen on UDP and TCP at one port; port 0 takes one that is free on both. OSError when it can't be had."""
        for remaining in reversed(range(_TRIES if port == 0 else 1)):
            self._udp = await self._datagrams(host, port)
            bound = self._udp.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._serve, host, bound)
            except OSError:
                self._udp.close()
                if not remaining:
                    raise
            else:
                self.address = f"{host}:{bound}"
                return

    async def _datagrams(self, host: str, port: int) -> asyncio.DatagramTransport:
        """asyncio names the address that is taken for TCP only."""
        loop = asyncio.get_running_loop()
        try:
            return (await loop.create_datagram_endpoint(lambda: _Datagrams(self._zone), (host, port)))[0]
        except OSError as err:
            raise OSError(err.errno, f"the resolver can't listen on {host}:{port} (UDP): {err.strerror}") from None

    async def stop(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            for writer in tuple(self._writers):
                writer.close()
            await self._tcp.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))  # RFC 1035 section 4.2.2
                response = respond(self._zone(), await reader.readexactly(length), None)
                if response is not None:
                    writer.write(struct.pack("!H", len(response)) + response)
                    await writer.drain()
        except (OSError, EOFError):
            pass  # the client is done
        finally:
            self._writers.discard(writer)
            writer.close()
