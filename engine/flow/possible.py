"""Whether a recurrence rule can name any day: told at once, where dateutil would look through every year to 9999.

The calendar has fourteen kinds of years (seven days to begin with, with and without 29 February), so what a month or a year
of one kind has, all of that kind have. Which kinds a rule with an INTERVAL comes to is looked up year by year.
"""

from calendar import isleap
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

_LAST_YEAR: Final = 9999
_CYCLE: Final = 400  # years after which the calendar repeats itself
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def is_possible(rule: str, first: date) -> bool:
    """Whether any month or year that the rule comes to from `first` on has a day that it names. Weeks and days always do."""
    parts = dict(part.split("=") for part in rule.split(";"))
    if parts["FREQ"] not in ("MONTHLY", "YEARLY"):
        return True
    wanted = _filled(parts, first)
    step, is_monthly = int(parts.get("INTERVAL", 1)), parts["FREQ"] == "MONTHLY"
    each_year = 12 if is_monthly else 1
    begin, end = first.year * each_year + (first.month - 1) * is_monthly, (_LAST_YEAR + 1) * each_year
    periods = range(begin, min(end, begin + _CYCLE * each_year * step), step)  # after that all comes again
    key = tuple(sorted(wanted.items()))
    for period in periods:
        year, month = period // each_year, period % each_year + 1 if is_monthly else 0
        if _has(key, isleap(year), date(year, 1, 1).weekday(), month):
            return True
    return False


def _filled(parts: Mapping[str, str], first: date) -> dict[str, str]:
    """What a day must meet: where the rule names no day, the first one's stands for it (RFC 5545 section 3.3.10)."""
    wanted = {name: each for name, each in parts.items() if name in ("BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS")}
    if "BYDAY" not in wanted and "BYMONTHDAY" not in wanted:
        wanted["BYMONTHDAY"] = str(first.day)
        if parts["FREQ"] == "YEARLY":
            wanted.setdefault("BYMONTH", str(first.month))
    return wanted


@lru_cache(maxsize=4096)
def _has(wanted: tuple[tuple[str, str], ...], leaps: bool, begins: int, month: int) -> bool:
    """Whether a year of this kind, or one month of it, has such a day. `month` 0 is the whole year."""
    told, year = dict(wanted), _year(leaps, begins)
    days = [each for each in _days(year, month) if _is_meant(told, each, month)]
    at = [int(each) for each in told.get("BYSETPOS", "").split(",") if each]
    return any(-len(days) <= each <= len(days) for each in at) if at and days else bool(days)


@lru_cache(maxsize=14)
def _year(leaps: bool, begins: int) -> int:
    return next(each for each in range(2000, 2400) if isleap(each) is leaps and date(each, 1, 1).weekday() == begins)


def _days(year: int, month: int) -> Iterator[date]:
    day = date(year, month or 1, 1)
    while day.year == year and (not month or day.month == month):
        yield day
        day += timedelta(days=1)


def _is_meant(told: Mapping[str, str], day: date, month: int) -> bool:
    if "BYMONTH" in told and str(day.month) not in {str(int(each)) for each in told["BYMONTH"].split(",")}:
        return False
    if "BYMONTHDAY" in told and not {day.day, day.day - _after(day, whole_year=False).day - 1} & set(
        map(int, told["BYMONTHDAY"].split(","))
    ):
        return False
    whole_year = not month and "BYMONTH" not in told
    return "BYDAY" not in told or any(_is_weekday(each, day, whole_year) for each in told["BYDAY"].split(","))


def _is_weekday(word: str, day: date, whole_year: bool) -> bool:
    """Whether the day is such a one as TU, 1MO or -1FR, counted within its month or year."""
    if word[-2:] != _WEEKDAYS[day.weekday()]:
        return False
    number = int(word[:-2] or 0)
    if number == 0:
        return True
    last = _after(day, whole_year=whole_year)
    from_first = (day.timetuple().tm_yday if whole_year else day.day) - 1
    return number == (from_first // 7 + 1 if number > 0 else -((last - day).days // 7 + 1))


def _after(day: date, *, whole_year: bool) -> date:
    """The last day of this one's month or year."""
    if whole_year or day.month == 12:
        return date(day.year, 12, 31)
    return date(day.year, day.month + 1, 1) - timedelta(days=1)
