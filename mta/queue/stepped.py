"""After the civil clock was set back: what was written under the other time must not wait for it to come again.

Nothing waits longer than a back-off's ceiling and its spread. What is due further ahead was put there by a clock that stood
further ahead: the delivery is due now, the site rests no more. So is a delivery that was accepted after now, whenever it is
due; it has from now on the time that it was given, as has a suspension that was made after now.
"""

from datetime import datetime, timedelta
from typing import Final

from deliverability.settings import BackOff, RetrySettings
from mta.ports import Tx, to_ms
from mta.queue.hints import hint

CHUNK: Final = 200  # rows in one transaction


def horizon(retry: RetrySettings) -> timedelta:
    """The longest wait."""
    return max(_longest(retry.delivery), _longest(retry.site))


def newest(tx: Tx) -> int:
    """The number of the newest delivery: what another machine accepts meanwhile, whose clock stands ahead of ours, is left."""
    row = tx.one("SELECT max(id) FROM delivery")
    return int(row[0] or 0) if row else 0


def pull_back(tx: Tx, upto: int, now: datetime, retry: RetrySettings) -> bool:
    """Mend some of it, deliveries up to a number; False when nothing is left."""
    now_ms = to_ms(now)
    beyond_ms = to_ms(now + horizon(retry))
    return any((_deliveries(tx, upto, now_ms, beyond_ms), _sites(tx, now_ms, beyond_ms), _stops(tx, now_ms)))


def _longest(wait: BackOff) -> timedelta:
    return wait.ceiling * (1 + wait.spread)


_DUE: Final = "SELECT id, domain FROM delivery WHERE state = 0 AND due_ms > ? AND id <= ? ORDER BY due_ms DESC LIMIT ?"
_ACCEPTED: Final = (
    "SELECT id, domain FROM delivery WHERE state IN (0, 4) AND state = 0 AND created_ms > ? AND id <= ?"
    " ORDER BY created_ms DESC LIMIT ?"
)


def _deliveries(tx: Tx, upto: int, now_ms: int, beyond_ms: int) -> int:
    """By two indexes, one after the other."""
    lock = tx.for_update()
    rows = tx.query(_DUE + lock, (beyond_ms, upto, CHUNK)) or tx.query(_ACCEPTED + lock, (now_ms, upto, CHUNK))
    tx.executemany(
        "UPDATE delivery SET due_ms = ?,"
        " expires_ms = expires_ms - CASE WHEN created_ms > ? THEN created_ms - ? ELSE 0 END,"
        " created_ms = CASE WHEN created_ms > ? THEN ? ELSE created_ms END WHERE id = ? AND state = 0",
        [(now_ms, now_ms, now_ms, now_ms, now_ms, row[0]) for row in rows],
    )
    for _, domain in rows:
        hint(tx, domain, now_ms)
    return len(rows)


def _sites(tx: Tx, now_ms: int, beyond_ms: int) -> int:
    rows = tx.query("SELECT name FROM site WHERE retry_ms > ? ORDER BY name LIMIT ?", (beyond_ms, CHUNK))
    tx.executemany("UPDATE site SET retry_ms = ? WHERE name = ?", [(now_ms, row[0]) for row in rows])
    return len(rows)


def _stops(tx: Tx, now_ms: int) -> int:
    """Operators' and the bounce guard's: few."""
    tables = ("suspension", "slowing")
    sql = "UPDATE {} SET until_ms = until_ms - (at_ms - ?), at_ms = ? WHERE at_ms > ?"
    return sum(tx.execute(sql.format(table), (now_ms, now_ms, now_ms)) for table in tables)
