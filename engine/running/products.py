"""Events of the catalogue, which are nobody's: they reach the waiting runs whose data hold that product.

A product may be in a million carts. So such an event becomes a row of the sweeper's, in the commit that looks at it, and the
runs that wait for an event of its name are asked some at a time.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.model import WaitFor
from engine.running import facts
from engine.running.book import FlowBook
from engine.running.hearing import is_awaited
from engine.running.incoming import COLUMNS, StoredEvent, stored
from engine.running.occasions import MOST, Sweep
from engine.running.standing import Kept
from mta.ports import Tx, to_ms

NO_FLOW: Final = 0  # a sweep's flow, where it is an event's
_HEARD: Final = (
    "UPDATE enrolment SET standing = ?, awaits = '', due_ms = ?, revision = revision + 1 WHERE id = ? AND revision = ?"
)


def spread(tx: Tx, event: StoredEvent) -> None:
    """Have the runs asked that wait for such an event, if any does."""
    if tx.one("SELECT 1 FROM enrolment WHERE awaits = ? AND state = 'waiting' LIMIT 1", (event.name,)) is not None:
        tx.execute(
            "INSERT INTO flow_sweep (flow_id, zone, day, from_ms, until_ms, cursor) VALUES (?,'',?,?,?,0)",
            (NO_FLOW, str(event.id), to_ms(event.at), to_ms(event.at)),
        )


def holds(data: Mapping[str, Any], product: Mapping[str, Any]) -> bool:
    """Whether a run's data are about that product: by its SKU, their own or one of their lines'."""
    sku, lines = product.get("sku"), data.get("lines")
    named = [
        data.get("sku"),
        *(line.get("sku") for line in (lines if isinstance(lines, list) else ()) if isinstance(line, dict)),
    ]
    return sku is not None and any(type(each) is type(sku) and each == sku for each in named)


def reach(tx: Tx, book: FlowBook, sweep: Sweep, now: datetime, zone: ZoneInfo) -> int:
    """Let the next of those runs go on that wait for this and hold the product; how many. `zone`: the installation's."""
    row = tx.one(f"SELECT {COLUMNS} FROM event WHERE id = ?", (int(sweep.day),))
    event = stored(row) if row else None
    runs = tx.query(
        "SELECT id, contact_id, version_id, revision, data, step, occurrence, due_ms, standing, intent FROM enrolment"
        " WHERE awaits = ? AND state = 'waiting' AND id > ? ORDER BY id LIMIT ?" + tx.for_update(),
        (event.name, sweep.cursor, MOST),
    ) if event else []  # fmt: skip
    if len(runs) == MOST:
        moved = tx.execute(
            "UPDATE flow_sweep SET cursor = ? WHERE id = ? AND cursor = ?", (runs[-1][0], sweep.id, sweep.cursor)
        )
    else:
        moved = tx.execute("DELETE FROM flow_sweep WHERE id = ? AND cursor = ?", (sweep.id, sweep.cursor))
    if event is None or not moved:
        return 0
    people = facts.read_contacts(tx, (run[1] for run in runs))
    heard = 0
    for run_id, contact_id, version_id, revision, data, *where in runs:
        kept, definition, contact = Kept.read(*where), book.definition(tx, version_id), people.get(contact_id)
        found = definition.program.get(kept.standing.step) if definition else None
        own = facts.read_data(data) | dict(kept.given)
        if contact is None or found is None or not isinstance(found.step, WaitFor) or not holds(own, event.data):
            continue
        scope = facts.scope(contact, event.data, now, facts.zone_for(contact, zone))
        if is_awaited(tx, run_id, found.step, event, scope, own):
            told = replace(kept, standing=replace(kept.standing, heard=True), meant=None)
            heard += tx.execute(_HEARD, (told.as_json(), to_ms(now), run_id, revision))
    return heard
