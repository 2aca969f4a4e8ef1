"""Deliveries whose time is over, or that are late; and one delivery as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mta.ports import Tx, to_ms
from mta.queue.claiming import CANDIDATES, as_claimed, end
from mta.queue.delivery import Event, State
from mta.queue.queue import Settled, settled

_EXPIRED = CANDIDATES[: CANDIDATES.index(" WHERE")] + (
    " WHERE d.state IN (0, 4) AND d.expires_ms <= ? ORDER BY d.expires_ms LIMIT ?"
)


def expire(tx: Tx, now: datetime, limit: int = 200) -> list[Settled]:
    """End what waited (queued or held) for longer than it is worth."""
    now_ms = to_ms(now)
    found = [as_claimed(row) for row in tx.query(_EXPIRED + tx.for_update("d", skip_locked=True), (now_ms, limit))]
    return [end(tx, each, Event.TIME_RAN_OUT, "", now_ms, None) for each in found]


@dataclass(frozen=True, slots=True)
class Late:
    """Deliveries that are still under way after a while, and the id of the last delivery that was looked at."""

    seen: int
    deliveries: tuple[tuple[Settled, int], ...]  # each with the time of its expiry, in ms


def late(tx: Tx, after_id: int, before_ms: int, span: int = 1000) -> Late:
    """Of the `span` deliveries after `after_id` that were created by then, those that have no end yet.

    Ids rise with time, so that whoever goes on from `seen` meets each delivery once, when its time has come.
    """
    youngest = tx.one(
        "SELECT max(w.id) FROM (SELECT id, created_ms FROM delivery WHERE id > ? ORDER BY id LIMIT ?) w"
        " WHERE w.created_ms <= ?",
        (after_id, span, before_ms),
    )
    seen = youngest[0] if youngest and youngest[0] is not None else after_id
    if seen == after_id:
        return Late(after_id, ())
    rows = tx.query(
        _AS_IT_STANDS + " WHERE d.id > ? AND d.id <= ? AND d.state < ? AND d.created_ms <= ? ORDER BY d.id",
        (after_id, seen, int(State.DELIVERED), before_ms),
    )
    return Late(seen, tuple((_standing(row), row[7]) for row in rows))


def late_by(tx: Tx, now: datetime, limit: int = 200) -> Late:
    """Deliveries that were to be delivered by now (RFC 2852, mode N) and whose senders were not told; they are now."""
    rows = tx.query(
        _AS_IT_STANDS + " WHERE d.by_mode = 'N' AND d.state < 10 AND d.by_ms <= ? ORDER BY d.by_ms LIMIT ?"
        + tx.for_update("d"),
        (to_ms(now), limit),
    )  # fmt: skip
    tx.executemany("UPDATE delivery SET by_mode = 'n' WHERE id = ?", [(row[0],) for row in rows])
    return Late(0, tuple((_standing(row), row[7]) for row in rows))


def has_late_by(tx: Tx, now: datetime) -> bool:
    """Whether there is any."""
    sql = "SELECT 1 FROM delivery WHERE by_mode = 'N' AND state < 10 AND by_ms <= ? LIMIT 1"
    return tx.one(sql, (to_ms(now),)) is not None


def find(tx: Tx, delivery_id: int) -> Settled | None:
    """A delivery as it stands, for a report about it that came later."""
    row = tx.one(_AS_IT_STANDS + " WHERE d.id = ?", (delivery_id,))
    return None if row is None else _standing(row)


def of_message(tx: Tx, message_id: int) -> Settled | None:
    """The first delivery of a message, as it stands."""
    row = tx.one(_AS_IT_STANDS + " WHERE d.message_id = ? ORDER BY d.id LIMIT 1", (message_id,))
    return None if row is None else _standing(row)


_AS_IT_STANDS = CANDIDATES[: CANDIDATES.index(" WHERE")].replace(
    " FROM delivery", ", d.state, d.last_reply FROM delivery"
)


def _standing(row: Sequence[Any]) -> Settled:
    return settled(as_claimed(row[:-2]), State(row[-2]), Event.ACCEPTED, row[-1], "")


def has_expired(tx: Tx, now: datetime) -> bool:
    """Whether anything waited for longer than it is worth."""
    return tx.one("SELECT 1 FROM delivery WHERE state IN (0, 4) AND expires_ms <= ? LIMIT 1", (to_ms(now),)) is not None
