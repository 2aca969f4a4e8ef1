"""Resolving: an audience becomes recipients, a part at a time; the cursor moves in the commit that writes them.

A part is read in a snapshot and written only if the cursor still stands where it was read from, so several front offices
may resolve one run, and a crash between two parts repeats nothing and leaves nobody out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.campaigns import audience, figures
from engine.campaigns.audience import Part, Person
from engine.campaigns.choosing import UNDECIDED, shared_out, variant_of
from engine.campaigns.model import Campaign
from engine.campaigns.moments import due, next_at
from engine.campaigns.runs import ALL_SEEN, NEVER_MS, Run
from engine.campaigns.states import Fate, RunState
from engine.flow.civil import zone_of
from engine.sending import judgements
from engine.sending.arbiter import Kind
from engine.sending.judgements import What
from mta.ports import Tx, to_ms

HOUR_IS_OVER: Final = "the hour is over"

_INSERT: Final = (
    "INSERT INTO campaign_recipient (run_id, contact_id, state, variant, list_id, due_ms, try_number, reason, at_ms)"
    " VALUES (?,?,?,?,?,?,1,?,?) ON CONFLICT (run_id, contact_id) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A person as a recipient."""

    contact_id: int
    state: Fate
    variant: str
    list_id: int
    due_ms: int
    reason: str


def read(tx: Tx, run: Run) -> Part | None:
    """The next part of a run's audience; None when everybody was seen. NoSuchGroup."""
    assert run.campaign is not None
    return audience.read_part(tx, audience.groups(tx, run.campaign.audience, run.parent_id), run.cursor)


def write(tx: Tx, run: Run, part: Part | None, zone: ZoneInfo, now: datetime) -> bool:
    """Write a part's recipients. False when somebody else did, or the run may not go on."""
    assert run.campaign is not None
    cursor = ALL_SEEN if part is None else part.cursor
    moved = tx.execute(
        "UPDATE campaign_run SET cursor = ? WHERE id = ? AND cursor = ? AND state = ?",
        (cursor, run.id, run.cursor, str(RunState.RUNNING)),
    )
    if moved != 1:
        return False
    placed = [place(run, run.campaign, each, zone) for each in (part.people if part else ())]
    rows = [
        (run.id, each.contact_id, str(each.state), each.variant, each.list_id, each.due_ms, each.reason, to_ms(now))
        for each in placed
    ]
    tx.executemany(_INSERT, rows)
    for each in placed:
        figures.add(tx, figures.place(run.id, each.variant, each.state, each.reason))
        if each.reason:
            variant = "" if each.variant == UNDECIDED else each.variant
            told = (variant, each.list_id, What.LEFT_OUT, each.reason)
            judgements.count(tx, Kind.CAMPAIGN, run.name, *told, now)
    return True


def place(run: Run, campaign: Campaign, person: Person, zone: ZoneInfo) -> Placed:
    """What a person becomes. `zone` is the installation's."""
    variant = variant_of(campaign, person.contact_id) if person.variant is None else person.variant
    if person.reason:
        return Placed(person.contact_id, Fate.EXCLUDED, variant, person.list_id, NEVER_MS, person.reason)
    if variant == UNDECIDED:
        return Placed(person.contact_id, Fate.WAITING, variant, person.list_id, NEVER_MS, "")
    at = due_of(run, campaign, variant, person.zone, zone)
    if at is None:
        return Placed(person.contact_id, Fate.EXCLUDED, variant, person.list_id, NEVER_MS, HOUR_IS_OVER)
    return Placed(person.contact_id, Fate.WAITING, variant, person.list_id, to_ms(at), "")


def due_of(run: Run, campaign: Campaign, variant: str, own: str, zone: ZoneInfo) -> datetime | None:
    """When somebody with this variant, in this zone, gets it; None for never."""
    began = (run.began or run.due) + campaign.window
    hour = campaign.variant(variant).at
    civil = run.civil if run.civil is None or hour is None else datetime.combine(run.civil.date(), hour)
    clock = clock_of(campaign, own, zone)
    at = due(campaign.when, civil, began, clock)
    return None if at is None else campaign.open_from(at, clock)


def release(tx: Tx, run: Run, zone: ZoneInfo, now: datetime, limit: int) -> int:
    """Give some of those who waited for the winner their variant and their time; how many."""
    campaign = run.campaign
    assert campaign is not None and run.winner is not None
    rows = tx.query(
        "SELECT r.contact_id, COALESCE(c.zone, '') FROM campaign_recipient r LEFT JOIN contact c ON c.id = r.contact_id"
        " WHERE r.run_id = ? AND r.state = 'waiting' AND r.due_ms = ? ORDER BY r.contact_id LIMIT ?"
        + tx.for_update("r"),
        (run.id, NEVER_MS, limit),
    )
    for contact_id, own in rows:
        variant = run.winner or shared_out(campaign, contact_id)
        hour = campaign.variant(variant).at
        clock = clock_of(campaign, own, zone)
        at = campaign.open_from(now if hour is None else next_at(hour, now, clock), clock)
        tx.put(
            "UPDATE campaign_recipient SET variant = ?, due_ms = ? WHERE run_id = ? AND contact_id = ?",
            (variant, to_ms(at), run.id, contact_id),
        )
        figures.move(tx, figures.place(run.id, UNDECIDED, Fate.WAITING), figures.place(run.id, variant, Fate.WAITING))
    return len(rows)


def clock_of(campaign: Campaign, own: str, zone: ZoneInfo) -> ZoneInfo:
    """By whose clock somebody in the zone `own` gets it."""
    when = campaign.when
    return zone_of(own, zone) if when.own_zone else zone_of(when.zone, zone)
