"""Carry a whole database over to another one, of the other kind: every table, the queue and what is in flight included.

Nothing else may write to the old one meanwhile: it is locked, and all of it is read in that one transaction, whose commit
says that it was left (engine.moving.marks has the order, and what a crash leaves). What was written is read again and
compared, table by table, before that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from engine import fence
from engine.moving import marks
from engine.moving.rows import OCTETS, PAGE, Row, Sum, counted, moved_shapes, pages, summed, without_nul
from engine.store.groups import GroupStore
from engine.store.lines import GroupTx, Line
from engine.store.migrate import Foreign, SchemaMismatch
from engine.store.shapes import Shape
from engine.system import is_gone
from mta.ports import StoreTrouble, Tx

Tell = Callable[[str, str, int], None]
"""Hears what is done ("copied", "compared"), a table, and how many of its rows so far."""

_MOVE_LOCK: Final = 0x6D6F7665  # "move"
_SILENT: Final = "SET LOCAL idle_in_transaction_session_timeout TO 0"  # it waits for the other database
_NOT_COPIED: Final = (marks.TO, marks.FROM)


class MoveError(Exception):
    """Why the databases can't be moved, or are not alike; the words can be shown."""


@dataclass(slots=True)
class Table:
    """One table on both sides."""

    name: str
    here: Sum
    there: Sum

    @property
    def is_same(self) -> bool:
        return self.here == self.there


@dataclass(frozen=True, slots=True)
class Moved:
    """What was carried, and compared."""

    tables: tuple[Table, ...]
    replaced: int = 0  # rows whose texts held U+0000

    @property
    def rows(self) -> int:
        return sum(each.here.rows for each in self.tables)

    @property
    def differing(self) -> tuple[Table, ...]:
        return tuple(each for each in self.tables if not each.is_same)


