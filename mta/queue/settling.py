"""Settling: the mark before the dot, and what came of a claimed delivery, with its attempt.

Every change of a claimed delivery asks for its owner, so that whoever lost the lease changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from mta.ports import Tx, to_ms
from mta.queue.delivery import Event, State, after
from mta.queue.doubting import note_doubt
from mta.queue.hints import hint
from mta.queue.queue import Claimed, Settled, Settlement, settled


def mark_dot(tx: Tx, delivery_id: int, owner: int) -> bool:
    """Note that the dot is going out. False when the delivery is no longer this owner's: then nothing may leave."""
    return (
        tx.execute("UPDATE delivery SET state = 2 WHERE id = ? AND owner = ? AND state = 1", (delivery_id, owner)) == 1
    )


class LeaseLost(Exception):
    """A delivery is no longer its owner's."""


def mark_dots(tx: Tx, delivery_ids: Sequence[int], owner: int) -> None:
    """The same for the recipients of one transaction: all of them, or LeaseLost and none."""
    for delivery_id in delivery_ids:
        if not mark_dot(tx, delivery_id, owner):
            raise LeaseLost


def settle(tx: Tx, each: Claimed, came: Settlement, owner: int, now: datetime) -> Settled | None:
    """Write what came of a claimed delivery. None when it had been taken from this owner meanwhile (only the attempt
    is kept)."""
    now_ms = to_ms(now)
    state = after(came.state, came.event)
    if state is State.QUEUED and came.event is Event.DEFERRED and each.expires_ms <= (came.due_ms or now_ms):
        state = after(came.state, Event.TIME_RAN_OUT)
    _keep_attempt(tx, came, state)
    changed = tx.execute(
        "UPDATE delivery SET state = ?, owner = NULL, due_ms = COALESCE(?, due_ms), attempts = attempts - ?,"
        " last_reply = CASE WHEN ? = '' THEN last_reply ELSE ? END, ended_ms = ? WHERE id = ? AND owner = ? AND state = ?",
        (
            int(state), came.due_ms, int(came.event is Event.RELEASED),  # a claim that came to nothing was no attempt
            came.reply, came.reply, now_ms if state.is_end else None, each.delivery_id, owner, int(came.state),
        ),
    )  # fmt: skip
    if changed != 1:
        return None
    if state is State.QUEUED:
        hint(tx, each.domain, came.due_ms or now_ms)
    elif state is State.IN_DOUBT:
        note_doubt(tx, each.delivery_id, str(came.event), now_ms)
    return settled(each, state, came.event, came.reply, came.stage, hop_knows_dsn=came.hop_knows_dsn, host=came.host)


class _Attempts:
    """What a transaction has to say about attempts. Nobody asks for them in it, so they are written last."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, Sequence[object]]] = []

    def keep(self, sql: str, row: Sequence[object]) -> None:
        self._rows.append((sql, row))

    def __call__(self, tx: Tx) -> None:
        for sql, row in self._rows:
            tx.put(sql, row)


def _keep_attempt(tx: Tx, came: Settlement, state: State) -> None:
    if came.event is Event.RELEASED:
        return  # nothing was tried
    outcome = {State.DELIVERED: "delivered", State.QUEUED: "deferred", State.IN_DOUBT: "in doubt"}.get(state, "failed")
    tx.at_commit(_Attempts).keep(
        "INSERT INTO attempt (delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, tls, rule,"
        " dialogue, source) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            came.delivery_id, came.at_ms, came.took_ms, came.host, came.address, came.stage, outcome, came.reply, came.tls,
            came.rule, came.dialogue, came.source,
        ),
    )  # fmt: skip
