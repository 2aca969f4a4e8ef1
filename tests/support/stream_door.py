"""A session without a socket: the octets arrive in exactly the portions that a test chose."""

import asyncio
from dataclasses import dataclass

from smtp_door import HOSTNAME, PATIENCE, Recorder

from mta.inbound.limits import Load
from mta.inbound.session import InboundSession
from mta.inbound.settings import ListenSettings
from mta.inbound.transaction import Transaction


class Wire(asyncio.Transport):
    """The session's transport: keeps what is written, in the portions of the writes."""

    def __init__(self, session: InboundSession) -> None:
        super().__init__({"peername": ("192.0.2.7", 25)})
        self.session = session
        self.writes: list[bytes] = []
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self.session.connection_lost, None)

    abort = close


@dataclass(frozen=True)
class Heard:
    """All that came of a stream of octets."""

    transactions: list[Transaction]
    codes: list[bytes]
    reports: list[tuple[str, Exception]]


async def _listen(portions: list[bytes], settings: ListenSettings) -> Heard:
    policy = Recorder()
    reports: list[tuple[str, Exception]] = []
    session = InboundSession(
        policy, settings, HOSTNAME, Load(settings), lambda what, trouble: reports.append((what, trouble))
    )
    wire = Wire(session)
    session.connection_made(wire)
    for portion in portions:
        session.data_received(portion)
        await asyncio.sleep(0)  # the session's turn
        await asyncio.sleep(0)
    session.eof_received()
    async with asyncio.timeout(PATIENCE):
        await session.ended()
    said = b"".join(wire.writes).split(b"\r\n")
    assert said.pop() == b"", "every reply ends with CRLF"
    return Heard(policy.accepted, [line[:3] for line in said if line[3:4] == b" "], reports)


def hear(portions: list[bytes], settings: ListenSettings) -> Heard:
    """Let a session of its own loop hear these portions, one at a time."""
    return asyncio.run(_listen(portions, settings))
