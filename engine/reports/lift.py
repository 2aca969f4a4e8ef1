"""Lift: how many more reached the goal among those who entered a flow than among those who were held out.

Whoever entered counts, whether or not a mail reached them: the holdout was drawn at the same moment, so the two differ by
nothing but the flow. A person counts once, with their first run since the day that is asked for, and when the goal came
within the window of entering.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.reports.counting import Bits
from engine.reports.gathering import Cursor
from engine.reports.intervals import Interval, difference, share
from mta.ports import Tx, to_ms

RUNS: Final = 2_000  # looked at in one part
HELD_OUT: Final = "holdout"  # of enrolment.ended_how
_REACHED: Final = (
    "EXISTS (SELECT 1 FROM event v WHERE v.contact_id = e.contact_id AND v.name = ? AND v.at_ms >= e.entered_ms"
    " AND v.at_ms <= e.entered_ms + ?)"
)


@dataclass(slots=True)
class Arm:
    """People, and how many of them reached the goal."""

    people: int = 0
    reached: int = 0

    @property
    def share(self) -> Interval | None:
        return share(self.reached, self.people) if self.people else None


@dataclass(slots=True)
class Lift:
    """Those who entered and those who were held out. `runs` counts all who entered, again and again."""

    flow_id: int
    goal: str
    since: datetime
    window: timedelta
    entered: Arm = field(default_factory=Arm)
    held_out: Arm = field(default_factory=Arm)
    runs: int = 0
    _people: Bits = field(default_factory=Bits)

    @property
    def difference(self) -> Interval | None:
        """How much larger the share of those who entered is; None without both."""
        one, other = self.entered.share, self.held_out.share
        return difference(one, other) if one and other else None

    def part(self, tx: Tx, cursor: Cursor) -> Cursor | None:
        """Look at some more runs."""
        since_ms, window_ms = to_ms(self.since), self.window // timedelta(milliseconds=1)
        rows = tx.query(
            f"SELECT e.id, e.contact_id, e.ended_how, CASE WHEN {_REACHED} THEN 1 ELSE 0 END"
            " FROM enrolment e WHERE e.flow_id = ? AND e.id > ? AND e.entered_ms >= ? AND e.contact_id <> 0"
            " ORDER BY e.id LIMIT ?",
            (self.goal, window_ms, self.flow_id, cursor[0], since_ms, RUNS),
        )
        for _, contact_id, how, has_reached in rows:
            is_held_out = how == HELD_OUT
            self.runs += not is_held_out
            if self._people.is_new(contact_id):
                arm = self.held_out if is_held_out else self.entered
                arm.people += 1
                arm.reached += has_reached
        return (rows[-1][0], 0) if len(rows) == RUNS else None
