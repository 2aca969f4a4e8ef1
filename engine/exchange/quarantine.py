"""The quarantine: every row that was not taken, as it came, with its number and the reason.

It stands beside the imported file and is of its kind, so that it can be mended and imported itself: a CSV whose first two
columns are the number and the reason, JSON lines, or for an archive a folder with one file for each of its members that
has such rows. Cells that a spreadsheet would take for a formula are guarded, and read back unguarded. What an earlier
import of the same file left is put aside only when the next one has begun; an interrupted one writes all of it anew.
"""

import csv
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from deliverability.text import clean
from engine.exchange.rows import Row
from engine.exchange.sheet import guarded

NUMBER: Final = "quarantined_row"
REASON: Final = "quarantined_because"


class Quarantine:
    """What was refused of one file; there is none where nothing was."""

    def __init__(self, file: Path, *, is_json: bool = False) -> None:
        """`is_json`: the rows are objects."""
        self._imported, self._is_json = file, is_json
        self._folder = file.with_name(f"{file.name}.quarantine")
        self._plain = file.with_name(f"{file.name}.quarantine.{'jsonl' if is_json else 'csv'}")
        self._files: dict[str, Any] = {}
        self.paths: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._files.values():
            each.close()

    def begin(self) -> None:
        """Take away what an earlier import of this file left."""
        self._plain.unlink(missing_ok=True)
        if self._folder.is_dir() and not self._folder.is_symlink():
            shutil.rmtree(self._folder)

    def add(self, table: str, header: Sequence[str], row: Row, reason: str) -> None:
        """Keep a row of this table."""
        file = self._files.get(table) or self._open(table, header)
        if self._is_json:
            cells = dict(row.cells) if isinstance(row.cells, Mapping) else {"line": row.cells[0]}
            file.write(json.dumps({NUMBER: row.number, REASON: reason, **cells}, ensure_ascii=True) + "\n")
        else:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((row.number, guarded(reason), *(guarded(str(each)) for each in row.cells)))

    def keep(self) -> None:
        """Have what was added on the disk."""
        for each in self._files.values():
            each.flush()
            os.fsync(each.fileno())

    def _open(self, table: str, header: Sequence[str]) -> Any:
        path = self._plain
        if table != self._imported.name:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / Path(clean(table)).name
        fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        file = self._files[table] = os.fdopen(fresh, "w", encoding="utf-8", errors="backslashreplace", newline="")
        self.paths.append(path)
        if not self._is_json:
            csv.writer(file, lineterminator="\n").writerow((NUMBER, REASON, *header))
        return file
