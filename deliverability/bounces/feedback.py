"""Complaints: what mailbox providers send when a reader calls our mail spam (ARF: RFC 5965, RFC 6591, RFC 6650, RFC 9477).

The old loops of Hotmail and AOL, which send our message back with a word of their own, are read as well. Providers leave
out who complained, so the address here is only what is shown; who it was is found by the tokens that we put into the
message ourselves (`deliverability.bounces.traces`).
"""

import re
from dataclasses import dataclass
from typing import Final

from deliverability.bounces.classify import Suppress
from deliverability.bounces.opened import MESSAGE_TYPES, Opened
from deliverability.bounces.xarf import read_xarf
from deliverability.encoded_words import decode_text
from deliverability.rawmail import first_value, split_message

ABUSE: Final = "abuse"
# RFC 5965 section 7.3, RFC 6591 section 3.1, RFC 6650 and the IANA registry. Any other word is "other".
TYPES: Final = frozenset({ABUSE, "fraud", "virus", "other", "not-spam", "auth-failure", "opt-out", "miscategorized"})
# A reader who says so wants no more of it; the other types are about servers, or take a complaint back.
HEEDED: Final = frozenset({ABUSE, "fraud", "opt-out"})

_FIELD: Final = re.compile(rb"^([!-9;-~]{1,60})[ \t]*:([^\n]*+(?:\n[ \t]++[^\s][^\n]*+)*)", re.MULTILINE)
_ADDRESS: Final = re.compile(r"[^\s<>@\"'(),;:]{1,64}@[^\W_][\w.-]{0,250}\.[\w-]{2,63}")
_MAX: Final = 65_536
_TYPE_IN_TEXT: Final = re.compile(rb"^Feedback-Type[ \t]*:", re.MULTILINE | re.IGNORECASE)
# The loops that are older than ARF: who sends them, and what they call it.
_OLD_FROM: Final = re.compile(r"staff@hotmail\.com|scomp@aol\.(?:net|com)|jmrp@|abuse@rr\.com", re.IGNORECASE)
_OLD_SUBJECT: Final = re.compile(
    r"complaint about message from|feedback report for ip|client tos notification|junk (?:e?-?mail )?report",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """A complaint. addresses: who complained, as far as it is said (it is mostly left out)."""

    type: str
    addresses: tuple[str, ...]
    source_ip: str
    reported_domain: str

    @property
    def suppress(self) -> Suppress:
        """NOW for all marketing where the reader asked for an end."""
        return Suppress.NOW if self.type in HEEDED else Suppress.NEVER


def read_feedback(opened: Opened) -> Feedback | None:
    """The complaint that a message is, or None."""
    for part in opened.parts:
        if part.media_type == "message/feedback-report" or (
            part.media_type == "text/plain" and _TYPE_IN_TEXT.search(part.body[:_MAX])
        ):
            return _of(_fields(part.payload()[:_MAX]), opened)
    if xarf := read_xarf(opened):
        return Feedback(xarf.type, (), xarf.source_ip, "")
    if _OLD_FROM.search(opened.value("From")) and _OLD_SUBJECT.search(opened.value("Subject")):
        return _of({}, opened)
    return None


def _of(fields: dict[str, list[str]], opened: Opened) -> Feedback:
    told = [*fields.get("original-rcpt-to", ()), *fields.get("removal-recipient", ())]
    addresses = list(
        dict.fromkeys(found.lower() for each in told for found in _ADDRESS.findall(each) if _is_somebody(found))
    )
    return Feedback(
        type=_type(fields),
        addresses=tuple(addresses or _of_our_message(opened))[:200],
        source_ip=next(iter(fields.get("source-ip", ())), "")[:100],
        reported_domain=next(iter(fields.get("reported-domain", ())), "")[:255],
    )


def _type(fields: dict[str, list[str]]) -> str:
    said = next(iter(fields.get("feedback-type", ())), ABUSE).partition(";")[0].strip().strip('"').lower()
    return said if said in TYPES else "other"


def _of_our_message(opened: Opened) -> list[str]:
    """Whom our message was for, where it came back with that."""
    for part in opened.parts:
        if part.media_type not in MESSAGE_TYPES:
            continue
        header = split_message(part.payload())[0][:_MAX]
        for name in ("X-HmXmrOriginalRecipient", "X-Apparently-To", "X-Original-To", "Delivered-To", "To"):
            found = _ADDRESS.findall(decode_text(first_value(header, name) or b""))
            if found and _is_somebody(found[0]):
                return [found[0].lower()]
    return []


def _is_somebody(address: str) -> bool:
    return not address.lower().startswith(("redacted@", "undisclosed"))


def _fields(payload: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(payload):
        found.setdefault(name.decode("ascii").lower(), []).append(decode_text(value.strip()))
    return found
