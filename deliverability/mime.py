"""A look into a stranger's MIME structure that costs little whatever it is.

The standard library's parser takes seconds, or all of the stack, on small messages made to hurt. This one only cuts: by
boundary, to a depth, up to a number of parts, each cut scanning its octets once. It never raises; what lies beyond a
limit is simply not seen.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from deliverability.encoded_words import codec_of
from deliverability.rawmail import first_value, split_message


@dataclass(frozen=True, slots=True)
class MimeLimits:
    """How far we look."""

    size: int = 2_097_152  # octets of the message
    header: int = 65_536  # octets of one part's header
    parts: int = 100
    depth: int = 8


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf: its media type in lower case ("text/plain"), its header and its body as they came."""

    media_type: str
    header: bytes
    body: bytes

    def payload(self) -> bytes:
        """The body without its transfer encoding; as it is when that is unknown or broken."""
        encoding = (first_value(self.header, "Content-Transfer-Encoding") or b"").lower()
        if encoding.startswith(b"quoted-printable"):
            return binascii.a2b_qp(self.body)
        if encoding.startswith(b"base64"):
            return _lenient_base64(self.body)
        return self.body

    def text(self) -> str:
        """The payload as text, in the charset it names where mail may use that; else UTF-8. Never raises."""
        charset = _parameter(first_value(self.header, "Content-Type") or b"", b"charset").decode("ascii", "replace")
        return self.payload().decode(codec_of(charset) or "utf-8", "replace")


DEFAULT_LIMITS: Final = MimeLimits()

_MEDIA_TYPE: Final = re.compile(rb"\s*([a-z0-9!#$&^_.+-]{1,60})/([a-z0-9!#$&^_.+-]{1,80})", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    rb';\s*([a-z0-9_*-]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.){0,200})"|([^\s;"]{1,200}))', re.IGNORECASE
)


def leaves(content: bytes, limits: MimeLimits = DEFAULT_LIMITS) -> Iterator[Part]:
    """The parts that are not multipart, in order. A message/rfc822 is a leaf: what it holds is not descended into."""
    pending = [(content[: limits.size], 0)]
    seen = 0
    while pending and seen < limits.parts:
        octets, depth = pending.pop()
        seen += 1
        header, body = split_message(octets)
        header = header[: limits.header]
        content_type = first_value(header, "Content-Type") or b"text/plain"
        match = _MEDIA_TYPE.match(content_type)
        media_type = match[0].strip().lower().decode("ascii") if match else "text/plain"
        boundary = _parameter(content_type, b"boundary") if media_type.startswith("multipart/") else b""
        if boundary and depth < limits.depth:
            children = _cut(body, boundary, limits.parts - seen)
            pending.extend((child, depth + 1) for child in reversed(children))
        else:
            yield Part(media_type, header, body)


def _cut(body: bytes, boundary: bytes, most: int) -> list[bytes]:
    """What stands between the boundary lines, preamble and epilogue left out (RFC 2046 section 5.1.1)."""
    children: list[bytes] = []
    start: int | None = None
    for begin, end, closes in _boundary_lines(body, b"--" + boundary):
        if start is not None:
            children.append(_without_first_line_end(body[start:begin]))
        start = None if closes else end
        if closes or len(children) >= most:
            return children
    if start is not None:  # a bounce cut short is still a bounce
        children.append(_without_first_line_end(body[start:]))
    return children


def _boundary_lines(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    """(where the line end before it begins, where it ends itself, whether it closes) of each boundary line."""
    at = body.find(delimiter)
    while at >= 0:
        rest = at + len(delimiter)
        line_end = body.find(b"\n", rest)
        end = line_end if line_end >= 0 else len(body)
        if body[end - 1 : end] == b"\r" and line_end >= 0:
            end -= 1
        behind = body[rest:end].rstrip(b" \t")
        if behind in (b"", b"--") and (at == 0 or body[at - 1 : at] == b"\n"):
            begin = at - 2 if body[at - 2 : at] == b"\r\n" else max(at - 1, 0)
            yield begin, end, behind == b"--"
        at = body.find(delimiter, rest)


def _without_first_line_end(octets: bytes) -> bytes:
    return octets[octets.find(b"\n") + 1 :] if octets[:2].startswith((b"\r\n", b"\n")) else octets


def _parameter(value: bytes, name: bytes) -> bytes:
    for found, quoted, bare in _PARAMETER.findall(value[:4_096]):
        if found.lower() == name:
            return re.sub(rb"\\(.)", rb"\1", quoted) if quoted else bare
    return b""


def _lenient_base64(octets: bytes) -> bytes:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    try:
        return binascii.a2b_base64(kept[: len(kept) // 4 * 4] if len(kept) % 4 == 1 else kept + b"=" * (-len(kept) % 4))
    except binascii.Error:
        return octets
