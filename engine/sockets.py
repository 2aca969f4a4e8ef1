"""Listening sockets: opened once by the front office, or handed over by systemd, and shared by all carriers.

Shared descriptors, never SO_REUSEPORT: with one carrier stopped, a connection waits for another one instead of hanging.
"""

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

from mta.inbound.settings import parse_endpoint

BACKLOG: Final = 1024
_FIRST_FD: Final = 3  # sd_listen_fds(3)
_DIGITS: Final = 6  # of a number of descriptors; more than a process can have


class CannotListen(Exception):
    """A socket could not be had; the text says which and what to do."""


def handed_over() -> dict[str, list[socket.socket]]:
    """Sockets from LISTEN_FDS by their names in LISTEN_FDNAMES (submission, submissions, inbound,
    inbound-lmtp, lmtp, web, metrics, control). CannotListen when a descriptor is no socket."""
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") not in (None, str(os.getpid())) or not count:
        return {}
    if not (count.isascii() and count.isdecimal() and len(count) < _DIGITS):
        raise CannotListen(
            f"LISTEN_FDS: {count[:20]!r} is no number of sockets: only the supervisor that opened them should set LISTEN_FDS"
        )
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[socket.socket]] = {}
    for position in range(int(count)):
        name = names[position] if position < len(names) else "unknown"
        try:
            each = socket.socket(fileno=_FIRST_FD + position)
        except OSError as err:
            raise CannotListen(
                f"LISTEN_FDS: descriptor {_FIRST_FD + position} ({name}) is no socket ({err.strerror}): only the"
                " supervisor that opened it should set LISTEN_FDS"
            ) from None
        each.setblocking(False)
        os.set_inheritable(each.fileno(), False)
        found.setdefault(name.removeprefix("posthouse-").removesuffix(".socket"), []).append(each)
    return found


def listen(endpoint: str, what: str) -> socket.socket:
    """A listening TCP socket. CannotListen when the address can't be had."""
    host, port = parse_endpoint(endpoint)
    family = socket.AF_INET6 if ":" in host or not host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if not host else 1)
        opened.bind((host, port))
        opened.listen(BACKLOG)
    except OSError as err:
        opened.close()
        raise CannotListen(f"{what}: {endpoint} can't be had ({err.strerror}): {_remedy(err, port)}") from None
    opened.setblocking(False)
    return opened


def _remedy(err: OSError, port: int) -> str:
    match err.errno:
        case errno.EACCES | errno.EPERM:
            return f"port {port} is opened by a socket unit (systemd/), or by whoever has CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return "no interface of this machine has that address (`ip address` shows those that there are)"
        case errno.EADDRINUSE:
            return f"is another program there, or another Posthouse? `ss -ltnp 'sport = :{port}'` shows who"
    return "write an IP address of this machine and a port" if isinstance(err, socket.gaierror) else "try another one"


def is_served(path: Path) -> bool:
    """Whether a program has the Unix socket at a path. One of another kind, one that is not for us, and one that is too
    busy to answer say so by errors of their own (connect(2), unix(7)); only a refusal means that nobody is there."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) not in (errno.ECONNREFUSED, errno.ENOENT)


def listen_unix(path: Path, what: str = "control.socket", mode: int = 0o660) -> socket.socket:
    """A listening Unix socket. Replaces a socket nobody serves; CannotListen for anything else at that path."""
    if path.exists() or path.is_symlink():
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CannotListen(f"{what}: {path} exists and is no socket: move it away, or name another path")
        if is_served(path):
            raise CannotListen(
                f"{what}: a program serves {path} (`ss -xap` shows which): stop it, or name another path"
            )
        path.unlink(missing_ok=True)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o777 & ~mode)
    try:
        opened.bind(str(path))
    except OSError as err:
        opened.close()
        raise CannotListen(f"{what}: {path} can't be made: {err.strerror}") from None
    finally:
        os.umask(old)
    opened.listen(128)
    opened.setblocking(False)
    return opened
