"""Times as people say them: "tue 10:00 reader", "tomorrow 9:00", "1 dec 10:00 Europe/Berlin", "in 2h", "now", or ISO 8601. Pure.

A day without a year is the next one that comes; a weekday is the next such day whose hour is not over. What is said of the zone
stands at the end: `reader` is each reader's own, `here` the installation's.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.audience.contacts import tidy_zone
from engine.flow.civil import Span
from engine.sending.quiet import DAYS

READER: Final = "contact"
_READERS: Final = frozenset({"reader", "readers", "contact", "reader's", "each"})
_HERE: Final = frozenset({"here", "ours"})
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HOUR: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_ISO: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::[0-9]{2})?)?")
_DAY: Final = re.compile(r"([0-3]?[0-9])\.?")
_LEAP_YEARS: Final = 8  # lie between two at most
_WANTED: Final = 'a time is expected, such as "tue 10:00 reader", "tomorrow 9:00", "2026-12-01T10:00" or now'


@dataclass(frozen=True, slots=True)
class Spoken:
    """`civil`: naive, None for now. `zone`: "" where nothing is said of it, contact, here, or an IANA zone."""

    civil: datetime | None
    zone: str = ""


def read_time(text: str, now: datetime, zone: ZoneInfo) -> Spoken:
    """What a text means at `now` (aware), on clocks in `zone` where it names no other. ValueError in words."""
    words = text.strip().replace(",", " ").split()
    said = ""
    if words and words[-1].lower() in _READERS:
        said = READER
        words.pop()
    elif words and words[-1].lower() in _HERE:
        said = "here"
        words.pop()
    elif words and (name := tidy_zone(words[-1])) and ("/" in words[-1] or words[-1] == "UTC"):
        said, zone = name, ZoneInfo(name)
        words.pop()
    if not words:
        raise ValueError(_WANTED)
    local = now.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    if [each.lower() for each in words] == ["now"]:
        return Spoken(None, said)
    if words[0].lower() == "in" and len(words) > 1:
        return Spoken(_ahead(" ".join(words[1:]), now, zone), said)
    return Spoken(_moment(words, local), said)


def _ahead(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Days by the clock there, hours as they pass, be it set forward or back between."""
    return Span.parse(text).after(now, zone).astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


def _moment(words: list[str], local: datetime) -> datetime:
    joined = " ".join(words)
    if match := _ISO.fullmatch(joined):
        try:
            day, hour = date.fromisoformat(match[1]), time.fromisoformat(match[2]) if match[2] else None
        except ValueError:
            raise ValueError(f'"{joined[:40]}" is no day of the calendar') from None
        if hour is None:
            raise ValueError(f'"{joined[:40]}" says no hour, such as {match[1]}T10:00')
        return datetime.combine(day, hour)
    hours = [match for each in words if (match := _HOUR.fullmatch(each))]
    if len(hours) != 1:
        raise ValueError(_WANTED)
    hour = time(int(hours[0][1]), int(hours[0][2]))
    return _day([each.lower() for each in words if not _HOUR.fullmatch(each) and each.lower() != "at"], hour, local)


def _day(words: list[str], hour: time, local: datetime) -> datetime:
    """The day that is left of the words, at the hour."""
    if not words:
        found = datetime.combine(local.date(), hour)
        return found if found > local else found + timedelta(days=1)
    if words == ["today"]:
        return datetime.combine(local.date(), hour)
    if words == ["tomorrow"]:
        return datetime.combine(local.date() + timedelta(days=1), hour)
    if words[0] in ("next", "on") and len(words) == 2:
        words = words[1:]
    weekday = DAYS.get(words[0][:3]) if len(words) == 1 and words[0].isalpha() else None
    if weekday is not None:
        found = datetime.combine(local.date() + timedelta(days=(weekday - local.weekday()) % 7), hour)
        return found if found > local else found + timedelta(days=7)
    return _dated(words, hour, local)


def _dated(words: list[str], hour: time, local: datetime) -> datetime:
    """A day and a month, in either order; with its year or without."""
    days = [int(match[1]) for each in words if (match := _DAY.fullmatch(each))]
    months = [_MONTHS.index(each[:3]) + 1 for each in words if each[:3] in _MONTHS and each.isalpha()]
    years = [int(each) for each in words if re.fullmatch("2[0-9]{3}", each)]
    if len(days) != 1 or len(months) != 1 or len(days) + len(months) + len(years) != len(words):
        raise ValueError(_WANTED)
    for year in years or range(local.year, local.year + _LEAP_YEARS + 1):
        with suppress(ValueError):
            found = datetime.combine(date(year, months[0], days[0]), hour)
            if years or found > local:
                return found
    raise ValueError(f'"{" ".join(words)}" is no day of the calendar')
