"""The schema's history: what this program needs, what the file has, and the way from one to the other.

Migrations are numbered files in `migrations/`, run by playhouse.migrations inside one transaction each, on SQLite and
on PostgreSQL alike. Before an SQLite file that already holds something is changed, a copy is kept beside it, named by
the time; of a PostgreSQL database the caller makes one (engine.upgrading).
"""

import os
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from engine.release import version
from mta.ports import StoreTrouble

if TYPE_CHECKING:
    import peewee

FOLDER = Path(__file__).parent / "migrations"
SHOWN: Final = 60  # characters of a name that is not ours


def schema() -> tuple[str, ...]:
    """The migrations that make this program's tables, in order."""
    return tuple(sorted(each.stem for each in FOLDER.glob("[0-9]*.py")))


class SchemaMismatch(Exception):
    """The database's schema and this program's differ. The text names the remedy."""


class Foreign(SchemaMismatch):
    """What is there is another program's. Nothing was written."""


def want_no_others(database: str, tables: Sequence[str], remedy: str) -> None:
    """Foreign where there are these tables, which no migration of ours made."""
    if not tables:
        return
    some = ", ".join(ascii(each)[1:-1][:SHOWN] for each in tables[:3]) + (", ..." if len(tables) > 3 else "")
    raise Foreign(f"{database} holds tables of another program ({some}): nothing was written; {remedy}")


def pending(applied: Collection[str]) -> list[str]:
    """The migrations that a database lacks to which these were applied. SchemaMismatch for one from a newer program."""
    known = schema()
    if newer := sorted(set(applied) - set(known)):
        raise SchemaMismatch(
            f"the database was made by a newer Posthouse (it has {', '.join(newer)}; this is {version()}, which knows as far"
            f" as {known[-1]}): install that version, or restore the copy that was made before its upgrade"
        )
    return [each for each in known if each not in applied]


def check(applied: Collection[str]) -> None:
    """SchemaMismatch unless the schema is exactly this program's."""
    if lacking := pending(applied):
        raise SchemaMismatch(f"the database lacks {', '.join(lacking)}: run `posthoused migrate`")


def up(database: "peewee.Database", keep: Callable[[], object]) -> list[str]:
    """Apply what is pending; the names applied. `keep` is called before a database with a past is changed.
    SchemaMismatch for a database from a newer program."""
    from playhouse.migrations import Runner  # with peewee it takes 5 MiB, and few starts have anything to migrate

    runner = Runner(database, str(FOLDER))
    applied = runner.applied()
    lacking = pending(applied)
    if lacking and applied:
        keep()
    if lacking:
        runner.up()
    return lacking


def applied_to(file: Path) -> tuple[str, ...]:
    """The migrations that made the tables of an SQLite file that nobody has open; none where it is another program's."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as opened:
            return tuple(str(row[0]) for row in opened.execute("SELECT name FROM schema_migration ORDER BY name"))
    except sqlite3.Error:
        return ()


def keep_copy(path: Path, now: datetime) -> Path:
    """A whole copy, made by SQLite's own backup so that the write-ahead log is in it too. StoreTrouble without room for
    it; nothing half made stays, and what a crash left half made is written over."""
    kept = path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%SZ}")
    partial = path.with_name(f"{path.name}.before.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
    except (sqlite3.Error, OSError) as err:
        if partial.is_file():
            partial.unlink()
        raise StoreTrouble(
            f"the database is of an older version, and no copy of it can be made beside it ({err}): nothing was changed;"
            f" make room in {path.parent}"
        ) from None
    partial.rename(kept)
    return kept
