"""The state folder: ours to write to, or a word on why not and what mends it. What root makes there is handed to whose it is."""

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mta.ports import StoreFull

NO_ROOM: Final = 200 << 20  # octets left on its disk: it stops soon
RESERVE: Final = 64 << 20  # octets that new mail leaves free
RESERVE_PART: Final = 20  # or a twentieth of a small disk


class NoFolder(Exception):
    """The state folder can't be used; the words say which, why, and how to mend it. Nothing was changed."""


@contextmanager
def in_words(folder: Path) -> Iterator[None]:
    """An OSError on the way of a state folder, as NoFolder."""
    try:
        yield
    except OSError as err:
        raise NoFolder(f"daemon.state_dir: {folder} {why(err, folder)}") from None


def hand_over(opened: int, folder: Path) -> None:
    """As root: an open file that we made in a folder belongs to whose the folder is. OSError."""
    if os.geteuid() == 0:
        status = folder.stat()
        os.fchown(opened, status.st_uid, status.st_gid)


def hand_over_below(folder: Path) -> None:
    """As root: what root made below a folder that is another's belongs to whose the folder is. Links are neither followed
    nor changed, nor is a file of several names, which may be another's elsewhere.
    """
    with suppress(FileNotFoundError):
        status = folder.stat()
        if os.geteuid() != 0 or status.st_uid == 0:
            return
        for _, folders, files, inside in os.fwalk(folder):
            for name in (*folders, *files):
                with suppress(FileNotFoundError):
                    _hand_over(name, inside, status)


def _hand_over(name: str, inside: int, to: os.stat_result) -> None:
    found = os.stat(name, dir_fd=inside, follow_symlinks=False)
    is_ours = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
    if found.st_uid == 0 and is_ours:
        os.chown(name, to.st_uid, to.st_gid, dir_fd=inside, follow_symlinks=False)


def require_room(place: Path | str) -> None:
    """StoreFull where little is left on the disk of a database's file, and new mail would take the room in which it is written
    down what becomes of mail that was taken. A server's disk is its own affair.
    """
    if isinstance(place, Path):
        with suppress(OSError):
            seen = os.statvfs(place.parent)
            free = seen.f_bavail * seen.f_frsize
            if free < min(RESERVE, seen.f_blocks * seen.f_frsize // RESERVE_PART):
                raise StoreFull(
                    f"{free >> 20} MiB are left on the database's disk, for what becomes of mail that was taken"
                )


def shut(err: PermissionError) -> tuple[str, str]:
    """Whose what may not be reached is, in words; and its owner, who may: "" where that is not known, or we are the owner."""
    path = Path(os.fsdecode(err.filename)) if isinstance(err.filename, str | bytes) else None
    if path is None:
        return f"that is refused: {err.strerror}", ""
    for each in (path, *path.parents):
        try:
            status = each.stat()
        except OSError:
            continue
        whose = (
            f"{path} can't be reached: {each} belongs to {user_name(status.st_uid)} (mode {status.st_mode & 0o777:o})"
        )
        return f"{whose}, and this is {user_name(os.geteuid())}", "" if status.st_uid == os.geteuid() else user_name(
            status.st_uid
        )
    return f"{path} can't be reached: {err.strerror}", ""


def why(err: OSError, folder: Path) -> str:
    """What is the matter with a folder, and what mends it; the folder's name goes before."""
    match err.errno:
        case errno.EROFS:
            return (
                "is on a file system that is mounted read-only: look at `dmesg` why, then mount it anew"
                " (mount -o remount,rw)"
            )
        case errno.ENOSPC | errno.EDQUOT:
            return "is on a full disk: make room (`df -h`)"
        case errno.EACCES | errno.EPERM:
            me = user_name(os.geteuid())
            return f"{_owner(folder)}, and this is {me}: start it as that user, or give it the folder (chown -R)"
        case errno.ENOTDIR | errno.EEXIST:
            return f"can't be a folder: {err.filename} is a file"
    return f"can't be used: {err.strerror} ({err.filename})"


def _owner(folder: Path) -> str:
    """Whose it is, or whose the first folder above it is that can be seen."""
    for each in (folder, *folder.parents):
        try:
            status = each.stat()
        except OSError:
            continue
        whose = f"belongs to {user_name(status.st_uid)} (mode {status.st_mode & 0o777:o})"
        return whose if each == folder else f"can't be made: {each} {whose}"
    return "can't be looked at"


def user_name(uid: int) -> str:
    """A user of this machine; one who has no name (a container's need not) by their number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
