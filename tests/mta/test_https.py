"""One small document over HTTPS from a stranger's server: what is read, and what is refused."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import TypeVar

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from engine.system import SystemNet
from mta.routing.https import Fetcher, FetchTrouble, read_response
from mta.routing.resolver import Addresses, MxAnswer, NoSuchDomain, NullMx, TemporaryFailure, Texts

P = TypeVar("P", bound=asyncio.BaseProtocol)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"


class OneHost:
    """Every name is on loopback."""

    def __init__(self, *ips: str) -> None:
        self._ips = ips or ("127.0.0.1",)

    async def mx(self, domain: str) -> MxAnswer | NullMx | NoSuchDomain | TemporaryFailure:
        return NoSuchDomain()

    async def addresses(self, host: str) -> Addresses | NoSuchDomain | TemporaryFailure:
        return Addresses(self._ips) if self._ips != ("none",) else NoSuchDomain()

    async def txt(self, name: str) -> Texts | NoSuchDomain | TemporaryFailure:
        return NoSuchDomain()


class Detour(SystemNet):
    """Real connections, to another port than 443."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def connect(
        self, protocol: Callable[[], P], address: str, port: int, *, source: str | None = None
    ) -> tuple[asyncio.Transport, P]:
        assert port == 443
        return await super().connect(protocol, address, self._port, source=source)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextlib.asynccontextmanager
async def web(authority: trustme.CA, answer: bytes, name: str = "mta-sts.example.org") -> AsyncIterator[Fetcher]:
    """A server that gives this answer and closes, and who asks it."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(shown)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            asked = await reader.readuntil(b"\r\n\r\n")
            assert asked.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.org\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=shown)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Fetcher(Detour(port), OneHost(), lambda: trusting, [ip_network("127.0.0.0/8")])
    finally:
        server.close()


async def fetched(fetcher: Fetcher) -> str:
    return await fetcher.get("mta-sts.example.org", "/.well-known/mta-sts.txt")


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 14\r\n\r\nversion: STSv1",
        HEAD + b"\r\nversion: STSv1",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n9;x=y\r\nversion: \r\n5\r\nSTSv1\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 14\r\n\r\nversion: STSv1",
        b"HTTP/1.0 200 Fine\r\n\r\nversion: STSv1",
    ],
)
async def test_a_document_is_fetched(authority: trustme.CA, answer: bytes) -> None:
    async with web(authority, answer) as fetcher:
        assert await fetched(fetcher) == "version: STSv1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\n\r\n", "HTTP status 301"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP status 404"),
        (b"220 mx.example.org ESMTP\r\n\r\n", "no HTTP answer"),
        (b"", "no whole answer"),
        (HEAD, "no whole answer"),
        (HEAD + b"Content-Length: 14\r\n\r\nversion", "it breaks off"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", "larger than 65536"),
        (HEAD + b"Content-Length: -1\r\n\r\n", "larger than 65536"),
        (HEAD + b"\r\n" + b"x" * 70_000, "larger than 65536"),
        (HEAD + b"\r\n" + b"x" * 5_000_000, "larger than 65536"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000, "a header that is too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "no text/plain"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\nxx", "transfer encoding"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "chunks that do not fit"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n", "chunks that do not fit"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "it breaks off"),
    ],
)
async def test_what_is_no_document_says_why(authority: trustme.CA, answer: bytes, words: str) -> None:
    async with web(authority, answer) as fetcher:
        with pytest.raises(FetchTrouble, match=words):
            await fetched(fetcher)


async def test_a_server_with_another_name_is_not_believed(authority: trustme.CA) -> None:
    async with web(authority, HEAD + b"\r\n", name="www.example.org") as fetcher:
        with pytest.raises(FetchTrouble) as found:
            await fetched(fetcher)
    assert found.value.is_certificate


@pytest.mark.parametrize(("ips", "words"), [(("10.0.0.1", "127.0.0.1"), "that we may use"), (("none",), "no address")])
async def test_a_strangers_name_leads_to_no_private_address(ips: tuple[str, ...], words: str) -> None:
    with pytest.raises(FetchTrouble, match=words):
        await fetched(Fetcher(SystemNet(), OneHost(*ips), ssl.create_default_context))


async def test_a_name_that_no_certificate_can_have_is_trouble_and_no_fault(authority: trustme.CA) -> None:
    async with web(authority, HEAD + b"\r\n") as fetcher:
        with pytest.raises(FetchTrouble):
            await fetcher.get("mta-sts." + "a" * 70 + ".example.org", "/.well-known/mta-sts.txt")


@given(st.binary(max_size=200), st.booleans())
def test_no_octets_do_worse_than_say_why(octets: bytes, is_whole: bool) -> None:
    for answer in (octets, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + octets):
        try:
            assert read_response(answer, is_whole=is_whole) is not None or not is_whole
        except FetchTrouble as trouble:
            assert str(trouble)
