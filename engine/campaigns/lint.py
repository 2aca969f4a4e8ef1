"""Lint: what makes readers and their providers turn away, found before a campaign is sent. Pure.

Four taboos: writing without permission, writing without value, hiding who writes, and a rhythm that nobody expects. Each
finding says what is so and what to do. `must` findings are against the law somewhere, or bring mail into junk folders.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.sending.compose import Composed

CLIPPED: Final = 102 * 1024  # octets of HTML after which Gmail cuts a mail
LONG_SUBJECT: Final = 60  # characters that most inboxes show
SHORT_TEXT: Final = 200  # characters
SILENCE: Final = timedelta(days=60)  # after which readers have forgotten that they asked
HASTE: Final = timedelta(days=2)
_SHOUTED: Final = re.compile(r"[!?]{2,}|(?:\b[A-ZА-Я]{4,}\b.*){3}")
_LINK: Final = re.compile(r"https?://")
_NO_ANSWER: Final = re.compile(r"no-?reply|do-?not-?reply|donotreply", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """`taboo` is permission, value, completeness, rhythm, or bulk rules; `must`: mend it before the start."""

    taboo: str
    says: str
    remedy: str
    must: bool = False

    def __str__(self) -> str:
        return f"{'!' if self.must else '-'} {self.taboo}: {self.says}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class OfList:
    """What is known of a list that it goes to."""

    name: str
    confirmation: str  # double, single
    purpose: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the findings rest on."""

    lists: Sequence[OfList]
    mails: Sequence[Composed]
    sender_name: str
    sender_address: str
    postal_address: str
    base_url: str
    last: datetime | None  # when anybody of the audience was sent marketing mail last, by whatever of ours
    now: datetime


def findings(facts: Facts) -> list[Finding]:
    """Everything, the gravest first."""
    found = [*_permission(facts), *_value(facts.mails), *_completeness(facts), *_rhythm(facts)]
    return sorted(found, key=lambda each: not each.must)


def _permission(facts: Facts) -> Iterable[Finding]:
    if not facts.lists:
        yield Finding(
            "permission",
            "it goes to no list, so leaving it ends all marketing mail to its reader",
            "name a list in audience",
        )
    for each in facts.lists:
        if each.confirmation == "single":
            yield Finding(
                "permission", f"nobody on {each.name} was asked to confirm",
                f"`posthouse list set {each.name} confirmation double` asks whoever comes from now on",
            )  # fmt: skip
        if not each.purpose:
            yield Finding(
                "permission", f"nobody on {each.name} was told what they said yes to",
                f"`posthouse list set {each.name} purpose ...`",
            )  # fmt: skip


def _value(mails: Sequence[Composed]) -> Iterable[Finding]:
    for each in _once(mails):
        if len(each.subject) > LONG_SUBJECT:
            yield Finding("value", f'"{each.subject}" has {len(each.subject)} characters', f"{LONG_SUBJECT} are seen")
        if _SHOUTED.search(each.subject):
            yield Finding("value", f'"{each.subject}" shouts', "say it once, in ordinary letters")
        if len(each.text) < SHORT_TEXT:
            yield Finding("value", f'"{each.subject}" says hardly anything in words', "pictures are often not shown")
        links = len(_LINK.findall(each.text))
        if links > 3 and len(each.text) < 150 * links:
            yield Finding(
                "value", f'"{each.subject}" is mostly links ({links})', "filters count them: say why to follow one"
            )
        if len(each.content) > CLIPPED:
            yield Finding(
                "value", f'"{each.subject}" has {len(each.content) >> 10} KiB', "Gmail cuts it at 102 KiB", True
            )


def _once(mails: Sequence[Composed]) -> list[Composed]:
    return list({each.subject: each for each in mails}.values())


def _completeness(facts: Facts) -> Iterable[Finding]:
    if not facts.sender_name:
        yield Finding("completeness", "the sender has no name", 'set mail.from = "Shop <hello@shop.example>"', True)
    if _NO_ANSWER.search(facts.sender_address):
        yield Finding("completeness", f"{facts.sender_address} takes no answers", "write from an address that is read")
    if not facts.postal_address.strip():
        yield Finding(
            "completeness", "there is no postal address in the mail", "set postal_address in brand.toml", True
        )
    for each in _once(facts.mails):
        if b"\r\nList-Unsubscribe:" not in each.content or "/unsubscribe/" not in each.text:
            says = f'"{each.subject}" does not say how to leave'
            yield Finding("completeness", says, "let its template extend base/mail, which does", True)
    if not facts.base_url.startswith("https://"):
        remedy = "one-click unsubscribing needs https (RFC 8058): set web.base_url"
        yield Finding("completeness", f"links lead to {facts.base_url}", remedy, True)


def _rhythm(facts: Facts) -> Iterable[Finding]:
    if facts.last is None:
        yield Finding("rhythm", "these readers were never written to from here", "begin with those who joined lately")
        return
    since = facts.now - facts.last
    if since > SILENCE:
        yield Finding(
            "rhythm",
            f"you last wrote {since.days} days ago: expect complaints",
            "remind them first why they hear from you",
        )
    elif since < HASTE:
        hours = since // timedelta(hours=1)
        yield Finding("rhythm", f"you last wrote {hours} hours ago", "readers leave lists that write too often")
