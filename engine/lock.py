"""One Posthouse on one state folder, and on one SQLite file: locks that the kernel drops when their holder dies, however it
dies.

A file is locked twice. The lock on the file itself holds by whatever name it is reached: a hard link, a mount. The one
beside it holds while a restore puts another file into its place.
"""

import fcntl
import os
from pathlib import Path

from engine.own_folder import NoFolder, in_words
from mta.plain_file import require_file


class AlreadyRunning(Exception):
    """Another front office holds the state folder, or the file."""


class Lock:
    def __init__(self, state_dir: Path) -> None:
        """AlreadyRunning; NoFolder where the lock's file can't be had."""
        self._held = [_take(state_dir / "posthoused.lock", state_dir, "daemon.state_dir")]

    @classmethod
    def of_file(cls, database: Path) -> "Lock":
        """Of an SQLite file, whatever state folder uses it: two front offices on one would each send what is in it. Makes
        the file where there is none. Taken before SQLite opens it and released after: a file that is closed loses the
        locks that SQLite has on it in this process."""
        lock = cls.__new__(cls)
        with in_words(database.parent):
            database.parent.mkdir(parents=True, exist_ok=True)
        lock._held = [_take(database.with_name(f"{database.name}.lock"), database, "database.path")]
        try:
            lock._held.append(_take_itself(database))
        except (AlreadyRunning, NoFolder):
            lock.release()
            raise
        return lock

    def release(self) -> None:
        for each in self._held:
            os.close(each)


def _take(path: Path, what: Path, setting: str) -> int:
    """The lock's file, with our number in it."""
    opened = _open(path, os.O_RDWR)
    if not _has_locked(opened):
        holder = os.read(opened, 20).decode("ascii", "replace").strip()
        os.close(opened)
        raise AlreadyRunning(
            f"another Posthouse (pid {holder or 'unknown'}) runs on {what}: stop it, or give this one a {setting} of its own"
        )
    os.ftruncate(opened, 0)
    os.write(opened, str(os.getpid()).encode())
    return opened


def _take_itself(database: Path) -> int:
    opened = _open(database, os.O_RDONLY)
    if not _has_locked(opened):
        os.close(opened)
        raise AlreadyRunning(
            f"another Posthouse runs on the file {database}, by another name of it (`find / -samefile {database}` shows"
            " its names): stop it, or give this one a database.path of its own"
        )
    return opened


def _open(path: Path, way: int) -> int:
    """A file, which is made where there is none; NoFolder, at once, for what can't be had or is no file."""
    with in_words(path.parent):
        opened = os.open(path, way | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            require_file(os.fstat(opened).st_mode, path)
        except OSError:
            os.close(opened)
            raise
    return opened


def _has_locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
