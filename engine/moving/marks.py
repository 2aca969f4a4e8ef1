"""What two databases say of a move between them: rows of `meta`, so that no daemon sends from either at the wrong time.

    the database that is left      moved_to        where everything went: nothing is sent from here any more
    the database that is filled    moved_from      a move into it is not finished: nothing is sent from here yet

The order of a move, and what a crash leaves before each step:

| step | the old database | the new one |
|---|---|---|
| 1. `moved_from` is committed in the new one | goes on | empty |
| 2. rows are copied, and compared | goes on | refused |
| 3. `moved_to` is committed in the old one | goes on | refused |
| 4. a new run number, without `moved_from`, is committed in the new one | refused | refused |
| afterwards | refused | goes on |

So at no moment two would send; and the same command, typed again, begins anew.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.store.groups import GroupStore
from mta.ports import StoreTrouble, Tx, from_ms, to_ms

TO: Final = "moved_to"
FROM: Final = "moved_from"


class Elsewhere(StoreTrouble):
    """The database was left, or is not filled yet. The text names the remedy."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The other database, by the name that has no secret in it, and when the move was begun or ended."""

    other: str
    at: datetime


def check(store: GroupStore) -> None:
    """Elsewhere unless mail may be sent from this database, as far as moves go."""
    store.read_now(_check)


def _check(tx: Tx) -> None:
    if found := read(tx, TO):
        raise Elsewhere(
            f"this database was moved to {found.other} at {found.at:%Y-%m-%d %H:%M} UTC, and sends nothing any more:"
            " name that one in the configuration ([database], docs/postgresql.md)"
        )
    if found := read(tx, FROM):
        raise Elsewhere(
            f"this database is being filled from {found.other}, and the move was not finished:"
            " type the same `posthouse db move` again, with the configuration of before"
        )


def read(tx: Tx, key: str) -> Mark | None:
    """TO or FROM, where it stands."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (key,))
    said = json.loads(row[0]) if row else None
    return Mark(said["other"], from_ms(said["at_ms"])) if said else None


def put(tx: Tx, key: str, other: str, now: datetime) -> None:
    """Set TO or FROM."""
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, json.dumps({"other": other, "at_ms": to_ms(now)})),
    )


def take_off(tx: Tx, key: str) -> None:
    """Remove TO or FROM."""
    tx.execute("DELETE FROM meta WHERE key = ?", (key,))
