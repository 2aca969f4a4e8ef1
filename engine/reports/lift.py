"""Lift: how many more reached the goal among those who got into a flow, or got a campaign, than among those held out.

Of a flow whoever entered counts, whether or not a mail reached them: the holdout was drawn at the same moment, so the two
differ by nothing but the flow. Of a campaign whoever its mail was written to counts, against those whose mail was ready to be
written when they were found to be held out. A person counts once, with their first run since the day that is asked for, and
when the goal came within the window of entering, or of the mail (of its fate, once that is known).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.campaigns.states import HELD_OUT as LEFT_OUT
from engine.campaigns.states import Fate
from engine.reports.counting import Bits
from engine.reports.gathering import START, Cursor, part_of
from engine.reports.intervals import Interval, difference, share
from mta.ports import Tx, to_ms

RUNS: Final = 2_000  # looked at in one part, at the most
HELD_OUT: Final = "holdout"  # of enrolment.ended_how
WRITTEN: Final = frozenset(map(str, (Fate.QUEUED, Fate.DELIVERED, Fate.BOUNCED, Fate.EXPIRED, Fate.CANCELLED)))
_REACHED: Final = (
    "CASE WHEN EXISTS (SELECT 1 FROM event v WHERE v.contact_id = e.contact_id AND v.name = ? AND v.at_ms >= {0}"
    " AND v.at_ms <= {0} + ?) THEN 1 ELSE 0 END"
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
    """Those who entered a flow (or got a campaign) of this id, and those who were held out. `runs` counts all who did, again
    and again."""

    id: int
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

    def of_flow(self, tx: Tx, cursor: Cursor, share: float) -> Cursor | None:
        """Look at some more runs of a flow."""
        limit = part_of(RUNS, share)
        rows = tx.query(
            f"SELECT e.id, e.contact_id, e.ended_how, {_REACHED.format('e.entered_ms')}"
            " FROM enrolment e WHERE e.flow_id = ? AND e.id > ? AND e.entered_ms >= ? AND e.contact_id <> 0"
            " ORDER BY e.id LIMIT ?",
            (self.goal, self._window_ms, self.id, cursor[0], to_ms(self.since), limit),
        )
        for _, contact_id, how, has_reached in rows:
            self._count(contact_id, how == HELD_OUT, has_reached)
        return (rows[-1][0], 0) if len(rows) == limit else None

    def of_campaign(self, tx: Tx, cursor: Cursor, share: float) -> Cursor | None:
        """Look at some more recipients of a campaign's runs, one run after the other."""
        run_id = self._next_run(tx, 0) if cursor == START else cursor[0]
        if run_id is None:
            return None
        limit = part_of(RUNS, share)
        rows = tx.query(
            f"SELECT e.contact_id, e.state, e.reason, {_REACHED.format('e.at_ms')} FROM campaign_recipient e"
            " WHERE e.run_id = ? AND e.contact_id > ? ORDER BY e.contact_id LIMIT ?",
            (self.goal, self._window_ms, run_id, cursor[1], limit),
        )
        for contact_id, state, reason, has_reached in rows:
            is_held_out = reason == LEFT_OUT
            if is_held_out or state in WRITTEN:
                self._count(contact_id, is_held_out, has_reached)
        if len(rows) == limit:
            return run_id, rows[-1][0]
        following = self._next_run(tx, run_id)
        return None if following is None else (following, 0)

    def _next_run(self, tx: Tx, after: int) -> int | None:
        """The campaign's next run for all its readers: one that went again to some has nobody held out."""
        row = tx.one(
            "SELECT min(id) FROM campaign_run WHERE campaign_id = ? AND id > ? AND began_ms >= ? AND parent_id IS NULL",
            (self.id, after, to_ms(self.since)),
        )
        return row[0] if row else None

    def _count(self, contact_id: int, is_held_out: bool, has_reached: int) -> None:
        self.runs += not is_held_out
        if self._people.is_new(contact_id):
            arm = self.held_out if is_held_out else self.entered
            arm.people += 1
            arm.reached += has_reached

    @property
    def _window_ms(self) -> int:
        return self.window // timedelta(milliseconds=1)
