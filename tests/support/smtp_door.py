"""A door to knock at: a real listener on a loopback socket, a policy that remembers, and scripts for its client.

`talk` plays a conversation: "C: ..." is sent with CRLF, "S: 250 2.1" is what the next reply must begin with (of a reply
with several lines, the last). `converse` sends octets as they are, ends its side, and returns every reply.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from unittest import mock

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound import connection, listener
from mta.inbound.access import OPEN, Access
from mta.inbound.listener import Listener
from mta.inbound.settings import DoorSettings, SubmissionSettings
from mta.inbound.transaction import Peer, Policy, Transaction

HOSTNAME = "mail.shop.example"
PATIENCE = 60.0  # seconds until a test that hangs is ended
ENVELOPE = b"EHLO app.example\r\nMAIL FROM:<shop@shop.example>\r\nRCPT TO:<ann@example.org>\r\n"


class Recorder:
    """A policy that takes everything and remembers it. `answer` may be replaced to refuse, fail or wait."""

    def __init__(self) -> None:
        self.accepted: list[Transaction] = []

    def admit(self, peer: Peer) -> Reply | None:
        return None

    def check_sender(self, transaction: Transaction) -> Reply | None:
        return None

    async def check_recipient(self, transaction: Transaction, forward_path: Address) -> Reply | None:
        return None

    async def accept(self, transaction: Transaction) -> Reply:
        reply = await self.answer(transaction)
        self.accepted.append(transaction)
        return reply

    async def answer(self, transaction: Transaction) -> Reply:
        return Reply.of(250, "2.0.0", f"queued as {len(self.accepted) + 1}")


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def reply(self) -> str:
        """The last line of the next reply; "" when the server has hung up."""
        while (line := (await self.reader.readline()).decode())[3:4] == "-":
            pass
        return line.removesuffix("\r\n")

    async def talk(self, *script: str) -> None:
        for line in script:
            if line.startswith("C: "):
                self.writer.write(line[3:].encode() + b"\r\n")
            else:
                said = await self.reply()
                assert said.startswith(line[3:]), f"{said!r} where the script has {line!r}"

    async def converse(self, octets: bytes) -> list[str]:
        """Send the octets and no more; every line of reply until the server hangs up."""
        self.writer.write(octets)
        self.writer.write_eof()
        return (await self.reader.read()).decode().split("\r\n")[:-1]

    def press(self, octets: bytes) -> None:
        """Send as much of this as goes, whether or not the server has hung up: a transport that can't write any more
        would read no more either, and the server's last words were lost."""
        with suppress(OSError):
            os.write(self.writer.get_extra_info("socket").fileno(), octets)

    async def is_hung_up(self) -> bool:
        return await self.reader.read() == b""


@dataclass
class Door:
    listener: Listener
    port: int
    reports: list[tuple[str, Exception]] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    async def knock(self, receive_buffer: int = 0) -> Client:
        """A new connection. receive_buffer: octets that the client's system takes without its reading."""
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", self.port))
        client = Client(*await asyncio.open_connection(sock=plain))
        self.clients.append(client)
        return client

    async def talk(self, *script: str) -> None:
        await (await self.knock()).talk(*script)

    async def converse(self, octets: bytes) -> list[str]:
        return await (await self.knock()).converse(octets)


@contextmanager
def patient() -> Iterator[None]:
    """Who is on its way out is waited for: a client of this machine may be slow, and is never gone."""
    with mock.patch.object(connection, "LINGER", PATIENCE), mock.patch.object(listener, "LINGER", PATIENCE):
        yield


def listening_socket() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening


@asynccontextmanager
async def door(policy: Policy, settings: DoorSettings | None = None, access: Access = OPEN) -> AsyncIterator[Door]:
    """A door that is open while the test runs; afterwards nothing unexpected may have been reported."""
    reports: list[tuple[str, Exception]] = []
    opening = Listener(
        policy,
        settings or SubmissionSettings(),
        HOSTNAME,
        lambda what, trouble: reports.append((what, trouble)),
        access=access,
    )
    opening.full_seconds = PATIENCE
    with listening_socket() as listening, patient():
        opened = Door(opening, listening.getsockname()[1], reports)
        opening.start([listening])
        try:
            async with asyncio.timeout(PATIENCE):
                yield opened
        finally:
            for client in opened.clients:
                client.writer.close()
            await opening.stop(timedelta(0))
    assert opened.reports == []


def codes(lines: list[str]) -> list[str]:
    """The reply codes of a conversation, one for each reply."""
    return [line[:3] for line in lines if line[3:4] != "-"]
