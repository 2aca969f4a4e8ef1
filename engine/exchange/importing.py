"""One import from its first row to its entry in the ledger.

Rows are read a window at a time, brought into the order in which the contacts' index has them (so that a commit writes few
of its pages), and written in chunks. Each is one commit, and the rows of the ledger in it say which are done; so an import
that is killed goes on when the same command is given again, and no row is taken twice. A chunk is made smaller when its
commit takes long, so that others who write never wait.

    1. the batch is there, "reading"; the arbiter holds its people back
    2. chunk after chunk: contacts, subscriptions, rows of the ledger: one commit; a window's last says that it is done
    3. the last rows, the root over all of them and the batch's one entry: one commit; "trial"
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from engine.audience import batches, merkle
from engine.audience.batches import BatchState
from engine.audience.consent import Answer
from engine.audience.membership import ask_for_a_look
from engine.exchange.people import BadRow, Person
from engine.exchange.quarantine import Quarantine
from engine.exchange.rows import Row, Table
from engine.exchange.taking import Taken, commit, take
from engine.store.groups import GroupStore
from mta.ports import Chance, Clock, Tx, to_ms

WINDOW: Final = 30_000  # rows that are sorted together
CHUNK_FIRST: Final = 100
CHUNK_MAX: Final = 200
CHUNK_MIN: Final = 60  # below that a commit costs more than what is in it
AIM_SECONDS: Final = 0.01  # commits that take longer make the next chunks smaller
SLOW_SECONDS: Final = 0.03  # nobody else who writes should wait for longer
TIDY_EVERY: Final = 16  # chunks, between two times that the database's log is brought home beside the writers

Shape = Callable[[Row], Person]


@dataclass(frozen=True, slots=True)
class Part:
    """A table, and how its rows are people."""

    table: Table
    shape: Shape


@dataclass(frozen=True, slots=True)
class Declared:
    """What whoever imports says of it: the ledger's entry."""

    file: str
    digest: str
    kind: str
    operator: str
    answer: Answer  # the words that people saw; `source` is "import"
    how: str  # how the addresses were come by
    said: Mapping[str, Any] = field(default_factory=dict)  # more for the entry: lists, columns

    @property
    def words(self) -> dict[str, Any]:
        return {"file": self.file, "sha256": self.digest, "kind": self.kind, "who": self.operator, "how": self.how,
                **self.said}  # fmt: skip


@dataclass(slots=True)
class Progress:
    """How far an import is."""

    batch_id: int
    rows: int = 0
    taken: int = 0
    made: int = 0
    refused: int = 0
    stopped: int = 0
    seq: int | None = None
    resumed: int = 0  # rows that were taken before it was interrupted
    commits: int = 0
    longest: float = 0.0  # seconds of the longest commit
    slow: int = 0  # commits that took longer than SLOW_SECONDS


class ImportedAlready(ValueError):
    """The very same file was imported before."""


