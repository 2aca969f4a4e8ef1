"""Automatic replies: away notes and receipts. They are neither bounces nor a person's answer (RFC 3834)."""

from typing import Final

from deliverability.bounces.opened import Opened
from deliverability.bounces.wording import wording

# Fields that only answering machines write.
_FIELDS: Final = (
    "X-Autoreply",
    "X-Autorespond",
    "X-AutoReply-From",
    "X-Auto-Response-From",
    "X-Mail-Autoreply",
    "X-MS-Exchange-Inbox-Rules-Loop",
)
_BEFORE: Final = r"^\W{0,3}(?:(?:re|aw|fwd?)\s*:\s*)?\W{0,3}"


def is_automatic(opened: Opened) -> bool:
    """Whether a machine answered for a person, by a field or a subject that only such an answer has."""
    precedence = opened.value("Precedence").lower().replace("-", "_")
    return (
        any(opened.value(name) for name in _FIELDS)
        or precedence == "auto_reply"
        or opened.value("X-Precedence").lower().startswith("auto")
        or has_automatic_subject(opened.value("Subject"))
    )


def has_automatic_subject(subject: str) -> bool:
    """Whether a subject begins as answering machines write it, in one of many languages."""
    return wording("automatic", _BEFORE).search(subject.lower()) is not None


def was_answered(opened: Opened) -> bool:
    """Whether it says of itself that it answers a message; some mail systems say so of their bounces too."""
    return opened.value("Auto-Submitted").lower().startswith(("auto-replied", "auto-notified"))
