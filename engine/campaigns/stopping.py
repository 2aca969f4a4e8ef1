"""Stopping: holding what is queued of a run, letting it go, taking it back, and taking up the rest again.

A run stops in the one commit that says so: from then on nobody writes a mail of it, and what is queued is refused at its
claim. What a carrier has in its hands is taken from it; only what was at the dot may have left.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from engine.campaigns import figures, following
from engine.campaigns.figures import place
from engine.campaigns.runs import Run
from engine.campaigns.states import Fate, RunState
from engine.sending import arbiter, permission
from engine.store.many import in_list
from mta.ports import Tx, to_ms
from mta.queue import operating
from mta.queue.operating import By
from mta.queue.queue import Claimed

CHUNK: Final = 100
SPAN: Final = 1_000  # contact numbers looked at in one transaction
_OVER: Final = (str(RunState.STOPPED), str(RunState.RECALLED))
_WAITING: Final = "d.state IN (0, 4) AND d.campaign <> '' AND d.campaign = ?"
_HAD: Final = "d.state < 10 AND d.state IN (1) AND d.campaign = ?"
_OF_RUN: Final = (
    "SELECT d.id, s.message_id, s.occurrence FROM delivery d JOIN sending s ON s.message_id = d.message_id"
    " WHERE {} AND s.run_id = ?{} ORDER BY d.created_ms, d.id LIMIT ?"
)

_AGAIN: Final = (
    "UPDATE campaign_recipient SET state = 'waiting', reason = '', due_ms = ?, at_ms = ?, message_id = NULL,"
    " try_number = try_number + CASE WHEN message_id IS NULL THEN 0 ELSE 1 END WHERE run_id = ? AND contact_id = ?"
)


def gate(tx: Tx, claimed: Sequence[Claimed]) -> Mapping[int, str]:
    """The queue's last question before mail leaves: what permission says, and whether a campaign was stopped meanwhile."""
    held = dict(permission.gate(tx, claimed))
    ours = {each.message_id: each.delivery_id for each in claimed if each.origin == following.ORIGIN}
    if ours:
        marks, which = in_list(list(ours))
        rows = tx.query(
            "SELECT s.message_id FROM sending s JOIN campaign_run r ON r.id = s.run_id"
            f" WHERE s.message_id IN ({marks}) AND r.state IN (?, ?)",
            (*which, *_OVER),
        )
        held |= {ours[message_id]: following.STOPPED for (message_id,) in rows}
    return held


def take_back(tx: Tx, run: Run, by: By, now: datetime) -> int:
    """Take back some mails of a run that have not left; how many. 0: none is left that could be."""
    rows = tx.query(_OF_RUN.format(_HAD, ""), (run.name, run.id, CHUNK))
    rows = rows or tx.query(_OF_RUN.format(_WAITING, ""), (run.name, run.id, CHUNK))
    taken = set(operating.take_back(tx, [row[0] for row in rows], by, now))
    for delivery_id, message_id, contact_id in rows:
        if delivery_id in taken:
            following.end(tx, run.id, contact_id, message_id, Fate.RECALLED, "", now)
            arbiter.give_back(tx, message_id, contact_id)
    return len(taken)


def hold(tx: Tx, run: Run, by: By, now: datetime) -> int:
    """Hold some queued mails of a run; how many."""
    rows = tx.query(_OF_RUN.format(_WAITING, " AND d.state = 0"), (run.name, run.id, CHUNK))
    return operating.hold(tx, [row[0] for row in rows], by, now)


def let_go(tx: Tx, run: Run, by: By, now: datetime) -> list[str]:
    """Let some held mails of a run go; their domains."""
    rows = tx.query(_OF_RUN.format(_WAITING, " AND d.state = 4"), (run.name, run.id, CHUNK))
    return operating.let_go(tx, [row[0] for row in rows], by, now)


def again(tx: Tx, run: Run, fates: Sequence[Fate], after: int, now: datetime) -> tuple[int, int | None]:
    """Take up again those of a span of contact numbers that came to one of these ends; (how many, where to go on)."""
    first = tx.one(
        "SELECT min(contact_id) FROM campaign_recipient WHERE run_id = ? AND contact_id > ?", (run.id, after)
    )
    if first is None or first[0] is None:
        return 0, None
    end = int(first[0]) + SPAN - 1
    marks, wanted = in_list([str(each) for each in fates])
    rows = tx.query(
        "SELECT contact_id, variant, state, reason FROM campaign_recipient"
        f" WHERE run_id = ? AND contact_id BETWEEN ? AND ? AND state IN ({marks})" + tx.for_update(),
        (run.id, first[0], end, *wanted),
    )
    tx.executemany(_AGAIN, [(to_ms(now), to_ms(now), run.id, contact_id) for contact_id, *_ in rows])
    for _, variant, state, reason in rows:
        figures.move(tx, place(run.id, variant, Fate(state), reason), place(run.id, variant, Fate.WAITING))
    return len(rows), end


def withdraw(tx: Tx, run: Run, now: datetime) -> int:
    """What the arbiter holds of a run keeps no place any more: some of it; how many."""
    return arbiter.withdraw(tx, arbiter.Kind.CAMPAIGN, run.id, now, CHUNK)
