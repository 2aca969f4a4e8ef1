"""What a message that came back means: a bounce, a delay, a complaint, an automatic reply, or none of these.

One finding for each recipient it tells of. It is the same for a command and for the daemon; only who is believed
differs: without a token of ours (`deliverability.bounces.verp`) a finding is shown, and nothing follows from it.
"""

from dataclasses import dataclass
from enum import StrEnum

from deliverability.bounces.automatic import is_automatic, was_answered
from deliverability.bounces.dsn import RecipientReport, Report, report_of
from deliverability.bounces.feedback import Feedback, read_feedback
from deliverability.bounces.judging import Finding, Told, complaint, judge
from deliverability.bounces.letters import comes_from_a_daemon, read_letter, said_about
from deliverability.bounces.opened import Opened
from deliverability.mime import DEFAULT_LIMITS, MimeLimits

_LEFT_OUT = "..."  # as archives shorten addresses; no mailbox is called so


class Kind(StrEnum):
    """What came back; the words of commands, screens and events."""

    BOUNCE = "bounce"
    DELAY = "delay"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    DELIVERED = "delivered"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Account:
    """What a message tells, before anything is judged. told: by recipient; empty for a complaint, which has `feedback`."""

    kind: Kind
    feedback: Feedback | None = None
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a message means. feedback: the type of a complaint (RFC 5965 section 7.3), else None."""

    kind: Kind
    feedback: str | None = None
    recipients: tuple[Finding, ...] = ()


def conclude(content: bytes, limits: MimeLimits = DEFAULT_LIMITS) -> Conclusion:
    """What `content` means. Never raises; looks at no more than the limits allow."""
    account = account_of(Opened.of(content, limits))
    if account.feedback:
        people = account.feedback.addresses or ("",)  # redacted: somebody complained all the same
        found = tuple(complaint(each, account.feedback.suppress) for each in people)
        return Conclusion(account.kind, account.feedback.type, found)
    return Conclusion(account.kind, None, tuple(judge(each) for each in account.told))


def account_of(opened: Opened) -> Account:
    """What a message tells: a complaint, a report, an automatic reply, a letter, or nothing of these, in this order."""
    feedback = read_feedback(opened)
    if feedback:
        return Account(Kind.COMPLAINT, feedback)
    report = report_of(opened)
    if report:
        return _bounce(tuple(_told(each, opened, report) for each in report.recipients))
    if is_automatic(opened) and not comes_from_a_daemon(opened):
        return Account(Kind.AUTO_REPLY)
    letter = read_letter(opened)
    if letter:
        return _bounce(letter)
    return Account(Kind.AUTO_REPLY if is_automatic(opened) or was_answered(opened) else Kind.OTHER)


def _bounce(told: tuple[Told, ...]) -> Account:
    actions = {each.action for each in told}
    kind = Kind.BOUNCE if "failed" in actions else Kind.DELAY if "delayed" in actions else Kind.DELIVERED
    return Account(kind, None, told)


def _told(each: RecipientReport, opened: Opened, report: Report) -> Told:
    said, around = said_about(opened, each.address, alone=len(report.recipients) == 1)
    address = "" if _LEFT_OUT in each.address else each.address
    return Told(address, each.outcome, each.status, each.diagnostic, said, around)
