"""What receiving hosts send back: the delivery report, the complaint, the reply of someone who is away. Pure.

Each function gives the octets of a whole message for an errand, written line by line.
"""

import re
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from engine.lab.errands import Errand
from engine.lab.moods import Aftermath
from mta.ports import from_ms

_ENHANCED: Final = re.compile(r"[245]\d\d[ -]([245]\.\d{1,3}\.\d{1,3})")
_PARAMETER: Final = re.compile(r"(\w+)=(\S+)")
_XTEXT: Final = re.compile(r"\+([0-9A-F]{2})")


def write(errand: Errand, now: datetime, token: str) -> bytes:
    """The message of an errand. `token` tells it from every other: it makes the Message-ID and the boundary."""
    writer = {
        Aftermath.BOUNCE: delivery_report,
        Aftermath.COMPLAINT: complaint,
        Aftermath.AUTO_REPLY: auto_reply,
    }[errand.kind]
    return writer(errand, now, token)


def delivery_report(errand: Errand, now: datetime, token: str) -> bytes:
    """A DSN that says the delivery failed (RFC 3464; RFC 6533 where the recipient needs UTF-8)."""
    utf8 = not errand.rcpt.isascii()
    text = [
        f"This is the mail system at host {errand.mx}.",
        "",
        "I'm sorry to have to inform you that your message could not",
        "be delivered to one or more recipients. It's attached below.",
        "",
        f"<{errand.rcpt}>: {errand.diagnosis}",
    ]
    whole = _parameters(errand.receipt.mail_parameters).get("RET", "").upper() == "FULL"
    return _multipart(
        [
            f"From: Mail Delivery System <MAILER-DAEMON@{errand.mx}>",
            "Subject: Undelivered Mail Returned to Sender",
            "Auto-Submitted: auto-replied",
        ],
        "delivery-status",
        [
            ("text/plain; charset=utf-8", "\r\n".join(text).encode()),
            (f"message/{'global-delivery-status' if utf8 else 'delivery-status'}", _status(errand, utf8)),
            ("message/rfc822", errand.raw) if whole else ("text/rfc822-headers", _header_of(errand.raw)),
        ],
        errand,
        now,
        token,
    )


def complaint(errand: Errand, now: datetime, token: str) -> bytes:
    """A feedback report: the reader pressed the spam button (RFC 5965)."""
    fields = [
        "Feedback-Type: abuse",
        "User-Agent: PosthouseLab/1",
        "Version: 1",
        f"Original-Mail-From: <{errand.receipt.mail_from}>",
        f"Original-Rcpt-To: <{errand.rcpt}>",
        f"Arrival-Date: {format_datetime(from_ms(errand.receipt.received_ms))}",
        f"Source-IP: {errand.receipt.client}",
        f"Reporting-MTA: dns; {errand.mx}",
        "",
    ]
    words = "This is an abuse report for an e-mail message that one of our users marked as spam."
    return _multipart(
        [f"From: <feedback@{errand.mx}>", "Subject: FW: complaint"],
        "feedback-report",
        [
            ("text/plain; charset=utf-8", words.encode()),
            ("message/feedback-report", "\r\n".join(fields).encode()),
            ("message/rfc822", errand.raw),
        ],
        errand,
        now,
        token,
    )


def auto_reply(errand: Errand, now: datetime, token: str) -> bytes:
    """The answer of someone who is away (RFC 3834)."""
    lines = [
        f"From: <{errand.rcpt}>",
        f"To: <{errand.receipt.mail_from}>",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{token}@{errand.mx}>",
        f"In-Reply-To: {errand.receipt.message_id}",
        "Subject: Out of office",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "I am away until Monday and will answer then.",
        "",
    ]
    return "\r\n".join(lines).encode()


def _status(errand: Errand, utf8: bool) -> bytes:
    """The fields of message/delivery-status (RFC 3464 section 2)."""
    enhanced = _ENHANCED.match(errand.diagnosis)
    envid = _parameters(errand.receipt.mail_parameters).get("ENVID")
    original = _parameters(errand.rcpt_parameters).get("ORCPT")
    diagnosis = " ".join(errand.diagnosis.splitlines())
    lines = [
        *([f"Original-Envelope-Id: {_from_xtext(envid)}"] if envid else []),
        f"Reporting-MTA: dns; {errand.mx}",
        f"Arrival-Date: {format_datetime(from_ms(errand.receipt.received_ms))}",
        "",
        *([f"Original-Recipient: {_from_xtext(original)}"] if original else []),
        f"Final-Recipient: {'utf-8' if utf8 else 'rfc822'}; {errand.rcpt}",
        "Action: failed",
        f"Status: {enhanced[1] if enhanced else '5.0.0'}",
        f"Diagnostic-Code: smtp; {diagnosis}",
        "",
    ]
    return "\r\n".join(lines).encode()


def _multipart(
    fields: list[str], kind: str, parts: list[tuple[str, bytes]], errand: Errand, now: datetime, token: str
) -> bytes:
    """A multipart/report (RFC 6522) to the reverse-path."""
    boundary = f"{token}/{errand.mx}"
    header = [
        *fields,
        f"To: <{errand.receipt.mail_from}>",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{token}@{errand.mx}>",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type={kind};\r\n boundary="{boundary}"',
        "",
        "",
    ]
    octets = "\r\n".join(header).encode()
    for content_type, content in parts:
        encoding = b"7bit" if content.isascii() else b"8bit"
        octets += b"--%s\r\nContent-Type: %s\r\n" % (boundary.encode(), content_type.encode())
        octets += b"Content-Transfer-Encoding: %s\r\n\r\n%s\r\n" % (encoding, content)
    return octets + b"--%s--\r\n" % boundary.encode()


def _header_of(raw: bytes) -> bytes:
    end = raw.find(b"\r\n\r\n")
    return raw if end < 0 else raw[: end + 2]


def _parameters(text: str) -> dict[str, str]:
    return {name.upper(): value for name, value in _PARAMETER.findall(text)}


def _from_xtext(text: str) -> str:
    """RFC 3461 section 4."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)
