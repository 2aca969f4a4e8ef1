"""MIME bodies, written by our own hand: multipart/alternative, the text first, the HTML last (RFC 2046 section 5.1.4).

Every octet is ASCII, every line ends in CRLF and is at most 76 long, so no relay has a reason to change anything, and
the signature over it holds.
"""

import base64
import binascii
import hashlib
from functools import lru_cache
from typing import Final

from engine.sending.calendar import FILE

LINES_KEPT: Final = 4096  # encoded lines of a process's templates: most lines of a mail are those of the one before
LINE_KEPT: Final = 400  # characters of a line worth keeping


def alternative(text: str, html: str, octets: bytes) -> tuple[str, bytes]:
    """(the Content-Type, the body) of a mail that is both. `octets` fix the boundary: the same in, the same out."""
    # RFC 2045 section 6.7 note 5: "=_" comes about in neither quoted-printable nor base64.
    boundary = "=_" + hashlib.sha256(b"boundary" + octets).hexdigest()[:30]
    mark = f"--{boundary}".encode()
    body = b"".join((
        mark, b"\r\n", _part("plain", text), b"\r\n",
        mark, b"\r\n", _part("html", html), b"\r\n",
        mark, b"--\r\n",
    ))  # fmt: skip
    return f'multipart/alternative; boundary="{boundary}"', body


def with_calendar(content_type: str, body: bytes, text: str, octets: bytes) -> tuple[str, bytes]:
    """(the Content-Type, the body) of the same mail with an event for the calendar behind it (RFC 6047 section 2.4)."""
    boundary = "=_" + hashlib.sha256(b"mixed" + octets).hexdigest()[:30]
    mark = f"--{boundary}".encode()
    encoded = base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")
    head = (
        f"Content-Type: text/calendar; charset=utf-8; method=PUBLISH; name={FILE}\r\n"
        f"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename={FILE}\r\n\r\n"
    )
    body = b"".join((
        mark, b"\r\nContent-Type: ", content_type.encode(), b"\r\n\r\n", body,
        mark, b"\r\n", head.encode(), encoded, mark, b"--\r\n",
    ))  # fmt: skip
    return f'multipart/mixed; boundary="{boundary}"', body


def _part(subtype: str, text: str) -> bytes:
    encoding, content = encode_text(text)
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + content


def encode_text(text: str) -> tuple[str, bytes]:
    """(the Content-Transfer-Encoding, the encoded lines): whichever of the two is shorter."""
    lines = text.splitlines() or [""]
    octets = "\n".join(lines).encode() + b"\n"
    quoted = b"".join([_known(each) if len(each) <= LINE_KEPT else _quoted(each) for each in lines])
    # RFC 2046 section 4.1.1: text has CRLF line ends before it is encoded.
    if len(quoted) * 3 <= len(octets) * 4:
        return "quoted-printable", quoted
    canonical = octets.replace(b"\n", b"\r\n")
    encoded = base64.encodebytes(canonical).replace(b"\n", b"\r\n")
    return min((("quoted-printable", quoted), ("base64", encoded)), key=lambda pair: len(pair[1]))


def _quoted(line: str) -> bytes:
    """A line in quoted-printable, with its line end. What another line says changes nothing in it."""
    return binascii.b2a_qp(line.encode() + b"\n", istext=True).replace(b"\n", b"\r\n")


_known: Final = lru_cache(LINES_KEPT)(_quoted)
