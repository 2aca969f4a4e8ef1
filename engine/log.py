"""Logging: one line an event, as JSON for the journal or as text for people; nothing a stranger wrote can forge a
line."""

import json
import logging
import sys
from json.encoder import encode_basestring_ascii
from typing import Any, Final

LONGEST: Final = 4096  # octets of one value
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


def _json(value: Any) -> str:
    """As json.dumps, which takes five times as long for the strings and numbers that nearly all values are."""
    if type(value) is str:
        if len(value) > LONGEST:
            value = value[:LONGEST] + f"... ({len(value)} characters)"
        return encode_basestring_ascii(value)
    return str(value) if type(value) is int else json.dumps(value, default=str)


def start(*, as_json: bool, level: str = "INFO") -> None:
    """Log to standard error, as journald expects it."""
    # Nobody shows where in the code a line was written, nor by which thread: finding that out is half of its cost.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the way that logging's own manual describes
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("peewee").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    """Not of a request that is no HTTP: it was answered 400, and a trace of it would say nothing of us."""
    trouble = record.exc_info[1] if record.exc_info else None
    return type(trouble).__module__ != "aiohttp.http_exceptions"
