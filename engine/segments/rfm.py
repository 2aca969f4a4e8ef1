"""RFM: in which fifth of all buyers somebody is, by the last order, by how many, and by how much. Five is the best.

Where the fifths lie is found out once a day from a sample of up to SAMPLE buyers, a part of all contacts at a time.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mta.ports import Tx, from_ms, to_ms

SAMPLE: Final = 20_000
EVERY: Final = timedelta(days=1)

Edges = tuple[int, ...]
"""Up to four: who is above the first is in the second fifth."""


@dataclass(frozen=True, slots=True)
class Fifths:
    """Where they lie: milliseconds, orders, hundredths. No edges: nobody bought yet, and all are in the first."""

    recency: Edges = ()
    frequency: Edges = ()
    monetary: Edges = ()

    def of(self, orders: int, spent: int, last_ms: int | None) -> dict[str, int]:
        """A contact's three scores, 1 to 5; none without an order."""
        if not orders or last_ms is None:
            return {}
        return {
            "recency": _score(self.recency, last_ms),
            "frequency": _score(self.frequency, orders),
            "monetary": _score(self.monetary, spent),
        }


def _score(edges: Edges, value: int) -> int:
    return 1 + sum(value > edge for edge in edges)


def known(tx: Tx) -> tuple[Fifths, datetime | None]:
    """The fifths as they were found last, and when."""
    row = tx.one("SELECT value FROM meta WHERE key = 'rfm'")
    told: dict[str, Any] = json.loads(row[0]) if row else {}
    if not told:
        return Fifths(), None
    return Fifths(tuple(told["recency"]), tuple(told["frequency"]), tuple(told["monetary"])), from_ms(told["at_ms"])


def keep(tx: Tx, buyers: list[tuple[int, int, int]], now: datetime) -> Fifths:
    """Find the fifths of these (last order, orders, spent), and keep them."""
    found = Fifths(*(_edges([each[place] for each in buyers]) for place in range(3)))
    told = {"recency": found.recency, "frequency": found.frequency, "monetary": found.monetary, "at_ms": to_ms(now)}
    tx.execute(
        "INSERT INTO meta (key, value) VALUES ('rfm', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (json.dumps(told),),
    )
    return found


def buyers(tx: Tx, after: int, up_to: int, step: int) -> list[tuple[int, int, int]]:
    """Every `step`th contact with an order, of those with ids in (after, up_to]: last order, orders, spent."""
    rows = tx.query(
        "SELECT last_order_ms, orders, spent FROM contact WHERE id > ? AND id <= ? AND id % ? = 0 AND orders > 0"
        " AND last_order_ms IS NOT NULL",
        (after, up_to, step),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _edges(values: list[int]) -> Edges:
    ordered = sorted(values)
    return tuple(ordered[(len(ordered) * part - 1) // 5] for part in range(1, 5)) if ordered else ()
