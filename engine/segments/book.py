"""The segments of this installation, each expression read once, and kept while there is room.

Which there are, and whether they changed, is asked of the store each time; an expression that was read is never stale,
since it is found again by its text and by what it was read against.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.audience.fields import declared
from engine.segments import rfm, sql
from engine.segments.checking import Checked, SegmentError, check
from engine.segments.facts import World
from engine.segments.vocabulary import Vocabulary
from engine.store.dialect import DIALECTS
from mta.ports import Tx, from_ms, to_ms

SEGMENTS_MAX: Final = 1_000

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_COLUMNS: Final = "id, name, title, expression, members, changed_ms, wanted_ms, looked_ms, built_ms"


class NoSegment(LookupError):
    """There is no segment of this name; the words can be shown to an operator."""


class SegmentNameError(ValueError):
    """This can't be a segment's name; the words can be shown to an operator."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stored segment. `checked` is None, and `fault` says why, when this program can't read its expression."""

    id: int
    name: str
    title: str
    expression: str
    members: int
    changed: datetime
    wanted: datetime
    looked: datetime | None  # when the last whole look began; None: it is being built
    built: datetime | None
    checked: Checked | None
    fault: str = ""

    @property
    def key(self) -> tuple[int, str]:
        return self.id, self.name


class SegmentBook:
    """Segments by text. Safe to use from several threads: the worst is that two read the same text."""

    def __init__(self, zone: ZoneInfo) -> None:
        """`zone`: the installation's, for contacts without their own."""
        self._zone = zone
        self._read: dict[tuple[str, int], Checked | str] = {}
        self._made: dict[tuple[Any, ...], Segment] = {}  # by their rows, since most are as they were

    def segments(self, tx: Tx) -> list[Segment]:
        """All there are, in the order of their names."""
        rows = tx.query(f"SELECT {_COLUMNS} FROM segment WHERE removed = 0 ORDER BY name")
        if not rows:
            return []
        vocabulary = vocabulary_of(tx, with_lists=False)
        return [self._segment(row, vocabulary) for row in rows]

    def segment(self, tx: Tx, name: str) -> Segment:
        """The one of this name. NoSegment when there is none."""
        row = tx.one(f"SELECT {_COLUMNS} FROM segment WHERE name = ? AND removed = 0", (name,))
        if row is None:
            raise NoSegment(f"there is no segment {name[:70]}")
        return self._segment(row, vocabulary_of(tx, with_lists=False))

    def world(self, tx: Tx, now: datetime) -> World:
        """What is the same for all contacts now."""
        fields = {name: field.kind for name, field in declared(tx).items()}
        return World(now, self._zone, fields, rfm.known(tx)[0])

    def _segment(self, row: tuple[Any, ...], vocabulary: Vocabulary) -> Segment:
        key = (*row, len(vocabulary.fields))
        found = self._made.get(key)
        if found is None:
            if len(self._made) > 2 * SEGMENTS_MAX:
                self._made.clear()
            found = self._made[key] = self._make(row, vocabulary)
        return found

    def _make(
        self, row: tuple[int, str, str, str, int, int, int, int | None, int | None], vocabulary: Vocabulary
    ) -> Segment:
        segment_id, name, title, expression, members, changed, wanted, looked, built = row
        found = self._checked(expression, vocabulary)
        return Segment(
            segment_id, name, title, expression, members, from_ms(changed), from_ms(wanted),
            None if looked is None else from_ms(looked), None if built is None else from_ms(built),
            found if isinstance(found, Checked) else None, found if isinstance(found, str) else "",
        )  # fmt: skip

    def _checked(self, expression: str, vocabulary: Vocabulary) -> Checked | str:
        key = (expression, len(vocabulary.fields))  # fields are only ever added, and keep their kinds
        found = self._read.get(key)
        if found is None:
            try:
                found = check(expression, vocabulary)
            except SegmentError as err:
                found = str(err)
            if len(self._read) >= 2 * SEGMENTS_MAX:
                self._read.clear()
            self._read[key] = found
        return found


def how_many(tx: Tx) -> int:
    """The segments there are."""
    row = tx.one("SELECT count(*) FROM segment")
    return int(row[0]) if row else 0


def try_out(tx: Tx, checked: Checked) -> None:
    """Ask nobody. SegmentError when the database won't: what was made of the expression is beyond its bounds."""
    world = World(from_ms(0), ZoneInfo("UTC"), {}, rfm.Fifths(*((1, 2, 3, 4),) * 3))
    holds = sql.condition(checked, world, DIALECTS[tx.dialect])
    try:
        tx.query(f"SELECT 1 FROM contact c WHERE c.id = 0 AND {holds.text}", holds.params)
    except Exception as err:  # each database has its own bounds, and its own errors for them
        raise SegmentError(
            f"the expression is nested too deeply, or too large, for the database ({err})", 1, 1
        ) from None


def vocabulary_of(tx: Tx, *, with_lists: bool = True) -> Vocabulary:
    """The names that a segment of this installation may use."""
    lists = frozenset(name for (name,) in tx.query("SELECT name FROM list")) if with_lists else None
    return Vocabulary({name: field.kind for name, field in declared(tx).items()}, lists)


def store_segment(tx: Tx, name: str, expression: str, *, title: str, now: datetime) -> bool:
    """Make a segment, or give one another expression or title; whether there is somebody to look for.

    SegmentError when the expression is none, SegmentNameError when the name is none or there are too many.
    """
    if not _NAME.fullmatch(name):
        raise SegmentNameError(f'"{name[:70]}" is no segment name: use small letters, digits and hyphens')
    try_out(tx, check(expression, vocabulary_of(tx)))
    row = tx.one("SELECT id, expression, title, removed FROM segment WHERE name = ?" + tx.for_update(), (name,))
    if row is None:
        count = tx.one("SELECT count(*) FROM segment")
        if count and count[0] >= SEGMENTS_MAX:
            raise SegmentNameError(f"there are {SEGMENTS_MAX} segments; remove one first")
        tx.insert(
            "INSERT INTO segment (name, title, expression, members, created_ms, changed_ms, wanted_ms, removed)"
            " VALUES (?,?,?,0,?,?,?,0)",
            (name, title or name, expression, *(to_ms(now),) * 3),
        )
        return True
    if row[3]:
        raise SegmentNameError(f"a segment {name} was just removed and is being cleared away; try again in a moment")
    tx.execute("UPDATE segment SET title = ? WHERE id = ?", (title or row[2], row[0]))
    if row[1] == expression:
        return False
    tx.execute(
        "UPDATE segment SET expression = ?, changed_ms = ?, wanted_ms = ?, looked_ms = NULL WHERE id = ?",
        (expression, to_ms(now), to_ms(now), row[0]),
    )
    return True


def remove_segment(tx: Tx, name: str) -> bool:
    """Have a segment forgotten; False when there is none. Its rows are cleared away in parts by the keeper."""
    return tx.execute("UPDATE segment SET removed = 1, members = 0 WHERE name = ? AND removed = 0", (name,)) == 1
