"""What is told of one recipient, judged: by the same rules as a reply in our own session, and with more doubt.

A report may give a reply in its diagnostic, in its words, in both or in none, and the two may disagree. What a rule
knows wins over what only a code says; words that nobody's reply is quoted in are judged as words.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from deliverability.bounces.classify import Blame, BounceClass, Suppress, Verdict, classify, searchable
from deliverability.bounces.dsn import quoted_reply
from deliverability.reply import EnhancedStatus, Reply

_FINAL: Final = frozenset({BounceClass.INVALID_RECIPIENT, BounceClass.BAD_DOMAIN, BounceClass.MOVED})
_SOFTER: Final = frozenset({BounceClass.DISABLED, BounceClass.MAILBOX_FULL})
# Yahoo writes replies to RCPT so, and others without the address ("550: : User unknown").
_NAMED_AT_RCPT: Final = re.compile(r"\b[45]\d\d: <[^<>\s]+@[^<>\s]+>: ")
_SURE_RULES: Final = ("microsoft.", "orange.", "cisco.", "messagelabs.")
_BRACKETED: Final = re.compile(r"\[[^\[\]]{0,80}unknown[^\[\]]{0,80}\]", re.IGNORECASE)
_FOR_NOW: Final = re.compile(r"temporar|try (?:it )?again|\blater\b")
_MAY_BE_SOFTER: Final = (
    "full",
    "quota",
    "space",
    "size",
    "exceed",
    "disabled",
    "suspend",
    "inactive",
    "locked",
    "expired",
)
_STATUS: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])", re.ASCII)
# How mail systems tell what they had said when the reply came.
_STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "rcpt": (
        "to rcpt to",
        "after rcpt",
        ">>> rcpt to",
        "rcpt to:<",
        "our rcpt to",
        "[rcpt_to]",
        "smtp:rcpt",
        "does not like recipient",
        "rejected recipient",
        "rcpt command",
    ),
    "mail": (
        "to mail from",
        "after mail from",
        ">>> mail from",
        "mail from:<",
        "our mail from",
        "[mail_from]",
        "does not like sender",
        "does not like the sender",
        "mail command",
    ),
    "dot": (
        "end of data",
        ">>> data",
        ">>>data",
        "smtp command data",
        "our data",
        "our final data",
        "[data]",
        "data command",
        "failed after i sent the message",
        ">>> . ",
        "end of message",
    ),
    "connect": ("initial connection", "refused to talk to me", "greeting failed", "greeting wait"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """All that a message tells of one recipient. diagnostic: a report's field; said: words of the letter
    about it; around: all of its words, where it is about this recipient only.
    """

    address: str
    action: str  # failed, delayed, delivered, relayed, expanded
    status: EnhancedStatus | None = None
    diagnostic: str = ""
    said: str = ""
    around: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A recipient and what is to be thought of its address.

    klass, blame: words of `BounceClass` and `Blame`, or "complaint", "delivered". hard: whether this mailbox or domain
    will never take mail; None where nothing was refused. status, reply_code: as told, None where nobody told one.
    said: what it rests on, clean and cut short. rule: which rule says so.
    """

    address: str
    action: str
    klass: str
    blame: str
    hard: bool | None
    suppress: Suppress
    slow_down: float = 0.0
    status: EnhancedStatus | None = None
    reply_code: int | None = None
    said: str = ""
    rule: str = ""


def complaint(address: str, suppress: Suppress) -> Finding:
    """A reader's complaint: ours to heed, whoever is right."""
    return Finding(address, "complained", "complaint", Blame.SENDER, None, suppress)


def judge(told: Told) -> Finding:
    """What is to be thought of it."""
    if told.action not in ("failed", "delayed"):
        return Finding(told.address, told.action, "delivered", "", None, Suppress.NEVER, status=told.status)
    stage = _stage(f"{told.said} {told.diagnostic} {told.around}")
    replies = list(_replies(told))
    reply, verdict = _best(told, replies, stage)
    verdict = _doubted(told, verdict, reply, stage, replies)
    if told.action == "delayed":
        verdict = replace(verdict, suppress=Suppress.NEVER)
    return Finding(
        address=told.address,
        action=told.action,
        klass=verdict.klass,
        blame=verdict.blame,
        hard=verdict.klass in _FINAL and verdict.suppress is Suppress.NOW,
        suppress=verdict.suppress,
        slow_down=verdict.slow_down,
        status=_status(told, reply),
        reply_code=(reply if reply in replies else replies[0]).code if replies else None,
        said=(told.diagnostic or told.said or told.around)[:500],
        rule=verdict.rule,
    )


