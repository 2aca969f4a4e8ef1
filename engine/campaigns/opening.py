"""When mail of a send may leave by a reader's clock: its own hours, and the installation's quiet hours. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final
from zoneinfo import ZoneInfo

from engine.flow.civil import zone_of
from engine.flow.waits import Window
from engine.sending.quiet import Quiet

GRAIN: Final = timedelta(minutes=15)  # hours begin and end at these, as nearly as a forecast has to know
_LONGEST: Final = timedelta(days=8)
_TRIES: Final = 32


@dataclass(slots=True)
class Openings:
    """`hours`: by send, those that have some, with the zone whose clock they go by (None: the reader's)."""

    quiet: Quiet
    zone: ZoneInfo  # of readers who have none
    hours: Mapping[str, tuple[Window, ZoneInfo | None]] = field(default_factory=dict)
    _shut: dict[tuple[str, str, int], float] = field(default_factory=dict)

    def opens(self, send: str, zone: str, at: float) -> float:
        if not self.quiet and send not in self.hours:
            return at
        first = moment = datetime.fromtimestamp(at, UTC)
        for _ in range(_TRIES):
            later = self._later(send, zone, moment)
            if later <= moment:
                break
            moment = later
        return at if moment == first else moment.timestamp()

    def shuts(self, send: str, zone: str, at: float) -> float:
        if not self.quiet and send not in self.hours:
            return inf
        grain = GRAIN.total_seconds()
        key = (send if send in self.hours else "", zone, int(at // grain))
        if key not in self._shut:
            self._shut[key] = self._find_shut(send, zone, key[2] * grain)
        return self._shut[key]

    def _find_shut(self, send: str, zone: str, at: float) -> float:
        moment = datetime.fromtimestamp(at, UTC)
        end = moment + _LONGEST
        while moment < end:
            moment += GRAIN
            if self._later(send, zone, moment) > moment:
                return moment.timestamp()
        return inf

    def _later(self, send: str, zone: str, moment: datetime) -> datetime:
        """The moment itself where neither is in the way, else one that is later."""
        own = zone_of(zone, self.zone)
        found = self.quiet.over(moment, own) if self.quiet else moment
        if send in self.hours:
            window, clock = self.hours[send]
            found = max(found, window.after(found, clock or own))
        return found
