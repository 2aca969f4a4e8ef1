"""Logging: one line an event, as JSON for the journal or as text for people; nothing a stranger wrote can forge a
line."""

import json
import logging
import sys
from typing import Any, Final

LONGEST: Final = 4096  # octets of one value
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line. json.dumps escapes every control character; long values are cut and say so."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"level": record.levelname.lower(), "at": record.created, "what": record.getMessage()}
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps({key: _cut(value) for key, value in line.items()}, ensure_ascii=True, default=str)


class TextLines(logging.Formatter):
    """For a person at a terminal: what, then key=value; every value is escaped as JSON would."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        words = " ".join(f"{key}={json.dumps(_cut(value), default=str)}" for key, value in facts.items())
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{record.levelname.lower():7} {record.getMessage()} {words}".rstrip() + trace


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST] + f"... ({len(value)} characters)"
    return value


def start(*, as_json: bool, level: str = "INFO") -> None:
    """Log to standard error, as journald expects it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("peewee").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
