"""Doubt: deliveries whose dot may have been answered without our knowing, and how they are settled."""

from dataclasses import dataclass
from datetime import datetime

from deliverability.settings import RetrySettings
from deliverability.shaping.retry import next_attempt
from mta.ports import Tx, to_ms
from mta.queue.delivery import Event, State, Stream, after
from mta.queue.hints import hint
from mta.queue.settings import DoubtPolicy, QueueSettings


def note_doubt(tx: Tx, delivery_id: int, why: str, now_ms: int) -> None:
    tx.execute("INSERT INTO doubt (delivery_id, at_ms, why) VALUES (?,?,?)", (delivery_id, now_ms, why))
    tx.execute("UPDATE delivery SET doubts = doubts + 1 WHERE id = ?", (delivery_id,))


_BY_POLICY = {
    DoubtPolicy.RESEND: Event.RESENT,
    DoubtPolicy.HOLD: Event.HELD_BACK,
    DoubtPolicy.ASSUME_DELIVERED: Event.ASSUMED,
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A doubt that was settled."""

    delivery_id: int
    forward_path: str
    why: str
    event: Event


def resolve_doubts(
    tx: Tx, now: datetime, settings: QueueSettings, retry: RetrySettings, *, jitter: float = 0, limit: int = 200
) -> list[Resolved]:
    """Settle up to `limit` deliveries in doubt by their stream's policy.

    What our own crash left is resent at once. A host that takes mail and never answers is given the time of a deferral,
    and after `resend_at_most` doubts the delivery is held: a person decides before yet another copy goes out.
    """
    rows = tx.query(
        "SELECT d.id, d.stream, d.domain, d.doubts, d.forward_path, q.why FROM delivery d JOIN doubt q ON q.delivery_id = d.id"
        " AND q.settled IS NULL WHERE d.state < 10 AND d.state = 3 ORDER BY d.id LIMIT ?" + tx.for_update("d"),
        (limit,),
    )
    now_ms = to_ms(now)
    resolved = []
    for delivery_id, stream, domain, doubts, forward_path, why in rows:
        event = _BY_POLICY[settings.in_doubt(Stream(stream))]
        if event is Event.RESENT and doubts > settings.resend_at_most:
            event = Event.HELD_BACK
        later = None if why == Event.ORPHANED else next_attempt(doubts, retry, now=now, jitter=jitter)
        _settle_doubt(tx, delivery_id, domain, event, now_ms, to_ms(later) if later else now_ms)
        resolved.append(Resolved(delivery_id, forward_path, why, event))
    return resolved


def _settle_doubt(tx: Tx, delivery_id: int, domain: str, event: Event, now_ms: int, due_ms: int) -> None:
    state = after(State.IN_DOUBT, event)
    tx.execute(
        "UPDATE delivery SET state = ?, due_ms = ?, ended_ms = ? WHERE id = ?",
        (int(state), due_ms, now_ms if state.is_end else None, delivery_id),
    )
    tx.execute(
        "UPDATE doubt SET settled = ?, settled_ms = ? WHERE delivery_id = ? AND settled IS NULL",
        (str(event), now_ms, delivery_id),
    )
    if state is State.QUEUED:
        hint(tx, domain, due_ms)


def has_doubts(tx: Tx) -> bool:
    """Whether any delivery waits for its doubt to be settled."""
    return tx.one("SELECT 1 FROM delivery WHERE state < 10 AND state = 3 LIMIT 1") is not None
