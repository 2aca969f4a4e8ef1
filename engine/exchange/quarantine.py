"""The quarantine file: every row that was not taken, as it came, with its number and the reason.

It stands beside the imported file and is of its kind, so that it can be mended and imported itself: a CSV whose first two
columns are the number and the reason, or JSON lines. Cells that a spreadsheet would take for a formula are guarded, and
read back unguarded. An import that was interrupted writes it anew.
"""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from engine.exchange.rows import Row
from engine.exchange.sheet import guarded

NUMBER: Final = "quarantined_row"
REASON: Final = "quarantined_because"


def path_of(file: Path) -> Path:
    """Where the rows of this file go that can't be taken."""
    suffix = ".jsonl" if file.suffix.lower() in (".jsonl", ".ndjson", ".json") else ".csv"
    return file.with_name(f"{file.name}.quarantine{suffix}")


class Quarantine:
    """One file of them; there is none where nothing was refused."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        path.unlink(missing_ok=True)
        self._file: Any = None
        self._header: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, header: Sequence[str], row: Row, reason: str) -> None:
        """Keep a row."""
        if self._file is None:
            fresh = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            self._file = os.fdopen(fresh, "w", encoding="utf-8", errors="backslashreplace", newline="")
        if self.path.suffix == ".jsonl":
            self._add_json(row, reason)
        else:
            self._add_csv(tuple(header), row, reason)
        self.count += 1

    def keep(self) -> None:
        """Have what was added on the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def _add_csv(self, header: tuple[str, ...], row: Row, reason: str) -> None:
        writer = csv.writer(self._file, lineterminator="\n")
        if header != self._header:  # each part of an export has its own columns
            self._header = header
            writer.writerow((NUMBER, REASON, *header))
        cells = row.cells.values() if isinstance(row.cells, Mapping) else row.cells
        writer.writerow((row.number, guarded(reason), *(guarded(str(each)) for each in cells)))

    def _add_json(self, row: Row, reason: str) -> None:
        cells = dict(row.cells) if isinstance(row.cells, Mapping) else {"line": row.cells[0]}
        said = {NUMBER: row.number, REASON: reason, **cells}
        self._file.write(json.dumps(said, ensure_ascii=True) + "\n")
