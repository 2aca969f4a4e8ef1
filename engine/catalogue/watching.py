"""Watching the coupon pools: what the janitor does about them, a little at a time.

A code that the shop stopped taking before anybody got it is over. A pool of loaded codes that runs low, or is empty, is
said once, and again only after it was filled meanwhile.
"""

from datetime import datetime
from typing import Final

from engine.catalogue import cataloguelog
from mta.ports import Tx, to_ms

CHUNK: Final = 200  # codes that end in one transaction

_OVER: Final = "FROM coupon WHERE state = 'free' AND until_ms IS NOT NULL AND until_ms <= ?"


def has_over(tx: Tx, now: datetime) -> bool:
    """Whether there are free codes whose time is over."""
    return tx.one(f"SELECT 1 {_OVER} LIMIT 1", (to_ms(now),)) is not None


def end_over(tx: Tx, now: datetime) -> None:
    """End a chunk of them."""
    rows = tx.query(f"SELECT id {_OVER} ORDER BY until_ms LIMIT ?" + tx.for_update(), (to_ms(now), CHUNK))
    for (coupon_id,) in rows:
        tx.execute("UPDATE coupon SET state = 'over' WHERE id = ? AND state = 'free'", (coupon_id,))


def has_news(tx: Tx, now: datetime) -> bool:
    """Whether a pool runs lower, or was filled, since that was last said."""
    return any(told != new for _, told, new, _ in _standings(tx))


def tell_news(tx: Tx, now: datetime) -> None:
    """Write down and say how the pools stand."""
    for name, told, new, left in _standings(tx):
        if told != new and tx.execute("UPDATE coupon_pool SET told = ? WHERE name = ? AND told = ?", (new, name, told)):
            if new == "empty":
                cataloguelog.empty(name)
            elif new == "low":
                cataloguelog.low(name, left=left)


def _standings(tx: Tx) -> list[tuple[str, str, str, int]]:
    """(pool, what was said, what is so, how many are left, counted up to where the pool is low) of loaded pools."""
    found = []
    for name, low, told in tx.query("SELECT name, low, told FROM coupon_pool WHERE pattern = '' ORDER BY name"):
        row = tx.one(
            "SELECT count(*) FROM (SELECT id FROM coupon WHERE pool = ? AND state = 'free' LIMIT ?) AS f",
            (name, max(low, 1)),
        )
        left = row[0] if row else 0
        found.append((name, told, "empty" if not left else "low" if left < low else "", left))
    return found
