"""Make a backup while the daemon runs, or while it does not.

The database is copied as it is at one moment: SQLite by its own backup, in one reading transaction, so its log grows
meanwhile and shrinks afterwards; PostgreSQL by pg_dump. Writers wait for neither. The copy is read through before the
backup counts as one.
"""

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from engine.backup.folder import (
    PARTIAL,
    POSTGRES,
    SQLITE,
    Backup,
    BackupError,
    copy,
    held,
    name_of,
    read,
    seal,
    sync,
)
from engine.backup.tools import run_tool
from engine.own_folder import shut

FAULTS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class What:
    """What belongs into a backup."""

    database: Path | str  # a file, or the address of a server
    files: Mapping[str, Path]  # by their name in the backup; those that are not there are left out
    hostname: str
    version: str
    schema: tuple[str, ...]


def make(what: What, into: Path, now: datetime) -> Backup:
    """Make one, in a folder of its own below `into`. BackupError; nothing half made stays."""
    folder = _free(into, now)
    partial = folder.with_name(folder.name + PARTIAL)
    try:
        partial.mkdir(mode=0o700, parents=True)
    except OSError as err:
        raise BackupError(_why(err, into)) from None
    try:
        with held(partial):
            _fill(partial, what, now)
            partial.rename(folder)
            sync(into)
    except OSError as err:
        shutil.rmtree(partial, ignore_errors=True)
        raise BackupError(_why(err, into)) from None
    except BackupError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return read(folder)


def _fill(partial: Path, what: What, now: datetime) -> None:
    if isinstance(what.database, Path):
        _copy_sqlite(what.database, partial / SQLITE)
    else:
        _dump(what.database, partial / POSTGRES)
    for name, place in what.files.items():
        copy(place, partial / name)
    said = {"made": now.isoformat(timespec="seconds"), "version": what.version, "hostname": what.hostname}
    seal(partial, {**said, "schema": list(what.schema)})


def look_through(database: Path) -> None:
    """Read an SQLite file wholly, as SQLite checks it. BackupError with the first faults."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as opened:
            found = [str(row[0]) for row in opened.execute("PRAGMA integrity_check")]
    except sqlite3.Error as err:
        found = [str(err)]
    if found != ["ok"]:
        raise BackupError(f"{database} is damaged: {'; '.join(found[:FAULTS_SHOWN])}")


def _free(into: Path, now: datetime) -> Path:
    """A name that is not taken, were two made within a second."""
    first = folder = into / name_of(now)
    again = 1
    while folder.exists() or folder.with_name(folder.name + PARTIAL).exists():
        again += 1
        folder = first.with_name(f"{first.name}-{again}")
    return folder


def _why(err: OSError, into: Path) -> str:
    """What can't be written, or of the installation's own files what can't be read, and what mends that."""
    path = Path(err.filename) if isinstance(err.filename, str) else into
    if path.is_relative_to(into) or into.is_relative_to(path):
        return f"{into} can't be written: {err.strerror or err}"
    if isinstance(err, PermissionError):
        words, _ = shut(err)
        return f"{words}: give it to this user (`chown`), for a backup without it would be no backup"
    return f"{path} can't be read: {err.strerror}"


def _copy_sqlite(database: Path, to: Path) -> None:
    if not database.exists():
        raise BackupError(f"there is no database {database}")
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as source,
            closing(_open(to)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    except sqlite3.Error as err:
        raise BackupError(f"{database} can't be copied: {err}") from None
    look_through(to)


def _open(to: Path) -> sqlite3.Connection:
    return sqlite3.connect(to, isolation_level=None)


def _dump(address: str, to: Path) -> None:
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    run_tool("pg_dump", address, "--format=custom", f"--file={to}")
