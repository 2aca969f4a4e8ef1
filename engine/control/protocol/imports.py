"""What the daemon says of imports: those that run, those that wait, and those that are over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaultRow:
    """Why rows were not taken, or one of them."""

    reason: str
    rows: int = 1
    first: int = 0  # the number of the (first) row in the file
    table: str = ""
    cells: str = ""  # of one row


@dataclass(frozen=True, slots=True)
class ColumnRow:
    column: str
    target: str  # "-": left out


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import, from the file that came to its entry in the ledger. `id` is of the errand, `batch` of what it wrote."""

    id: str
    state: str  # coming, ready, trying, tried, running, cancelled, done, failed; of a batch alone: reading, trial, held, released
    file: str
    batch: int = 0
    by: str = ""
    kind: str = ""
    size: int = 0  # octets
    come: int = 0  # of them
    rows: int = 0  # in the file, once it was tried
    done: int = 0  # rows looked at, now
    taken: int = 0
    made: int = 0
    known: int = 0
    refused: int = 0
    stopped: int = 0
    started_ms: int = 0
    entry: int | None = None
    why: str = ""  # what went wrong, or why it is held
    sendings: int = 0
    bounces: int = 0
    lists: tuple[str, ...] = ()
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Imports:
    now_ms: int
    rows: tuple[ImportRow, ...] = ()  # errands first, then batches, the newest first


@dataclass(frozen=True, slots=True)
class ImportPicture:
    """One import with what a dry run found, and the rows that were not taken."""

    now_ms: int
    row: ImportRow
    encoding: str = ""
    columns: tuple[ColumnRow, ...] = ()
    reasons: tuple[FaultRow, ...] = ()  # most frequent first
    faults: tuple[FaultRow, ...] = ()  # the first rows that were refused
    people: tuple[str, ...] = ()  # the first few
    declared: tuple[tuple[str, str], ...] = ()
    can_resume: bool = False
