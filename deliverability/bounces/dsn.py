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
from deliverability.bounces.opened import Opened
from deliverability.mime import DEFAULT_LIMITS, MimeLimits
from deliverability.reply import EnhancedStatus, Reply, ReplyError
from deliverability.text import clean

__all__ = ["Fate", "Notice", "RecipientReport", "Report", "read_report", "write_delay", "write_failure"]

MAX_RECIPIENTS: Final = 200
MAX_VALUE: Final = 2_000

_FIELDS_IN_TEXT: Final = re.compile(r"^(?:Final|Original)-Recipient[ 	]*:", re.IGNORECASE | re.MULTILINE)
_FIELD: Final = re.compile(r"([!-9;-~]{1,60})[ \t]*:(.*)")
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_QUOTED_REPLY: Final = re.compile(
    r"(?:^|[\s:'>(\"[])([45]\d\d)(?::(?= )|(?=[ -]))([ -]#?(?:[45]\.\d{1,3}\.\d{1,3})?.*)", re.ASCII
)
_QUOTED_CODE: Final = re.compile(
    r"\b(?:error|response|reply|status) ?code:? ([45]\d\d)\b(.*)", re.ASCII | re.IGNORECASE
)
_CLOSED: Final = {each: re.compile(rf"{each}(?=[\s.,;)]|$)") for each in ("'", '"')}  # not the one in "doesn't"
_WITHIN: Final = re.compile(r"[^\s<>@\"'(),;:]{1,64}@[\w.-]{1,253}")
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
    def address(self) -> str:
        """Whom we wrote to, as far as it is said: where mail was passed on, the original recipient is ours."""
        return self.original_recipient if "@" in self.original_recipient else self.final_recipient

    @property
    def outcome(self) -> str:
        """The action; where it says none that we know, what its status means, and else that it failed."""
        if self.action:
            return self.action
        return {2: "delivered", 4: "delayed"}.get(self.status.klass if self.status else 5, "failed")

    @property
    def reply(self) -> Reply | None:
        """What a server answered, as far as the report tells; with its Status where the reply names none."""
        reply = quoted_reply(self.diagnostic)
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
    return report_of(Opened.of(content, limits))


def report_of(opened: Opened) -> Report | None:
    """The same, of a message that is cut apart already.

    Some systems write the fields of a report into their letter's text, or lose the boundary that they announced.
    """
    about, groups = _groups(opened.status_text)
    if not groups and "-" in opened.words and _FIELDS_IN_TEXT.search(opened.words):
        about, groups = _groups(opened.words)
        groups = [group for group in groups if _is_whole(group)]
    if not groups:
        return None
    return Report(
        reporting_mta=_typed(about.get("reporting-mta", "")),
        envelope_id=about.get("original-envelope-id", ""),
        recipients=tuple(_recipient(group) for group in groups),
        returned_header=opened.returned_header,
    )


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
    if " " in text:  # a pipe, a comment, a name beside the address
        text = next(iter(_WITHIN.findall(text)), text)
    return clean(_UTF8_XTEXT.sub(_character, text))


def _character(match: re.Match[str]) -> str:
    """RFC 6533 section 3: \\x{4E2D} in an address of type utf-8."""
    point = int(match[1], 16)
    return chr(point) if point <= 0x10FFFF else "?"


def quoted_reply(diagnostic: str) -> Reply | None:
    """The reply within a diagnostic text; repeats of its codes, left by unfolded lines, are taken out."""
    match = _QUOTED_REPLY.search(diagnostic)
    if match is None and "ode" in diagnostic:  # such as "SMTP Error Code 550"; asked only where it can be
        match = _QUOTED_CODE.search(diagnostic)
    if match is None:
        return None
    code, rest = match[1], match[2] or " "
    rest = rest if rest[0] in " -" else f" {rest}"
    opener = diagnostic[match.start()]
    if opener == "[":
        rest = rest.partition("]")[0]
    elif opener in ("'", '"'):
        rest = _CLOSED[opener].split(rest, 1)[0]
    rest = re.sub(rf"^(?:[ -]{code})+(?=[ -])", "", rest)
    text = re.sub(rf"\s{code}[ -](?:[45]\.\d{{1,3}}\.\d{{1,3}}[ ])?", " ", rest)
    try:
        return Reply.parse(f"{code} {text[1:]}")
    except ReplyError:
        return None
