"""What happened is forgotten after `queue.keep_history`: old mail as a whole, and rows that were only written down so that
they can be looked at. A part at a time, as chores of the janitor's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from engine.janitor import SWEEP_SECONDS, Chore
from mta.ports import Tx, to_ms
from mta.queue import forgetting

SPAN: Final = 100  # messages that are looked at at once
PARTS: Final = 20  # in one round of the janitor's
ROWS: Final = 500
LOGS: Final = ("refusal", "segment_change")
"""Tables with a row for each time that something happened, in the order of time."""


class Forgetter:
    """Forgets messages that are older than `age`. It goes over all that are once an hour, some a round."""

    def __init__(self, age: Callable[[], timedelta]) -> None:
        self._age = age
        self._after = 0
        self._found: list[int] = []
        self._again: datetime | None = None  # when to begin anew
        self._round: datetime | None = None
        self._parts = 0

    def is_due(self, tx: Tx, now: datetime) -> bool:
        """Whether some were found, which then wait to be forgotten."""
        if now != self._round:
            self._round, self._parts = now, 0
        if self._again is not None and now < self._again:
            return False
        self._again, self._found = None, []
        while not self._found and self._parts < PARTS and self._again is None:
            self._parts += 1
            self._after, self._found = forgetting.old(tx, self._after, to_ms(now - self._age()), SPAN)
            if not self._after:
                self._again = now + timedelta(seconds=SWEEP_SECONDS)
        return bool(self._found)

    def do(self, tx: Tx, now: datetime) -> None:
        """Forget them, and of which step they were."""
        forgetting.forget(tx, self._found)
        tx.executemany("DELETE FROM sending WHERE message_id = ?", [(each,) for each in self._found])


def of_log(table: str, age: Callable[[], timedelta]) -> Chore:
    """Lets go of the oldest rows of one of LOGS. The youngest stays, since its number is not given again."""

    def is_due(tx: Tx, now: datetime) -> bool:
        row = tx.one(f"SELECT at_ms, (SELECT max(id) FROM {table}) - id FROM {table} ORDER BY id LIMIT 1")
        return row is not None and row[0] < to_ms(now - age()) and row[1] > 0

    def do(tx: Tx, now: datetime) -> None:
        rows = tx.query(f"SELECT id, at_ms FROM {table} ORDER BY id LIMIT ?", (ROWS + 1,))
        old = [(row[0],) for row in rows[:-1] if row[1] < to_ms(now - age())]
        tx.executemany(f"DELETE FROM {table} WHERE id = ?", old)

    return Chore(is_due, do)