@dataclass(slots=True)
class Import:
    """Runs one. `tell` hears of the progress, about once in `tell_every` seconds of work; what it raises ends the import
    where it is, between two commits."""

    store: GroupStore
    clock: Clock
    chance: Chance
    overwrite: bool = False
    tell: Callable[[Progress], None] = lambda progress: None
    tell_every: float = 1.0
    chunk: int = CHUNK_FIRST
    _pending: list[bytes] = field(default_factory=list)
    _usual: float = AIM_SECONDS / 2  # seconds of a commit, lately

    def run(
        self, parts: Callable[[], Iterator[Part]], declared: Declared, quarantine: Quarantine, *, again: bool = False
    ) -> Progress:
        """Take all rows. ImportedAlready, unless `again`. `parts` reads the file; what is wrong with its tables is raised
        before anything is written."""
        for _ in parts():
            pass
        now = self.clock.now()
        progress = self.store.write_now(lambda tx: begin(tx, declared, now, again))
        quarantine.begin()
        progress.resumed = progress.taken
        before = _Before(self.store, progress) if progress.rows or progress.taken else None
        if before is not None:
            self._pending = before.pending()
        offset = 0
        for part in parts():
            rows = _numbered(part.table.rows, offset)
            while window := list(islice(rows, WINDOW)):
                offset = window[-1].number
                if before is not None:
                    window = before.rest(part, window, quarantine)
                if window:
                    self._take(part, window, offset, progress, quarantine)
        quarantine.keep()
        self._seal(progress, declared)
        return progress

    def _take(self, part: Part, rows: list[Row], last: int, progress: Progress, quarantine: Quarantine) -> None:
        """Take a window; with its last chunk all rows up to `last` are done."""
        people: list[Person] = []
        refused: dict[int, str] = {}
        for row in rows:
            try:
                people.append(part.shape(row))
            except BadRow as err:
                refused[row.number] = str(err)
        people.sort(key=lambda each: each.key)  # rows of one address stay in their order
        at, told = 0, self.clock.monotonic()
        while True:
            chunk = people[at : at + self.chunk]
            at += self.chunk
            refused |= self._write(chunk, progress, last if at >= len(people) else None, len(refused))
            if at >= len(people):
                break
            if self.clock.monotonic() - told > self.tell_every:
                told = self.clock.monotonic()
                self.tell(progress)
        for row in rows:
            if row.number in refused:
                quarantine.add(part.table.name, part.table.header, row, refused[row.number])

    def _write(self, people: list[Person], progress: Progress, last: int | None, refused: int) -> dict[int, str]:
        """One commit; which rows were refused in it. `last`: the window's last row, with its last chunk, and `refused` how
        many of the window could not be taken until now."""
        leaves = commit(people, self.chance.octets(batches.SALT_OCTETS * len(people)) if people else b"")
        now, pending, first = self.clock.now(), self._pending, progress.taken

        def work(tx: Tx) -> tuple[Taken, float]:
            began = self.clock.monotonic()  # here, since a turn to write was waited for before
            taken = take(tx, progress.batch_id, people, leaves, now, overwrite=self.overwrite)
            batches.add_leaves(tx, progress.batch_id, first, taken.leaves, pending)
            _go_on(tx, progress, taken, last, refused + len(taken.refused))
            return taken, began

        taken, began = self.store.write_now(work)
        self._pace(self.clock.monotonic() - began, progress)
        if progress.commits % TIDY_EVERY == 0:
            self.store.tidy_now()
        self._pending = batches.pending_of(pending, taken.leaves)
        progress.taken += len(taken.leaves)
        progress.made, progress.stopped = progress.made + taken.made, progress.stopped + taken.stopped
        if last is not None:
            progress.rows, progress.refused = last, progress.refused + refused + len(taken.refused)
        return taken.refused

    def _pace(self, took: float, progress: Progress) -> None:
        progress.commits, progress.slow = progress.commits + 1, progress.slow + (took > SLOW_SECONDS)
        progress.longest = max(progress.longest, took)
        self._usual += (took - self._usual) / 8  # one that had to wait for the disk says little
        if self._usual > AIM_SECONDS:
            self.chunk = max(CHUNK_MIN, self.chunk * 9 // 10)
        elif self._usual < AIM_SECONDS / 2:
            self.chunk = min(CHUNK_MAX, self.chunk + 5)

    def _seal(self, progress: Progress, declared: Declared) -> None:
        now, pending = self.clock.now(), self._pending
        if not progress.taken:
            self.store.write_now(lambda tx: tx.execute("DELETE FROM import_batch WHERE id = ?", (progress.batch_id,)))
            return

        def work(tx: Tx) -> int:
            ask_for_a_look(tx, now)  # rows have no events by which segments would see them
            made = batches.seal(tx, progress.batch_id, progress.taken, pending, declared.answer, declared.words, now)
            return made.seq

        progress.seq = self.store.write_now(work)


def finish(store: GroupStore, batch_id: int, salt: bytes, now: datetime) -> int | None:
    """End an import that was interrupted as it is: the ledger's entry; None where there is nothing to end."""
    sql = "SELECT taken, rows_read, declared FROM import_batch WHERE id = ? AND state = 'reading'"
    row = store.read_now(lambda tx: tx.one(sql, (batch_id,)))
    if row is None:
        return None
    taken, words = row[0], json.loads(row[2])
    block, rest = divmod(taken, merkle.BLOCK)
    pending = store.read_now(lambda tx: batches.leaves_of(tx, batch_id, block)) if rest else []
    answer = Answer(words.pop("wording", ""), source="import", salt=salt)

    def work(tx: Tx) -> int | None:
        if tx.one(sql + tx.for_update(), (batch_id,)) != row:
            return None  # it goes on in another process
        if not taken:
            tx.execute("DELETE FROM import_batch WHERE id = ?", (batch_id,))
            return 0
        ask_for_a_look(tx, now)
        return batches.seal(tx, batch_id, taken, pending, answer, words, now).seq

    return store.write_now(work)


def begin(tx: Tx, declared: Declared, now: datetime, again: bool) -> Progress:
    """The batch of this file: the one that was interrupted, else a new one. ImportedAlready."""
    row = tx.one(
        "SELECT id, state, rows_read, taken, made, refused, stopped, declared FROM import_batch WHERE digest = ?"
        " ORDER BY id DESC LIMIT 1" + tx.for_update(),
        (declared.digest,),
    )
    words = json.dumps(declared.words | {"wording": declared.answer.wording}, ensure_ascii=False)
    if row is not None and row[1] == BatchState.READING:
        if row[7] != words:
            raise ImportedAlready(
                f"import {row[0]} of this file was interrupted, and was begun with other options: give those, or end it"
                f" as it is (`posthouse import finish {row[0]}`)"
            )
        return Progress(row[0], *row[2:7])
    if row is not None and not again:
        raise ImportedAlready(f"this very file is import {row[0]} already")
    batch_id = tx.insert(
        "INSERT INTO import_batch (state, file, digest, kind, declared, operator, rows_read, taken, made, refused,"
        " stopped, root, sendings, bounces, started_ms, why) VALUES (?,?,?,?,?,?,0,0,0,0,0,'',0,0,?,'')",
        (
            str(BatchState.READING), declared.file, declared.digest, declared.kind,
            words, declared.operator, to_ms(now),
        ),
    )  # fmt: skip
    return Progress(batch_id)


def _go_on(tx: Tx, progress: Progress, taken: Taken, last: int | None, refused: int) -> None:
    """Say how far it is. ImportedAlready where it is not where we left it: somebody else goes on with it."""
    rows, refused = (progress.rows, 0) if last is None else (last, refused)
    done = tx.execute(
        "UPDATE import_batch SET rows_read = ?, taken = taken + ?, made = made + ?, refused = refused + ?,"
        " stopped = stopped + ? WHERE id = ? AND state = 'reading' AND rows_read = ? AND taken = ?",
        (
            rows, len(taken.leaves), taken.made, refused, taken.stopped, progress.batch_id, progress.rows,
            progress.taken,
        ),
    )  # fmt: skip
    if not done:
        raise ImportedAlready(f"import {progress.batch_id} of this file is under way in another process")


def _numbered(rows: Iterator[Row], offset: int) -> Iterator[Row]:
    """Numbers that go on from one part to the next, so that one number says how far an import is."""
    if not offset:
        yield from rows
        return
    for row in rows:
        yield Row(offset + row.number, row.cells, row.trouble)


class _Before:
    """What an import did before it was interrupted: its rows are not taken again, and its quarantine is written anew."""

    def __init__(self, store: GroupStore, progress: Progress) -> None:
        self._store, self._batch_id, self._done = store, progress.batch_id, progress.rows
        self._leaves = progress.taken
        self._taken = bytearray()  # 1 at the number of each row that was taken
        for begin in range(0, self._leaves, _READ):
            self._mark(begin)

    def _mark(self, begin: int) -> None:
        sql = "SELECT file_row FROM import_row WHERE batch_id = ? AND leaf >= ? AND leaf < ?"
        for (row,) in self._store.read_now(lambda tx: tx.query(sql, (self._batch_id, begin, begin + _READ))):
            if row >= len(self._taken):
                self._taken.extend(bytes(row + 1 - len(self._taken)))
            self._taken[row] = 1

    def pending(self) -> list[bytes]:
        """The hashes of the block that was not full."""
        block, rest = divmod(self._leaves, merkle.BLOCK)
        return self._store.read_now(lambda tx: batches.leaves_of(tx, self._batch_id, block)) if rest else []

    def rest(self, part: Part, rows: list[Row], quarantine: Quarantine) -> list[Row]:
        """Those that are still to do."""
        left = [row for row in rows if row.number >= len(self._taken) or not self._taken[row.number]]
        for row in left:
            if row.number <= self._done:
                quarantine.add(part.table.name, part.table.header, row, _why(part, row))
        return [row for row in left if row.number > self._done]


_READ: Final = 5000  # rows of the ledger that are read at once


def _why(part: Part, row: Row) -> str:
    try:
        part.shape(row)
    except BadRow as err:
        return str(err)
    return "it was refused before the import was interrupted (an erased person, or an external id that is taken)"
