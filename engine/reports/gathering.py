"""Reading what a report counts, a part at a time: each part is one short snapshot, and says where the next begins.

Mails are walked in the order of their ids, what people did by the time it happened, both from the day that is asked for.
What an event does not name a mail of (somebody left, complained, ordered) is credited to the last mail that they were sent
before, and to this report if that mail is of it: the last touch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from engine.reports.counting import EVENTS, Tally
from engine.reports.scope import Scope, judged_params
from engine.running.facts import read_data
from engine.store.ages import first_since
from engine.store.many import in_list
from mta.ports import Tx, to_ms
from mta.queue.delivery import State, Stream

MAILS: Final = 4_000  # ids of messages in one part, at the most
HAPPENED: Final = 500  # events in one part, at the most
HOURS: Final = 24 * 14  # of verdicts in one part, at the most

Cursor: TypeAlias = tuple[int, int]
Part: TypeAlias = Callable[[Tx, Cursor, float], Cursor | None]
"""Reads from a cursor on, of the most that a part may hold this share; where the next part begins, or None at the end."""

HOUR_MS: Final = 3_600_000
ORDERED: Final = "order.placed"
HAPPENED_SQL: Final = (
    "SELECT id, contact_id, at_ms, data FROM event WHERE name = ? AND at_ms >= ? AND (at_ms > ? OR id > ?)"
    " ORDER BY at_ms, id LIMIT ?"
)

_OUTCOMES: Final = {
    State.DELIVERED: "delivered", State.BOUNCED: "bounced", State.EXPIRED: "expired", State.CANCELLED: "cancelled",
}  # fmt: skip
START: Final = (0, 0)


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Fills a tally. `since` is the first day; `window` is how long after a mail an order, or a farewell, is its doing."""

    scope: Scope
    tally: Tally
    since: datetime
    window: timedelta

    @property
    def parts(self) -> Sequence[Part]:
        """What there is to be read, each from START."""
        events = (partial(self._events, name) for name in (*EVENTS, ORDERED))
        return (self._mails, *events, *([self._judged] if self.scope.judged else []))

    def _mails(self, tx: Tx, cursor: Cursor, share: float) -> Cursor | None:
        """Mails and their fates."""
        first = cursor[0] or first_since(tx, "message", "received_ms", to_ms(self.since))
        last = tx.one("SELECT max(id) FROM message")
        if last is None or last[0] is None or first > last[0]:
            return None
        until = first + part_of(MAILS, share)
        rows = tx.query(
            f"SELECT {self.scope.group}, d.state, count(*) {self._from} WHERE m.id >= ? AND m.id < ? AND {self.scope.where}"
            f" GROUP BY {self.scope.group}, d.state",
            (first, until, *self.scope.params),
        )
        for group, state, count in rows:
            self.tally.add(group, "sent", count)
            self.tally.add(group, _OUTCOMES.get(State(state), "waiting"), count)
        return until, 0

    def _judged(self, tx: Tx, cursor: Cursor, share: float) -> Cursor | None:
        """What was held, refused and left out, since the beginning of the first hour."""
        oldest = tx.one("SELECT min(hour_ms), max(hour_ms) FROM judgement")
        if oldest is None or oldest[0] is None:
            return None
        first = cursor[0] or max(oldest[0], to_ms(self.since) // HOUR_MS * HOUR_MS)
        until = first + part_of(HOURS, share) * HOUR_MS
        by = self.scope.judged_group
        rows = tx.query(
            f"SELECT {by}, j.what, j.reason, sum(j.mails) FROM judgement j WHERE j.hour_ms >= ? AND j.hour_ms < ?"
            f" AND {self.scope.judged} GROUP BY {by}, j.what, j.reason",
            (first, until, *judged_params(self.scope)),
        )
        for group, what, reason, mails in rows:
            self.tally.judged(group, what, reason, int(mails))
        return (until, 0) if until <= oldest[1] else None

    def _events(self, name: str, tx: Tx, cursor: Cursor, share: float) -> Cursor | None:
        """Events of one name, in the order of time."""
        at_ms, event_id = cursor if cursor != START else (to_ms(self.since), 0)
        limit = part_of(HAPPENED, share)
        rows = tx.query(HAPPENED_SQL, (name, at_ms, at_ms, event_id, limit))
        if name == ORDERED:
            self._orders(tx, rows)
        else:
            self._done(tx, EVENTS[name], rows)
        return (rows[-1][2], rows[-1][0]) if len(rows) == limit else None

    def _orders(self, tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
        for _, contact_id, at_ms, data in rows:
            group = self._last_of_scope(tx, contact_id, at_ms)
            if group is not None:
                self.tally.add(group, "orders")
                self.tally.earn(group, read_data(data))

    def _done(self, tx: Tx, what: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """What people did with mails: those that the events name, or the last before."""
        found = []
        for _, contact_id, at_ms, data in rows:
            number = read_data(data).get("message")
            if not isinstance(number, int) or isinstance(number, bool):
                number = self._last(tx, contact_id, at_ms)
            if number:
                found.append(number)
        groups = self._groups(tx, sorted(set(found)))
        for number in found:
            if number in groups:
                self.tally.add_once(groups[number], what, number)

    def _groups(self, tx: Tx, numbers: Sequence[int]) -> dict[int, str]:
        """The groups of those of these mails that the report is about."""
        if not numbers:
            return {}
        marks, which = in_list(numbers)
        return dict(
            tx.query(
                f"SELECT m.id, {self.scope.group} {self._from} WHERE m.id IN ({marks}) AND {self.scope.where}",
                (*which, *self.scope.params),
            )
        )

    def _last(self, tx: Tx, contact_id: int | None, at_ms: int) -> int | None:
        """The last marketing mail of ours that somebody was sent before, within the window."""
        row = tx.one(
            "SELECT m.id FROM sending s JOIN message m ON m.id = s.message_id WHERE s.contact_id = ? AND m.received_ms <= ?"
            " AND m.received_ms > ? AND m.stream = ? ORDER BY s.message_id DESC LIMIT 1",
            (contact_id, at_ms, at_ms - self._window_ms, int(Stream.MARKETING)),
        )
        return row[0] if row else None

    def _last_of_scope(self, tx: Tx, contact_id: int | None, at_ms: int) -> str | None:
        """The group of the last mail of this report that somebody was sent before an order, within the window."""
        row = tx.one(
            f"SELECT {self.scope.group} FROM sending s JOIN message m ON m.id = s.message_id JOIN delivery d"
            f" ON d.message_id = m.id WHERE s.contact_id = ? AND m.received_ms <= ? AND m.received_ms > ?"
            f" AND m.received_ms >= ? AND {self.scope.where} ORDER BY s.message_id DESC LIMIT 1",
            (contact_id, at_ms, at_ms - self._window_ms, to_ms(self.since), *self.scope.params),
        )
        return None if row is None else str(row[0])

    @property
    def _window_ms(self) -> int:
        return self.window // timedelta(milliseconds=1)

    @property
    def _from(self) -> str:
        join = "JOIN" if self.scope.kind in ("flow", "campaign") else "LEFT JOIN"
        return f"FROM message m JOIN delivery d ON d.message_id = m.id {join} sending s ON s.message_id = m.id"


def part_of(most: int, share: float) -> int:
    """This share of the most, and one at least."""
    return max(1, int(most * share))
