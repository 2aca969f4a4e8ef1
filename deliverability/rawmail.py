"""Reading and cutting a message as octets, fast, without building a tree.

For the hot path (submission, signing, sending) and for bounded looks at mail from strangers. Nothing here decodes:
names come out as ASCII, values as octets; `deliverability.encoded_words.decode_text` makes them readable.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

MAX_FIELDS: Final = 1_000
MAX_HEADER: Final = 262_144  # octets of one message's header

_FIELD: Final = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*)", re.MULTILINE)
_BLANKS: Final = b" \t\r\n"
_LONE_CR: Final = re.compile(rb"\r(?!\n)")
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")


class MessageError(ValueError):
    """A message is not one we can work on; the message says why, in words safe to show."""


def split_message(content: bytes) -> tuple[bytes, bytes]:
    """(header with the line end of its last field, body after the empty line). CRLF or LF; either may be empty."""
    if content.startswith((b"\r\n", b"\n")):
        return b"", content[content.index(b"\n") + 1 :]
    crlf = content.find(b"\r\n\r\n")
    lf = content.find(b"\n\n", 0, crlf if crlf >= 0 else len(content))
    if lf >= 0:
        return content[: lf + 1], content[lf + 2 :]
    return (content[: crlf + 2], content[crlf + 4 :]) if crlf >= 0 else (content, b"")


def fields(header: bytes, *, max_fields: int = MAX_FIELDS, max_size: int = MAX_HEADER) -> list[tuple[str, bytes]]:
    """(name as written, unfolded value without blanks around it) of each field, in order. Other lines are left out.

    MessageError when there are more or larger fields than the limits: half a header is not judged.
    """
    if len(header) > max_size:
        raise MessageError(f"the header is longer than {max_size} octets")
    found: list[tuple[str, bytes]] = []
    for name, value in _FIELD.findall(header):
        if len(found) == max_fields:
            raise MessageError(f"the header has more than {max_fields} fields")
        if b"\n" in value:
            value = value.replace(b"\r\n", b"").replace(b"\n", b"")
        found.append((name.decode("ascii"), value.strip(_BLANKS)))
    return found


def first_value(header: bytes, name: str) -> bytes | None:
    """The unfolded value of the first field of that name, or None."""
    pattern = _one_field(name.lower())
    match = pattern.search(header)
    return match[1].replace(b"\r\n", b"").replace(b"\n", b"").strip(_BLANKS) if match else None


def count_fields(header: bytes, name: str) -> int:
    """How many fields of that name there are."""
    return len(_one_field(name.lower()).findall(header))


def without(content: bytes, names: Collection[str]) -> bytes:
    """The message without the header fields of these names; "X-Posthouse-*" names all that begin so.

    Costs next to nothing when no such field is there, and leaves every other octet as it was.
    """
    header, _ = split_message(content)
    pattern, guards = _any_field(tuple(names))
    lowered = header.lower()
    if not any(guard in lowered for guard in guards):
        return content
    return pattern.sub(b"", header) + content[len(header) :]


def normalise_newlines(content: bytes) -> bytes:
    """Every line end as CRLF: bare CR and bare LF too (RFC 5321 section 2.3.8). Untouched when it is so already."""
    pairs = content.count(b"\r\n")
    if pairs == content.count(b"\n") == content.count(b"\r"):
        return content
    return _LONE_LF.sub(b"\r\n", _LONE_CR.sub(b"\r\n", content))


@lru_cache(maxsize=256)
def _one_field(name: str) -> re.Pattern[bytes]:
    return re.compile(
        rb"^" + re.escape(name.encode("ascii")) + rb"[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*)",
        re.MULTILINE | re.IGNORECASE,
    )


@lru_cache(maxsize=64)
def _any_field(names: tuple[str, ...]) -> tuple[re.Pattern[bytes], tuple[bytes, ...]]:
    """A pattern for whole fields of these names, and the octets one of which a header must hold for it to match."""
    stems = tuple(name.rstrip("*").lower().encode("ascii") for name in names)
    alternatives = (
        re.escape(stem) + (rb"[!-9;-~]*+" if name.endswith("*") else b"")
        for name, stem in zip(names, stems, strict=True)
    )
    pattern = rb"^(?:" + rb"|".join(alternatives) + rb")[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*(?:\n|\Z)"
    return re.compile(pattern, re.MULTILINE | re.IGNORECASE), stems
