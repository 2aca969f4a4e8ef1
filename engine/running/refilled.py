"""Coupon pools that have codes again: whoever waits for one goes on, in the order in which their runs began.

A run that found its pool empty is looked at again after a quarter of an hour anyhow. This is the quick way: the janitor
asks every few seconds, and makes as many runs due as there are codes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from engine.catalogue import pools
from engine.running.standing import awaiting_pool
from mta.ports import Tx, to_ms

CHUNK: Final = 200  # runs in one transaction

_WAITING: Final = (
    "SELECT e.id FROM enrolment e JOIN flow f ON f.id = e.flow_id WHERE e.awaits = ? AND e.awaits <> ''"
    " AND e.state = 'waiting' AND f.state <> 'paused' AND e.due_ms {} ? ORDER BY e.id LIMIT ?"
)


def has_ready(tx: Tx, now: datetime) -> bool:
    """Whether somebody waits for a code who could have one."""
    return next(_ready(tx, now), None) is not None


def let_go_on(tx: Tx, now: datetime) -> None:
    """Make some of them due."""
    for enrolment_ids in _ready(tx, now):
        tx.executemany(
            "UPDATE enrolment SET due_ms = ?, revision = revision + 1 WHERE id = ? AND state = 'waiting'",
            [(to_ms(now), each) for each in enrolment_ids],
        )


def _ready(tx: Tx, now: datetime) -> Iterator[list[int]]:
    """Of each pool the runs that wait for it, as many as it has codes beyond those for who is due already."""
    for name, pattern in tx.query("SELECT name, pattern FROM coupon_pool ORDER BY name"):
        awaits = awaiting_pool(name)
        if tx.one(_WAITING.format(">"), (awaits, to_ms(now), 1)) is None:
            continue
        due = len(tx.query(_WAITING.format("<="), (awaits, to_ms(now), CHUNK)))
        room = CHUNK - due if pattern else pools.free(tx, name, now, CHUNK) - due
        if room > 0 and (rows := tx.query(_WAITING.format(">"), (awaits, to_ms(now), room))):
            yield [enrolment_id for (enrolment_id,) in rows]
