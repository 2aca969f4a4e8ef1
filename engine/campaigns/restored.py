"""Campaigns on a new machine that was filled from an export: what was under way there, and what of it can't be known here."""

from typing import Final

from engine.campaigns import figures
from engine.campaigns.figures import place
from engine.campaigns.states import Fate, RunState
from mta.ports import Tx

WHY: Final = "restored from an export"
UNKNOWN: Final = "was queued on the machine before"


def settle(tx: Tx, *, resume: bool) -> int:
    """Runs that were open are paused (with `resume` they go on), calendars are ended, and mail that was in the old machine's
    queue, which no export holds, is `failed`: `retry --what failed` writes it anew. How many runs are paused."""
    for state, to, why in ((Fate.CLAIMED, Fate.WAITING, ""), (Fate.QUEUED, Fate.FAILED, UNKNOWN)):
        rows = tx.query(
            "SELECT run_id, variant, count(*) FROM campaign_recipient WHERE state = ? GROUP BY run_id, variant",
            (str(state),),
        )
        tx.execute(
            "UPDATE campaign_recipient SET state = ?, owner = NULL, reason = ? WHERE state = ?",
            (str(to), why, str(state)),
        )
        for run_id, variant, people in rows:
            figures.move(tx, place(run_id, variant, state), place(run_id, variant, to), int(people))
    if resume:
        return 0
    tx.execute("UPDATE campaign SET next_ms = NULL, next_occasion = '' WHERE next_ms IS NOT NULL")
    sql = "UPDATE campaign_run SET state = ?, why = ? WHERE state IN (?, ?)"
    return tx.execute(sql, (str(RunState.PAUSED), WHY, str(RunState.SCHEDULED), str(RunState.RUNNING)))
