"""What the daemon says of the calendar: sends that are to come, what of them is known, and when each will have left."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SiteCourse:
    """A domain with most readers. `rate`: mails a second, None where nobody limits it so far; `limit`: who says so. `ends_ms`
    None: not within the forecast. `done`: of a running one, how many have an end."""

    domain: str  # "": all others
    people: int
    rate: float | None = None
    ends_ms: int | None = None
    limit: str = ""
    done: int = 0


@dataclass(frozen=True, slots=True)
class ZonePeople:
    """Readers whose clocks show the same: when it comes to them. `zone` "": the installation's."""

    zone: str
    people: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One send. `state` is a run's, or draft (a campaign without a time), next (one that comes again, not made yet), flow.

    `people` None: they are being counted, or nobody can know. `ends_ms` None with people: not within the forecast.
    `spans`: (from, to) while mail of it leaves. `at_ms` None: at no time yet.
    """

    kind: str  # campaign, flow
    name: str
    title: str
    state: str
    at_ms: int | None = None
    civil: str = ""  # the local time that is meant, ISO 8601 without an offset
    zone: str = ""  # whose: "" the installation's, contact each reader's, else a zone
    rule: str = ""  # of what comes again: RFC 5545, or the trigger in words
    run: int | None = None
    occasion: str = ""
    mail: str = ""
    people: int | None = None
    left: int = 0  # of a running one, who have no end yet
    ends_ms: int | None = None
    takes: str = ""  # how long, in words that say how sure that is
    spans: tuple[tuple[int, ...], ...] = ()
    sites: tuple[SiteCourse, ...] = ()
    zones: tuple[ZonePeople, ...] = ()
    recall_ms: int | None = None  # until then all of it can be recalled
    overlaps: tuple[str, ...] = ()
    warns: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class DayPeople:
    """How many people have their birthday, or an anniversary, on a day (2026-12-01)."""

    day: str
    people: int


@dataclass(frozen=True, slots=True)
class Anniversaries:
    """Of a date that flows keep each year, by the flows' name for it (created, orders.first_at): how many, by days."""

    what: str
    days: tuple[DayPeople, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Sends between two moments, in the order of their beginnings. `zone` is the installation's; the quiet hours are each
    reader's own, "" is none. `birthdays`, `anniversaries`: of the days on which there are any."""

    now_ms: int
    since_ms: int
    until_ms: int
    zone: str
    quiet_from: str = ""
    quiet_until: str = ""
    quiet_days: tuple[str, ...] = ()
    rows: tuple[Planned, ...] = ()
    birthdays: tuple[DayPeople, ...] = ()
    anniversaries: tuple[Anniversaries, ...] = ()


@dataclass(frozen=True, slots=True)
class CampaignText:
    """A campaign's file as the daemon has it, and the state of its newest run ("" for none)."""

    now_ms: int
    name: str
    source: str
    version: str
    state: str = ""
    languages: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CampaignMail:
    """The mail as somebody would get it, or what is wrong with it. `who`: a reader's address, or a made reader.

    `missing`: what nobody wrote in this language (subject, text), which its readers get in the language `instead`. Where
    that is no language of theirs at all, `is_frame`: shown is what will stand around it. `words`: subject, heading and
    first paragraph as they are written in it.
    """

    now_ms: int
    name: str
    who: str
    locale: str
    variant: str = ""
    mail: str = ""
    subject: str = ""
    sender: str = ""
    text: str = ""
    octets: int = 0
    fault: str = ""
    languages: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    instead: str = ""
    is_frame: bool = False
    words: tuple[str, ...] = ()
