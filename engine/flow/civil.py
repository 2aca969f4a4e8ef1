"""Durations on a person's clock: `3d` is three civil days, `72h` is seventy-two hours.

A local time that a clock change skips becomes the next one that exists; one that comes twice is taken the first time.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_PART: Final = re.compile(r"([0-9]+) *(weeks?|w|days?|d|hours?|h|minutes?|min|m|seconds?|s) *")
_DAYS: Final = {"w": 7, "d": 1}
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}
LONGEST_DAYS: Final = 3660
_DIGITS_MAX: Final = 10  # of a count; so many are too long in every unit already


@dataclass(frozen=True, slots=True)
class Span:
    """A wait: civil days on the contact's clock first, then exact time."""

    days: int
    exact: timedelta

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Read "1h", "3d", "1d 12h", "90min", "2w". ValueError in words that say what to write instead."""
        days, exact, end = 0, timedelta(), 0
        while part := _PART.match(text, end):
            unit = part[2][0]
            count = int(part[1].lstrip("0")[:_DIGITS_MAX] or "0")
            days += count * _DAYS.get(unit, 0)
            exact += count * timedelta(seconds=_SECONDS.get(unit, 0))
            end = part.end()
            if days + exact.days > LONGEST_DAYS:
                raise ValueError("a duration of at most ten years is expected")
        if end == 0 or end < len(text):
            raise ValueError('a duration is expected, such as 1h, 30m, 3d (civil days) or "1d 12h"')
        if not days and not exact:
            raise ValueError("a duration of more than nothing is expected")
        return cls(days, exact)

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The UTC time this much after `moment` (aware) on a clock in `zone`."""
        if self.days:
            local = moment.astimezone(zone)
            moment = resolve(local.replace(tzinfo=None, fold=0) + timedelta(days=self.days), zone)
        return moment.astimezone(UTC) + self.exact

    def __str__(self) -> str:
        left = self.exact // timedelta(seconds=1)
        sizes = (("h", 3600), ("m", 60), ("s", 1))
        parts = [f"{self.days}d"] if self.days else []
        for unit, size in sizes:
            count, left = divmod(left, size)
            if count:
                parts.append(f"{count}{unit}")
        return " ".join(parts)


def resolve(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC time at which clocks in `zone` show `local` (naive)."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    return _end_of_gap(local, zone)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The UTC time of the last second of that day on a clock in `zone`."""
    return resolve(datetime.combine(day + timedelta(days=1), time()), zone) - timedelta(seconds=1)


def _end_of_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """The change of clocks that skipped `local`: fold 0 reckons with the offset before it, fold 1 after (PEP 495)."""
    late = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    new = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == new:
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)


def zone_of(name: str, fallback: ZoneInfo) -> ZoneInfo:
    """The zone called `name`; the fall-back where it is "" or no zone of this machine's tzdata."""
    try:
        return ZoneInfo(name) if name else fallback
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown; outside tzdata; a folder of it
        return fallback
