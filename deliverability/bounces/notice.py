"""Delivery status notifications, written (RFC 3464, RFC 6522; RFC 6533 where an address is not ASCII).

The same notice gives the same octets: ids, boundary and time come in. Everything a stranger said is cleaned and cut
before it is repeated. It is for the caller to send it from the null reverse-path, and never about one (RFC 5321 section
4.5.5).
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from deliverability.address import Address
from deliverability.headers import format_date, header, mailbox_header, text_header
from deliverability.rawmail import first_value, split_message
from deliverability.reply import EnhancedStatus, Reply
from deliverability.text import clean

MAX_QUOTE: Final = 800  # characters of a reply that are repeated
_DIGITS: Final = {"failed": 5, "delayed": 4}  # of the status, where no reply says one
_MESSAGE_ID: Final = re.compile(rb"<[!-;=?-~]{1,240}>")


class Action(StrEnum):
    """What a notice says of a recipient (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"  # to a host that can't report
    EXPANDED = "expanded"  # to a list's members

    @property
    def subject(self) -> str:
        return _SUBJECTS.get(self, "Delivered mail")


_SUBJECTS: Final = {Action.FAILED: "Undelivered mail", Action.DELAYED: "Delayed mail", Action.RELAYED: "Relayed mail"}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient. `status` is said before what the reply names; `remote_mta` is who answered, or ""."""

    recipient: Address
    reply: Reply | None = None
    status: EnhancedStatus | None = None
    orcpt: str | None = None  # "rfc822;ann@example.org", decoded
    remote_mta: str = ""
    last_attempt: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """All that a notification says. `content` is the message it is about; `ret` its RET parameter (RFC 3461 4.3)."""

    reporting_mta: str
    sender: Address  # in From; such as postmaster of the reporting host
    to: Address  # the reverse-path of the message
    fates: Sequence[Fate]
    content: bytes
    message_id: str
    boundary: str
    now: datetime
    arrived: datetime | None = None
    envid: str | None = None
    ret: str | None = None


def write_failure(notice: Notice) -> bytes:
    """The notice that deliveries failed for good; the whole message comes back only if it asked so (RET=FULL)."""
    words = (
        "Your message could not be delivered to the addresses below. It will not be tried again.",
        "This message was made by the mail system. Please do not answer it.",
    )
    return _write(notice, words, Action.FAILED, full=(notice.ret or "").upper() == "FULL")


def write_success(notice: Notice, action: Action) -> bytes:
    """The notice that was asked for: mail was delivered, or relayed to a host that won't tell. Never more than the
    header comes back (RFC 3461 section 4.3: RET is about failures).
    """
    words = {
        Action.RELAYED: "Your message was passed on for the addresses below, to a mail system that does not report"
        " deliveries.",
        Action.EXPANDED: "Your message was passed on to the members of the lists below.",
    }.get(action, "Your message was delivered to the addresses below.")
    return _write(notice, (words,), action, full=False)


def write_delay(notice: Notice, will_retry_until: datetime | None) -> bytes:
    """The notice that deliveries are late: never more than the header comes back (RFC 3461 section 6.2). None: for how
    long it is tried is another host's to say.
    """
    until = f" until {format_date(will_retry_until)}" if will_retry_until else ""
    words = (
        "Your message has not been delivered yet to the addresses below. You need not do anything: it will be",
        f"tried again{until}.",
    )
    return _write(notice, words, Action.DELAYED, full=False, until=will_retry_until)


def _write(notice: Notice, words: Sequence[str], action: Action, *, full: bool, until: datetime | None = None) -> bytes:
    fates = [_fields_of(fate, action, until) for fate in notice.fates]
    parts = [_words_part(notice, words), _status_part(notice, fates), _returned_part(notice.content, full=full)]
    boundary = _free_boundary(notice.boundary, parts)
    opening = b"--" + boundary.encode("ascii") + b"\r\n"
    body = b"".join(opening + part + b"\r\n" for part in parts) + b"--" + boundary.encode("ascii") + b"--\r\n"
    return _header(notice, action.subject, boundary) + b"\r\n" + body


def _header(notice: Notice, subject: str, boundary: str) -> bytes:
    about = first_value(split_message(notice.content)[0], "Message-ID") or b""
    fields = [
        mailbox_header("From", [("Mail Delivery System", notice.sender)]),
        mailbox_header("To", [("", notice.to)]),
        text_header("Subject", subject),
        header("Date", format_date(notice.now)),
        header("Message-ID", notice.message_id),
        header("Auto-Submitted", "auto-replied"),  # RFC 3834 section 5
        header("MIME-Version", "1.0"),
        header("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"'),
    ]
    if _MESSAGE_ID.fullmatch(about):
        fields.insert(5, header("In-Reply-To", about.decode("ascii")))
    return b"".join(fields)


def _words_part(notice: Notice, words: Sequence[str]) -> bytes:
    lines = [f"This is the mail system at {notice.reporting_mta}.", "", *words, ""]
    for fate in notice.fates:
        lines.append(f"<{fate.recipient}>")
        if fate.reply:
            who = f"{clean(fate.remote_mta)} said: " if fate.remote_mta else ""
            lines.append(f"    {who}{clean(str(fate.reply))[:MAX_QUOTE]}")
        lines.append("")
    text = "\r\n".join(lines).encode()
    if text.isascii():
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + text
    encoded = binascii.b2a_qp(text, istext=True)
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded


def _status_part(notice: Notice, fates: Sequence[Sequence[str]]) -> bytes:
    about = [f"Reporting-MTA: dns; {notice.reporting_mta}"]
    if notice.envid:
        about.append(f"Original-Envelope-Id: {clean(notice.envid)[:100]}")
    if notice.arrived:
        about.append(f"Arrival-Date: {format_date(notice.arrived)}")
    text = "".join("".join(f"{line}\r\n" for line in group) + "\r\n" for group in (about, *fates))
    if any(fate.recipient.needs_smtputf8 for fate in notice.fates):
        return _in_base64(b"message/global-delivery-status", text.encode())
    return b"Content-Type: message/delivery-status\r\n\r\n" + text.encode("ascii", "replace")


def _fields_of(fate: Fate, action: Action, until: datetime | None) -> list[str]:
    """RFC 3464 section 2.3; an address beyond ASCII is of type utf-8 (RFC 6533 section 3)."""
    kind = "utf-8" if fate.recipient.needs_smtputf8 else "rfc822"
    status = fate.status or (fate.reply.enhanced if fate.reply else None)
    digit = fate.reply.code // 100 if fate.reply else _DIGITS.get(action, 2)
    lines = [f"Original-Recipient: {clean(fate.orcpt)[:500]}"] if fate.orcpt else []
    lines += [f"Final-Recipient: {kind}; {fate.recipient}", f"Action: {action}", f"Status: {status or f'{digit}.0.0'}"]
    if fate.remote_mta:
        lines.append(f"Remote-MTA: dns; {clean(fate.remote_mta)[:255]}")
    if fate.reply:
        lines.append(f"Diagnostic-Code: smtp; {clean(str(fate.reply))[:MAX_QUOTE]}")
    if fate.last_attempt:
        lines.append(f"Last-Attempt-Date: {format_date(fate.last_attempt)}")
    if until:
        lines.append(f"Will-Retry-Until: {format_date(until)}")
    return lines


def _returned_part(content: bytes, *, full: bool) -> bytes:
    head, _ = split_message(content)
    if full:
        if not head.isascii():
            return _in_base64(b"message/global", content)
        encoding = b"" if content.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
        return b"Content-Type: message/rfc822\r\n" + encoding + b"\r\n" + content
    if not head.isascii():
        return _in_base64(b"message/global-headers", head)
    return b"Content-Type: text/rfc822-headers\r\n\r\n" + head


def _in_base64(media_type: bytes, octets: bytes) -> bytes:
    """The message/global types may be encoded, so that the notice itself stays ASCII (RFC 6532 section 3.5)."""
    lines = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return b"Content-Type: " + media_type + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines


def _free_boundary(wish: str, parts: Sequence[bytes]) -> str:
    """The boundary asked for, made longer until no part holds it."""
    boundary = wish
    while any(b"--" + boundary.encode("ascii") in part for part in parts):
        boundary += "="
    return boundary
