"""A campaign as values: what a checked campaign file says.

A campaign has one goal, one audience and one mail, or variants of it that differ in exactly one thing. Its version is
the hash of its text. Nothing here knows a store or a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.civil import Span
from engine.flow.model import Tracking
from engine.flow.waits import Window

ALL_LANGUAGES: Final = ""


class Metric(StrEnum):
    """What a test of variants counts, of people and not of machines."""

    OPENS = "opens"
    CLICKS = "clicks"
    ORDERS = "orders"  # the campaign's goal


class IfPassed(StrEnum):
    """What becomes of somebody whose hour is over when the campaign begins."""

    NEXT_DAY = "next-day"
    SEND_NOW = "send-now"
    SKIP = "skip"


class Late(StrEnum):
    """What becomes of a campaign that nobody was there to send."""

    SEND = "send"
    SKIP = "skip"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Goal:
    """What the campaign is for: an event that counts for whoever got it at most `within` before."""

    event: str
    within: Span


@dataclass(frozen=True, slots=True)
class Group:
    """People by where they belong; in any of these."""

    lists: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audience:
    """Who gets it: confirmed on one of `of.lists` where some are named, in one of `of.segments` where some are named, and
    in nothing of `minus`."""

    of: Group
    minus: Group = Group()


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to write the mail. What it does not say is as the campaign says."""

    name: str
    subject: Mapping[str, str] = field(default_factory=dict)  # by language
    template: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)  # by language
    sender: str = ""
    at: time | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """A sample gets the variants; the others get what won, judged once, `after` the last of the sample was due."""

    sample: float  # share of the audience, all variants together
    metric: Metric
    after: Span
    significance: float  # 0.95: a difference that chance makes one time in twenty
    otherwise: str  # the variant for the others where nothing won; "" shares them out among all variants


@dataclass(frozen=True, slots=True)
class When:
    """When mails leave. `at` None: at once. `rrule`: again and again, at the hour of `at`."""

    at: datetime | None = None  # naive: what clocks show in `zone`, or for each contact in their own
    zone: str = ""  # IANA; "" is the installation's
    own_zone: bool = False
    if_passed: IfPassed = IfPassed.NEXT_DAY
    rrule: str = ""


@dataclass(frozen=True, slots=True)
class Misfire:
    """What to do when the daemon was away for longer than `after` while mails were due."""

    after: timedelta = timedelta(hours=2)
    do: Late = Late.ASK


@dataclass(frozen=True, slots=True)
class Campaign:
    """One version of a campaign. `version` is the SHA-256 of its text in hex."""

    name: str
    title: str
    about: str
    goal: Goal
    audience: Audience
    mail: Variant  # what variants are laid over; its name is ""
    variants: tuple[Variant, ...]
    test: Test | None
    when: When
    every: timedelta | None  # at least so long between two mails, over all
    window: timedelta  # between the start and the first mail: time to recall it
    hours: Window | None  # only then mails are written, on the clock of `when`; None is always
    misfire: Misfire
    best_before: timedelta  # a mail that the arbiter holds back for longer is not written
    holdout: float  # the share of people, from 0 to 1, who get nothing, so that lift can be measured
    tracking: Tracking
    priority: int | None  # among mails that wait for the same place, the highest first; None: as the installation says
    over: datetime | None  # naive: when what it tells of is over, on the clock of `when`; the forecast warns then
    version: str

    @property
    def short_version(self) -> str:
        """As shown on screens."""
        return self.version[:12]

    @property
    def tests_time(self) -> bool:
        """Whether what differs between the variants is the hour."""
        return any(each.at is not None for each in self.variants)

    @property
    def templates(self) -> frozenset[str]:
        """The mails that it sends."""
        return frozenset(self.variant(each.name).template for each in self.variants or (self.mail,))

    def open_from(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """When a mail may be written that is due at this moment (UTC): then, or when its hours next begin in `zone`."""
        return moment if self.hours is None else max(moment, self.hours.after(moment, zone))

    def variant(self, name: str) -> Variant:
        """The whole of a variant; the mail itself for "" and for a name that is none."""
        found = next((each for each in self.variants if each.name == name), None)
        if found is None:
            return self.mail
        return Variant(
            name, found.subject or self.mail.subject, found.template or self.mail.template,
            found.content or self.mail.content, found.sender or self.mail.sender, found.at,
        )  # fmt: skip


def in_language(of: Mapping[str, Any], wanted: str, default: str) -> tuple[str, Any]:
    """(language, what is written in it): the first of the reader's locale, its parents, the installation's, and what
    stands first. ("", None) where nothing is written."""
    for locale in (wanted, default):
        tag = locale
        while tag:
            found = next((each for each in of if each.lower() == tag.lower()), None)
            if found is not None:
                return found, of[found]
            tag = tag.rpartition("-")[0]
    return next(iter(of.items()), ("", None))
