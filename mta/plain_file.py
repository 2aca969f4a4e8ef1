"""Files that people name: read only where a file is. A pipe would keep its reader waiting for ever, a device may have no end,
and either is mostly a slip. What the shell itself hands over (`<(...)`, /dev/stdin) is read as it comes.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

_HANDED: Final = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_KINDS: Final = {
    stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket",
}  # fmt: skip


def open_plain(path: Path) -> BinaryIO:
    """To be read from its beginning. OSError, at once, for what is no file."""
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        require_file(os.fstat(opened).st_mode, path)
        os.set_blocking(opened, True)
        return os.fdopen(opened, "rb")
    except BaseException:
        os.close(opened)
        raise


def read_plain(path: Path, most: int = -1) -> bytes:
    """Its octets, or the first `most` of them. OSError as for `open_plain`."""
    with open_plain(path) as file:
        return file.read(most)


def read_text(path: Path) -> str:
    """A file of UTF-8, with its ends of lines as they are in Python's texts. OSError, UnicodeDecodeError."""
    return read_plain(path).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def require_file(mode: int, path: Path) -> None:
    """OSError for what is none, by the mode of what was opened."""
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind and not str(path).startswith(_HANDED):
        raise OSError(errno.EINVAL, f"{kind} is no file", str(path))