def _replies(told: Told) -> Iterator[Reply]:
    """The replies that are quoted, the report's own field first."""
    found = False
    for text in (told.diagnostic, told.said, told.around):
        reply = quoted_reply(text) if text and not (found and text is told.around) else None
        if reply:
            found = True
            yield reply if reply.enhanced or not told.status else Reply(reply.code, told.status, reply.lines)


def _best(told: Told, replies: list[Reply], stage: str) -> tuple[Reply, Verdict]:
    """The first that a rule knows; else the first whose enhanced code says something; else whatever there is."""
    code = 450 if told.action == "delayed" or (told.status and told.status.klass == 4) else 550
    texts = [text for text in (told.diagnostic, told.said, told.around) if text] or [""]
    words = [Reply(replies[0].code if replies else code, told.status, (text,)) for text in texts]
    judged: list[tuple[Reply, Verdict]] = []
    for reply in (*replies, *words):
        verdict = classify(reply, stage)
        judged.append((reply, verdict))
        if _is_specific(verdict):
            return _softer(reply, verdict, words, stage)
    return next((each for each in judged if each[1].klass is not BounceClass.UNKNOWN), judged[0])


def _softer(reply: Reply, verdict: Verdict, words: list[Reply], stage: str) -> tuple[Reply, Verdict]:
    """Where a letter speaks of a full or disabled mailbox and its reply of an unknown user, the softer word counts."""
    if verdict.klass is BounceClass.INVALID_RECIPIENT:
        for each in words:
            lowered = each.text.lower()
            if any(word in lowered for word in _MAY_BE_SOFTER):
                other = classify(each, stage)
                if other.klass in _SOFTER:
                    return each, other
    return reply, verdict


def _is_specific(verdict: Verdict) -> bool:
    return not verdict.rule.startswith(("enhanced ", "code ", "unclassified")) and verdict.klass not in (
        BounceClass.UNKNOWN,
        BounceClass.POLICY,
    )


def _doubted(told: Told, verdict: Verdict, reply: Reply, stage: str, replies: list[Reply]) -> Verdict:
    """A server that says "unknown user" only after it saw the content may mean the user's own filter.

    So these words are believed at RCPT, with an enhanced code that is about the address (x.1.y), or from a system that
    looked into its own directory; else they count once they are repeated.
    """
    if verdict.klass is not BounceClass.INVALID_RECIPIENT or verdict.suppress is not Suppress.NOW:
        return verdict
    is_sure = not _FOR_NOW.search(searchable(reply)) and (
        stage == "rcpt"
        or any(each.subject == 1 for each in (reply.enhanced, *_statuses(reply.text)) if each)
        or verdict.rule.startswith(_SURE_RULES)
        or (not stage and _NAMED_AT_RCPT.search(told.said) is not None)
        or (not stage and not replies and told.status is None and not _BRACKETED.search(reply.text))
    )
    return verdict if is_sure else replace(verdict, suppress=Suppress.AFTER)


def _status(told: Told, reply: Reply) -> EnhancedStatus | None:
    """The most telling enhanced code that is told."""
    found = _statuses(f"{told.diagnostic} {told.said} {told.around}")
    known = [each for each in (reply.enhanced, told.status, *found) if each]
    return next((each for each in known if not _is_vague(each)), known[0] if known else None)


def _statuses(text: str) -> list[EnhancedStatus]:
    return [EnhancedStatus(int(a), int(b), int(c)) for a, b, c in _STATUS.findall(text)]


def _is_vague(status: EnhancedStatus) -> bool:
    return status.subject == 0


def _stage(text: str) -> str:
    """Where in the dialogue the reply came, as the earliest such word says; "" when none does."""
    lowered = text.lower()
    found = [(lowered.find(word), stage) for stage, words in _STAGES.items() for word in words if word in lowered]
    return min(found)[1] if found else ""
