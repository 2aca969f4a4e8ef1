"""Answers that runs wait for: a webhook was called, and its flow goes on."""

from dataclasses import replace
from datetime import datetime

from engine.hooks.calls import Call
from engine.running.standing import Kept
from mta.ports import Tx, to_ms


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
