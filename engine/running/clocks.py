"""When the world's rules for a zone change: the waits that were meant by a clock are read again.

A run keeps what was meant by its time (`enrolment.intent`). Which rules the machine has is kept beside the flows; when they
are others than before, all waiting runs are gone over by the sweeper, some at a time.
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.flow.civil import zone_of
from engine.flow.waits import resolve_intent
from engine.running import facts
from engine.running.occasions import Sweep
from mta.ports import Tx, to_ms

RULES: Final = -1  # a sweep's flow, where it is of new rules
AT_ONCE: Final = 200
_KEY: Final = "flows: rules of zones"


def note(tx: Tx, rules: str, now: datetime) -> bool:
    """Have everybody gone over where these rules of zones are others than those that were noted before."""
    row = tx.one("SELECT value FROM meta WHERE key = ?" + tx.for_update(), (_KEY,))
    if row is not None and row[0] == rules:
        return False
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_KEY, rules),
    )
    if row is not None:
        tx.execute(
            "INSERT INTO flow_sweep (flow_id, zone, day, from_ms, until_ms, cursor) VALUES (?,'','',?,?,0)",
            (RULES, to_ms(now), to_ms(now)),
        )
    return row is not None


def read_again(tx: Tx, sweep: Sweep, now: datetime, zone: ZoneInfo) -> int:
    """The next of those who wait by a clock; how many wait until another time now. `zone`: the installation's."""
    runs = tx.query(
        "SELECT e.id, e.intent, e.due_ms, c.zone FROM enrolment e JOIN contact c ON c.id = e.contact_id WHERE e.id > ?"
        " AND e.state = 'waiting' AND e.intent <> '' AND e.due_ms > ? ORDER BY e.id LIMIT ?" + tx.for_update("e"),
        (sweep.cursor, to_ms(now), AT_ONCE),
    )
    if len(runs) == AT_ONCE:
        tx.execute(
            "UPDATE flow_sweep SET cursor = ? WHERE id = ? AND cursor = ?", (runs[-1][0], sweep.id, sweep.cursor)
        )
    else:
        tx.execute("DELETE FROM flow_sweep WHERE id = ? AND cursor = ?", (sweep.id, sweep.cursor))
    moved = []
    for enrolment_id, intent, due_ms, name in runs:
        try:
            due = to_ms(resolve_intent(facts.read_data(intent), zone_of(name, zone), now))
        except (ValueError, KeyError):  # no intent of ours: its time stays
            continue
        if due != due_ms:
            moved.append((due, enrolment_id))
    tx.executemany("UPDATE enrolment SET due_ms = ?, revision = revision + 1 WHERE id = ?", moved)
    return len(moved)
