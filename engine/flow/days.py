"""Which days will do: weekdays by name, no weekend, no public holiday of the contact's country.

The country is the one that the contact's zone lies in, unless the flow names one. Weekends and public holidays are those
of the `holidays` library: Friday and Saturday in Israel, Chinese New Year in China, with the working Saturdays that pay
for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from babel.core import get_global

if TYPE_CHECKING:
    from holidays import HolidayBase

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SKIPS: Final = ("weekends", "holidays")
COUNTRIES: Final = tuple(sorted({each for each in get_global("zone_territories").values() if len(each) == 2} - {"ZZ"}))


@dataclass(frozen=True, slots=True)
class Days:
    """Days that will do: `on` these weekdays (0 is Monday; none is all), without those to `skip`."""

    on: frozenset[int] = frozenset()
    skip: frozenset[str] = frozenset()
    country: str = ""  # ISO 3166; "" is where the contact's zone lies

    def allow(self, day: date, zone: ZoneInfo) -> bool:
        """Whether this day will do for a contact in that zone."""
        if self.on and day.weekday() not in self.on:
            return False
        if not self.skip:
            return True
        country = self.country or country_of(zone)
        if "weekends" in self.skip and is_weekend(day, country):
            return False
        return not ("holidays" in self.skip and is_holiday(day, country))

    def as_json(self) -> dict[str, Any]:
        """What an intent keeps of it."""
        return {"on": sorted(self.on), "skip": sorted(self.skip), "country": self.country}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Days":
        """Out of an intent."""
        return cls(frozenset(kept["on"]), frozenset(kept["skip"]), kept["country"])

    def __str__(self) -> str:
        on = " on " + ", ".join(WEEKDAYS[each] for each in sorted(self.on)) if self.on else ""
        where = f" of {self.country}" if self.country else ""
        return on + (f", no {' or '.join(sorted(self.skip))}{where}" if self.skip else "")


EVERY_DAY: Final = Days()


def country_of(zone: ZoneInfo) -> str:
    """The country (ISO 3166) that a zone is of; "" for UTC and others that are of none."""
    found: str | None = get_global("zone_territories").get(zone.key)
    return found if found and len(found) == 2 else ""


def is_weekend(day: date, country: str) -> bool:
    """Whether nobody works there on that weekday; Saturday and Sunday where the country is not known."""
    known = _calendar(country)
    return day.weekday() in (5, 6) if known is None else known.is_weekend(day) and day not in known.weekend_workdays


def is_holiday(day: date, country: str) -> bool:
    """Whether that day is a public holiday of the whole country."""
    known = _calendar(country)
    return known is not None and day in known


@lru_cache(maxsize=256)
def _calendar(country: str) -> "HolidayBase | None":
    import holidays  # 3 MiB, which nobody needs whose flows skip none

    try:
        return holidays.country_holidays(country) if country else None
    except NotImplementedError:
        return None
