"""One Posthouse on one state folder: a lock that the kernel drops when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path


class AlreadyRunning(Exception):
    """Another front office holds the state folder."""


class Lock:
    def __init__(self, state_dir: Path) -> None:
        self._fd = os.open(state_dir / "posthoused.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 20).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise AlreadyRunning(
                f"another Posthouse (pid {holder or 'unknown'}) runs on {state_dir}: stop it, or give this one a"
                " daemon.state_dir of its own"
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        os.close(self._fd)