@dataclass(slots=True)
class Move:
    """From one store to another, both open. `about` is noted in the old one, before it is copied."""

    source: GroupStore
    target: GroupStore
    now: datetime
    tell: Tell
    note: Callable[[Tx], object] = field(default=lambda tx: None)

    def look(self) -> None:
        """MoveError for what can be seen beforehand: somebody at work, a database that was left, or one that is not empty."""
        with self._only_one():
            for want in (_want_nobody, self._want_unsealed):
                self.source.read_now(want)
            _want_free(self.target, self.source.name)

    def run(self, state_dir: Path, draw: Callable[[int], bytes]) -> Moved:
        """Carry everything. MoveError and StoreTrouble leave the old database as it was."""
        with self._only_one(), self._held() as (line, tx):
            _want_nobody(tx)
            self._want_unsealed(tx)
            _want_free(self.target, self.source.name)
            self.target.write_now(lambda to: marks.put(to, marks.FROM, self.source.name, self.now))
            self.note(tx)
            moved = self._carry(tx)
            marks.put(tx, marks.TO, self.target.name, self.now)
            tx.finish()
            line.commit()
        self._release(state_dir, draw)
        return moved

    def _carry(self, tx: Tx) -> Moved:
        _clear(self.target)
        shapes, sums, replaced = moved_shapes(), dict[str, Sum](), 0
        load = _Load(self.target)
        for shape in shapes:
            sums[shape.name], odd = self._copy(tx, shape, load)
            replaced += odd
        load.unload()
        self.target.restart_ids(_taken(tx, shapes))
        moved = Moved(tuple(Table(each.name, sums[each.name], self._there(each)) for each in shapes), replaced)
        if moved.differing:
            names = ", ".join(each.name for each in moved.differing)
            raise MoveError(f"what was written is not what was read: {names}; nothing was changed here")
        return moved

    def _there(self, shape: Shape) -> Sum:
        return summed(_reader(self.target), shape, lambda name, rows: self.tell("compared", name, rows))

    def _copy(self, tx: Tx, shape: Shape, load: "_Load") -> tuple[Sum, int]:
        """Write a table over; its sum, and in how many rows a character had to be replaced."""
        found, replaced, done = Sum(), 0, 0
        for page in pages(tx.query, shape):
            rows = [row for row in page if shape.name != "meta" or row[0] not in _NOT_COPIED]
            for row in rows:
                clean = without_nul(row)
                replaced += clean is not row
                load.put(shape, clean)
                if counted(shape, clean):
                    found.add(clean)
            done += len(rows)
            self.tell("copied", shape.name, done)
        return found, replaced

    @contextmanager
    def _held(self) -> Iterator[tuple[Line, GroupTx]]:
        """A transaction on the old database beside which nobody writes."""
        with self.source.apart() as line:
            try:
                tx = line.begin()
                if tx.dialect == "postgresql":
                    tx.execute(_SILENT)
                    tx.execute(
                        "LOCK TABLE " + ", ".join(f'"{each.name}"' for each in moved_shapes()) + " IN SHARE MODE"
                    )
                yield line, tx
            except Exception as err:
                line.roll_back()
                said = line.words(err)
                if said is err:
                    raise
                raise said from err

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Two moves into one database would mix."""
        with self.target.apart() as line:
            tx = line.begin() if _is_postgres(self.target) else None
            if tx is not None:
                tx.execute(_SILENT)
                row = tx.one("SELECT pg_try_advisory_xact_lock(?)", (_MOVE_LOCK,))
                if row is None or not row[0]:
                    line.roll_back()
                    raise MoveError(f"another move into {self.target.name} is under way")
            try:
                yield
            finally:
                line.roll_back()

    def _want_unsealed(self, tx: Tx) -> None:
        """A database that was left is left once; but a move that broke off after that is ended."""
        found = marks.read(tx, marks.TO)
        if found is None:
            return
        begun = self.target.read_now(lambda to: marks.read(to, marks.FROM))
        if begun is None or found.other != self.target.name or begun.other != self.source.name:
            raise MoveError(
                f"{self.source.name} was moved to {found.other} at {found.at:%Y-%m-%d %H:%M} UTC already:"
                " name that one in the configuration"
            )

    def _release(self, state_dir: Path, draw: Callable[[int], bytes]) -> None:
        """Let the new database send, under a run number that the old one, and any copy of it, does not have."""

        def write(work: Callable[[Tx], None]) -> None:
            def both(tx: Tx) -> None:
                work(tx)
                marks.take_off(tx, marks.FROM)

            self.target.write_now(both)

        fence.enter(write, state_dir, draw, self.now)
        marks.check(self.target)


def compare(source: GroupStore, target: GroupStore, tell: Tell) -> Moved:
    """Read every table of both again. Each is read as it is; StoreTrouble."""
    tables = []
    for shape in moved_shapes():
        here = summed(_reader(source), shape)
        there = summed(_reader(target), shape, lambda name, rows: tell("compared", name, rows))
        tables.append(Table(shape.name, here, there))
    return Moved(tuple(tables))


def make_ready(target: GroupStore) -> None:
    """Make the tables in an empty database, or end a making that broke off. MoveError for one that holds others' tables, or
    anything in another schema."""
    ours = {each.name for each in moved_shapes()}
    try:
        target.applied()
        there = target.read_now(_tables)
        if target.read_now(lambda tx: all(_is_empty(tx, each) for each in ours & there)):
            target.migrate()
        target.check_schema()
    except Foreign as err:
        raise MoveError(str(err)) from None
    except SchemaMismatch as err:
        raise MoveError(f"{target.name}: {err}; a move fills a new database") from None


def _tables(tx: Tx) -> set[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if tx.dialect == "postgresql":
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    return {each for (each,) in tx.query(sql)}


def _is_empty(tx: Tx, table: str) -> bool:
    return tx.one(f'SELECT 1 FROM "{table}" LIMIT 1') is None


def _want_nobody(tx: Tx) -> None:
    """MoveError while a carrier works on the database, on whatever machine."""
    counted_by, at_ms = tx.lease_time()
    rows = tx.query("SELECT name, process FROM carrier WHERE boot_id = ? AND lease_until_ms > ?", (counted_by, at_ms))
    if alive := sorted(name for name, process in rows if not is_gone(process)):
        raise MoveError(
            f"{', '.join(alive[:3])} still works on the old database: stop every daemon first (a lease of one that died"
            " elsewhere is over after 30 s)"
        )


def _want_free(target: GroupStore, source: str) -> None:
    """MoveError unless the new database is empty, or was begun to be filled from the same one."""
    begun = target.read_now(lambda tx: marks.read(tx, marks.FROM))
    if begun is not None and begun.other == source:
        return
    if begun is not None:
        raise MoveError(f"{target.name} is being filled from {begun.other}: end that move, or make a new database")
    full = target.read_now(lambda tx: [each.name for each in moved_shapes() if not _is_empty(tx, each.name)])
    if full:
        raise MoveError(f"{target.name} is not empty (table {full[0]}): a move wants a new database")


def _clear(target: GroupStore) -> None:
    """Take away what a move that broke off had written; the mark stays."""

    def work(tx: Tx) -> None:
        names = [f'"{each.name}"' for each in moved_shapes() if each.name != "meta" and not _is_empty(tx, each.name)]
        if tx.dialect == "postgresql" and names:
            tx.execute(f"TRUNCATE {', '.join(names)}")
        elif names:
            for name in names:
                tx.execute(f"DELETE FROM {name}")
        tx.execute("DELETE FROM meta WHERE key <> ?", (marks.FROM,))

    target.write_now(work)


class _Load:
    """Rows on their way, of one table or several: as many as one commit takes."""

    def __init__(self, target: GroupStore) -> None:
        self._target = target
        self._rows: list[tuple[Shape, Row]] = []
        self._octets = 0

    def put(self, shape: Shape, row: Row) -> None:
        self._rows.append((shape, row))
        self._octets += sum(len(each) for each in row if isinstance(each, bytes))
        if len(self._rows) >= PAGE or self._octets >= OCTETS:
            self.unload()

    def unload(self) -> None:
        """Write what is there. MoveError for what the new database does not take."""
        rows, self._rows, self._octets = self._rows, [], 0
        try:
            self._target.write_now(lambda tx: _write(tx, rows))
        except StoreTrouble:
            raise
        except Exception as err:  # each back end has its own words for a value that its column can't hold
            names = ", ".join(sorted({shape.name for shape, _ in rows}))
            raise MoveError(f"the new database refuses a row of {names}: {_first_line(err)}") from err


def _write(tx: Tx, rows: Sequence[tuple[Shape, Row]]) -> None:
    for shape, those in groupby(rows, key=lambda each: each[0]):
        names = ", ".join(f'"{each}"' for each in shape.columns)
        sql = f'INSERT INTO "{shape.name}" ({names}) VALUES ({",".join("?" * len(shape.columns))})'
        tx.executemany(sql, [row for _, row in those])


def _taken(tx: Tx, shapes: Sequence[Shape]) -> Mapping[str, int]:
    """The last id that each table gave, were its row deleted since."""
    found = {}
    for shape in shapes:
        if shape.has_ids:
            row = tx.one(f'SELECT max(id) FROM "{shape.name}"')
            found[shape.name] = max((row[0] or 0) if row else 0, _given(tx, shape.name))
    return found


def _given(tx: Tx, table: str) -> int:
    if tx.dialect == "postgresql":
        row = tx.one(
            "SELECT coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence(?, 'id') AS regclass)), 0)", (table,)
        )
    else:
        row = tx.one("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
    return int(row[0]) if row else 0


def _reader(store: GroupStore) -> Callable[[str, Sequence[Any]], list[Row]]:
    return lambda sql, params: store.read_now(lambda tx: tx.query(sql, params))


def _is_postgres(store: GroupStore) -> bool:
    return store.read_now(lambda tx: tx.dialect) == "postgresql"


def _first_line(err: BaseException) -> str:
    return str(err).strip().split("\n")[0][:200]
