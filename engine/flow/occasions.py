"""The occasions of triggers by time: civil days, each of which lets somebody in once, at an hour of their own clock."""

from calendar import isleap
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from engine.flow.civil import resolve
from engine.flow.festivals import FESTIVALS, FIRST_YEAR, LAST_YEAR
from engine.flow.recurrence import days_of
from engine.flow.triggers import CalendarTrigger, DateTrigger, ScheduleTrigger

DayTrigger: TypeAlias = DateTrigger | CalendarTrigger | ScheduleTrigger


def occasions(trigger: DayTrigger, first: date, last: date, own: date | None = None) -> list[date]:
    """The days from `first` to `last`, in order, that are an occasion; of a DateTrigger for whom has the date `own`.

    A day that returns yearly begins to a year after it first was.
    """
    if isinstance(trigger, ScheduleTrigger):
        return days_of(trigger.rrule, trigger.start, first, last)
    offset = timedelta(days=trigger.offset)
    found = (day + offset for day in _days(trigger, (first - offset).year, (last - offset).year, own))
    return [day for day in found if first <= day <= last]


def moment_of(trigger: DayTrigger, day: date, zone: ZoneInfo) -> datetime:
    """When an occasion is, by the clock of a contact in that zone; in UTC."""
    return resolve(datetime.combine(day, trigger.at), zone)


def own_days(trigger: DateTrigger, day: date) -> frozenset[tuple[int, int]]:
    """Month and day of the contacts' dates that make `day` an occasion of a yearly trigger: two, where 29 February is kept
    on another day."""
    kept = day - timedelta(days=trigger.offset)
    found = {(kept.month, kept.day)}
    if not isleap(kept.year) and (kept.month, kept.day) == _instead(trigger.leap_day):
        found.add((2, 29))
    return frozenset(found)


def _days(trigger: DateTrigger | CalendarTrigger, first: int, last: int, own: date | None) -> Iterator[date]:
    """The days themselves, without the offset, in the years from `first` to `last`."""
    years = range(first, last + 1)
    match trigger:
        case DateTrigger(yearly=False):
            yield from [own] if own else []
        case DateTrigger(leap_day=leap_day):
            yield from (on_day(year, own.month, own.day, leap_day) for year in years if own and year > own.year)
        case CalendarTrigger(holiday=holiday) if holiday:
            yield from (FESTIVALS[holiday](year) for year in years if FIRST_YEAR <= year <= LAST_YEAR)
        case CalendarTrigger(month_day=(month, day), leap_day=leap_day):
            yield from (on_day(year, month, day, leap_day) for year in years)
        case CalendarTrigger(on=on):
            yield from [on] if on else []


def on_day(year: int, month: int, day: int, leap_day: str) -> date:
    """That day in a year; 29 February where there is none as `leap_day` says."""
    if (month, day) == (2, 29) and not isleap(year):
        return date(year, *_instead(leap_day))
    return date(year, month, day)


def _instead(leap_day: str) -> tuple[int, int]:
    return (3, 1) if leap_day == "mar-01" else (2, 28)
