"""Taking a person's words out of the figures: a reply may name them."""

from collections.abc import Sequence

from engine.store.many import in_list
from mta.ports import Tx


def forget(tx: Tx, delivery_ids: Sequence[int]) -> None:
    """Replies to these deliveries are no longer shown; they stay counted."""
    if not delivery_ids:
        return
    marks, which = in_list(list(delivery_ids))
    for table in ("reputation_day", "reputation_alarm"):
        tx.execute(
            f"UPDATE {table} SET reply = '', message_id = NULL WHERE message_id IN"
            f" (SELECT message_id FROM delivery WHERE id IN ({marks}))",
            which,
        )
