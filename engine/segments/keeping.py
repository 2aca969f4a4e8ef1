"""Keeping memberships true: after an event, when time alone changes something, and for everybody at once.

One contact is asked by the interpreter (`after_event`), many by SQL (`differing` looks, `settle_many` writes what it
still finds in the transaction that writes it). Both end in `engine.audience.membership`. A segment is told of, in events
and history, once it was looked at whole; what its first look finds was so before, and is told of to nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.audience.membership import Move, Standing, settle, standings
from engine.flow.values import truth
from engine.segments import sql
from engine.segments.book import Segment, SegmentBook
from engine.segments.facts import World, load
from engine.segments.reading import touched
from engine.segments.sql import Sql
from engine.store.dialect import DIALECTS
from mta.ports import Tx, to_ms

SETTLED: Final = 100  # contacts in one transaction


def after_event(
    tx: Tx, name: str, contact_id: int, data: dict[str, Any], book: SegmentBook, now: datetime,
    segments: Sequence[Segment] | None = None,
) -> int:  # fmt: skip
    """See what an event of a contact changed; how many segments were asked. `segments`: what the book says there are, for
    who asked it already."""
    if segments is None:
        segments = book.segments(tx)
    topics = touched(name, data)
    asked = [
        each
        for each in segments
        if each.checked and (topics is None or not topics.isdisjoint(each.checked.reads.topics))
    ]
    if not asked:
        return 0
    tx.one("SELECT id FROM contact WHERE id = ?" + tx.for_update(), (contact_id,))  # two events: one after the other
    world = book.world(tx, now)
    scope = load(tx, contact_id, [each.checked.reads for each in asked if each.checked], world)
    if scope is None:
        return 0
    was = standings(tx, contact_id)
    for each in asked:
        shall = standing(each, scope, now)
        settle(tx, each.key, contact_id, was.get(each.id, Standing()), shall, _move(each, name), now)
    return len(asked)


def standing(segment: Segment, scope: dict[str, Any], now: datetime) -> Standing:
    """Where a contact with this scope (`engine.segments.facts.load`) stands, and until when at least."""
    assert segment.checked is not None
    root = segment.checked.root
    oldest = (
        (
            next((each["at"] for each in scope["happened"][window.event] if each["at"] > now - window.length), None),
            window,
        )
        for window in segment.checked.reads.windows
    )
    exits = [to_ms(at + window.length) for at, window in oldest if at is not None]
    return Standing(truth(root.evaluate(scope)), min(exits, default=None))


@dataclass(frozen=True, slots=True)
class Found:
    """A contact that stands elsewhere than is written."""

    contact_id: int
    was: Standing
    shall: Standing


def differing(tx: Tx, segment: Segment, world: World, which: Sql) -> list[Found]:
    """Of the contacts (`c`) that `which` holds for, those that stand elsewhere than is written."""
    assert segment.checked is not None
    holds = sql.condition(segment.checked, world, DIALECTS[tx.dialect])
    exits = sql.next_exits(segment.checked, world)
    columns = sql.fit("".join(", {}" for _ in exits), *(each for each, _ in exits))
    query = sql.fit(
        "SELECT c.id, CASE WHEN {} THEN 1 ELSE 0 END, CASE WHEN m.contact_id IS NULL THEN 0 ELSE 1 END, d.due_ms{}"
        f" FROM contact c LEFT JOIN segment_member m ON m.segment_id = {segment.id:d} AND m.contact_id = c.id"
        f" LEFT JOIN segment_due d ON d.segment_id = {segment.id:d} AND d.contact_id = c.id WHERE {{}}",
        holds, columns, which,
    )  # fmt: skip
    found = []
    for contact_id, is_in, was_in, was_due, *oldest in tx.query(query.text, query.params):
        dues = [at_ms + length for at_ms, (_, length) in zip(oldest, exits, strict=True) if at_ms is not None]
        was, shall = Standing(bool(was_in), was_due), Standing(bool(is_in), min(dues, default=None))
        if was != shall:
            found.append(Found(contact_id, was, shall))
    return found


def settle_many(tx: Tx, segment: Segment, ids: Sequence[int], book: SegmentBook, now: datetime, cause: str) -> int:
    """Ask again of these (at most SETTLED), who can't change meanwhile, and write where they stand; how many moved."""
    if not is_current(tx, segment):
        return 0
    padded = [*ids, *[ids[-1]] * (SETTLED - len(ids))]  # one statement, whatever their number
    which = Sql(f"c.id IN ({', '.join('?' * SETTLED)})", tuple(padded))
    if lock := tx.for_update():
        tx.query(f"SELECT c.id FROM contact c WHERE {which.text} ORDER BY c.id{lock}", which.params)
    found = differing(tx, segment, book.world(tx, now), which)
    move = _move(segment, cause)
    return sum(settle(tx, segment.key, each.contact_id, each.was, each.shall, move, now) for each in found)


def is_current(tx: Tx, segment: Segment) -> bool:
    """Whether a segment still asks what it asked when it was read."""
    sql = "SELECT 1 FROM segment WHERE id = ? AND expression = ? AND removed = 0"
    return tx.one(sql, (segment.id, segment.expression)) is not None


def _move(segment: Segment, cause: str) -> Move:
    """What is found for the first time, or by a new expression, is nobody's doing."""
    is_defined = segment.looked is None
    return Move("defined" if is_defined else cause, is_told=not is_defined, is_kept=segment.built is not None)
