"""One call: resolve, judge, connect, say it, read the status. No redirect is followed, nothing else of the answer is kept.

It goes through the ports as all else does: addresses by our resolver, judged before anybody connects, connections by `Net`.
So no name, and no change of one between look-up and call, leads into our own networks.
"""

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, cast

from engine.hooks.target import NoTarget, Target, parse
from mta.ports import Net
from mta.routing.prohibited import IpAddress, IpNetwork, prohibited
from mta.routing.resolver import Addresses, Resolver

MAX_HEAD: Final = 16_384
MAX_ADDRESSES: Final = 4

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a try. `status` is 0 where nobody answered; `why` says what was in the way."""

    status: int
    why: str = ""
    is_hopeless: bool = False  # no other try can go better


@dataclass(frozen=True, slots=True)
class Poster:
    net: Net
    resolver: Resolver
    context: Callable[[], ssl.SSLContext]  # made when it is needed first
    permit: Collection[IpNetwork] = ()
    own: Collection[IpAddress] = ()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """Call once. Never raises but when cancelled."""
        try:
            target = parse(url)
            async with asyncio.timeout(seconds):
                return await self._post(target, _request(target, body, headers))
        except NoTarget as err:
            return Answer(0, str(err), is_hopeless=True)
        except TimeoutError:
            return Answer(0, f"no answer within {seconds:g} s")

    async def _post(self, target: Target, request: bytes) -> Answer:
        ips = await self._addresses(target.host)
        if not ips:
            return Answer(0, f"{target.host} has no address")
        allowed, refusal = [], ""
        for ip in ips:
            reason = prohibited(ip, self.permit, self.own)
            if reason is None and not target.is_secure and not prohibited(ip, (), self.own):
                refusal = "http: is for networks of hooks.permit alone: use https:"
            elif reason is None:
                allowed.append(ip)
            else:
                refusal = f"{target.host} [{ip}] is {reason.value} (hooks.permit names networks that may be called)"
        if not allowed:
            return Answer(0, refusal, is_hopeless=True)
        trouble = Answer(0)
        for ip in allowed[:MAX_ADDRESSES]:
            try:
                return await self._exchange(target, ip, request)
            except (OSError, ValueError) as err:  # a name that no certificate can have is a ValueError
                trouble = Answer(0, f"{target.host} [{ip}]: {err}")
        return trouble

    async def _addresses(self, host: str) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            found = await self.resolver.addresses(host)
            return list(found.ips) if isinstance(found, Addresses) else []

    async def _exchange(self, target: Target, ip: str, request: bytes) -> Answer:
        transport, exchange = await self.net.connect(_Exchange, ip, target.port)
        try:
            if target.is_secure:
                transport = await self.net.start_tls(transport, exchange, self.context(), target.host)
            transport.write(request)
            return Answer(await exchange.status)
        finally:
            transport.abort()


def _request(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    fields = {
        "Host": target.authority, "User-Agent": "Posthouse", "Content-Type": "application/json", "Accept": "*/*",
        "Content-Length": str(len(body)), "Connection": "close", **headers,
    }  # fmt: skip
    head = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(head).encode("ascii") + body


class _Exchange(asyncio.Protocol):
    """What is answered, as far as its status."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=1 << 20)

    def data_received(self, data: bytes) -> None:
        if self.status.done():
            return
        self._octets += data
        found = _STATUS.match(self._octets)
        while found is not None and found[1].startswith(b"1"):  # 100 Continue and its kin: the answer follows
            _, end, rest = bytes(self._octets).partition(b"\r\n\r\n")
            if not end:
                break
            self._octets = bytearray(rest)
            found = _STATUS.match(self._octets)
        if found is not None and not found[1].startswith(b"1"):
            self.status.set_result(int(found[1]))
        elif len(self._octets) > MAX_HEAD or (b"\n" in self._octets and found is None):
            self._fail("no HTTP answer")

    def connection_lost(self, trouble: Exception | None) -> None:
        if not self.status.done():
            self._fail(str(trouble) if trouble else "the connection closed before an answer")

    def _fail(self, why: str) -> None:
        self.status.set_exception(ConnectionError(why))
        self.status.exception()  # seen, also where nobody waits for it any more
