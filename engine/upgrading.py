"""A database that an older Posthouse made, brought up to this one: never without a copy of what it was.

An SQLite file is copied beside itself (engine.store.migrate). Of a PostgreSQL database a backup is made, by pg_dump, among
the others. Where that can't be, nothing is changed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from engine import notify
from engine.backup.folder import BackupError
from engine.backup.making import What, make
from engine.config import Config
from engine.release import version
from engine.store.groups import GroupStore
from engine.store.migrate import pending
from mta.ports import StoreTrouble

PATIENCE: Final = timedelta(hours=12)
"""That a supervisor is asked for: who ended a start in the midst of a large copy would have it begun anew, again and again."""


class NoCopy(StoreTrouble):
    """No copy can be made, so nothing was changed. The text names the remedy."""


def upgrade(
    store: GroupStore, config: Config, now: datetime, kept: Callable[[Path], object], *, copy: bool = True
) -> list[str]:
    """Run the migrations that are pending; their names. `kept` hears of the backup that was made before. NoCopy,
    SchemaMismatch, StoreTrouble."""
    place = config.database_place
    if (applied := store.applied()) and pending(applied):  # a new one is made at once
        notify.tell(EXTEND_TIMEOUT_USEC=PATIENCE // timedelta(microseconds=1), STATUS="brings the database up to date")

    def keep() -> None:
        if isinstance(place, str) and copy:
            kept(_back_up(config, place, store.applied(), now))

    return store.migrate(keep)


def _back_up(config: Config, address: str, schema: Sequence[str], now: datetime) -> Path:
    files = {"keys": config.keys_path, "secret": config.secret_path}
    try:
        return make(What(address, files, config.hostname, version(), tuple(schema)), config.backups_path, now).folder
    except BackupError as err:
        raise NoCopy(
            f"the database is of an older version, and no copy of it can be made: {err}. Nothing was changed; where your"
            " server keeps backups of its own, `posthoused migrate --no-copy`"
        ) from None
