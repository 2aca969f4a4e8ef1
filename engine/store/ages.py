"""Rows that are written in the order of time, found by their age without an index of it."""

from mta.ports import Tx


def first_since(tx: Tx, table: str, column: str, since_ms: int, least: int = 0) -> int:
    """The first id of a table that is written in the order of time, whose row is not older: found by halving.
    `least`: it is known to be no lower."""
    # Each by itself: together SQLite finds them by going through the whole table.
    row = tx.one(f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})")
    low, high = (max(row[0] or 1, least), max((row[1] or 0) + 1, least)) if row else (1, 1)
    while low < high:
        middle = (low + high) // 2
        found = tx.one(f"SELECT id, {column} FROM {table} WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
        if found is not None and found[1] < since_ms:
            low = found[0] + 1
        else:
            high = middle
    return low
