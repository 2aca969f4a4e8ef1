"""A backup on disk: one folder, whole or not there.

    2026-11-22T18-40-11Z/
      manifest.json        which program and schema, when, the SHA-256 of each file
      posthouse.db         the database, its log already in it; posthouse.pgdump where it is PostgreSQL
      posthouse.toml  secret  keys/  templates/    the installation's own files, those that are there

It is made under a name that ends in `.partial`, synced, and renamed. Whoever reads it can read everything that the
installation can: keep it as secret as the machine.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

FORMAT: Final = "posthouse backup 1"
MANIFEST: Final = "manifest.json"
PARTIAL: Final = ".partial"
SQLITE: Final = "posthouse.db"
POSTGRES: Final = "posthouse.pgdump"
_NAME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")
_PART: Final = 1 << 20  # octets read at once
_ODD: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)  # of what we did not write


class BackupError(Exception):
    """A backup that can't be made, or is none, or was damaged; the words can be shown."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A whole backup, as its manifest says. Sizes are octets."""

    folder: Path
    made: str  # ISO 8601, UTC
    version: str  # of the program
    hostname: str
    schema: tuple[str, ...]
    sizes: Mapping[str, int]
    digests: Mapping[str, str]

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    @property
    def is_sqlite(self) -> bool:
        return SQLITE in self.sizes

    @property
    def database(self) -> Path:
        return self.folder / (SQLITE if self.is_sqlite else POSTGRES)


def name_of(now: datetime) -> str:
    """What a backup that is made now is called."""
    return f"{now:%Y-%m-%dT%H-%M-%SZ}"


def is_backup(folder: Path) -> bool:
    """Whether this folder says that it is one."""
    try:
        return bool(_said(folder)["format"] == FORMAT)
    except (OSError, *_ODD):
        return False


def read(folder: Path) -> Backup:
    """What the manifest says; nothing is compared. BackupError."""
    try:
        said = _said(folder)
        if said["format"] != FORMAT:
            raise BackupError(f"{folder} is no backup: its manifest says {str(said['format'])[:60]}")
        sizes = {str(name): int(each["size"]) for name, each in said["files"].items()}
        digests = {str(name): str(each["sha256"]) for name, each in said["files"].items()}
        found = Backup(
            folder, str(said["made"]), str(said["version"]), str(said["hostname"]), tuple(map(str, said["schema"])),
            sizes, digests,
        )  # fmt: skip
    except FileNotFoundError:
        raise BackupError(f"{folder} is no backup: it has no {MANIFEST}") from None
    except OSError as err:
        raise BackupError(f"{folder} can't be read: {err.strerror}") from None
    except _ODD as err:
        raise BackupError(f"{folder / MANIFEST} is not what a backup writes: {err}") from None
    if len({SQLITE, POSTGRES} & set(sizes)) != 1 or not all(map(_is_below, sizes)):
        raise BackupError(f"{folder / MANIFEST} names no database, or a file outside of the backup")
    return found


def compare(backup: Backup) -> None:
    """Read every file again. BackupError for the first that is not what was written, and for one that was added: nobody
    knows whose that is, and a link leads anywhere."""
    try:
        for each in _all_below(backup.folder):
            _refuse_added(backup, each)
    except OSError as err:
        raise BackupError(f"{_shown(backup.folder)} can't be read: {err.strerror}") from None
    for name, digest in backup.digests.items():
        try:
            found = digest_of(backup.folder / name)
        except OSError as err:
            raise BackupError(f"{_shown(backup.folder / name)} can't be read: {err.strerror}") from None
        if found != digest:
            raise BackupError(f"{_shown(backup.folder / name)} was changed since the backup was made")


def _refuse_added(backup: Backup, path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise BackupError(f"{_shown(path)} is no file, and a backup holds nothing else: it was changed")
    name = str(path.relative_to(backup.folder))
    if name != MANIFEST and name not in backup.digests:
        raise BackupError(f"{_shown(path)} is not of this backup: its manifest does not name it; remove it")


def kept_in(folder: Path) -> Iterator[Backup]:
    """The whole backups in a folder, the newest first. What is none is passed over."""
    names = [each for each in folder.iterdir() if _NAME.fullmatch(each.name)] if folder.is_dir() else []
    for each in sorted(names, reverse=True):
        if is_backup(each):
            yield read(each)


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep`, and what was not finished and nobody is at any more; what was removed."""
    old = [each.folder for each in list(kept_in(folder))[keep:]]
    left = [each for each in folder.glob(f"*{PARTIAL}") if _NAME.fullmatch(each.name.removesuffix(PARTIAL))]
    for each in (*old, *(each for each in left if not _is_held(each))):
        shutil.rmtree(each)
    return old


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """While one is being made: whoever removes what was left lets it be. The kernel drops it when its maker dies. OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _is_held(folder: Path) -> bool:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False


def seal(folder: Path, said: Mapping[str, Any]) -> None:
    """Write the manifest of a finished folder: `said`, and each file's size and digest. All is on the disk then."""
    paths = sorted(each for each in folder.rglob("*") if each.is_file())
    files = {str(each.relative_to(folder)): {"size": each.stat().st_size, "sha256": digest_of(each)} for each in paths}
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"format": FORMAT, **said, "files": files}, indent=1) + "\n", "utf-8")
    for each in (*paths, manifest, *(each for each in folder.rglob("*") if each.is_dir()), folder):
        sync(each)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy(place: Path, to: Path) -> None:
    """A file, or all files below a folder, readable by their owner alone; links are not followed. OSError."""
    if place.is_file():
        _copy_file(place, to)
    for each in sorted(place.rglob("*")) if place.is_dir() else ():
        if each.is_file() and not each.is_symlink():
            _copy_file(each, to / each.relative_to(place))


def sync(path: Path) -> None:
    """Bring a file, or a folder's names, to the disk. OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _copy_file(place: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fresh, "wb") as file, place.open("rb") as source:
        shutil.copyfileobj(source, file, _PART)


def _said(folder: Path) -> dict[str, Any]:
    if not stat.S_ISREG((folder / MANIFEST).lstat().st_mode):
        raise ValueError("it is no file")
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return found


def _all_below(folder: Path) -> Iterator[Path]:
    """Whatever is no folder, links to folders too. OSError."""
    folders = [folder]
    while folders:
        for each in sorted(folders.pop().iterdir()):
            if stat.S_ISDIR(each.lstat().st_mode):
                folders.append(each)
            else:
                yield each


def _is_below(name: str) -> bool:
    """Whether a file within the folder can have this name."""
    try:
        is_name = b"\0" not in os.fsencode(name)
    except UnicodeError:
        return False
    return is_name and not Path(name).is_absolute() and ".." not in Path(name).parts


def _shown(path: Path) -> str:
    """In letters that do nothing to a terminal."""
    return str(path) if str(path).isprintable() else ascii(str(path))
