"""Trees of processes: their processor time and their private memory, read from /proc.

The time of children that ended is in their parent's, so short-lived ones count too.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

TICK: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


def tree(roots: Iterable[int]) -> list[int]:
    """The processes at `roots` and all below them."""
    children = defaultdict(list)
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal() and (facts := _stat(int(entry.name))):
            children[int(facts[1])].append(int(entry.name))
    found, waiting = [], list(roots)
    while waiting:
        found.append(waiting.pop())
        waiting.extend(children[found[-1]])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time, with that of children that ended and were buried."""
    return sum(sum(map(int, facts[11:15])) for pid in pids if (facts := _stat(pid))) / TICK


def private_mib(pids: Iterable[int]) -> list[float]:
    """Memory that each process shares with nobody."""
    return _mib(pids, ("Private_Clean:", "Private_Dirty:"))


def proportional_mib(pids: Iterable[int]) -> list[float]:
    """Memory of each process (PSS): its own, and its part of what it shares. Their sum is what all of them take."""
    return _mib(pids, ("Pss:",))


def _mib(pids: Iterable[int], lines: tuple[str, ...]) -> list[float]:
    found = []
    for pid in pids:
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            continue  # it has just ended
        found.append(sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(lines)) / 1024)
    return found


def machine_seconds() -> float:
    """Processor time of the whole machine that was not idle."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(
        int, (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / TICK


def _stat(pid: int) -> list[str] | None:
    """The fields of proc(5)'s stat after the name: state, parent, ..."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
