"""Writers that take turns: `python -m bench.turnstile FILE SECONDS` is one of them, `measure` watches several.

Each writes as fast as it may, from many works at once, what an accepted message of 2 KiB writes.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.report import percentile
from bench.targets import ROOT
from deliverability.address import Address
from engine.store.database import Database
from engine.system import SystemClock
from mta.ports import Tx
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings

WORKS: Final = 10  # of each process, that wait at the same time
SECONDS: Final = 5.0
_LETTER: Final = NewMessage(
    "news@bench.example",
    (Recipient(Address.parse("reader@d0.example")),),
    b"x" * 2048,
    Stream.TRANSACTIONAL,
    "submission",
)


def measure(folder: Path, writers: int = 2) -> tuple[float, float, float]:
    """(the smallest writer's share of the largest's, milliseconds of waiting at p50, at p99)."""
    path = folder / "turnstile.db"
    store = Database(path, SystemClock()).open()
    store.migrate()
    store.close()
    words = [sys.executable, "-m", "bench.turnstile", path, str(SECONDS)]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(writers)]
    waits = [json.loads(each.communicate()[0]) for each in children]
    together = [wait for each in waits for wait in each]
    counts = sorted(map(len, waits))
    return counts[0] / counts[-1], percentile(together, 50), percentile(together, 99)


async def _write(path: Path, seconds: float) -> list[float]:
    """Milliseconds that each work waited for its commit."""
    clock, settings = SystemClock(), QueueSettings()
    store = Database(path, clock).open()
    end = clock.monotonic() + seconds
    waits: list[float] = []

    def work(tx: Tx) -> None:
        enqueue(tx, _LETTER, clock.now(), settings)

    async def one() -> None:
        while (began := clock.monotonic()) < end:
            await store.write(work)
            waits.append(1000 * (clock.monotonic() - began))

    await asyncio.gather(*(one() for _ in range(WORKS)))
    store.close()
    return waits


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_write(Path(sys.argv[1]), float(sys.argv[2])))))
