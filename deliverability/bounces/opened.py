"""A message that came back, cut once into the parts that its readers look at.

Reports have a place for everything; other letters put our message behind a line of their own ("Below this line is a
copy"). Here both are told apart: what the letter says, and what of our message came with it.
"""

import html
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from deliverability.bounces.wording import wording
from deliverability.encoded_words import decode_text
from deliverability.mime import DEFAULT_LIMITS, MimeLimits, Part, leaves
from deliverability.rawmail import first_value, split_message

MAX_WORDS: Final = 65_536  # characters of a letter's own words
MAX_STATUS: Final = 131_072  # octets of delivery-status parts

STATUS_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
HEADER_TYPES: Final = frozenset({"text/rfc822-headers", "message/global-headers"})
MESSAGE_TYPES: Final = frozenset({"message/rfc822", "message/global"})

_LINE_END: Final = re.compile(r"\r*\n|\r")
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d|/pre)\b[^<>]{0,200}>", re.IGNORECASE)
_UNSEEN: Final = re.compile(r"<(style|script|head)\b", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[A-Za-z!][^<>@]{0,2000}>")
_BOUNDARY: Final = re.compile(rb"^--([!-~]{4,100}?)[ \t\r]*$", re.MULTILINE)
_REPORT: Final = re.compile(
    rb"^content-type:\s*multipart/report\s*;[^\n]*(?:\n[ \t][^\n]*)*delivery-status", re.IGNORECASE | re.MULTILINE
)
# How a line can begin behind which our message stands (`ours` of wording.toml): asked first, since it costs less.
_OURS_BEGIN: Final = (
    "this is a copy",
    "below ",
    "un",
    "original",
    "returned",
    "rejected",
    "the ",
    "header",
    "message header",
    "included",
    "a copy",
    "copy of",
    "your ",
    "begin",
    "forwarded",
    "received:",
    "return-path:",
    "dkim-",
    "domainkey-",
    "arc-seal:",
)
_HEADER_LINE: Final = re.compile(r"[a-z-]+:")
_RULES: Final = ("--", "==", "**", "__", "##")
_ORNAMENT: Final = "-=_*#+. \t"


@dataclass(frozen=True)
class Opened:
    """A message and its parts. `header` is its own header."""

    header: bytes
    parts: tuple[Part, ...]
    limits: MimeLimits

    @classmethod
    def of(cls, content: bytes, limits: MimeLimits = DEFAULT_LIMITS) -> "Opened":
        """Cut `content` apart. Never raises; what lies beyond a limit is not seen."""
        if content[:5] == b"From ":  # a line of the mailbox it lay in (RFC 4155)
            content = content[content.find(b"\n") + 1 :]
        header, body = split_message(content[: limits.size])
        parts = tuple(leaves(content, limits)) or _without_announced(body, limits)
        inner = _report_inside(parts)
        return cls.of(inner, limits) if inner else cls(header[: limits.header], parts, limits)

    def value(self, name: str) -> str:
        """A field of the message's own header, for people; "" when it is not there."""
        raw = first_value(self.header, name)
        return decode_text(raw) if raw else ""

    @cached_property
    def status_text(self) -> str:
        """The delivery-status parts, joined."""
        parts = [_as_text(part.payload()[:MAX_STATUS]) for part in self.parts if part.media_type in STATUS_TYPES]
        return "\n\n".join(parts)[:MAX_STATUS]

    @cached_property
    def _told(self) -> tuple[str, str]:
        """(the letter's own words, what follows them in the same text)."""
        words = ""
        for part in self.parts:
            if part.media_type == "text/plain" or (part.media_type == "text/html" and not words.strip()):
                text = part.text()[:MAX_WORDS]
                words += "\n" + (_without_tags(text) if part.media_type == "text/html" else text)
            elif part.media_type in MESSAGE_TYPES or part.media_type in HEADER_TYPES:
                break
            if len(words) > MAX_WORDS:
                break
        words = _LINE_END.sub("\n", words) if "\r" in words else words
        end = _end_of_words(words)
        return words[:end], words[end:]

    @property
    def words(self) -> str:
        """What the letter says in its own words, our message left out. Line ends are LF."""
        return self._told[0]

    @property
    def text(self) -> str:
        """All of its text, whoever wrote it. Line ends are LF."""
        return "".join(self._told)

    @cached_property
    def returned_header(self) -> bytes:
        """The header of our message where it came back, or b""."""
        for part in self.parts:
            if part.media_type in HEADER_TYPES:
                return part.payload()[: self.limits.header]
            if part.media_type in MESSAGE_TYPES:
                return split_message(part.payload())[0][: self.limits.header]
        return b""

    @cached_property
    def returned_text(self) -> bytes:
        """The header of our message as a letter quotes it behind its own words, or b""."""
        first = re.search(r"^[A-Za-z-]{2,40}:[ \t]", self._told[1], re.MULTILINE)
        return split_message(self._told[1][first.start() :].encode())[0][: self.limits.header] if first else b""


def _end_of_words(text: str) -> int:
    """Where our message begins in a letter's text; its length when nothing of ours is there."""
    start = 0
    for line in text.split("\n"):
        bare = line[:200].lstrip(_ORNAMENT).lower()
        if bare.startswith(_OURS_BEGIN) and _begins_ours(line, bare):
            return start
        start += len(line) + 1
    return len(text)


def _begins_ours(line: str, bare: str) -> bool:
    if line[:1] in (" ", "\t") and _HEADER_LINE.match(bare):
        return False  # a header that the letter quotes among its own words
    if wording("ours").match(bare):
        return True
    return line.lstrip()[:2] in _RULES and wording("ours_in_ornaments").match(bare) is not None


def _without_announced(body: bytes, limits: MimeLimits) -> tuple[Part, ...]:
    """The parts of a message whose boundary is not the announced one: the first line that looks like one is taken."""
    found = _BOUNDARY.search(body)
    if not found:
        return (Part("text/plain", b"", body),)
    announced = b'Content-Type: multipart/mixed; boundary="' + found[1] + b'"\n\n'
    return tuple(leaves(announced + body, limits))


def _report_inside(parts: tuple[Part, ...]) -> bytes | None:
    """The report that somebody passed on as an attachment; None when there is none, or the message is one itself."""
    inner = None
    for part in parts:
        if part.media_type in STATUS_TYPES:
            return None
        if part.media_type in MESSAGE_TYPES and _REPORT.search(part.body[:8_192]):
            inner = part.payload()
    return inner


def _as_text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _without_tags(text: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", _without_unseen(text))))


def _without_unseen(text: str) -> str:
    """Without style, script and head, where they are closed. Each octet is passed once."""
    lowered, kept, at = text.lower(), [], 0
    while found := _UNSEEN.search(text, at):
        end = lowered.find(f"</{found[1].lower()}", found.end())
        if end < 0:
            break
        kept.append(text[at : found.start()])
        at = end
    return "".join(kept) + text[at:]
