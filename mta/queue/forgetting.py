"""Old mail is forgotten whole: a message whose deliveries ended long ago goes with them, their attempts and their doubts.

So the books balance before and after: no delivery is ever without its message, and none without its attempts. What has the
highest number stays, since a number that was given is never given again.
"""

from collections.abc import Sequence
from typing import Final

from mta.ports import Tx

_OF_DELIVERIES: Final = ("attempt", "doubt", "intervention", "cancellation")
_NUMBERED: Final = ("attempt", "doubt", "intervention")


def old(tx: Tx, after_id: int, before_ms: int, span: int) -> tuple[int, list[int]]:
    """Of the next `span` messages those of which nothing is younger: (where to go on, 0 at the end; their ids)."""
    rows = tx.query("SELECT id, received_ms FROM message WHERE id > ? ORDER BY id LIMIT ?", (after_id, span))
    ids = [message_id for message_id, received_ms in rows if received_ms < before_ms]
    goes_on = rows[-1][0] if len(ids) == len(rows) == span else 0  # the younger ones need no look
    stay = _newest(tx) | _not_over(tx, ids, before_ms) if ids else set()
    return goes_on, [each for each in ids if each not in stay]


def forget(tx: Tx, message_ids: Sequence[int]) -> None:
    """Delete these, and all that is of them alone."""
    ids = [(each,) for each in message_ids]
    for table in _OF_DELIVERIES:
        tx.executemany(
            f"DELETE FROM {table} WHERE delivery_id IN (SELECT d.id FROM delivery d WHERE d.message_id = ?)", ids
        )
    for table in ("delivery", "body"):
        tx.executemany(f"DELETE FROM {table} WHERE message_id = ?", ids)
    tx.executemany("DELETE FROM message WHERE id = ?", ids)


def _not_over(tx: Tx, message_ids: Sequence[int], before_ms: int) -> set[int]:
    """Those of which a delivery is under way, or ended since."""
    sql = (
        f"SELECT DISTINCT message_id FROM delivery WHERE message_id IN ({','.join('?' * len(message_ids))})"
        " AND (ended_ms IS NULL OR ended_ms >= ?)"
    )
    return {row[0] for row in tx.query(sql, (*message_ids, before_ms))}


def _newest(tx: Tx) -> set[int]:
    """The messages that hold a highest number."""
    rows = tx.query(
        "SELECT max(id) FROM message UNION SELECT message_id FROM delivery WHERE id = (SELECT max(id) FROM delivery)"
    )
    for table in _NUMBERED:
        rows += tx.query(
            f"SELECT d.message_id FROM delivery d JOIN {table} w ON w.delivery_id = d.id"
            f" WHERE w.id = (SELECT max(id) FROM {table})"
        )
    return {row[0] for row in rows}
