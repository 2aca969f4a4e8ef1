"""What is kept of messages and attempts: octets, last words, dialogues; and how it goes."""

from collections.abc import Iterable

from deliverability.reply import EnhancedStatus
from mta.ports import Tx


def last_words(tx: Tx, delivery_id: int) -> str:
    """The last reply to a delivery; to one that was never tried, what its site said last, and that it is so; or ""."""
    row = tx.one(
        "SELECT d.last_reply, s.last_reply FROM delivery d LEFT JOIN destination t ON t.domain = d.domain"
        " LEFT JOIN site s ON s.name = t.site WHERE d.id = ?",
        (delivery_id,),
    )
    own, of_site = row or ("", "")
    if own or not of_site:
        return str(own)
    code, _, words = of_site.partition(" ")
    status, _, text = words.partition(" ")
    if EnhancedStatus.parse(status) is None:
        return f"{code} never tried itself; its site said last: {words}"
    return f"{code} {status} never tried itself; its site said last: {text}"


def last_attempt(tx: Tx, delivery_id: int) -> tuple[int, str] | None:
    """When a delivery was tried last (ms), and at which host; None where it never was."""
    sql = "SELECT at_ms, host FROM attempt WHERE delivery_id = ? ORDER BY at_ms DESC, id DESC LIMIT 1"
    row = tx.one(sql, (delivery_id,))
    return None if row is None else (row[0], row[1])


def contents(tx: Tx, message_ids: Iterable[int]) -> dict[int, bytes]:
    """The octets of messages."""
    found: dict[int, bytes] = {}
    for message_id in message_ids:
        row = tx.one("SELECT content FROM body WHERE message_id = ?", (message_id,))
        if row is not None:
            found[message_id] = row[0]
    return found


def stale_bodies(tx: Tx, after_id: int, before_ms: int, limit: int) -> tuple[int, list[int]]:
    """Of the next `limit` bodies those no delivery will need: (where to go on, their message ids)."""
    rows = tx.query(
        "SELECT b.message_id, EXISTS (SELECT 1 FROM delivery d WHERE d.message_id = b.message_id"
        " AND (d.ended_ms IS NULL OR d.ended_ms > ?)), m.received_ms FROM body b JOIN message m ON m.id = b.message_id"
        " WHERE b.message_id > ? ORDER BY b.message_id LIMIT ?",
        (before_ms, after_id, limit),
    )
    is_done = len(rows) < limit or rows[-1][2] > before_ms  # the younger ones need no look
    next_id = 0 if is_done else rows[-1][0]
    return next_id, [row[0] for row in rows if not row[1] and row[2] <= before_ms]


def drop_dialogues(tx: Tx, before_ms: int, limit: int) -> int:
    """Forget what was said, line by line, in up to `limit` attempts that began before; how many."""
    rows = tx.query(
        "SELECT id FROM attempt WHERE length(dialogue) > 120 AND at_ms < ? ORDER BY at_ms LIMIT ?", (before_ms, limit)
    )
    tx.executemany("UPDATE attempt SET dialogue = '' WHERE id = ?", rows)
    return len(rows)


def has_dialogues(tx: Tx, before_ms: int) -> bool:
    """Whether there is any that began before."""
    sql = "SELECT 1 FROM attempt WHERE length(dialogue) > 120 AND at_ms < ? LIMIT 1"
    return tx.one(sql, (before_ms,)) is not None


def drop_bodies(tx: Tx, message_ids: Iterable[int]) -> None:
    tx.executemany("DELETE FROM body WHERE message_id = ?", [(each,) for each in message_ids])
