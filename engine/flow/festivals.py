"""Days of the year that people keep, by name: fixed ones, and those that follow Easter, the moon or the Hebrew calendar.

The Chinese calendar is lunardate's (years 1900 to 2099), the Hebrew one pyluach's, Easter dateutil's. A Hebrew day
begins on the evening before; the date here is the one that daylight falls on.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final, Literal, TypeAlias

from dateutil.easter import EASTER_ORTHODOX, EASTER_WESTERN, easter
from lunardate import LunarDate
from pyluach.dates import HebrewDate

DayOf: TypeAlias = Callable[[int], date]

_TISHRI_BEFORE: Final = 3761  # the Hebrew year that begins in the autumn of year 0
_NISAN, _SIVAN, _TISHRI, _KISLEV = 1, 3, 7, 9  # as pyluach counts the months
FIRST_YEAR, LAST_YEAR = 1900, 2099


def _fixed(month: int, day: int) -> DayOf:
    return lambda year: date(year, month, day)


def _nth(month: int, weekday: int, which: int, later: int = 0) -> DayOf:
    """The `which`-th such weekday (0 is Monday) of a month, and so many days later."""

    def found(year: int) -> date:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1) + later)

    return found


def _easter(method: Literal[1, 2, 3], later: int = 0) -> DayOf:
    return lambda year: easter(year, method) + timedelta(days=later)


def _lunar(month: int, day: int) -> DayOf:
    return lambda year: LunarDate(year, month, day).to_solar_date()


def _gregorian(year: int, month: int, day: int) -> date:
    found: date = HebrewDate(year, month, day).to_pydate()
    return found


def _autumn(month: int, day: int) -> DayOf:
    """Of the Hebrew year that begins in this one."""
    return lambda year: _gregorian(year + _TISHRI_BEFORE, month, day)


def _spring(month: int, day: int) -> DayOf:
    """Of the Hebrew year that began in the last one."""
    return lambda year: _gregorian(year + _TISHRI_BEFORE - 1, month, day)


def _purim(year: int) -> date:
    """A month before Passover eve: in a leap year that is the second Adar."""
    return _spring(_NISAN, 15)(year) - timedelta(days=30)


FESTIVALS: Final[Mapping[str, DayOf]] = {
    "new-year": _fixed(1, 1),
    "orthodox-christmas": _fixed(1, 7),
    "chinese-new-year": _lunar(1, 1),
    "lantern-festival": _lunar(1, 15),
    "valentines-day": _fixed(2, 14),
    "defenders-day": _fixed(2, 23),
    "womens-day": _fixed(3, 8),
    "purim": _purim,
    "passover": _spring(_NISAN, 15),
    "good-friday": _easter(EASTER_WESTERN, -2),
    "easter": _easter(EASTER_WESTERN),
    "orthodox-easter": _easter(EASTER_ORTHODOX),
    "labour-day": _fixed(5, 1),
    "victory-day": _fixed(5, 9),
    "mothers-day": _nth(5, 6, 2),
    "shavuot": _spring(_SIVAN, 6),
    "childrens-day": _fixed(6, 1),
    "dragon-boat": _lunar(5, 5),
    "fathers-day": _nth(6, 6, 3),
    "qixi": _lunar(7, 7),
    "rosh-hashanah": _autumn(_TISHRI, 1),
    "yom-kippur": _autumn(_TISHRI, 10),
    "sukkot": _autumn(_TISHRI, 15),
    "mid-autumn": _lunar(8, 15),
    "halloween": _fixed(10, 31),
    "singles-day": _fixed(11, 11),
    "thanksgiving": _nth(11, 3, 4),
    "black-friday": _nth(11, 3, 4, 1),
    "cyber-monday": _nth(11, 3, 4, 4),
    "hanukkah": _autumn(_KISLEV, 25),
    "christmas-eve": _fixed(12, 24),
    "christmas": _fixed(12, 25),
    "new-years-eve": _fixed(12, 31),
}
"""Each holiday by its name: the day it falls on in a year from FIRST_YEAR to LAST_YEAR."""
