"""A large import: `python -m bench.people FOLDER COUNT` is one, in a process of its own; `measure` starts it and watches.

People with five declared fields, one of each kind, onto two lists, by what `posthouse contact import` does: read, checked,
committed to the ledger. The longest commit is what others who write may have to wait for.
"""

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.processes import private_mib
from bench.targets import ROOT
from engine.audience import lists
from engine.audience.fields import Field, Kind, declare
from engine.exchange.importing import Import
from engine.exchange.opening import open_file
from engine.exchange.preparing import Prepared, Wanted
from engine.exchange.quarantine import Quarantine
from engine.store.database import Database
from engine.system import SystemChance, SystemClock

DOMAINS: Final = 5000
FIELDS: Final = (
    Field("city", Kind.TEXT), Field("shoe_size", Kind.NUMBER), Field("since", Kind.DATE), Field("vip", Kind.FLAG),
    Field("colour", Kind.CHOICE, "", ("red", "blue", "green")),
)  # fmt: skip
LISTS: Final = ("tea", "news")


@dataclass(frozen=True, slots=True)
class People:
    """What an import of so many came to."""

    count: int
    seconds: float  # from the command to the ledger's entry
    private_mib: float  # peak of its process
    longest_ms: float  # of its commits
    slow: float  # of all commits, those over 30 ms


def measure(folder: Path, count: int = 1_000_000) -> People:
    """Write the file, import it."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "people.csv", count)
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.people", folder, str(count)], stdout=subprocess.PIPE, cwd=ROOT
    )
    largest = 0.0
    while child.poll() is None:
        largest = max([largest, *private_mib([child.pid])])
        time.sleep(0.2)
    assert child.stdout is not None
    found = json.loads(child.stdout.read())
    return People(**(found | {"private_mib": largest}))


def _write(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write("E-Mail,Name,City,Shoe size,Since,VIP,Colour\n")
        for number in range(count):
            mark = hashlib.md5(b"%d" % number).hexdigest()[:10]  # keys come in no order, as they do
            file.write(
                f"{mark}{number}@d{number % DOMAINS}.example,Person {number},Leipzig,{20 + number % 30},"
                f"20{10 + number % 15}-0{1 + number % 9}-11,{'yes' if number % 2 else 'no'},{'red' if number % 3 else 'blue'}\n"
            )


def _import(folder: Path, count: int) -> People:
    clock = SystemClock()
    store = Database(folder / "people.db", clock).open()
    store.migrate()
    for field in FIELDS:
        store.write_now(lambda tx, field=field: declare(tx, field, clock.now()))  # type: ignore[misc]
    for name in LISTS:
        store.write_now(lambda tx, name=name: lists.create(tx, name, title=name, purpose="News.", now=clock.now()))  # type: ignore[misc]
    began, file = time.monotonic(), folder / "people.csv"
    with open_file(file) as opened, Quarantine(file) as quarantine:
        prepared = Prepared(store, opened, Wanted("a bench", lists=LISTS), folder)
        task = Import(store, clock, SystemChance())
        done = task.run(prepared.parts, prepared.declare("bench", bytes(32)), quarantine)
    seconds = time.monotonic() - began
    store.close()
    assert done.taken == count and not done.refused, done
    return People(count, seconds, 0.0, 1000 * done.longest, done.slow / max(done.commits, 1))


if __name__ == "__main__":
    print(json.dumps(asdict(_import(Path(sys.argv[1]), int(sys.argv[2])))))
