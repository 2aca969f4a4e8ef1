"""What the machine says: room on the disk, sizes of files, memory, the newest backup, certificates. It reads files: in a
thread."""

import resource
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.backup.folder import BackupError, kept_in
from engine.config import Config
from engine.doctor.gathering import certificates

_RESIDENT: Final = 1  # of statm, in pages


@dataclass(frozen=True, slots=True)
class Machine:
    """Octets, and times. None: it can't be known here."""

    disk_free: int | None
    disk_size: int | None
    database_log: int | None
    memory: int | None
    backup: datetime | None
    certificates: dict[str, datetime]  # by door, when they end
    unread_certificates: tuple[str, ...]  # doors whose certificate can't be read


def look(config: Config) -> Machine:
    """As it is now."""
    free = size = None
    with suppress(OSError):
        usage = shutil.disk_usage(config.daemon.state_dir)
        free, size = usage.free, usage.total
    place = config.database_place
    shown = {each.where.partition(" ")[0]: each for each in certificates(config)}
    return Machine(
        free, size,
        _size(place.with_name(f"{place.name}-wal")) if isinstance(place, Path) else None,
        _memory(), _newest_backup(config),
        {door: each.not_after for door, each in shown.items() if each.not_after is not None},
        tuple(sorted(door for door, each in shown.items() if each.trouble)),
    )  # fmt: skip


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _memory() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[_RESIDENT]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return None


def _newest_backup(config: Config) -> datetime | None:
    with suppress(BackupError, OSError, ValueError):
        found = next(kept_in(config.backups_path), None)
        return datetime.fromisoformat(found.made) if found else None
    return None
