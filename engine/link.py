"""The link between the front office and one carrier: JSON objects, one a line, both ways.

Down: {"wake": [domain, ...]}, {"clock": offset in ms}, {"keys": true}, {"stop": seconds}, {"shares": {site: share}},
{"paused": {domain: until in ms}, "doubted": [domain, ...]}, {"heeded": number}, which comes back when all before it is
done. Up: {"ready": true}, {"beat": {figures}}, {"sites": [report, ...]}, {"fates": {domain: [attempts, bounces]}}. Its
end is a message too: the other side is gone.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, Final

LONGEST: Final = 1 << 20


class Link:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Link":
        """Take a connected socket for this event loop."""
        end.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=end, limit=LONGEST))

    def send(self, **message: Any) -> None:
        """Say something; lost without complaint when the other side is gone."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the other side says, until it is gone."""
        try:
            while line := await self._reader.readline():
                yield json.loads(line)
        except (ConnectionError, ValueError):
            return

    def close(self) -> None:
        self._writer.close()
