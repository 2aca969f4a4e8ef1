"""Which machine of its life an installation is on. A restore begins the next one, whose queue counts from 1 again, so what
the machine before promised about a delivery by its number is nothing to this one."""

from typing import Final

from mta.ports import Tx

KEY: Final = "machine"


def number(tx: Tx) -> int:
    """From 1 on; as many as machines so far."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (KEY,))
    return int(row[0]) if row else 1


def begin(tx: Tx) -> None:
    """This is another machine than that whose rows were just written here."""
    sql = "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    tx.execute(sql, (KEY, str(number(tx) + 1)))
