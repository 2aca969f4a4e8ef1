"""What came back is kept for a time: the mails with what was concluded, and the reports that others sent."""

from datetime import datetime
from typing import Final

from mta.ports import Tx, to_ms

CHUNK: Final = 50  # rows in one go: each mail holds its octets
_TABLES: Final = ("inbound", "received_report")


def has_old(tx: Tx, before: datetime) -> bool:
    """Whether `drop_old` would find any. Rows come in the order of time, so the first tells."""
    return any(_old(tx, table, before, 1) for table in _TABLES)


def drop_old(tx: Tx, before: datetime) -> int:
    """Let go of some that came before then; how many mails and reports."""
    dropped = 0
    for table in _TABLES:
        for number in _old(tx, table, before, CHUNK):
            tx.execute(f"DELETE FROM {table} WHERE id = ?", (number,))
            if table == "received_report":
                tx.execute("DELETE FROM reported_sender WHERE report = ?", (number,))
            dropped += 1
    return dropped


def _old(tx: Tx, table: str, before: datetime, most: int) -> list[int]:
    """Of the first rows those that are old: no look passes more than these, since a mail's octets lie before its time."""
    rows = tx.query(f"SELECT id, at_ms FROM {table} ORDER BY id LIMIT ?", (most,))
    return [int(number) for number, at_ms in rows if at_ms < to_ms(before)]
