"""Answers that runs wait for: a webhook was called, or an operator said what becomes of a late mail, and the flow goes on."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from engine.hooks.calls import Call
from engine.running.standing import Kept
from mta.ports import Tx, to_ms

_ASKS: Final = "WHERE flow_id = ? AND state = 'waiting' AND due_ms IS NULL"  # nothing else waits for no time


def webhook_answered(tx: Tx, call: Call, status: int, well: bool, now: datetime) -> None:
    """Let the run go on whose step waits for this call; where it does not any more, nothing happens."""
    row = tx.one(
        "SELECT step, occurrence, due_ms, standing, intent FROM enrolment WHERE id = ? AND state = 'waiting'"
        + tx.for_update(),
        (call.enrolment_id,),
    )
    kept = Kept.read(*row) if row else None
    if kept is None or (kept.standing.waiting_for, kept.standing.occurrence) != (call.step, call.occurrence):
        return
    heard = replace(
        kept,
        standing=replace(kept.standing, heard=well),
        given={**kept.given, "webhook": {"status": status}},
        meant=None,
    )
    tx.execute(
        "UPDATE enrolment SET standing = ?, due_ms = ?, revision = revision + 1 WHERE id = ?",
        (heard.as_json(), to_ms(now), call.enrolment_id),
    )


def asked(tx: Tx, flow_id: int) -> int:
    """How many runs of a flow wait for an operator: their mail is late, and the flow says `do: ask`."""
    row = tx.one(f"SELECT count(*) FROM enrolment {_ASKS}", (flow_id,))
    return int(row[0]) if row else 0


def answer_late(tx: Tx, flow_id: int, answer: str, now: datetime, limit: int) -> int:
    """Let so many of them go on, at once: `answer` is send or skip. How many did."""
    rows = tx.query(
        f"SELECT id, step, occurrence, due_ms, standing, intent FROM enrolment {_ASKS} ORDER BY id LIMIT ?"
        + tx.for_update(),
        (flow_id, limit),
    )
    for enrolment_id, *row in rows:
        kept = Kept.read(*row)
        told = replace(kept, standing=replace(kept.standing, answer=answer))
        tx.execute(
            "UPDATE enrolment SET standing = ?, due_ms = ?, revision = revision + 1 WHERE id = ?",
            (told.as_json(), to_ms(now), enrolment_id),
        )
    return len(rows)
