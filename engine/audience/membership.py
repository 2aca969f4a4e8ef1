"""Who is in which segment: the rows, how many there are, and who came and went.

Everything here is rows: who belongs is `engine.segments`' to say. Whoever moves somebody writes the membership, the
figure, the history and the event for flows in one transaction, so that they can't tell different stories.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.audience.contacts import note_event
from engine.store.many import in_list
from mta.ports import Tx, to_ms


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a contact stands in a segment. `due_ms`: when time alone may change that."""

    is_in: bool = False
    due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """How a contact is moved: `cause` (an event's name, time, look, defined), and whether it is history and an event for
    flows, or the segment's first finding of who belongs."""

    cause: str
    is_told: bool
    is_kept: bool


class _Figures:
    """The members that segments have more or less, written once for each at the end of the transaction."""

    def __init__(self) -> None:
        self.changed: Counter[int] = Counter()

    def __call__(self, tx: Tx) -> None:
        for segment_id, more in sorted(self.changed.items()):
            if more:
                tx.put("UPDATE segment SET members = members + ? WHERE id = ?", (more, segment_id))


def standings(tx: Tx, contact_id: int) -> dict[int, Standing]:
    """By segment. A segment that is not there is one without this contact, now and later."""
    dues = dict(tx.query("SELECT segment_id, due_ms FROM segment_due WHERE contact_id = ?", (contact_id,)))
    found = {each: Standing(due_ms=due) for each, due in dues.items()}
    for (each,) in tx.query("SELECT segment_id FROM segment_member WHERE contact_id = ?", (contact_id,)):
        found[each] = Standing(True, dues.get(each))
    return found


def settle(
    tx: Tx, segment: tuple[int, str], contact_id: int, was: Standing, shall: Standing, move: Move, now: datetime
) -> bool:
    """Write where a contact stands in a segment (its id and name) from now on; whether it came or went."""
    segment_id, name = segment
    if shall.due_ms != was.due_ms:
        _set_due(tx, segment_id, contact_id, shall.due_ms)
    if shall.is_in == was.is_in or not _write(tx, segment_id, contact_id, is_in=shall.is_in, now=now):
        return False
    tx.at_commit(_Figures).changed[segment_id] += 1 if shall.is_in else -1
    if move.is_kept:
        tx.put(
            "INSERT INTO segment_change (segment_id, contact_id, entered, cause, at_ms) VALUES (?,?,?,?,?)",
            (segment_id, contact_id, int(shall.is_in), move.cause, to_ms(now)),
        )
    if move.is_told:
        note_event(tx, "segment.entered" if shall.is_in else "segment.left", contact_id, {"segment": name}, now)
    return True


def forget(tx: Tx, contact_id: int) -> None:
    """Take a contact that goes out of all segments, and out of their history."""
    for (segment_id,) in tx.query("SELECT segment_id FROM segment_member WHERE contact_id = ?", (contact_id,)):
        tx.at_commit(_Figures).changed[segment_id] -= 1
    for table in ("segment_member", "segment_due", "segment_change"):
        tx.execute(f"DELETE FROM {table} WHERE contact_id = ?", (contact_id,))


def names_of(tx: Tx, ids: Sequence[int]) -> dict[int, list[str]]:
    """The segments that each of these contacts (at least one) is in, for conditions."""
    marks, which = in_list(ids)
    found: dict[int, list[str]] = {}
    for contact_id, name in tx.query(
        "SELECT m.contact_id, s.name FROM segment_member m JOIN segment s ON s.id = m.segment_id"
        f" WHERE m.contact_id IN ({marks}) ORDER BY s.name",
        which,
    ):
        found.setdefault(contact_id, []).append(name)
    return found


def clear(tx: Tx, segment_id: int, limit: int) -> bool:
    """Take some of a removed segment's rows away; False when none was left."""
    removed = 0
    for table in ("segment_member", "segment_due", "segment_change"):
        removed += tx.execute(
            f"DELETE FROM {table} WHERE segment_id = ? AND contact_id IN"
            f" (SELECT t.contact_id FROM {table} t WHERE t.segment_id = ? LIMIT ?)",
            (segment_id, segment_id, limit),
        )
    return removed > 0


def ask_for_a_look(tx: Tx, now: datetime, names: Iterable[str] | None = None) -> None:
    """Have all segments (or these) looked at whole: many contacts were changed without an event for each."""
    if names is None:
        tx.execute("UPDATE segment SET wanted_ms = ?", (to_ms(now),))
    else:
        tx.executemany("UPDATE segment SET wanted_ms = ? WHERE name = ?", [(to_ms(now), each) for each in names])


def _set_due(tx: Tx, segment_id: int, contact_id: int, due_ms: int | None) -> None:
    if due_ms is None:
        tx.put("DELETE FROM segment_due WHERE segment_id = ? AND contact_id = ?", (segment_id, contact_id))
    else:
        tx.put(
            "INSERT INTO segment_due (segment_id, contact_id, due_ms) VALUES (?,?,?)"
            " ON CONFLICT (segment_id, contact_id) DO UPDATE SET due_ms = excluded.due_ms",
            (segment_id, contact_id, due_ms),
        )


def _write(tx: Tx, segment_id: int, contact_id: int, *, is_in: bool, now: datetime) -> bool:
    if is_in:
        sql = "INSERT INTO segment_member (segment_id, contact_id, since_ms) VALUES (?,?,?) ON CONFLICT DO NOTHING"
        return tx.execute(sql, (segment_id, contact_id, to_ms(now))) == 1
    sql = "DELETE FROM segment_member WHERE segment_id = ? AND contact_id = ?"
    return tx.execute(sql, (segment_id, contact_id)) == 1
