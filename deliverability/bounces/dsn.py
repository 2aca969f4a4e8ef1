"""Delivery status notifications, read (RFC 3464, RFC 6522, RFC 6533).

A report is a stranger's word: it proves nothing until its address is found to be one of ours
(`deliverability.bounces.verp`). Reading never raises, looks at no more than its limits, and gives clean text. What has
no report of the standard form is None.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from deliverability.bounces.notice import Fate, Notice, write_delay, write_failure
from deliverability.mime import DEFAULT_LIMITS, MimeLimits, Part, leaves
from deliverability.rawmail import split_message
from deliverability.reply import EnhancedStatus, Reply, ReplyError
from deliverability.text import clean

__all__ = ["Fate", "Notice", "RecipientReport", "Report", "read_report", "write_delay", "write_failure"]

MAX_RECIPIENTS: Final = 200
MAX_VALUE: Final = 2_000
MAX_STATUS: Final = 131_072  # of delivery-status parts: how much is looked at

_STATUS_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_HEADER_TYPES: Final = frozenset({"text/rfc822-headers", "message/global-headers"})
_MESSAGE_TYPES: Final = frozenset({"message/rfc822", "message/global"})
_FIELD: Final = re.compile(r"([!-9;-~]{1,60})[ \t]*:(.*)")
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_QUOTED_REPLY: Final = re.compile(r"(?:^|[\s:'>])([45]\d\d)([ -]#?(?:[45]\.\d{1,3}\.\d{1,3})?.*)", re.ASCII)
_UTF8_XTEXT: Final = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_RECIPIENTS: Final = frozenset({"final-recipient", "original-recipient"})
_OUTCOMES: Final = frozenset({"action", "status"})
_OPENING: Final = _RECIPIENTS | {"action"}
_ABOUT_RECIPIENT: Final = _RECIPIENTS | _OUTCOMES | {"diagnostic-code", "remote-mta"}
_ACTIONS: Final = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a report says about one recipient. Addresses are as reported, without their type; "" when not given."""

    final_recipient: str
    original_recipient: str
    action: str  # failed, delayed, delivered, relayed, expanded, or "" when it says none of these
    status: EnhancedStatus | None
    diagnostic: str
    remote_mta: str

    @property
    def is_failure(self) -> bool:
        """Whether the delivery ended without success: only then may its reply be a reason to suppress."""
        return self.action == "failed" or (not self.action and self.status is not None and self.status.klass == 5)

    @property
    def reply(self) -> Reply | None:
        """What a server answered, as far as the report tells; with its Status where the reply names none."""
        reply = _quoted_reply(self.diagnostic)
        if reply and not reply.enhanced and self.status:
            return Reply(reply.code, self.status, reply.lines)
        if reply or not self.status or self.status.klass == 2:
            return reply
        return Reply(self.status.klass * 100 + 50, self.status, (self.diagnostic,))


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery status notification. `returned_header` is the header of our message where it came back, or b""."""

    reporting_mta: str
    envelope_id: str
    recipients: tuple[RecipientReport, ...]
    returned_header: bytes


def read_report(content: bytes, limits: MimeLimits = DEFAULT_LIMITS) -> Report | None:
    """The report that a message holds, or None."""
    texts: list[str] = []
    returned = b""
    for part in leaves(content, limits):
        if part.media_type in _STATUS_TYPES:
            texts.append(_text_of(part))
        elif part.media_type in _HEADER_TYPES and not returned:
            returned = part.payload()[: limits.header]
        elif part.media_type in _MESSAGE_TYPES and not returned:
            returned = split_message(part.payload())[0][: limits.header]
    about, groups = _groups("\n\n".join(texts)[:MAX_STATUS])
    if not groups:
        return None
    return Report(
        reporting_mta=_typed(about.get("reporting-mta", "")),
        envelope_id=about.get("original-envelope-id", ""),
        recipients=tuple(_recipient(group) for group in groups),
        returned_header=returned,
    )


def _text_of(part: Part) -> str:
    octets = part.payload()[:MAX_STATUS]
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _groups(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The fields about the message, and those about each recipient.

    Real reports forget the blank line between groups, or put one too many, or begin a group with its Action. So a group
    also ends where a recipient or an action is named again, and goes on over a blank line until its outcome was said.
    """
    about: dict[str, str] = {}
    groups: list[dict[str, str]] = []
    blank = True
    for name, value in _fields(text):
        if not name:
            blank = True
        elif name in _ABOUT_RECIPIENT:
            if not groups or (name in _OPENING and (name in groups[-1] or (blank and _is_whole(groups[-1])))):
                groups.append({})
            blank = False
            groups[-1].setdefault(name, value)
        elif not groups:
            about.setdefault(name, value)
        if len(groups) > MAX_RECIPIENTS:
            return about, groups[:MAX_RECIPIENTS]
    return about, groups


def _is_whole(group: dict[str, str]) -> bool:
    return not group.keys().isdisjoint(_RECIPIENTS) and not group.keys().isdisjoint(_OUTCOMES)


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """(lower-case name, unfolded value) of each field; ("", "") for a blank line."""
    name, value = "", ""
    for line in re.split(r"\r?\n", text):
        if line[:1] in (" ", "\t") and name and line.strip():
            value = f"{value} {line.strip()}"[:MAX_VALUE]
            continue
        if name:
            yield name, clean(value.strip())
        match = _FIELD.fullmatch(line)
        name, value = (match[1].lower(), match[2][:MAX_VALUE]) if match else ("", "")
        if not line.strip():
            yield "", ""
    if name:
        yield name, clean(value.strip())


def _recipient(group: dict[str, str]) -> RecipientReport:
    status = _STATUS.search(group.get("status", ""))
    action = group.get("action", "").split(" ")[0].rstrip(";,").lower()
    return RecipientReport(
        final_recipient=_address(group.get("final-recipient", "")),
        original_recipient=_address(group.get("original-recipient", "")),
        action=action if action in _ACTIONS else "",
        status=EnhancedStatus.parse(status[0]) if status else None,
        diagnostic=_typed(group.get("diagnostic-code", "")),
        remote_mta=_typed(group.get("remote-mta", "")),
    )


def _typed(value: str) -> str:
    """The value after its type: "smtp; 550 no" is "550 no"."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and " " not in kind.strip() else value.strip()


def _address(value: str) -> str:
    text = _typed(value).strip("<> ")[:320]
    return clean(_UTF8_XTEXT.sub(_character, text))


def _character(match: re.Match[str]) -> str:
    """RFC 6533 section 3: \\x{4E2D} in an address of type utf-8."""
    point = int(match[1], 16)
    return chr(point) if point <= 0x10FFFF else "?"


def _quoted_reply(diagnostic: str) -> Reply | None:
    """The reply within a diagnostic text; repeats of its codes, left by unfolded lines, are taken out."""
    match = _QUOTED_REPLY.search(diagnostic)
    if match is None:
        return None
    code, rest = match[1], match[2]
    text = re.sub(rf"\s{code}[ -](?:[45]\.\d{{1,3}}\.\d{{1,3}}[ ])?", " ", rest)
    try:
        return Reply.parse(f"{code} {text[1:]}")
    except ReplyError:
        return None
