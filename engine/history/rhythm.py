"""When people do things: by hour and weekday of their own clock, and by season."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.history.dice import Dice

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000

_HOURS: Final = tuple(range(24))
_BY_HOUR: Final = (2, 1, 1, 1, 1, 2, 4, 6, 7, 8, 9, 9, 10, 9, 8, 8, 8, 9, 11, 14, 16, 15, 10, 5)
_BY_MONTH: Final = (0.8, 0.85, 0.95, 0.95, 1.0, 0.9, 0.8, 0.85, 1.0, 1.05, 1.5, 1.6)  # winter is for presents
_BLACK_FRIDAY: Final = (11, range(23, 30))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def eagerness(day: date) -> float:
    """How much more, or less, people come on this day than on another."""
    month, days = _BLACK_FRIDAY
    rush = 2.2 if day.month == month and day.day in days and day.weekday() == 4 else 1.0
    return _BY_MONTH[day.month - 1] * (1.15 if day.weekday() >= 5 else 1.0) * rush


def at_their_hour(dice: Dice, ms: int, zone: ZoneInfo) -> int:
    """A likely time of that day on their clock, not before `ms`; past it, of the day after."""
    local = moment(ms).astimezone(zone)
    hour = dice.weighted(_HOURS, _BY_HOUR)
    wanted = local.replace(hour=hour, minute=dice.below(60), second=dice.below(60), microsecond=0)
    found = ms + int((wanted - local).total_seconds()) * 1000
    return found if found >= ms else found + DAY_MS


def next_visit(dice: Dice, ms: int, by_day: float, zone: ZoneInfo) -> int:
    """When somebody comes again who comes so often."""
    days = dice.gap(1 / by_day)
    day = moment(ms + int(days * DAY_MS)).date()
    return at_their_hour(dice, ms + int(days / eagerness(day) * DAY_MS) + HOUR_MS, zone)


def office_hours(dice: Dice, ms: int, days: int = 1) -> int:
    """Some time of a working day, so many working days later, between eight and sixteen by UTC."""
    day = ms // DAY_MS
    while days:
        day += 1
        days -= (day + 3) % 7 < 5  # 1 January 1970 was a Thursday
    return day * DAY_MS + int(dice.between(8, 16) * HOUR_MS)
