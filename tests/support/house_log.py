"""What a daemon of a test writes to its log, read by a thread as it comes.

A line comes later than the answer to what it tells of: another process writes it, and another thread reads it. So a fact is
waited for (`Daemon.logged`), and what must not be there is looked for (`so_far`) after a fact that comes later than it.
"""

import fcntl
import json
import os
import select
import struct
import termios
import threading
from typing import Any

from house_process import PATIENCE

_CHUNK = 1 << 16


class Log:
    """The lines of all processes of a daemon, of all its starts, in order. `news` is told of each."""

    def __init__(self, news: threading.Condition) -> None:
        self.lines: list[dict[str, Any]] = []
        self._news = news
        self._taken: dict[int, int] = {}  # octets by the end of a pipe they came from

    def expect(self, end: int) -> None:
        """From now on `so_far` waits for what is written into this pipe, which `follow` is to read."""
        with self._news:
            self._taken[end] = 0

    def follow(self, end: int) -> None:
        """Read this end of a pipe until all who write there are gone."""
        rest, octets = b"", b"-"
        while octets:
            select.select([end], [], [])
            with self._news:  # taken and kept at once: what waits in no pipe is among the lines
                octets = os.read(end, _CHUNK)
                self._taken[end] += len(octets)
                *whole, rest = (rest + octets).split(b"\n")
                self.lines += [_parsed(line) for line in (whole if octets else filter(None, [rest]))]
                self._news.notify_all()
        with self._news:
            del self._taken[end]
            os.close(end)

    def so_far(self, what: str = "", **facts: object) -> list[dict[str, Any]]:
        """Of all that was written before this call: the lines that say this, with these facts."""
        with self._news:
            written = {end: taken + _waiting(end) for end, taken in self._taken.items()}
            self._news.wait_for(
                lambda: all(self._taken.get(end, size) >= size for end, size in written.items()), PATIENCE
            )
            lines = list(self.lines)
        return [line for line in lines if what in ("", line.get("what")) and facts.items() <= line.items()]


def _waiting(end: int) -> int:
    """How many octets wait there to be read."""
    return int(struct.unpack("i", fcntl.ioctl(end, termios.FIONREAD, bytes(4)))[0])


def _parsed(line: bytes) -> dict[str, Any]:
    text = line.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None  # what no logger wrote: a refusal, or a traceback
    return parsed if isinstance(parsed, dict) else {"raw": text}
