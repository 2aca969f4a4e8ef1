"""The ports as this machine gives them: the only module that reads the clock, draws chance or opens a connection.

In a lab the civil clock carries an offset that `posthouse lab advance` moves; the monotonic and the boot-time clock
never do.
"""

import asyncio
import ctypes
import ipaddress
import os
import pwd
import random
import re
import socket
import ssl
import time
import zoneinfo
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")
P = TypeVar("P", bound=asyncio.BaseProtocol)


class SystemClock:
    """The machine's clock, moved by `offset` (zero outside a lab)."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # mallopt(3)
LARGE: Final = 128 * 1024  # octets of a piece of memory that goes back to the machine by itself


def hold_memory_together() -> None:
    """Have the C library take memory in one place for all threads, and large pieces (each TLS session reads into 256 KiB)
    outside it. Of its own accord it makes a heap for each thread, and puts large pieces between small ones that stay: so
    there is ever more that it can't give back. For a process without threads; what it forks does the same."""
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc's
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, LARGE)


def give_back_memory() -> None:
    """Give the machine what the C library holds free for us. For a while after much was read that can be most of it."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc's
        trim(0)


class SystemChance:
    """The machine's dice. The unguessable ones come from the kernel."""

    def __init__(self) -> None:
        self._dice = random.SystemRandom()

    def uniform(self, low: float, high: float) -> float:
        return self._dice.uniform(low, high)

    def octets(self, count: int) -> bytes:
        return os.urandom(count)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return self._dice.sample(items, len(items))


class SystemNet:
    """The machine's network, seen from the running event loop."""

    async def connect(
        self, protocol: Callable[[], P], address: str, port: int, *, source: str | None = None
    ) -> tuple[asyncio.Transport, P]:
        loop = asyncio.get_running_loop()
        if address.startswith("/"):
            return await loop.create_unix_connection(protocol, address)
        local = (source, 0) if source else None
        transport, made = await loop.create_connection(protocol, address, port, local_addr=local)
        opened = transport.get_extra_info("socket")
        if opened is not None and opened.family in (socket.AF_INET, socket.AF_INET6):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return transport, made

    async def start_tls(
        self, transport: asyncio.Transport, protocol: asyncio.BaseProtocol, context: ssl.SSLContext, server_name: str
    ) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        made = await loop.start_tls(transport, protocol, context, server_hostname=server_name)
        if made is None:
            raise ConnectionError("the connection closed during the TLS handshake")
        return made


def zone_rules() -> str:
    """Which rules of time zones this machine has: the tzdata release, as its files name it, and the package's."""
    found = []
    for folder in zoneinfo.TZPATH:
        for name in ("tzdata.zi", "+VERSION"):
            with suppress(OSError), Path(folder, name).open(encoding="ascii", errors="replace") as lines:
                found.append(lines.readline().strip()[:60])
    with suppress(metadata.PackageNotFoundError):
        found.append(metadata.version("tzdata"))
    return ", ".join(dict.fromkeys(found))


class _Timex(ctypes.Structure):
    """The beginning of adjtimex(2)'s structure; what follows it is room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_char * 256),
    )  # fmt: skip


_UNSYNCHRONISED = 0x40  # STA_UNSYNC


def clock_error() -> timedelta | None:
    """By how much the clock is wrong at most, as the kernel was told by whoever keeps it; None where nobody does."""
    told = _Timex()
    with suppress(OSError, AttributeError):
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
        if state >= 0 and not told.status & _UNSYNCHRONISED:
            return timedelta(microseconds=told.maxerror)
    return None


def boot_id() -> str:
    """What tells this boot from every other one: a lease of another boot has lapsed."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def own_process() -> str:
    """What tells this process from every other one on this machine, for `is_gone`; "" where that can't be known."""
    counted, pid = _counted_here(), str(os.getpid())
    return f"{counted} {pid} {_stat(pid)[1]}" if counted else ""


def is_gone(process: str) -> bool:
    """Whether a process is known to have ended. False where nobody here can tell: it is of another machine or boot, or
    another PID namespace counts it."""
    counted, pid, started = [*process.rsplit(" ", 2), "", ""][:3]
    if not counted or counted != _counted_here():
        return False
    try:
        os.kill(int(pid), 0)  # asked in this way, also one that /proc hides from us answers (hidepid, ProtectProc)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    try:
        state, since = _stat(pid)
    except OSError:
        return False
    return state in "ZX" or since != started  # it waits to be buried, or another has its number


def _counted_here() -> str:
    """Boot and PID namespace; "" where /proc counts for another one."""
    own = Path("/proc/self")
    return f"{boot_id()} {(own / 'ns/pid').readlink()}" if str(own.readlink()) == str(os.getpid()) else ""


def _stat(pid: str) -> tuple[str, str]:
    """A process's state and when it started, in ticks since boot (proc(5))."""
    words = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return words[0], words[19]


def allowed_uids(users: Sequence[str]) -> frozenset[int] | None:
    """The uids of these names and numbers, with root's and our own; None when "*" is among them. A name that nobody has
    allows nobody.
    """
    if "*" in users:
        return None
    return frozenset({0, os.geteuid(), *filter(lambda uid: uid >= 0, map(_uid, users))})


def is_user(user: str) -> bool:
    """Whether this machine has a user of that name; a number is always one."""
    return 0 <= _uid(user) < 1 << 32


def _uid(user: str) -> int:
    try:
        return int(user) if user.isascii() and user.isdigit() else pwd.getpwnam(user).pw_uid
    except KeyError:
        return -1


def own_addresses() -> list[str]:
    """The IP addresses of this machine: mail that would be sent to one of them would come back to us."""
    found: list[str] = []
    candidate = ""
    for line in _lines("/proc/net/fib_trie"):
        if match := re.search(r"\|-- (\d+\.\d+\.\d+\.\d+)", line):
            candidate = match[1]
        elif "/32 host LOCAL" in line and candidate not in found:
            found.append(candidate)
    for line in _lines("/proc/net/if_inet6"):
        digits = line.split()[0]
        found.append(str(ipaddress.IPv6Address(int(digits, 16))))
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return []  # a kernel without this family
