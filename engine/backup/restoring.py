"""Put a backup in the place of an installation's database and files. No daemon may run on them.

What was there is kept beside it. The fence goes up in the restored database: it sends nothing until an operator says
so, wherever it is started.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from engine import fence
from engine.backup.folder import Backup, BackupError, compare, copy, sync
from engine.backup.making import look_through
from engine.backup.tools import run_tool
from engine.store.groups import GroupStore
from engine.store.migrate import applied_to
from mta.ports import Tx

WHY: Final = "the backup of {made} was restored"
_LOG: Final = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put where, and what was moved out of the way."""

    placed: tuple[Path, ...]
    moved: tuple[Path, ...]


def check(backup: Backup, schema: tuple[str, ...]) -> None:
    """Refuse what was damaged, what a newer program made, and what is no Posthouse's. BackupError."""
    if newer := [each for each in backup.schema if each not in schema]:
        raise BackupError(
            f"the backup was made by a newer Posthouse ({backup.version}; it has {', '.join(newer[:3])}):"
            " install that version"
        )
    compare(backup)
    if backup.is_sqlite:
        look_through(backup.database)
        if not set(backup.schema).issuperset(applied := applied_to(backup.database)) or not applied:
            raise BackupError(
                f"{backup.database} is no database of a Posthouse, or not the one that the manifest tells of"
            )


def restore(backup: Backup, database: Path | str, places: Mapping[str, Path], now: datetime) -> Restored:
    """Put the database and the files in their places. `places`: by their name in the backup. BackupError, OSError."""
    moved: list[Path] = []
    if isinstance(database, Path) != backup.is_sqlite:
        kinds = ("SQLite", "PostgreSQL") if backup.is_sqlite else ("PostgreSQL", "SQLite")
        raise BackupError(f"the backup is of {kinds[0]}, and the configuration names a {kinds[1]} database")
    if isinstance(database, Path):
        moved += _place_sqlite(backup.database, database, now)
    else:
        options = ("--exit-on-error", "--single-transaction", "--no-owner")
        run_tool("pg_restore", database, *options, str(backup.database))
    placed = [] if not isinstance(database, Path) else [database]
    for name, place in places.items():
        if (backup.folder / name).exists():
            moved += _out_of_the_way(place, now)
            copy(backup.folder / name, place)
            placed.append(place)
    return Restored(tuple(placed), tuple(moved))


def put_up_fence(store: GroupStore, backup: Backup, now: datetime) -> None:
    """Nothing is sent from what was just restored. StoreTrouble."""
    store.write_now(_fence(WHY.format(made=backup.made), now))


def _fence(why: str, now: datetime) -> Callable[[Tx], None]:
    return lambda tx: fence.put_up(tx, why, now)


def _place_sqlite(source: Path, database: Path, now: datetime) -> list[Path]:
    """Copy beside, sync, and take the place in one step. A crash leaves the old one, the new one, or both beside an empty
    place: what a daemon makes there sends nothing (engine.fence)."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = database.with_name(database.name + ".restoring")
    copy(source, fresh)
    sync(fresh)
    moved = _settled_aside(database, now)
    fresh.replace(database)
    sync(database.parent)
    return moved


def _settled_aside(database: Path, now: datetime) -> list[Path]:
    """Move the database that is there away, with its log in it. A log without its database goes too: SQLite would take what
    is in it for the restored one's."""
    if database.exists():
        try:
            with closing(sqlite3.connect(database, isolation_level=None)) as opened:
                opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            pass  # damaged, which may be why a backup is restored: its log goes with it
    aside = _aside(database, now)
    moved = []
    for end in ("", *_LOG):  # what is left of its log keeps the name by which SQLite finds it
        left = database.with_name(database.name + end)
        if left.exists():
            moved.append(left.rename(aside.with_name(aside.name + end)))
    return moved


def _out_of_the_way(path: Path, now: datetime) -> list[Path]:
    return [path.rename(_aside(path, now))] if path.exists() else []


def _aside(path: Path, now: datetime) -> Path:
    """A name beside it that is not taken, were two restored within a second."""
    aside = first = path.with_name(f"{path.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    again = 1
    while any(aside.with_name(aside.name + end).exists() for end in ("", *_LOG)):
        again += 1
        aside = first.with_name(f"{first.name}-{again}")
    return aside
