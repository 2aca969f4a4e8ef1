"""Cancelling with a grace: what an operator cancels is held first, and ended when the grace is over.

Until then it is held like any other, and whoever releases it, or undoes the command, has it back as it was. What ends it
is a chore, in the name of whoever cancelled it; a crash in between changes nothing, since the row says when.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from mta.ports import Tx, to_ms
from mta.queue.delivery import Event, State, after
from mta.queue.hints import hint
from mta.queue.operating import By, note

PUT_OFF: Final = "to be cancelled"
SPARED: Final = "not cancelled after all"
CHUNK: Final = 200


def put_off(tx: Tx, deliveries: Sequence[int], by: By, until: datetime, now: datetime) -> int:
    """Hold queued or held deliveries until then, when they end; how many. What is to end already keeps its time."""
    held = int(after(State.QUEUED, Event.HELD_BACK))
    changed = []
    for each in deliveries:
        was_held = not tx.execute("UPDATE delivery SET state = ? WHERE id = ? AND state = 0", (held, each))
        if was_held and not tx.query("SELECT 1 FROM delivery WHERE id = ? AND state = 4" + tx.for_update(), (each,)):
            continue
        row = (each, to_ms(until), int(was_held), by.name, by.why)
        if tx.execute(_PUT_OFF, row):
            changed.append(each)
    note(tx, changed, PUT_OFF, by, now)
    return len(changed)


_PUT_OFF: Final = (
    "INSERT INTO cancellation (delivery_id, until_ms, was_held, set_by, why) VALUES (?,?,?,?,?)"
    " ON CONFLICT (delivery_id) DO NOTHING"
)


def spare(tx: Tx, deliveries: Sequence[int], by: By, now: datetime) -> list[str]:
    """Undo it for those that have not ended: what was queued is queued again, due when it was; the domain of each."""
    queued = int(after(State.HELD, Event.LET_GO))
    spared, domains = [], []
    for each in deliveries:
        rows = tx.query("DELETE FROM cancellation WHERE delivery_id = ? RETURNING was_held", (each,))
        if not rows:
            continue
        row = tx.one("SELECT domain, due_ms FROM delivery WHERE id = ? AND state = 4" + tx.for_update(), (each,))
        if row is None:
            continue
        if not rows[0][0]:
            tx.execute("UPDATE delivery SET state = ? WHERE id = ?", (queued, each))
            hint(tx, row[0], row[1])
        spared.append(each)
        domains.append(row[0])
    note(tx, spared, SPARED, by, now)
    return domains


def has_due(tx: Tx, now: datetime) -> bool:
    """Whether `end_due` would find any."""
    return tx.one("SELECT 1 FROM cancellation WHERE until_ms <= ? LIMIT 1", (to_ms(now),)) is not None


def end_due(tx: Tx, now: datetime) -> None:
    """End some whose grace is over. What is held no longer was ended by something else, or let go."""
    rows = tx.query(
        "SELECT delivery_id, set_by, why FROM cancellation WHERE until_ms <= ? ORDER BY until_ms, delivery_id LIMIT ?"
        + tx.for_update(),
        (to_ms(now), CHUNK),
    )
    cancelled = int(after(State.HELD, Event.CANCELLED))
    for delivery_id, name, why in rows:
        by = By(name, why)
        ended = tx.execute(
            "UPDATE delivery SET state = ?, ended_ms = ?, ended_by = ? WHERE id = ? AND state = 4",
            (cancelled, to_ms(now), str(by), delivery_id),
        )
        tx.execute("DELETE FROM cancellation WHERE delivery_id = ?", (delivery_id,))
        note(tx, [delivery_id] if ended else [], "cancelled", by, now)


def ends_at(tx: Tx, delivery_id: int) -> int | None:
    """When a held delivery will be cancelled (ms); None where nobody wants that."""
    row = tx.one("SELECT until_ms FROM cancellation WHERE delivery_id = ?", (delivery_id,))
    return None if row is None else int(row[0])
