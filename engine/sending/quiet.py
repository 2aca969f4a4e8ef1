"""Quiet hours: when nobody wants to be written to, by the reader's own clock. Pure.

A window may go over midnight. Both edges of daylight saving hold: an end that the clocks skip is the next moment that
exists; where an hour comes twice, it is as quiet the second time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.flow.civil import resolve

DAYS: Final[Mapping[str, int]] = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_STEPS: Final = 32  # ends of hours and days that are tried; a week of seven quiet days is refused beforehand


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` until before `end` each day (None: no hours), and on whole `days` (0 is Monday)."""

    start: time | None = None
    end: time | None = None
    days: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.start is not None or bool(self.days)

    def holds(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether it is quiet at this (aware) moment for somebody in `zone`."""
        local = moment.astimezone(zone)
        return local.weekday() in self.days or self._within(local.time())

    def over(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The first UTC moment from `moment` on that is not quiet in `zone`."""
        for _ in range(_STEPS):
            if not self.holds(moment, zone):
                return moment.astimezone(UTC)
            moment = _later(self._end_after(moment.astimezone(zone)), moment, zone)
        return moment.astimezone(UTC)

    def _within(self, at: time) -> bool:
        if self.start is None or self.end is None:
            return False
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def _end_after(self, local: datetime) -> datetime:
        """The naive local time at which what makes `local` quiet ends."""
        day = local.replace(tzinfo=None, fold=0, hour=0, minute=0, second=0, microsecond=0)
        if local.weekday() in self.days or self.end is None:
            return day + timedelta(days=1)
        end = datetime.combine(day, self.end)
        return end if local.time() < self.end else end + timedelta(days=1)


def _later(local: datetime, than: datetime, zone: ZoneInfo) -> datetime:
    """When clocks show `local`: the second time, where the first is not later `than` that moment."""
    first = resolve(local, zone)
    return first if first > than else local.replace(tzinfo=zone, fold=1).astimezone(UTC)
