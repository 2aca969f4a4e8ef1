"""How many mails were held, refused and left out, by whom and why, hour by hour: figures for reports.

Kept in the transaction of the verdict, so they are exact however many carriers judge, and a report of a million mails reads
some rows. A mail that is held is counted once, by the reason for which it was held first.
"""

from collections import Counter
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mta.ports import Tx, to_ms

KEEP: Final = timedelta(days=800)  # two years beside each other, and a little
_HOUR_MS: Final = 3_600_000


class What(StrEnum):
    """What came of it."""

    HELD = "held"  # to be judged again later
    REFUSED = "refused"  # by the arbiter, for good
    LEFT_OUT = "left out"  # by the campaign's own file, or by its holdout


@dataclass(frozen=True, slots=True, order=True)
class Judged:
    """One kind of verdict. `part` is the step of a flow, or the variant of a campaign; `list_id` 0 is no list's mail."""

    kind: str
    name: str
    part: str
    list_id: int
    what: str
    reason: str
    hour_ms: int


class _Counted:
    """Those of this transaction."""

    def __init__(self) -> None:
        self.by: Counter[Judged] = Counter()

    def __call__(self, tx: Tx) -> None:
        for each in sorted(self.by):
            tx.put(
                "INSERT INTO judgement (kind, name, part, list_id, what, reason, hour_ms, mails) VALUES (?,?,?,?,?,?,?,?)"
                " ON CONFLICT (kind, name, part, list_id, what, reason, hour_ms)"
                " DO UPDATE SET mails = judgement.mails + excluded.mails",
                (*astuple(each), self.by[each]),
            )


def count(tx: Tx, kind: str, name: str, part: str, list_id: int, what: What, reason: str, now: datetime) -> None:
    """One more."""
    hour_ms = to_ms(now) // _HOUR_MS * _HOUR_MS
    tx.at_commit(_Counted).by[Judged(str(kind), name, part, list_id, str(what), str(reason), hour_ms)] += 1


def has_old(tx: Tx, now: datetime) -> bool:
    """Whether `drop_old` would find any."""
    return tx.one("SELECT 1 FROM judgement WHERE hour_ms < ? LIMIT 1", (to_ms(now - KEEP),)) is not None


def drop_old(tx: Tx, now: datetime, limit: int = 24) -> None:
    """Forget some of the oldest hours."""
    tx.execute(
        "DELETE FROM judgement WHERE hour_ms IN (SELECT DISTINCT hour_ms FROM judgement WHERE hour_ms < ? LIMIT ?)",
        (to_ms(now - KEEP), limit),
    )
