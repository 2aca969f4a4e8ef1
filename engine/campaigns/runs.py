"""Runs: the occasions of campaigns, and the moves of their states. Every move asks for the state that it comes from."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from engine.campaigns.book import CampaignBook, NoCampaign
from engine.campaigns.model import Campaign
from engine.campaigns.states import RunState
from engine.flow.civil import Span
from mta.ports import Tx, from_ms, to_ms

ALL_SEEN: Final = -1  # of the cursor: everybody was looked at
NEVER_MS: Final = 1 << 52  # due when it is known which variant they get

_COLUMNS: Final = (
    "r.id, r.campaign_id, r.version_id, c.name, r.occasion, r.parent_id, r.subject, r.state, r.why, r.civil, r.due_ms,"
    " r.began_ms, r.ended_ms, r.cursor, r.winner, r.verdict, r.judge_ms, r.awake_ms, r.by"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM campaign_run r JOIN campaign c ON c.id = r.campaign_id"


@dataclass(frozen=True, slots=True)
class Run:
    """One occasion. `campaign` is None where this program can't read its version."""

    id: int
    campaign_id: int
    version_id: int
    name: str
    occasion: str
    parent_id: int | None
    subject: Mapping[str, str]  # by language; {} is the file's
    state: RunState
    why: str
    civil: datetime | None  # naive
    due: datetime
    began: datetime | None
    ended: datetime | None
    cursor: int
    winner: str | None
    verdict: str
    judge: datetime | None
    awake: datetime
    by: str
    campaign: Campaign | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be."""

    occasion: str
    due: datetime
    civil: datetime | None = None
    by: str = ""
    parent_id: int | None = None
    subject: Mapping[str, str] | None = None


def create(tx: Tx, campaign_id: int, version_id: int, campaign: Campaign, new: NewRun, now: datetime) -> int | None:
    """A run that waits for its time; its id. None when there is one for this occasion already."""
    rows = tx.query(
        "INSERT INTO campaign_run (campaign_id, version_id, occasion, parent_id, subject, state, why, by, civil, due_ms,"
        " cursor, verdict, paced_ms, awake_ms, goal, goal_ms, counts_until_ms, created_ms)"
        " VALUES (?,?,?,?,?,?,'',?,?,?,0,'',0,?,?,?,?,?) ON CONFLICT (campaign_id, occasion) DO NOTHING RETURNING id",
        (
            campaign_id, version_id, new.occasion, new.parent_id, json.dumps(dict(new.subject or {}), ensure_ascii=False),
            str(RunState.SCHEDULED), new.by, new.civil.isoformat() if new.civil else "", to_ms(new.due), to_ms(now),
            campaign.goal.event, _ms(campaign.goal.within), NEVER_MS, to_ms(now),
        ),
    )  # fmt: skip
    return int(rows[0][0]) if rows else None


def open_runs(tx: Tx, book: CampaignBook) -> list[Run]:
    """Those that are not over, the longest due first."""
    return [_run(tx, row, book) for row in tx.query(f"{_SELECT} WHERE r.ended_ms IS NULL ORDER BY r.due_ms, r.id")]


def ended(tx: Tx, book: CampaignBook, since: datetime, until: datetime, limit: int = 100) -> list[Run]:
    """Those that are over and were due between two moments, the newest first."""
    which = "WHERE r.ended_ms IS NOT NULL AND r.due_ms >= ? AND r.due_ms < ? ORDER BY r.due_ms DESC, r.id LIMIT ?"
    return [_run(tx, row, book) for row in tx.query(f"{_SELECT} {which}", (to_ms(since), to_ms(until), limit))]


def by_id(tx: Tx, run_id: int, book: CampaignBook) -> Run:
    row = tx.one(f"{_SELECT} WHERE r.id = ?", (run_id,))
    if row is None:
        raise NoCampaign(f"there is no run {run_id}")
    return _run(tx, row, book)


def latest(tx: Tx, name: str, book: CampaignBook) -> Run:
    """The newest run of a campaign. NoCampaign."""
    found = of_campaign(tx, name, book, 1)
    if not found:
        raise NoCampaign(f"there is no campaign {name[:70]} that was started or scheduled")
    return found[0]


def of_campaign(tx: Tx, name: str, book: CampaignBook, limit: int = 50) -> list[Run]:
    """A campaign's runs, the newest first."""
    rows = tx.query(f"{_SELECT} WHERE c.name = ? ORDER BY r.id DESC LIMIT ?", (name, limit))
    return [_run(tx, row, book) for row in rows]


def is_running(tx: Tx, run_id: int) -> bool:
    """Whether it may write now; nobody can stop it before this transaction ends."""
    row = tx.one("SELECT state FROM campaign_run WHERE id = ?" + tx.for_update(), (run_id,))
    return row is not None and row[0] == RunState.RUNNING


def set_state(tx: Tx, run_id: int, come_from: Collection[RunState], to: RunState, why: str, now: datetime) -> bool:
    """Whether it stood in one of those states, and now stands in the other."""
    marks = ",".join("?" * len(come_from))
    is_over = not to.is_open
    return (
        tx.execute(
            f"UPDATE campaign_run SET state = ?, why = ?, ended_ms = ?, awake_ms = ? WHERE id = ? AND state IN ({marks})",
            (str(to), why, to_ms(now) if is_over else None, to_ms(now), run_id, *map(str, come_from)),
        )
        == 1
    )


def begin(tx: Tx, run_id: int, now: datetime) -> bool:
    """Its time has come."""
    sql = "UPDATE campaign_run SET state = ?, began_ms = COALESCE(began_ms, ?), awake_ms = ? WHERE id = ? AND state = ?"
    return tx.execute(sql, (str(RunState.RUNNING), to_ms(now), to_ms(now), run_id, str(RunState.SCHEDULED))) == 1


def move(tx: Tx, run_id: int, version_id: int, civil: datetime | None, due: datetime, now: datetime) -> bool:
    """Give a run that has not begun another text and time. False where it has."""
    sql = (
        "UPDATE campaign_run SET version_id = ?, civil = ?, due_ms = ?, awake_ms = ?"
        " WHERE id = ? AND began_ms IS NULL AND ended_ms IS NULL"
    )
    return tx.execute(sql, (version_id, civil.isoformat() if civil else "", to_ms(due), to_ms(now), run_id)) == 1


def remove(tx: Tx, run_id: int) -> bool:
    """Forget a run that has not begun. False where it has."""
    return tx.execute("DELETE FROM campaign_run WHERE id = ? AND began_ms IS NULL AND ended_ms IS NULL", (run_id,)) == 1


def _ms(span: Span) -> int:
    return (timedelta(days=span.days) + span.exact) // timedelta(milliseconds=1)


def _run(tx: Tx, row: tuple[Any, ...], book: CampaignBook) -> Run:
    (
        run_id, campaign_id, version_id, name, occasion, parent_id, subject, state, why, civil, due_ms, began_ms, ended_ms,
        cursor, winner, verdict, judge_ms, awake_ms, by,
    ) = row  # fmt: skip

    def at(ms: int | None) -> datetime | None:
        return None if ms is None else from_ms(ms)

    return Run(
        run_id, campaign_id, version_id, name, occasion, parent_id, json.loads(subject or "{}"), RunState(state), why,
        datetime.fromisoformat(civil) if civil else None, from_ms(due_ms), at(began_ms), at(ended_ms), cursor, winner,
        verdict, at(judge_ms), from_ms(awake_ms), by, book.version(tx, version_id),
    )  # fmt: skip
