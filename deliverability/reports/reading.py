"""A report, whatever it comes in: the document itself, packed, or the mail that carries it."""

import re
from collections.abc import Iterator
from typing import Final

from deliverability.mime import MimeLimits, leaves
from deliverability.reports.dmarc import AggregateReport, read_aggregate
from deliverability.reports.tlsrpt import TlsReport, read_tls
from deliverability.reports.unpacking import (
    DEFAULT_PACK_LIMITS,
    PackLimits,
    UnreadableReport,
    is_packed,
    unpacked,
)

MAX_SIZE: Final = 10_485_760  # octets of what carries a report
MAIL_LIMITS: Final = MimeLimits(size=MAX_SIZE)

_BLANK: Final = b" \t\r\n\xef\xbb\xbf"
_UTF_16: Final = ("\ufeff<".encode("utf-16-le"), "\ufeff<".encode("utf-16-be"))
_HEADER: Final = re.compile(rb"(?:From [^\n]*\n)?[!-9;-~]{1,100}[ \t]*:")

Report = AggregateReport | TlsReport


def read_any(content: bytes, limits: PackLimits = DEFAULT_PACK_LIMITS) -> Report:
    """The report that `content` is or carries. UnreadableReport when there is none, or none that can be read."""
    if len(content) > MAX_SIZE:
        raise UnreadableReport(f"it is larger than {MAX_SIZE} octets")
    if _is_document(content):
        return _read(content, limits)
    if not _HEADER.match(content):
        raise UnreadableReport("it is neither a report nor a mail")
    trouble = UnreadableReport("the mail carries no report")
    for document in _carried(content):
        try:
            return _read(document, limits)
        except UnreadableReport as err:
            trouble = err
    raise trouble


def carries_report(content: bytes) -> bool:
    """Whether a mail has a part that may be a report: cheap, and no promise."""
    return any(True for _ in _carried(content))


def _carried(content: bytes) -> Iterator[bytes]:
    for part in leaves(content, MAIL_LIMITS):
        if part.media_type.startswith(("text/html", "message/")):
            continue
        payload = part.payload()
        if _is_document(payload) and (part.media_type != "text/plain" or b"<feedback" in payload[:4_096]):
            yield payload


def _is_document(content: bytes) -> bool:
    if content.startswith(_UTF_16):
        return True
    start = content[:100].lstrip(_BLANK)
    return is_packed(content) or start.startswith((b"<?xml", b"<feedback", b"<!", b"{")) or _has_prefix(start)


def _has_prefix(start: bytes) -> bool:
    return re.match(rb"<[A-Za-z0-9_.-]{1,20}:feedback", start) is not None


def _read(content: bytes, limits: PackLimits) -> Report:
    pieces = _stripped(unpacked(content, limits))
    first = next(pieces, b"")
    document = _chain(first, pieces)
    return read_tls(document) if first[:1] == b"{" else read_aggregate(document)


def _stripped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Without blanks before the document, which XML forbids and reporters write."""
    has_begun = False
    for piece in pieces:
        if not has_begun:
            piece = piece.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
            has_begun = bool(piece)
        if piece:
            yield piece


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
