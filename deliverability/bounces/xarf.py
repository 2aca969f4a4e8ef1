"""Complaints in XARF, the JSON form that RFC 9477 section 5.2 allows beside ARF: a kind, and samples of our message.

Versions 3 and 4 name the same things differently; both are read, within limits, and anything else is no complaint.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deliverability.bounces.opened import Opened

MAX_DOCUMENT: Final = 1_048_576  # octets of JSON that are looked at
MAX_SAMPLES: Final = 5
_JSON: Final = frozenset({"application/json", "text/json", "application/xarf+json", "message/feedback-report+json"})
_ABUSE: Final = frozenset({"spam", "abuse", "unsolicited", "bulk_messaging", "messaging"})
_FRAUD: Final = frozenset({"phishing", "fraud", "scam", "bec"})


@dataclass(frozen=True, slots=True)
class Xarf:
    """type: abuse, fraud or other, as ARF calls them. samples: our message, or parts of it, as it came back."""

    type: str
    source_ip: str
    samples: tuple[bytes, ...]


def read_xarf(opened: Opened) -> Xarf | None:
    """The complaint that a message carries in this form, or None."""
    for part in opened.parts:
        if part.media_type in _JSON:
            found = _of(part.payload()[:MAX_DOCUMENT])
            if found:
                return found
    return None


def _of(octets: bytes) -> Xarf | None:
    try:
        document = json.loads(octets)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, Mapping):
        return None
    if "xarf_version" in document:
        return Xarf(_type(document.get("type")), _text(document.get("source_identifier")), tuple(_samples(document)))
    report = document.get("Report")
    if isinstance(report, Mapping) and "ReporterInfo" in document:
        return Xarf(_type(report.get("ReportType")), _text(report.get("SourceIp")), tuple(_samples(report)))
    return None


def _type(said: Any) -> str:
    word = _text(said).lower()
    return "abuse" if word in _ABUSE else "fraud" if word in _FRAUD else "other"


def _text(value: Any) -> str:
    return value[:100] if isinstance(value, str) else ""


def _samples(report: Mapping[str, Any]) -> Iterator[bytes]:
    """What the report holds of our message: base64 where it says so, or where it looks like nothing else."""
    given = report.get("evidence") or report.get("Samples") or []
    for each in given[:MAX_SAMPLES] if isinstance(given, list) else []:
        payload = each.get("payload", each.get("Payload")) if isinstance(each, Mapping) else None
        if isinstance(payload, str):
            yield _decoded(payload)


def _decoded(payload: str) -> bytes:
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        return payload.encode("utf-8", "replace")
