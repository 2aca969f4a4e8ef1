"""Claiming: recipients whose time has come get into a carrier's hands, a few at a time, and out of dead ones.

The carrier's id is the fence, as for deliveries: whatever it writes later asks for it. No more is claimed than the queue
can do with: mails that wait there cost room, and could not be recalled as quickly.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.campaigns import figures, runs
from engine.campaigns.figures import place
from engine.campaigns.model import Campaign
from engine.campaigns.runs import Run
from engine.campaigns.states import Fate
from mta.ports import Tx, to_ms

BACKLOG: Final = 10_000  # mails of one run that may be in the queue
BURST: Final = timedelta(seconds=1)  # what of a throttled run may be written at once


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody in this carrier's hands."""

    contact_id: int
    variant: str
    list_id: int
    try_number: int
    due_ms: int

    @property
    def step(self) -> str:
        """What tells this mail from an earlier one to the same person in the same run."""
        return f"@{self.try_number}"


def claim(tx: Tx, run: Run, owner: int, now: datetime, limit: int) -> list[Recipient]:
    """Up to `limit` recipients of a run that are due; none while it is not running, or enough is queued."""
    if run.campaign is None or not runs.is_running(tx, run.id):
        return []
    if figures.count(tx, run.id, [Fate.QUEUED]) >= BACKLOG:
        return []
    limit = _allowed(tx, run.id, run.campaign, now, limit)
    rows = tx.query(
        "SELECT contact_id, variant, list_id, try_number, due_ms FROM campaign_recipient"
        " WHERE run_id = ? AND state = 'waiting' AND due_ms <= ? ORDER BY due_ms, contact_id LIMIT ?"
        + tx.for_update(skip_locked=True),
        (run.id, to_ms(now), limit),
    )
    found = [Recipient(*row) for row in rows]
    _pace(tx, run.id, run.campaign, now, len(found))
    tx.executemany(
        "UPDATE campaign_recipient SET state = 'claimed', owner = ? WHERE run_id = ? AND contact_id = ?",
        [(owner, run.id, each.contact_id) for each in found],
    )
    for each in found:
        figures.move(tx, place(run.id, each.variant, Fate.WAITING), place(run.id, each.variant, Fate.CLAIMED))
    return found


def give_back(tx: Tx, run_id: int, owner: int, recipients: Collection[Recipient], due: datetime | None = None) -> None:
    """Let others write to those that are still this carrier's; from `due` on, where it is given."""
    for each in recipients:
        changed = tx.execute(
            "UPDATE campaign_recipient SET state = 'waiting', owner = NULL, due_ms = COALESCE(?, due_ms)"
            " WHERE run_id = ? AND contact_id = ? AND state = 'claimed' AND owner = ?",
            (to_ms(due) if due else None, run_id, each.contact_id, owner),
        )
        if changed:
            figures.move(tx, place(run_id, each.variant, Fate.CLAIMED), place(run_id, each.variant, Fate.WAITING))


def owners(tx: Tx) -> list[int]:
    """The carriers that have recipients in their hands."""
    return [row[0] for row in tx.query("SELECT DISTINCT owner FROM campaign_recipient WHERE state = 'claimed'")]


def sweep(tx: Tx, owner: int, limit: int = 200) -> int:
    """Take up to `limit` recipients from a carrier that is gone; how many. Nothing was written for them."""
    rows = tx.query(
        "SELECT run_id, contact_id, variant, list_id, try_number, due_ms FROM campaign_recipient"
        " WHERE state = 'claimed' AND owner = ? LIMIT ?" + tx.for_update(),
        (owner, limit),
    )
    for run_id, *recipient in rows:
        give_back(tx, run_id, owner, [Recipient(*recipient)])
    return len(rows)


def _allowed(tx: Tx, run_id: int, campaign: Campaign, now: datetime, limit: int) -> int:
    """How many of `limit` a throttled run may write now."""
    if campaign.every is None:
        return limit
    since = now + BURST - _paced(tx, run_id, now, campaign.every)
    return max(0, min(limit, since // campaign.every))


def _pace(tx: Tx, run_id: int, campaign: Campaign, now: datetime, count: int) -> None:
    """Note that so many are written."""
    if campaign.every is None or not count:
        return
    paced = _paced(tx, run_id, now, campaign.every) + count * campaign.every
    tx.execute("UPDATE campaign_run SET paced_ms = ? WHERE id = ?", (to_ms(paced), run_id))


def _paced(tx: Tx, run_id: int, now: datetime, every: timedelta) -> datetime:
    """When the next mail of a throttled run may be written; not longer ago than would let one through now."""
    row = tx.one("SELECT paced_ms FROM campaign_run WHERE id = ?", (run_id,))
    known = timedelta(milliseconds=row[0] if row else 0)
    earliest = now + BURST - max(BURST, every)
    return max(earliest, now + (known - timedelta(milliseconds=to_ms(now))))
