"""MIME bodies, written by our own hand: multipart/alternative, the text first, the HTML last (RFC 2046 section 5.1.4).

Every octet is ASCII, every line ends in CRLF and is at most 76 long, so no relay has a reason to change anything, and
the signature over it holds.
"""

import base64
import binascii
import hashlib


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


def _part(subtype: str, text: str) -> bytes:
    encoding, content = encode_text(text)
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + content


def encode_text(text: str) -> tuple[str, bytes]:
    """(the Content-Transfer-Encoding, the encoded lines): whichever of the two is shorter."""
    octets = "\n".join(text.splitlines()).encode() + b"\n"
    quoted = binascii.b2a_qp(octets, istext=True).replace(b"\n", b"\r\n")
    # RFC 2046 section 4.1.1: text has CRLF line ends before it is encoded.
    if len(quoted) * 3 <= len(octets) * 4:
        return "quoted-printable", quoted
    canonical = octets.replace(b"\n", b"\r\n")
    encoded = base64.encodebytes(canonical).replace(b"\n", b"\r\n")
    return min((("quoted-printable", quoted), ("base64", encoded)), key=lambda pair: len(pair[1]))
