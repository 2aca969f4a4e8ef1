"""The schema's history: what this program needs, what the file has, and the way from one to the other.

Migrations are numbered files in `migrations/`, run by playhouse.migrations inside one transaction each, on SQLite and
on PostgreSQL alike. Before an SQLite file that already holds something is changed, a copy is kept beside it, named by
the time; a PostgreSQL server has backups of its own.
"""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import peewee
from playhouse.migrations import Runner

FOLDER = Path(__file__).parent / "migrations"


class SchemaMismatch(Exception):
    """The database's schema and this program's differ. The text names the remedy."""


def up(database: peewee.Database, keep: Callable[[], object]) -> list[str]:
    """Apply what is pending; the names applied. `keep` is called before a database with a past is changed.
    SchemaMismatch for a database from a newer program."""
    runner = Runner(database, str(FOLDER))
    _refuse_newer(runner)
    pending = [row.name for row in runner.status() if row.applied is None]
    if not pending:
        return []
    if runner.applied():
        keep()
    runner.up()
    return pending


def check(database: peewee.Database) -> None:
    """SchemaMismatch unless the schema is exactly this program's."""
    runner = Runner(database, str(FOLDER))
    _refuse_newer(runner)
    pending = [row.name for row in runner.status() if row.applied is None]
    if pending:
        raise SchemaMismatch(f"the database lacks {', '.join(pending)}: run `posthoused migrate`")


def _refuse_newer(runner: Runner) -> None:
    newer = [row.name for row in runner.status() if row.path is None]
    if newer:
        raise SchemaMismatch(
            f"the database was made by a newer Posthouse (it has {', '.join(newer)}): "
            "install that version, or restore the copy that was made before its upgrade"
        )


def keep_copy(path: Path, now: datetime) -> Path:
    """A whole copy, made by SQLite's own backup so that the write-ahead log is in it too."""
    kept = path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%SZ}")
    source, copy = sqlite3.connect(path), sqlite3.connect(kept)
    try:
        source.backup(copy)
    finally:
        source.close()
        copy.close()
    kept.chmod(0o600)
    return kept
