"""Processes as a supervisor sees them: who is there, who ended, and free ports for them.

Nothing here guesses by time: an end is awaited on a pidfd, which the kernel makes readable when the process ends.
"""

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

PATIENCE = 60.0  # seconds: far over what anything here takes, so that a test fails and does not hang
_FIRST_PORT, _LAST_PORT = 10_000, 32_000  # below what the kernel gives to outgoing connections
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_PORTS = range(_FIRST_PORT + _WORKER, _LAST_PORT, _WORKERS)
_ports = cycle(random.SystemRandom().sample(_PORTS, len(_PORTS)))


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    state: str  # as in proc(5): Z has ended and was not buried yet


def free_port() -> int:
    """A port on 127.0.0.1 where nobody listens, and that neither an outgoing connection nor the tests beside us take
    meanwhile. None is given twice until all were given, so what is not bound yet stays its holder's."""
    for port in islice(_ports, len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port on 127.0.0.1")


def session(leader: int) -> dict[int, Process]:
    """The living processes of a session, by pid. It outlives its leader, so orphans are found too."""
    return {pid: each for pid, each in _members(leader).items() if each.state not in "ZX"}


def _members(leader: int) -> dict[int, Process]:
    """Those too that only look as if they had ended: a process whose other threads still end is a Z already."""
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            # proc(5): the command's name stands in brackets and may hold anything, a bracket too
            stat = Path(entry.path, "stat").read_text("ascii", "replace").rpartition(")")[2].split()
            if int(stat[3]) == leader:
                found[int(entry.name)] = Process(int(entry.name), int(stat[1]), stat[0])
    return found


def thread_states(pid: int) -> list[str]:
    """The state letter of each thread of a process (proc(5)): a signal stops them one after another."""
    found = []
    for each in Path("/proc", str(pid), "task").glob("*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            found.append(each.read_text("ascii", "replace").rpartition(")")[2].split()[0])
    return found


def wait_ended(pids: Iterable[int], patience: float) -> set[int]:
    """Wait until all of these ended; those that have not when patience is over."""
    deadline = time.monotonic() + patience
    left = set(pids)
    for pid in tuple(left):
        try:
            ended = os.pidfd_open(pid)
        except ProcessLookupError:
            left.discard(pid)
            continue
        try:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            if poll.poll(max(0, deadline - time.monotonic()) * 1000):
                left.discard(pid)
        finally:
            os.close(ended)
    return left


def wait_session_ended(leader: int, patience: float = PATIENCE) -> set[int]:
    """Wait until all of a session ended, those too that it forks meanwhile; those that have not when patience is over."""
    deadline = time.monotonic() + patience
    while True:
        left = wait_ended(_members(leader), max(0, deadline - time.monotonic()))
        if left or not session(leader):
            return left


def kill_session(leader: int) -> None:
    """End a whole session at one stroke, as a power cut would, and wait until it is gone. Its processes are one group, and
    the kernel kills a group at once: none of them sees another die, and none forks one that stays."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    left = wait_session_ended(leader)
    assert not left, f"{left} survived SIGKILL"


def kill(pids: Iterable[int], patience: float = PATIENCE) -> None:
    """End these, one after another, and wait until they are gone."""
    victims = tuple(pids)
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    left = wait_ended(victims, patience)
    assert not left, f"{left} survived SIGKILL"


def wait_connectable(port: int, process: subprocess.Popen[bytes], patience: float = PATIENCE) -> None:
    """Wait until somebody listens there; at once an end when the process did."""
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=patience):
            return
        is_alive = bool(wait_ended([process.pid], 0.05))
        assert is_alive and time.monotonic() < deadline, f"nobody listens on port {port}"
