"""A long queue: a million deliveries to ten thousand domains, of which one in a hundred lives.

Of the dead ones half refuse connections and half never answer. Each domain is a site of its own, found by DNS. What is
asked: how soon the daemon serves, how much memory a carrier takes, how long the views of the queue take, and whether
fresh mail to domains that live is as fast as without all that.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.cells import Cell
from bench.load import Run
from bench.names import Names
from bench.processes import private_mib
from bench.seeding import opened
from bench.sinks import Sink
from bench.targets import Posthouse
from engine.control.client import Control
from engine.control.place import configured
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import Messages, Queue
from engine.system import SystemClock
from mta.ports import Tx, to_ms

DOMAINS: Final = 10_000
LIVING: Final = 100
EACH: Final = 10  # deliveries of one message
CHUNK: Final = 2000  # messages written in one transaction
LOAD: Final = Cell(2048, 10, 800)
TIMES: Final = 3
LOOKS: Final = 3  # at the views, each time
LIVES, REFUSES, HANGS = "127.0.0.1", "127.0.0.2", "127.0.0.3"
_CONTENT: Final = b"From: news@bench.example\r\nSubject: Old news\r\n\r\n" + b"Nobody reads this any more.\r\n" * 16


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a long queue costs."""

    deliveries: int
    start_seconds: float
    largest_mib: float  # private memory of the largest process, peak
    first_view_ms: float  # the slowest view of the queue, looked at for the first time
    view_ms: float  # the slowest of all later looks
    speed: float  # fresh mail to living domains: its rate, by that without the long queue; medians


class BacklogHouse(Posthouse):
    """A Posthouse that begins with so many deliveries."""

    name = "posthouse-backlog"
    deliveries = 0
    resolver = ""

    def routes(self) -> str:
        return f'resolvers = ["{self.resolver}"]\nport = {self.next_hop}\n'

    def seed(self) -> None:
        now_ms = to_ms(SystemClock().now())
        with opened(self.config) as store:
            for begin in range(0, self.deliveries // EACH, CHUNK):
                numbers = range(begin, min(begin + CHUNK, self.deliveries // EACH))
                store.write_now(lambda tx, numbers=numbers: _messages(tx, numbers, now_ms))  # type: ignore[misc]
            if self.deliveries:
                rows = [(_domain(each), now_ms) for each in range(DOMAINS)]
                store.write_now(
                    lambda tx: tx.executemany("INSERT INTO destination (domain, site, next_ms) VALUES (?,'',?)", rows)
                )


def measure(folder: Path, key: Path, deliveries: int = 1_000_000, limit: float = 60) -> Backlog:
    """Start with that queue, send, look; then send the same without it."""
    with Sink(folder) as sink, _black_hole(sink.port), _names() as names:
        with _house(folder, key, sink, names, deliveries) as house:
            started = time.monotonic() - house.spawned
            control = Control(configured(house.config), patience=60)
            rates, views = [], []
            for number in range(TIMES):
                rates.append(Run(house, sink, LOAD, folder).measure(number, limit).end_to_end_rate)
                views += [_slowest(control) for _ in range(LOOKS)]
            largest = max(private_mib(house.pids()))
        with _house(folder, key, sink, names, 0) as house:
            usual = [Run(house, sink, LOAD, folder).measure(each, limit).end_to_end_rate for each in range(TIMES)]
    return Backlog(deliveries, started, largest, views[0], max(views[1:]), median(rates) / median(usual))


def _house(folder: Path, key: Path, sink: Sink, names: Names, deliveries: int) -> BacklogHouse:
    kind = type("House", (BacklogHouse,), {"deliveries": deliveries, "resolver": names.address})
    house: BacklogHouse = kind(folder / f"backlog-{deliveries}", key, sink.port)
    return house


def _slowest(control: Control) -> float:
    """Milliseconds that the slowest of the views of the queue took."""
    took = []
    for kind, path in ((Overview, "/v1/overview"), (Queue, "/v1/queue"), (Messages, "/v1/messages")):
        began = time.monotonic()
        control.get(kind, path)
        took.append(1000 * (time.monotonic() - began))
    return max(took)


def _domain(number: int) -> str:
    if number % (DOMAINS // LIVING) == 0:
        return f"d{number}.example"
    return f"d{number}.refuses.example" if number % 2 else f"d{number}.hangs.example"


def _messages(tx: Tx, numbers: range, now_ms: int) -> None:
    later = now_ms + 5 * 86_400_000
    tx.executemany(
        "INSERT INTO message (id, reverse_path, stream, origin, subject, header_from, message_id, size, needs_utf8,"
        " has_8bit, credential, recipients, received_ms, no_dsn)"
        " VALUES (?,'news@bench.example',1,'submission','Old news','news@bench.example','',?,0,0,'',?,?,1)",
        [(each + 1, len(_CONTENT), EACH, now_ms) for each in numbers],
    )
    tx.executemany("INSERT INTO body (message_id, content) VALUES (?,?)", [(each + 1, _CONTENT) for each in numbers])
    deliveries = range(numbers[0] * EACH, (numbers[-1] + 1) * EACH)
    tx.executemany(
        "INSERT INTO delivery (message_id, forward_path, domain, stream, state, due_ms, expires_ms, attempts, doubts,"
        " notify, last_reply, created_ms) VALUES (?,?,?,1,0,?,?,0,0,'','',?)",
        [
            (each // EACH + 1, f"r{each}@{_domain(each % DOMAINS)}", _domain(each % DOMAINS), now_ms, later, now_ms)
            for each in deliveries
        ],
    )


def _names() -> Names:
    return Names({"refuses.example": REFUSES, "hangs.example": HANGS, "example": LIVES})


@contextlib.contextmanager
def _black_hole(port: int) -> Iterator[None]:
    """A host that answers nothing: its queue of connections is full, so it drops what asks for another."""
    with socket.socket() as listening, contextlib.ExitStack() as stack:
        listening.bind((HANGS, port))
        listening.listen(0)
        for _ in range(8):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex((HANGS, port))
        yield
