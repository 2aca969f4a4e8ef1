"""A Posthouse that has nothing to do: `python -m bench.idle`. What it takes of memory and of a processor.

A daemon of this tree with a carrier for each processor, every door open, a year of the sample shop in its database and
three recipes that are active. Nobody talks to it. Exit status 1 when a bar is missed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.calibrate import calibration
from bench.keys import make_key
from bench.names import Names
from bench.processes import cpu_seconds, proportional_mib, tree
from bench.seeding import opened
from bench.sinks import free_port
from bench.targets import Posthouse, end_politely
from engine.control.client import Control
from engine.control.place import configured
from engine.control.protocol.house import Overview
from engine.flow.definition import Definition, check
from engine.flow.known import Known
from engine.lab.certificate import server_context
from engine.running.book import apply_flow
from engine.scene.year import lay
from engine.sending.resources import Resources, packaged_folder
from engine.system import SystemClock
from mta.ports import Tx

PSS_MIB: Final = 150.0
PERCENT: Final = 1.0  # of one processor
SETTLING: Final = 90.0  # seconds until what a start brings with it is done, and its memory given back
FLOWS: Final = ("order-thanks", "asks-for-review", "sunset")


class QuietHouse(Posthouse):
    """It begins with a year of the sample shop, and opens every door there is."""

    name = "idle"
    resolver = ""
    contacts = 5000

    def start(self) -> None:
        now = SystemClock().now()
        server_context(self.folder, ["mta.bench.example"], now)  # makes the certificate
        self.more_of_submission = (
            f'listen_tls = ["127.0.0.1:{free_port()}"]\ntls_certificate = "{self.folder}/hosts.pem"\n'
        )
        super().start()

    def routes(self) -> str:
        return (
            f'resolvers = ["{self.resolver}"]\nport = {self.next_hop}\n[inbound]\nlisten = ["127.0.0.1:{free_port()}"]\n'
            f'listen_lmtp = ["127.0.0.1:{free_port()}"]\n[metrics]\nlisten = ["127.0.0.1:{free_port()}"]\n'
        )

    def seed(self) -> None:
        with opened(self.config) as store:
            now = SystemClock().now()
            print(
                lay(store, contacts=self.contacts, days=365, seed=1, now=now, pictures="http://127.0.0.1:9"), flush=True
            )
            for name in FLOWS:
                store.write_now(lambda tx, name=name: _apply(tx, name, now))  # type: ignore[misc]


def _apply(tx: Tx, name: str, now: datetime) -> None:
    source = (packaged_folder() / "flows" / f"{name}.yaml").read_text("utf-8")
    mails = frozenset(Path(each).name.removesuffix(".html.j2") for each in Resources().names("mail", ".html.j2"))
    definition = check(source, f"{name}.yaml", Known(templates=mails))
    assert isinstance(definition, Definition), definition
    apply_flow(tx, definition, source, now)


@dataclass(frozen=True, slots=True)
class Idle:
    """What it took, over so many seconds."""

    seconds: float
    each: tuple[tuple[str, float, float], ...]  # a process: what it is, MiB (PSS), seconds of processor time

    @property
    def mib(self) -> float:
        return sum(mib for _, mib, _ in self.each)

    @property
    def percent(self) -> float:
        """Of one processor."""
        return 100 * sum(spent for _, _, spent in self.each) / self.seconds


def measure(house: Posthouse, seconds: float) -> Idle:
    """Leave it alone for so long."""
    pids = sorted(tree(house.roots()))
    began, before = time.monotonic(), [cpu_seconds([pid]) for pid in pids]
    time.sleep(seconds)
    took = time.monotonic() - began
    spent = [cpu_seconds([pid]) - was for pid, was in zip(pids, before, strict=True)]
    memory = [sum(proportional_mib([pid])) for pid in pids]
    carriers = [each.pid for each in Control(configured(house.config)).get(Overview, "/v1/overview").carriers]
    return Idle(took, tuple(zip(_words(pids, carriers), memory, spent, strict=True)))


def _words(pids: Iterable[int], carriers: Collection[int]) -> list[str]:
    """What each process is: the daemon tells its carriers, and of the others their parents do."""
    found: dict[int, str] = {}
    for pid in sorted(pids):
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        below = {"": "front office", "front office": "fork server", "fork server": "keeper"}
        found[pid] = "carrier" if pid in carriers else below.get(found.get(parent, ""), "worker")
    return list(found.values())


@contextmanager
def quiet_house(folder: Path, contacts: int) -> Iterator[QuietHouse]:
    """It, as a start leaves it: flows were applied before."""
    with Names({"example": "127.0.0.1"}) as names:
        kind = type("House", (QuietHouse,), {"resolver": names.address, "contacts": contacts})
        with kind(folder / "idle", make_key(folder), free_port()) as house:
            yield house


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long it is left alone")
    parser.add_argument("--contacts", type=int, default=5000, help="of the sample shop")
    options = parser.parse_args()
    end_politely()
    with tempfile.TemporaryDirectory(prefix="posthouse-idle-", dir="/var/tmp") as name:
        folder = Path(name)
        print(calibration(folder), flush=True)
        with quiet_house(folder, options.contacts) as house:
            time.sleep(SETTLING)
            idle = measure(house, options.seconds)
    for what, mib, spent in idle.each:
        print(f"{what:<14} {mib:6.1f} MiB  {1000 * spent / idle.seconds:6.2f} ms of processor a second")
    print(f"memory of all processes (PSS) {idle.mib:.0f} MiB, wanted: under {PSS_MIB:.0f}")
    print(f"processor {idle.percent:.2f} % of one, over {idle.seconds:.0f} s, wanted: under {PERCENT:.0f}")
    is_met = idle.mib < PSS_MIB and idle.percent < PERCENT
    print("met" if is_met else "short")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
