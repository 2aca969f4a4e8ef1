"""Files that people name: read or written only where a file is. A pipe would keep whoever opens it waiting for ever, a device
may have no end, and either is mostly a slip. What the shell itself hands over (`<(...)`, `>(...)`, /dev/stdin) is taken as it
comes.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

_HANDED: Final = ("/dev/fd/", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/proc/self/fd/")
_KINDS: Final = {
    stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket",
}  # fmt: skip


def open_plain(path: Path) -> BinaryIO:
    """To be read from its beginning. OSError, at once, for what is no file."""
    return os.fdopen(_opened(path, os.O_RDONLY), "rb")


def open_anew(path: Path) -> BinaryIO:
    """To be written from its beginning: made, or emptied. OSError, at once, for what is no file."""
    opened = _opened(path, os.O_WRONLY | os.O_CREAT)
    if stat.S_ISREG(os.fstat(opened).st_mode):
        os.ftruncate(opened, 0)
    return os.fdopen(opened, "wb")


def _opened(path: Path, how: int) -> int:
    try:
        opened = os.open(path, how | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, 0o666)
    except OSError as err:
        if err.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            require_file(path.stat().st_mode, path)
        raise
    try:
        require_file(os.fstat(opened).st_mode, path)
        os.set_blocking(opened, True)
    except BaseException:
        os.close(opened)
        raise
    return opened


def read_plain(path: Path, most: int = -1) -> bytes:
    """Its octets, or the first `most` of them. OSError as for `open_plain`."""
    with open_plain(path) as file:
        return file.read(most)


def read_text(path: Path) -> str:
    """A file of UTF-8, with its ends of lines as they are in Python's texts. OSError, UnicodeDecodeError."""
    return read_plain(path).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def write_plain(path: Path, octets: bytes) -> None:
    """These octets, and nothing else. OSError as for `open_anew`."""
    with open_anew(path) as file:
        file.write(octets)


def why(err: OSError | UnicodeDecodeError) -> str:
    """What hindered it, for people: neither a number nor the file, which whoever tells it names."""
    if isinstance(err, UnicodeDecodeError):
        return f"octet 0x{err.object[err.start]:02x} is no UTF-8 (save the file as UTF-8)"
    return err.strerror or str(err)


def require_file(mode: int, path: Path) -> None:
    """OSError for what is none, by the mode of what was opened."""
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind and not str(path).startswith(_HANDED):
        raise OSError(errno.EINVAL, f"{kind} is no file", str(path))
