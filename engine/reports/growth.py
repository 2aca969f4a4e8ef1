"""How a list grew: who came by which source, who left and why, day by day of the period."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from engine.reports.gathering import Cursor, part_of
from mta.ports import Tx, to_ms

PEOPLE: Final = 10_000  # subscriptions in one part, at the most


@dataclass(slots=True)
class Growth:
    """Since a day: how many were asked and confirmed, by source; how many ended, by why; how many stand on it now."""

    list_id: int
    since: datetime
    asked: Counter[str] = field(default_factory=Counter)
    confirmed: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    on_it: int = 0

    def part(self, tx: Tx, cursor: Cursor, share: float) -> Cursor | None:
        """Look at some more subscriptions."""
        limit = part_of(PEOPLE, share)
        rows = tx.query(
            "SELECT contact_id, state, source, why, asked_ms, confirmed_ms, ended_ms FROM subscription"
            " WHERE list_id = ? AND contact_id > ? ORDER BY contact_id LIMIT ?",
            (self.list_id, cursor[0], limit),
        )
        since_ms = to_ms(self.since)
        for _, state, source, why, asked_ms, confirmed_ms, ended_ms in rows:
            by = source or "unknown"
            self.on_it += state == "confirmed"
            self.asked[by] += asked_ms >= since_ms
            self.confirmed[by] += confirmed_ms is not None and confirmed_ms >= since_ms
            if state == "unsubscribed" and ended_ms is not None and ended_ms >= since_ms:
                self.ended[why or "left"] += 1
        return (rows[-1][0], 0) if len(rows) == limit else None
