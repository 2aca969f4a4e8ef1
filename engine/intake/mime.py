"""The parts of a mail that people read, HTML and plain, by a splitter of our own whose work is bounded before it begins.

No tree is built and nothing is decoded but text/html and text/plain: multiparts are cut at their boundaries (RFC 2046 section
5.1.1) down to DEPTH levels and PARTS parts, attachments and forwarded messages are left alone, and decoded text is counted.
What is over a limit is left out and said. Each level is scanned once: the work is at most DEPTH times the mail's size.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from deliverability.encoded_words import codec_of
from deliverability.rawmail import first_value, split_message

DEPTH: Final = 20
PARTS: Final = 1000
LARGEST: Final = 16 * 1024 * 1024  # octets of a mail that is entered
DECODED: Final = 1024 * 1024  # octets of decoded text, all parts together
_PLAIN: Final = ("text/plain", "application/json")
_HEADER: Final = 65_536  # octets of a part's own header
_VALUE: Final = 600  # octets of a Content-Type that are read

_PARAMETER: Final = re.compile(
    r';\s*([!#$%&\'*+.^_`|~0-9a-z-]{1,60})\s*=\s*(?:"((?:[^"\\]|\\.){0,400})"|([^\s;"]{1,400}))', re.I
)


@dataclass(slots=True)
class Html:
    """The decoded HTML parts, the plain ones, and what was left out and why."""

    parts: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def html_parts(content: bytes) -> Html:
    """Every text/html part of the mail that is no attachment, and what of text there is. Never raises."""
    found = Html()
    if len(content) > LARGEST:
        found.left_out.append(f"the mail is larger than {LARGEST} octets")
        return found
    stack, seen, room = [(content, 0)], 0, DECODED
    while stack:
        entity, depth = stack.pop()
        seen += 1
        if seen > PARTS:
            found.left_out.append(f"the mail has more than {PARTS} parts")
            break
        header, body = split_message(entity)
        kind, parameters = _content_type(header)
        if kind.startswith("multipart/"):
            if depth == DEPTH:
                found.left_out.append(f"the mail is nested deeper than {DEPTH} levels")
            else:
                parts = list(_parts(body, parameters.get("boundary", ""), PARTS - seen + 1))
                stack.extend((part, depth + 1) for part in reversed(parts))
        elif kind == "text/html" and not _is_attachment(header):
            room -= _take(header, body, parameters, room, found, found.parts)
        elif kind in _PLAIN and not _is_attachment(header):
            room -= _take(header, body, parameters, room, found, found.plain)
    return found


def _take(header: bytes, body: bytes, parameters: dict[str, str], room: int, found: Html, into: list[str]) -> int:
    """Decode one part; the octets it took."""
    codec = codec_of(parameters.get("charset", "utf-8"))
    if codec is None:
        found.left_out.append(f"the charset {parameters['charset'][:40]!r} is not read")
        return 0
    octets = _transfer_decoded(header, body)
    if len(octets) > room:
        found.left_out.append(f"its text is larger than {DECODED} octets")
        return 0
    into.append(octets.decode(codec, "replace"))
    return len(octets)


def _content_type(header: bytes) -> tuple[str, dict[str, str]]:
    """The type in lower case, and its parameters. A part without one is text/plain (RFC 2045 section 5.2)."""
    if len(header) > _HEADER * 4:
        return "", {}
    value = (first_value(header, "Content-Type") or b"text/plain")[:_VALUE].decode("latin-1")
    kind, _, _ = value.partition(";")
    parameters = {
        match[1].lower(): match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        for match in _PARAMETER.finditer(value)
    }
    return kind.strip().lower(), parameters


def _is_attachment(header: bytes) -> bool:
    return (first_value(header, "Content-Disposition") or b"").lstrip().lower().startswith(b"attachment")


def _parts(body: bytes, boundary: str, limit: int) -> Iterator[bytes]:
    """What stands between the boundary lines; the preamble and the epilogue are nobody's."""
    if not boundary or len(boundary) > 200:
        return
    dashes = b"--" + boundary.encode("latin-1")
    begin: int | None = None
    for start, end, closes in _delimiters(body, dashes):
        if begin is not None:
            yield body[begin:start]
            limit -= 1
        if closes or limit <= 0:
            return
        begin = end
    if begin is not None:
        yield body[begin:]  # the closing boundary was cut off


def _delimiters(body: bytes, dashes: bytes) -> Iterator[tuple[int, int, bool]]:
    """(where the content before it ends, where the next line begins, whether it is the closing one) of each."""
    at = 0 if body.startswith(dashes) else body.find(b"\n" + dashes) + 1
    while at > 0 or body.startswith(dashes):
        line_end = body.find(b"\n", at)
        line_end = len(body) if line_end < 0 else line_end
        rest = body[at + len(dashes) : min(line_end, at + len(dashes) + 200)].strip()
        if rest in (b"", b"--"):
            before = at - 2 if body[at - 2 : at] == b"\r\n" else at - 1
            yield max(before, 0), line_end + 1, rest == b"--"
        at = body.find(b"\n" + dashes, at) + 1
        if at == 0:
            return


def _transfer_decoded(header: bytes, body: bytes) -> bytes:
    """RFC 2045 section 6. What is damaged is decoded as far as it goes."""
    match (first_value(header, "Content-Transfer-Encoding") or b"").strip().lower():
        case b"base64":
            letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
            return binascii.a2b_base64(letters[: len(letters) // 4 * 4] + _rest(letters))
        case b"quoted-printable":
            return binascii.a2b_qp(body)
    return body


def _rest(letters: bytes) -> bytes:
    """The last, unfinished group, padded; one letter alone says nothing."""
    left = letters[len(letters) // 4 * 4 :]
    return left + b"=" * (4 - len(left)) if len(left) > 1 else b""
