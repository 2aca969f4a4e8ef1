"""Claiming: recipients whose time has come get into a carrier's hands, a few at a time, and out of dead ones.

The carrier's id is the fence, as for deliveries: whatever it writes later asks for it. No more is claimed than the queue
can do with: mails that wait there cost room, and could not be recalled as quickly. Of a campaign that has its hours even less is
queued, and what is left when they are over waits until they begin again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.campaigns import figures, runs
from engine.campaigns.crowding import domain_of
from engine.campaigns.figures import place
from engine.campaigns.model import Campaign
from engine.campaigns.resolving import clock_of
from engine.campaigns.runs import Run
from engine.campaigns.states import Fate, RunState
from mta.ports import Tx, from_ms, to_ms

UTC_ZONE: Final = ZoneInfo("UTC")
BACKLOG: Final = 10_000  # mails of one run that may be in the queue
BACKLOG_OF_HOURS: Final = 500  # ... of one with hours: what leaves yet when they are over
CLOSED: Final = 500  # of those whose hours are over, put off in one transaction
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


def backlog_of(campaign: Campaign) -> int:
    """How many mails of a run may be in the queue."""
    return BACKLOG if campaign.hours is None else BACKLOG_OF_HOURS


def claim(
    tx: Tx, run: Run, owner: int, now: datetime, limit: int, zone: ZoneInfo = UTC_ZONE, crowds: Collection[str] = ()
) -> list[Recipient]:
    """Up to `limit` recipients of a run that are due; none while it is not running, or enough is queued. `zone` is the
    installation's; `crowds` are domains that have their share of the queue."""
    if run.campaign is None or not runs.is_running(tx, run.id):
        return []
    if figures.count(tx, run.id, [Fate.QUEUED]) >= backlog_of(run.campaign):
        return []
    limit = _allowed(tx, run.id, run.campaign, now, limit)
    found = [
        who
        for who, own, key in _due(tx, run, now, limit)
        if not _is_closed(run.campaign, own, now, zone) and domain_of(key) not in crowds
    ]
    _pace(tx, run.id, run.campaign, now, len(found))
    tx.executemany(
        "UPDATE campaign_recipient SET state = 'claimed', owner = ? WHERE run_id = ? AND contact_id = ?",
        [(owner, run.id, each.contact_id) for each in found],
    )
    for each in found:
        figures.move(tx, place(run.id, each.variant, Fate.WAITING), place(run.id, each.variant, Fate.CLAIMED))
    return found


def put_off(tx: Tx, run: Run, now: datetime, zone: ZoneInfo) -> int:
    """Let some of those wait whose mails are due and whose hours are over, until they begin again; how many."""
    campaign = run.campaign
    if campaign is None or campaign.hours is None or not runs.is_running(tx, run.id):
        return 0
    closed = [
        (to_ms(campaign.open_from(now, clock_of(campaign, own, zone))), run.id, who.contact_id)
        for who, own, _ in _due(tx, run, now, CLOSED)
        if _is_closed(campaign, own, now, zone)
    ]
    tx.executemany("UPDATE campaign_recipient SET due_ms = ? WHERE run_id = ? AND contact_id = ?", closed)
    return len(closed)


def next_mail(tx: Tx, run: Run, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the next mail of a run that goes on may be written; None where nobody waits for a time."""
    if run.campaign is None or run.state is not RunState.RUNNING:
        return None
    row = tx.one(
        "SELECT due_ms FROM campaign_recipient WHERE run_id = ? AND state = 'waiting' AND due_ms < ? ORDER BY due_ms LIMIT 1",
        (run.id, runs.NEVER_MS),
    )
    if row is None:
        return None
    at = max(now, from_ms(row[0]))
    return at if run.campaign.when.own_zone else run.campaign.open_from(at, clock_of(run.campaign, "", zone))


def _due(tx: Tx, run: Run, now: datetime, limit: int) -> list[tuple[Recipient, str, str]]:
    """The first of those whose mails are due, with their zones and Address.keys."""
    rows = tx.query(
        "SELECT r.contact_id, r.variant, r.list_id, r.try_number, r.due_ms, COALESCE(c.zone, ''), COALESCE(c.key, '')"
        " FROM campaign_recipient r"
        " LEFT JOIN contact c ON c.id = r.contact_id"
        " WHERE r.run_id = ? AND r.state = 'waiting' AND r.due_ms <= ? ORDER BY r.due_ms, r.contact_id LIMIT ?"
        + tx.for_update("r", skip_locked=True),
        (run.id, to_ms(now), limit),
    )
    return [(Recipient(*row[:5]), row[5], row[6]) for row in rows]


def _is_closed(campaign: Campaign, own: str, now: datetime, zone: ZoneInfo) -> bool:
    return campaign.hours is not None and campaign.open_from(now, clock_of(campaign, own, zone)) > now


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
