"""How far the lab's clock was moved: kept in the database, so that every process at it lives at one time."""

from datetime import timedelta

from mta.ports import Tx


def read_offset(tx: Tx) -> timedelta:
    """What to add to the machine's clock (zero outside a lab)."""
    row = tx.one("SELECT value FROM meta WHERE key = 'clock_offset_ms'")
    return timedelta(milliseconds=int(row[0])) if row else timedelta(0)
