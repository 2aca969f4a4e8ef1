"""Erasing a person from the queue's history: what stays counts mail and names nobody (GDPR article 17).

The search reads everything once, so it stands outside of any transaction that writes; the blanking comes in chunks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from mta.ports import Tx
from mta.queue import operating
from mta.queue.operating import By

ERASED: Final = "erased"  # the local part that stands for anybody


def find(tx: Tx, addresses: Sequence[str], after_id: int = 0, span: int = 50_000) -> tuple[int, list[int]]:
    """Of the next `span` deliveries those to these addresses, however the case of their letters: (where to go on, or 0 at
    the end; their ids)."""
    marks = ",".join("?" * len(addresses))
    last = tx.one(
        "SELECT max(w.id) FROM (SELECT id FROM delivery WHERE id > ? ORDER BY id LIMIT ?) w", (after_id, span)
    )
    if last is None or last[0] is None:
        return 0, []
    rows = tx.query(
        f"SELECT id FROM delivery WHERE id > ? AND id <= ? AND lower(forward_path) IN ({marks})",
        (after_id, last[0], *(each.lower() for each in addresses)),
    )
    return last[0], [row[0] for row in rows]


def blank(tx: Tx, delivery_ids: Sequence[int], by: By, now: datetime) -> int:
    """Cancel what still waits, and take name, words and octets out of deliveries that have ended; how many were."""
    operating.cancel(tx, delivery_ids, by, now)
    blanked = 0
    for delivery_id in delivery_ids:
        row = tx.one("SELECT forward_path FROM delivery WHERE id = ? AND ended_ms IS NOT NULL", (delivery_id,))
        if row is None:
            continue  # in a carrier's hands: it leaves, and is blanked when this is asked again
        nobody = f"{ERASED}@{row[0].rpartition('@')[2]}"
        sql = "UPDATE delivery SET forward_path = ?, last_reply = '', orcpt = NULL WHERE id = ? RETURNING message_id"
        for (message_id,) in tx.query(sql, (nobody, delivery_id)):
            blanked += 1
            tx.execute("UPDATE attempt SET reply = '', dialogue = '' WHERE delivery_id = ?", (delivery_id,))
            _blank_message(tx, message_id)
    return blanked


def _blank_message(tx: Tx, message_id: int) -> None:
    """Its subject and octets, where nobody else was written to with it."""
    alone = tx.execute(
        "UPDATE message SET subject = '', remarks = '', envid = NULL WHERE id = ? AND recipients = 1", (message_id,)
    )
    if alone:
        tx.execute("DELETE FROM body WHERE message_id = ?", (message_id,))
