"""Fetches one small document over HTTPS, from a stranger's server: no redirect, nothing kept, everything bounded.

It goes through the ports as all else does: addresses by our resolver, judged before anybody connects, connections by
`Net`. One GET, HTTP/1.1 without keep-alive.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, cast

from mta.ports import Net
from mta.routing.prohibited import IpAddress, IpNetwork, prohibited
from mta.routing.resolver import Addresses, Resolver

MAX_BODY: Final = 65_536  # octets (RFC 8461 section 3.3 suggests it for policies)
MAX_HEAD: Final = 16_384
SECONDS: Final = 60.0  # for all of it
MAX_ADDRESSES: Final = 4
PORT: Final = 443

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


class FetchTrouble(Exception):
    """The document could not be had; says why. `is_certificate`: because the server's certificate is not believed."""

    def __init__(self, why: str, *, is_certificate: bool = False) -> None:
        super().__init__(why)
        self.is_certificate = is_certificate


@dataclass(frozen=True, slots=True)
class Fetcher:
    net: Net
    resolver: Resolver
    context: Callable[[], ssl.SSLContext]  # made when it is needed first
    permit: Collection[IpNetwork] = ()
    own: Collection[IpAddress] = ()

    async def get(self, host: str, path: str, kind: str = "text/plain") -> str:
        """The text at https://host/path, which has to be of this media type. FetchTrouble."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._get(host, path, kind)
        except TimeoutError:
            raise FetchTrouble(f"{host} gave no answer in time") from None

    async def _get(self, host: str, path: str, kind: str) -> str:
        found = await self.resolver.addresses(host)
        if not isinstance(found, Addresses) or not found.ips:
            raise FetchTrouble(f"{host} has no address")
        trouble = FetchTrouble(f"{host} has no address that we may use")
        for ip in [each for each in found.ips if not prohibited(each, self.permit, self.own)][:MAX_ADDRESSES]:
            try:
                exchange = await self._open(host, ip)
            except (OSError, ValueError) as err:  # a name that no certificate can have is a ValueError
                is_certificate = isinstance(err, ssl.SSLCertVerificationError)
                trouble = FetchTrouble(f"{host} [{ip}]: {err}", is_certificate=is_certificate)
                continue
            try:
                return await exchange.ask(host, path, kind)
            finally:
                exchange.close()
        raise trouble

    async def _open(self, host: str, ip: str) -> "_Exchange":
        transport, exchange = await self.net.connect(_Exchange, ip, PORT)
        try:
            exchange.use(await self.net.start_tls(transport, exchange, self.context(), host))
        except BaseException:
            transport.abort()
            raise
        return exchange


class _Exchange(asyncio.Protocol):
    """One request and what is answered."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._kind = ""
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def use(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    async def ask(self, host: str, path: str, kind: str) -> str:
        assert self._transport is not None
        self._kind = kind
        lines = (f"GET {path} HTTP/1.1", f"Host: {host}", f"Accept: {kind}", "Connection: close", "", "")
        self._transport.write("\r\n".join(lines).encode("ascii"))
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.use(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._octets += data
        self._read(is_whole=False)

    def connection_lost(self, trouble: Exception | None) -> None:
        self._read(is_whole=True)

    def _read(self, *, is_whole: bool) -> None:
        if self._answer.done():
            return
        try:
            text = read_response(bytes(self._octets), is_whole=is_whole, kind=self._kind)
        except FetchTrouble as trouble:
            self._answer.set_exception(trouble)
            self._answer.exception()  # seen, also where nobody waits for it any more
            return
        if text is not None:
            self._answer.set_result(text)


def read_response(octets: bytes, *, is_whole: bool, kind: str = "text/plain") -> str | None:
    """The text of a 200 answer; None while more may come (`is_whole`: no more does). FetchTrouble."""
    head, end, body = octets.partition(b"\r\n\r\n")
    if len(head) > MAX_HEAD:
        raise FetchTrouble("a header that is too long")
    if not end:
        if is_whole:
            raise FetchTrouble("no whole answer")
        return None
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise FetchTrouble("no HTTP answer")
    code = int(status[1])
    if 100 <= code < 200:
        return read_response(body, is_whole=is_whole, kind=kind)
    if code != 200:  # also a redirect, which is not followed (RFC 8461 section 3.3)
        raise FetchTrouble(f"HTTP status {code}")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    return _text(_body(fields, body, is_whole=is_whole), fields, kind)


def _text(body: bytes | None, fields: dict[bytes, bytes], kind: str) -> str | None:
    if body is None:
        return None
    if fields.get(b"content-type", kind.encode()).partition(b";")[0].strip().lower() != kind.encode():
        raise FetchTrouble(f"it is no {kind}")
    return body.decode("utf-8", "replace")


def _body(fields: dict[bytes, bytes], body: bytes, *, is_whole: bool) -> bytes | None:
    """The body, once it is all there. A server that closes before the end it announced gave none."""
    if b"transfer-encoding" in fields:
        if fields[b"transfer-encoding"].lower() != b"chunked":
            raise FetchTrouble("a transfer encoding that we did not ask for")
        found = _unchunked(body)
    elif b"content-length" in fields:
        length = fields[b"content-length"]
        if not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY:
            raise FetchTrouble(f"it is larger than {MAX_BODY} octets")
        found = body[: int(length)] if len(body) >= int(length) else None
    else:
        found = body if is_whole else None
    if len(body) > 2 * MAX_BODY or len(found or b"") > MAX_BODY:
        raise FetchTrouble(f"it is larger than {MAX_BODY} octets")
    if found is None and is_whole:
        raise FetchTrouble("it breaks off")
    return found


def _unchunked(body: bytes) -> bytes | None:
    """What chunks hold (RFC 9112 section 7.1); None while the last is not there."""
    parts: list[bytes] = []
    at = 0
    while match := _CHUNK.match(body, at):
        size = int(match[1], 16)
        if size == 0:
            return b"".join(parts)
        end = match.end() + size
        if len(body) < end + 2:
            return None
        if body[end : end + 2] != b"\r\n":
            raise FetchTrouble("chunks that do not fit")
        parts.append(body[match.end() : end])
        at = end + 2
    if b"\r\n" in body[at : at + 100] or len(body) - at > 100:
        raise FetchTrouble("chunks that do not fit")
    return None
