"""What lets a contact into a flow: an event, or a day on the contact's own clock.

A trigger by time lets somebody in once for each occasion: the occasion's civil day is the key of the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import TypeAlias

from engine.flow.civil import Span
from engine.flow.conditions import Condition


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """An event of this name whose data holds all of `match`. `key` tells one run from another: its value is the run key.

    `list:`, `segment:` and `tag:` are events too: {list: {joined: news}} is list.joined with match {"list": "news"}.
    `restart`: a newer event with the same key sends its run back to the first step.
    """

    event: str
    where: Condition | None = None
    key: Condition | None = None
    restart: bool = False
    match: Mapping[str, str] = field(default_factory=dict)

    def is_met(self, event: str, data: Mapping[str, object]) -> bool:
        """Whether an event is one of those meant, `where` apart."""
        return event == self.event and all(data.get(name) == value for name, value in self.match.items())


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a trigger by time is for: who confirmed a list, or is in a segment."""

    kind: str  # list, segment
    name: str


@dataclass(frozen=True, slots=True)
class DateTrigger:
    """A date that is known of the contact, `offset` days later (or, below zero, earlier) at a clock time.

    `name` is birthday, created, orders.first_at, orders.last_at or fields.NAME. `yearly` returns each year; the 29th of
    February is kept on the 28th in common years, or on 1 March where `leap_day` says "mar-01".
    """

    name: str
    offset: int
    at: time
    yearly: bool = False
    leap_day: str = "feb-28"
    where: Condition | None = None
    audience: Audience | None = None


@dataclass(frozen=True, slots=True)
class CalendarTrigger:
    """A day of the calendar: once (`on`), each year (`month_day`), or a holiday by its name (`holiday`)."""

    at: time
    on: date | None = None
    month_day: tuple[int, int] | None = None
    holiday: str = ""
    offset: int = 0
    leap_day: str = "feb-28"
    where: Condition | None = None
    audience: Audience | None = None


@dataclass(frozen=True, slots=True)
class InactivityTrigger:
    """So long after a contact's last event of this name, when no other came. Counted from what did happen: somebody who
    never did it does not enter."""

    event: str
    span: Span
    where: Condition | None = None
    audience: Audience | None = None


@dataclass(frozen=True, slots=True)
class ScheduleTrigger:
    """The days that a recurrence rule names (RFC 5545 section 3.3.10), at a clock time. `start` anchors its intervals."""

    rrule: str
    at: time
    start: date
    where: Condition | None = None
    audience: Audience | None = None


@dataclass(frozen=True, slots=True)
class ManualTrigger:
    """Somebody says so: `posthouse flow start`, the API, or another flow's `start`. `where` and `key` see its data."""

    where: Condition | None = None
    key: Condition | None = None


TimeTrigger: TypeAlias = DateTrigger | CalendarTrigger | InactivityTrigger | ScheduleTrigger
Trigger: TypeAlias = EventTrigger | TimeTrigger | ManualTrigger
