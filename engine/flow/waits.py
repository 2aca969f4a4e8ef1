"""Waits by the contact's own clock, and the intent of one that has begun.

A wait is kept as what was meant, not as the moment that came of it: where the contact's zone changes, or the world's
rules for one, `resolve_intent` reads the same intent again. An intent is plain JSON.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from engine.flow.civil import LONGEST_DAYS, Span, resolve
from engine.flow.conditions import Condition
from engine.flow.days import EVERY_DAY, Days
from engine.flow.values import Value, as_date

Intent: TypeAlias = Mapping[str, Any]

_SEARCH: Final = 400  # days that are looked through for one that will do


@dataclass(frozen=True, slots=True)
class Late:
    """What becomes of a mail whose turn comes more than `after` behind its time: skip, send, or ask an operator."""

    after: Span
    do: str  # skip, send, ask


@dataclass(frozen=True, slots=True)
class Clock:
    """The next time that the contact's clock shows `at` on one of these days, later than now."""

    at: time
    days: Days = EVERY_DAY

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The UTC time that is meant, seen from `moment` (aware). Where no day will do, the next one has to."""
        first = None
        for day in _days_from(moment.astimezone(zone).date()):
            found = resolve(datetime.combine(day, self.at), zone)
            if found > moment:
                first = first or found
                if self.days.allow(day, zone):
                    return found
        return first or moment.astimezone(UTC)

    def __str__(self) -> str:
        return f"until {self.at:%H:%M}{self.days}"


@dataclass(frozen=True, slots=True)
class Window:
    """At once between two clock times, else when the first comes. One that ends before it begins goes past midnight, and
    is of the day on which it begins. Both times the same are the whole day."""

    opens: time
    closes: time
    days: Days = EVERY_DAY

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The UTC time that is meant, seen from `moment` (aware): itself within the window."""
        local = moment.astimezone(zone)
        opened = self._opened(local)
        if opened is not None and self.days.allow(opened, zone):
            return moment.astimezone(UTC)
        return Clock(self.opens, self.days).after(moment, zone)

    def _opened(self, local: datetime) -> date | None:
        """The day on which the window opened that this local time is in."""
        clock, today = local.time(), local.date()
        if self.opens < self.closes:
            return today if self.opens <= clock < self.closes else None
        if clock >= self.opens:
            return today
        return today - timedelta(days=1) if clock < self.closes else None

    def __str__(self) -> str:
        return f"between {self.opens:%H:%M} and {self.closes:%H:%M}{self.days}"


@dataclass(frozen=True, slots=True)
class OnDate:
    """The day that an expression names, `offset` days later (or earlier), at a clock time of the contact's."""

    day: Condition
    offset: int
    at: time

    def intent(self, day: Value, now: datetime, zone: ZoneInfo) -> Intent | None:
        """What is meant, where the expression came to `day`. None when that is no date, or one too far off to wait for. A
        moment counts as the day that it falls on by the contact's clock."""
        found = as_date(day)
        if isinstance(found, datetime) and found.tzinfo is not None and _is_near(found.date(), now):
            found = found.astimezone(zone).date()
        elif isinstance(found, datetime):
            found = found.date()
        if not isinstance(found, date) or not _is_near(found, now):
            return None
        return local_intent(datetime.combine(found + timedelta(days=self.offset), self.at), zone)

    def __str__(self) -> str:
        return f"{self.day.text.strip()}{f' {self.offset:+}d' if self.offset else ''} at {self.at:%H:%M}"


def _is_near(day: date, now: datetime) -> bool:
    return abs((day - now.date()).days) <= LONGEST_DAYS


def _days_from(day: date) -> Iterator[date]:
    return (day + timedelta(days=each) for each in range(_SEARCH))


# -- intents


def intent_of(wait: Span | Clock | Window, now: datetime, zone: ZoneInfo) -> Intent | None:
    """What a wait that begins now means. None for exact hours, which are the same on every clock."""
    match wait:
        case Span(days=0):
            return None
        case Span(days=days, exact=exact):
            local = now.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
            return local_intent(local, zone, exact)
        case Clock(at=at, days=days):
            return {"at": f"{at:%H:%M}", **days.as_json(), "zone": zone.key}
        case Window(opens=opens, closes=closes, days=days):
            return {"between": [f"{opens:%H:%M}", f"{closes:%H:%M}"], **days.as_json(), "zone": zone.key}


def local_intent(local: datetime, zone: ZoneInfo, exact: timedelta = timedelta()) -> Intent:
    """The moment when clocks show `local` (naive), and so much exact time after it."""
    return {"local": local.isoformat(), "exact": exact.total_seconds(), "zone": zone.key}


def resolve_intent(intent: Intent, zone: ZoneInfo, now: datetime) -> datetime:
    """The UTC time that the intent means on a clock in `zone`, as seen `now`; never before that.

    A day that is over in the new zone is now. A clock time is the next one there: who moves to where ten o'clock is past
    is written to at ten tomorrow. ValueError or KeyError for what is no intent.
    """
    now = now.astimezone(UTC)
    if "local" in intent:
        local = datetime.fromisoformat(intent["local"])
        return max(now, resolve(local, zone) + timedelta(seconds=intent["exact"]))
    days = Days.from_json(intent)
    if "between" in intent:
        opens, closes = map(time.fromisoformat, intent["between"])
        return Window(opens, closes, days).after(now, zone)
    return Clock(time.fromisoformat(intent["at"]), days).after(now, zone)
