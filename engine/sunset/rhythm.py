"""A list's rhythm: how often its readers really get its mail, and how long a silence is long by it.

What a reader gets is measured, not what a plan says: for some of the readers who are on the list the longest, the mean time
between the days on which its mail was written to them in the last year; the rhythm is the median of these. A silence is long
when a year's worth of a monthly letter went by, twelve mails, but never before three months (who writes weekly, or more
often) and never later than twelve.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream

READERS: Final = 100  # that are asked
YEAR: Final = timedelta(days=365)
MAILS: Final = 12  # without a sign of life
SHORTEST: Final = timedelta(days=91)
LONGEST: Final = timedelta(days=365)
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`gap`: from one mail to the next; None where nobody got two. `readers`: how many it was measured with."""

    gap: timedelta | None
    readers: int

    @property
    def threshold(self) -> timedelta:
        """How long a silence is long; the longest where the rhythm is not known."""
        return LONGEST if self.gap is None else min(LONGEST, max(SHORTEST, MAILS * self.gap))


def rhythm_of(readers: Iterable[Sequence[int]]) -> Rhythm:
    """The rhythm out of the days (numbers) on which each reader got mail; several mails of one day are one."""
    gaps = []
    for days in readers:
        known = set(days)
        if len(known) > 1:
            gaps.append((max(known) - min(known)) / (len(known) - 1))
    return Rhythm(timedelta(days=median(gaps)) if gaps else None, len(gaps))


def measure(tx: Tx, list_id: int, now: datetime) -> Rhythm:
    """A list's rhythm as it was sent, by us or (as far as a month back) by applications."""
    since_ms = to_ms(now - YEAR)
    people = tx.query(
        "SELECT contact_id FROM subscription WHERE list_id = ? AND state = 'confirmed' ORDER BY contact_id LIMIT ?",
        (list_id, READERS),
    )
    return rhythm_of([at // _DAY_MS for at in mails_of(tx, contact_id, list_id, since_ms)] for (contact_id,) in people)


def mails_of(tx: Tx, contact_id: int, list_id: int, since_ms: int) -> list[int]:
    """When marketing mail of a list was written to somebody since then, in milliseconds."""
    marketing = int(Stream.MARKETING)
    rows = tx.query(
        "SELECT m.received_ms FROM sending s JOIN message m ON m.id = s.message_id"
        " WHERE s.contact_id = ? AND m.list_id = ? AND m.stream = ? AND m.received_ms >= ?"
        " UNION ALL SELECT at_ms FROM mailed"
        " WHERE contact_id = ? AND list_id = ? AND stream = ? AND kind = 'shop' AND at_ms >= ?",
        (contact_id, list_id, marketing, since_ms, contact_id, list_id, marketing, since_ms),
    )
    return [at_ms for (at_ms,) in rows]
