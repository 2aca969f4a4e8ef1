"""Our own mail's header fields, written by our own hand (RFC 5322), and raw helpers to read others'.

What goes in is refused rather than mended: a control character or a line end in a value is how a header is injected.
Encoded words (RFC 2047) are written only into unstructured text and display names, never into an address, and list
fields keep to one line: readers of List-Unsubscribe understand neither encoding nor folding within a URI.
"""

import base64
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from deliverability.address import Address
from deliverability.encoded_words import decode_text, encode_words
from deliverability.rawmail import (
    MessageError,
    fields,
    first_value,
    normalise_newlines,
    split_message,
    without,
)

__all__ = [
    "HeaderError",
    "MessageError",
    "decode_text",
    "fields",
    "first_value",
    "format_date",
    "format_mailbox",
    "header",
    "mailbox_header",
    "make_message_id",
    "normalise_newlines",
    "split_message",
    "text_header",
    "without",
]

LINE: Final = 78  # RFC 5322 section 2.1.1: should
MAX_LINE: Final = 998  # the same: must
MAX_VALUE: Final = 32_768  # ours: no honest field is longer

_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORD: Final = re.compile(r" *[^ ]+")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class HeaderError(ValueError):
    """A field may not be written so; the message says why, in words safe to show."""


def header(name: str, value: str) -> bytes:
    """A structured field, written as it is: printable ASCII, folded at its spaces where it is long.

    List-* fields stay on one line. HeaderError for anything else than ASCII, and for a line over 998 octets.
    """
    _refuse_unsafe(name, value)
    if not value.isascii():
        raise HeaderError(f"{name} may hold ASCII only")
    if name.lower().startswith("list-"):
        return _line(name, value)
    return _folded(name, value)


def text_header(name: str, text: str) -> bytes:
    """An unstructured field (Subject, Comments, ...): any text, in encoded words where it is not plain ASCII."""
    _refuse_unsafe(name, text)
    text = text.strip(" ")
    if text.isascii() and "=?" not in text and max(map(len, text.split(" "))) < LINE:
        return _folded(name, text)
    # RFC 2047 section 2: a line that holds an encoded word is at most 76 long.
    return _folded(name, " ".join(encode_words(text, first=76 - len(name) - 2)))


def mailbox_header(name: str, mailboxes: Sequence[tuple[str, Address]]) -> bytes:
    """A field of mailboxes (From, To, Reply-To, ...): (display name or "", address) each."""
    if not mailboxes:
        raise HeaderError(f"{name} names nobody")
    value = ", ".join(format_mailbox(*mailbox) for mailbox in mailboxes)
    _refuse_unsafe(name, value)
    return _folded(name, value)


def format_mailbox(name: str, address: Address) -> str:
    """`Ann <ann@example.org>`: the name plain, quoted or in encoded words, as it needs; the address untouched."""
    _refuse_unsafe("a display name", name, is_name=False)
    name = name.strip(" ")
    if not name:
        return str(address)
    if not name.isascii() or "=?" in name:
        return f"{' '.join(encode_words(name, first=60))} <{address}>"
    if not _ATOMS.fullmatch(name):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{address}>"


def format_date(moment: datetime) -> str:
    """RFC 5322 section 3.3, in English whatever the locale. `moment` must be aware; ValueError otherwise."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a naive time has no place in a header")
    minutes = offset.total_seconds() // 60
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{int(abs(minutes)) // 60:02d}{int(abs(minutes)) % 60:02d}"
    day = f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year:04d}"
    return f"{day} {moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} {zone}"


def make_message_id(octets: bytes, domain: str) -> str:
    """`<...@domain>` from unguessable octets (16 are enough): case-proof, and without anything about us in it."""
    return f"<{base64.b32encode(octets).decode().rstrip('=').lower()}@{domain}>"


def _refuse_unsafe(name: str, value: str, *, is_name: bool = True) -> None:
    if is_name and not _NAME.fullmatch(name):
        raise HeaderError("that is not the name of a header field")
    if _REFUSED.search(value):
        raise HeaderError(f"{name} holds a control character or a line end")
    if len(value) > MAX_VALUE:
        raise HeaderError(f"{name} is longer than {MAX_VALUE} characters")


def _line(name: str, value: str) -> bytes:
    line = f"{name}: {value}".encode()
    if len(line) > MAX_LINE:
        raise HeaderError(f"{name} does not fit a line of {MAX_LINE} octets")
    return line + b"\r\n"


def _folded(name: str, value: str) -> bytes:
    """Folded before blanks (RFC 5322 section 2.2.3), so that unfolding gives back the very same value."""
    if len(name) + 2 + len(value) <= LINE and value.isascii():
        return f"{name}: {value}\r\n".encode()
    lines = [f"{name}:".encode()]
    for word in _WORD.findall(f" {value.strip(' ')}"):
        encoded = word.encode()
        if len(lines[-1]) + len(encoded) > LINE and not (len(lines) == 1 and lines[0].endswith(b":")):
            lines.append(encoded)
        else:
            lines[-1] += encoded
    if any(len(line) > MAX_LINE for line in lines):
        raise HeaderError(f"{name} has a word that does not fit a line of {MAX_LINE} octets")
    return b"\r\n".join(lines) + b"\r\n"
