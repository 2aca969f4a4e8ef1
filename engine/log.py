"""Logging: one line an event, as JSON for the journal or as text for people; nothing a stranger wrote can forge a
line."""

import asyncio
import json
import logging
import os
import sys
import threading
from json.encoder import encode_basestring_ascii
from typing import Any, Final, TextIO

GATHER_SECONDS: Final = 0.05  # how long a busy carrier's line may wait for others, so that they leave in one write
LONGEST: Final = 4096  # octets of one value
_PRIORITIES: Final = ((50, 2), (40, 3), (30, 4), (20, 6), (0, 7))  # Python's levels, and those of syslog(3)
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line. Every control character is escaped; long values are cut and say so."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [
            f'{{"level": {_json(record.levelname.lower())}, "at": {record.created!r}, "what": {_json(record.getMessage())}'
        ]
        parts += [f"{_json(key)}: {_json(value)}" for key, value in record.__dict__.items() if key not in _PLAIN]
        if record.exc_info:
            parts.append(f'"trace": {_json(self.formatException(record.exc_info))}')
        return ", ".join(parts) + "}"


class TextLines(logging.Formatter):
    """For a person at a terminal: what, then key=value; every value is escaped as JSON would."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        words = " ".join(f"{key}={_json(value)}" for key, value in facts.items())
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{record.levelname.lower():7} {record.getMessage()} {words}".rstrip() + trace


class ForJournal(logging.Formatter):
    """Another's lines, each with its level before it as journald reads and takes off (sd-daemon(3)): `journalctl -p warning`."""

    def __init__(self, lines: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines

    def format(self, record: logging.LogRecord) -> str:
        level = next(number for least, number in _PRIORITIES if record.levelno >= least)
        return "\n".join(f"<{level}>{line}" for line in self._lines.format(record).splitlines())


def _json(value: Any) -> str:
    """As json.dumps, which takes five times as long for the strings and numbers that nearly all values are."""
    if type(value) is str:
        if len(value) > LONGEST:
            value = value[:LONGEST] + f"... ({len(value)} characters)"
        return encode_basestring_ascii(value)
    return str(value) if type(value) is int else json.dumps(value, default=str)


class Lines(logging.Handler):
    """Writes lines to a stream: each at once, or, where a loop gathers them, those of a moment together.

    A write for each line costs a busy carrier more than all else about logging. A warning waits for nothing, and takes
    along what waits before it; the order is kept. A process that is killed takes the lines of that moment with it, which
    is why nothing that must be known is known from the log alone.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._waiting: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def gather(self) -> None:
        """From now on gather what the running loop's thread says."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.append(self.format(record) + "\n")
            if self._loop is None or record.levelno >= logging.WARNING or threading.get_ident() != self._thread:
                self.flush()
            elif len(self._waiting) == 1:
                self._loop.call_later(GATHER_SECONDS, self.flush)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits."""
        assert self.lock is not None
        with self.lock:
            lines, self._waiting = self._waiting, []
            if lines:
                self._stream.write("".join(lines))
                self._stream.flush()


def gather() -> None:
    """Gather the lines of the running loop, where `start` was called before. `logging.shutdown` writes the last."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Lines):
            handler.gather()


def start(*, as_json: bool, level: str = "INFO") -> None:
    """Log to standard error, as journald expects it."""
    # Nobody shows where in the code a line was written, nor by which thread: finding that out is half of its cost.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the way that logging's own manual describes
    handler = Lines(sys.stderr)
    handler.setFormatter(formatter(sys.stderr, as_json=as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("peewee").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def formatter(stream: TextIO, *, as_json: bool) -> logging.Formatter:
    """How lines are written to this stream."""
    lines = JsonLines() if as_json else TextLines()
    return ForJournal(lines) if _is_journal(stream) else lines


def _is_journal(stream: TextIO) -> bool:
    """Whether a stream leads to journald: systemd says in JOURNAL_STREAM which one it opened (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _is_ours(record: logging.LogRecord) -> bool:
    """Not of a request that is no HTTP: it was answered 400, and a trace of it would say nothing of us."""
    trouble = record.exc_info[1] if record.exc_info else None
    return type(trouble).__module__ != "aiohttp.http_exceptions"
