"""After the civil clock was set back: what was written under the other time must not wait for it to come again.

Nothing waits longer than a back-off's ceiling and its spread. What is due further ahead was put there by a clock that stood
further ahead: the delivery is due now, the site rests no more. A delivery that was accepted after now, and a suspension that was
made after now, has from now on the time that it was given.
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


def pull_back(tx: Tx, now: datetime, retry: RetrySettings) -> bool:
    """Mend some of it; False when nothing is left."""
    now_ms = to_ms(now)
    beyond_ms = to_ms(now + horizon(retry))
    return any((_deliveries(tx, now_ms, beyond_ms), _sites(tx, now_ms, beyond_ms), _stops(tx, now_ms)))


def _longest(wait: BackOff) -> timedelta:
    return wait.ceiling * (1 + wait.spread)


def _deliveries(tx: Tx, now_ms: int, beyond_ms: int) -> int:
    rows = tx.query(
        "SELECT id, domain FROM delivery WHERE state = 0 AND due_ms > ? ORDER BY due_ms DESC LIMIT ?" + tx.for_update(),
        (beyond_ms, CHUNK),
    )
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
