"""The sink: a next hop that takes every mail and writes each down before its 250. A process of its own.

    with Sink(tmp_path) as sink:
        Daemon(..., next_hop=sink.address)
        sink.kept()["marker"]        # how often the mail with `X-Marker: marker` came

Each mail is one line in `kept`: its marker, its Message-ID, its envelope and the digest of its octets. Written, then
answered: what it answered for is in the file, whoever is killed afterwards.
"""

import asyncio
import hashlib
import json
import os
import re
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

_FIELD = re.compile(rb"^(X-Marker|Message-ID):[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_PATIENCE = 60.0  # seconds


class Sink:
    """The process, and what it wrote down."""

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "kept"
        self._kept.touch()
        self.address = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([sys.executable, __file__, str(self._kept)], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert select.select([self._process.stdout], [], [], _PATIENCE)[0], "the sink does not start"
        self.address = self._process.stdout.readline().decode().strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def mails(self) -> list[dict[str, str]]:
        """Every mail that it answered for (the last may be one that it was about to)."""
        octets = self._kept.read_bytes()
        return [json.loads(line) for line in octets[: octets.rfind(b"\n") + 1].splitlines()]

    def kept(self) -> Counter[str]:
        """How often each marker came."""
        return Counter(mail["marker"] for mail in self.mails())


class _Session(asyncio.Protocol):
    """RFC 5321 as far as a well-behaved client needs it."""

    def __init__(self, kept: int) -> None:
        self._kept, self._input, self._is_reading_data = kept, bytearray(), False
        self._sender = self._rcpt = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(b"220 sink.example ESMTP")

    def data_received(self, data: bytes) -> None:
        self._input += data
        while True:
            end = b"\r\n.\r\n" if self._is_reading_data else b"\r\n"
            place = self._input.find(end)
            if place < 0:
                return
            whole = bytes(self._input[:place])
            del self._input[: place + len(end)]
            self._take(whole) if self._is_reading_data else self._obey(whole)

    def _obey(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._say(b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES")
        elif verb == b"DATA":
            self._is_reading_data = True
            self._say(b"354 go on")
        elif verb == b"QUIT":
            self._say(b"221 2.0.0 bye")
            self._transport.close()
        else:
            if verb == b"MAIL":
                self._sender = _path(line)
            elif verb == b"RCPT":
                self._rcpt = _path(line)
            self._say(b"250 2.0.0 ok")

    def _take(self, content: bytes) -> None:
        self._is_reading_data = False
        fields = {name.lower(): value.strip().decode() for name, value in _FIELD.findall(content)}
        line = {
            "marker": fields.get(b"x-marker", ""), "message_id": fields.get(b"message-id", ""), "from": self._sender,
            "to": self._rcpt, "digest": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip
        os.write(self._kept, json.dumps(line).encode() + b"\n")
        self._say(b"250 2.0.0 kept")

    def _say(self, line: bytes) -> None:
        self._transport.write(line + b"\r\n")


def _path(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode("utf-8", "replace")


async def _serve(file: str) -> None:
    kept = os.open(file, os.O_WRONLY | os.O_APPEND)
    server = await asyncio.get_running_loop().create_server(lambda: _Session(kept), "127.0.0.1", 0, backlog=1000)
    print("{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
