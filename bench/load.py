"""One cell: send its letters through a target as fast as it takes them, until the next hop has all."""

import os
import subprocess
import time
from pathlib import Path
from typing import Final

from bench.cells import Cell, Result, letter, shares
from bench.processes import cpu_seconds, machine_seconds, private_mib
from bench.sinks import Sink
from bench.targets import ENVIRONMENT, Target

LOOK: Final = 0.005  # seconds between two looks at the count
WEIGH: Final = 0.5  # seconds between two looks at the memory
SETTLE: Final = 0.3  # seconds for the last outcomes to be written, before the processor time is read


class Run:
    """A cell under way."""

    def __init__(self, target: Target, sink: Sink, cell: Cell, folder: Path) -> None:
        self._target, self._sink, self._cell = target, sink, cell
        self._path = folder / f"letter-{cell.size}"
        self._path.write_text(letter(cell.size))
        self._accepted = self._arrived = 0.0
        self._private = self._largest = 0.0

    def measure(self, number: int, limit: float) -> Result:
        """Run it. `limit`: seconds after which it is given up."""
        pids = self._target.pids()
        base = self._sink.count()
        cpu, machine, own = cpu_seconds(pids), machine_seconds(), _own_seconds([self._sink.process.pid])
        began = time.monotonic()
        sources = [
            self._source(place, *share) for place, share in enumerate(shares(self._cell.messages, self._cell.sessions))
        ]
        self._watch(sources, base, began, limit)
        ended = time.monotonic()
        trouble = _buried(sources)
        used = machine_seconds() - machine
        time.sleep(SETTLE)
        spent = cpu_seconds(self._target.pids()) - cpu
        ours = spent + _own_seconds([self._sink.process.pid]) - own
        return Result(
            target=self._target.name, cell=self._cell, accept_seconds=(self._accepted or ended) - began,
            end_to_end_seconds=(self._arrived or ended) - began, delivered=self._sink.count() - base, cpu_seconds=spent,
            private_mib=self._private, largest_mib=self._largest,
            others_percent=max(0.0, 100 * (used - ours) / (ended - began) / (os.cpu_count() or 1)), round=number,
            trouble=trouble or ("" if self._arrived else f"not done in {limit:g} s"),
        )  # fmt: skip

    def _source(self, place: int, sessions: int, messages: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            ["smtp-source", "-4", "-d", "-s", str(sessions), "-m", str(messages), "-C", "20", "-M", "load.bench.example",
             "-f", "news@bench.example", "-t", f"reader@d{place}.example", "-N", "-F", str(self._path),
             f"127.0.0.1:{self._target.port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT,
        )  # fmt: skip

    def _watch(self, sources: list["subprocess.Popen[bytes]"], base: int, began: float, limit: float) -> None:
        next_weighing = began
        while (now := time.monotonic()) - began < limit:
            if not self._accepted and all(each.poll() is not None for each in sources):
                self._accepted = now
                if any(each.returncode for each in sources):
                    return
            if self._sink.count() - base >= self._cell.messages:
                self._arrived = now
            if self._accepted and self._arrived:
                return
            if now >= next_weighing:
                self._weigh()
                next_weighing = now + WEIGH
            time.sleep(LOOK)

    def _weigh(self) -> None:
        found = private_mib(self._target.pids())
        self._private = max(self._private, sum(found))
        self._largest = max([self._largest, *found])


def _own_seconds(others: list[int]) -> float:
    """Processor time of the bench: this process, its load generators that ended, and `others`."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system + cpu_seconds(others)


def _buried(sources: list["subprocess.Popen[bytes]"]) -> str:
    """End and bury the load generators; what they had to say."""
    said = b""
    for each in sources:
        each.kill()
        said += each.communicate()[1]
    return said.decode(errors="replace").strip()[:300]
