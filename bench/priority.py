"""Transactional mail before bulk: 100,000 marketing deliveries wait for a site that is given 20 attempts a second, and a
transactional message to the same site is handed over every now and then. How long until it has arrived?

`python -m bench.priority` runs it alone.
"""

import smtplib
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.keys import make_key
from bench.report import percentile
from bench.seeding import opened
from bench.sinks import StampSink
from bench.targets import Posthouse
from engine.system import SystemClock
from mta.ports import Tx, to_ms

BULK: Final = 100_000
RATE: Final = 20  # attempts a second
URGENT: Final = 100  # messages; one in a hundred may take longer than the 99th percentile says
PACE: Final = 0.5  # seconds between two of them
PATIENCE: Final = 30.0
CHUNK: Final = 5_000
DOMAIN: Final = "reader.example"
_CONTENT: Final = b"From: news@bench.example\r\nSubject: Offers\r\n\r\nNobody waits for this.\r\n"


@dataclass(frozen=True, slots=True)
class Priority:
    """Milliseconds from the 250 to the arrival of what is urgent, and what left beside it."""

    bulk: int
    arrivals: tuple[float, ...]
    lost: int
    per_second: float  # of all attempts: what the limit was used for

    @property
    def p50(self) -> float:
        return percentile(list(self.arrivals), 50)

    @property
    def p99(self) -> float:
        return percentile(list(self.arrivals), 99)


class PriorityHouse(Posthouse):
    """A Posthouse with all that bulk in its queue, and that limit."""

    name = "posthouse-priority"

    def routes(self) -> str:
        hop = f"127.0.0.1:{self.next_hop}"
        return f'smart_host = "{hop}"\n[shaping.limits."transport:{hop}"]\nper_second = {RATE}\n'

    def seed(self) -> None:
        now_ms = to_ms(SystemClock().now())
        with opened(self.config) as store:
            for begin in range(1, BULK + 1, CHUNK):
                numbers = range(begin, begin + CHUNK)
                store.write_now(lambda tx, numbers=numbers: _bulk(tx, numbers, now_ms))  # type: ignore[misc]
            row = (DOMAIN, now_ms)
            store.write_now(
                lambda tx: tx.execute("INSERT INTO destination (domain, site, next_ms) VALUES (?,'',?)", row)
            )


def measure(folder: Path, key: Path) -> Priority:
    """Start it, and let what is urgent through."""
    with StampSink() as sink, PriorityHouse(folder, key, sink.port) as house:
        time.sleep(5)  # bulk is under way
        began, before = time.monotonic(), sink.count
        answered = _send(house.port)
        end = time.monotonic() + PATIENCE
        while len(sink.came) < URGENT and time.monotonic() < end:
            time.sleep(0.05)
        came = dict(sink.came)
        rate = (sink.count - before) / (time.monotonic() - began)
    arrivals = tuple(1000 * (came[each] - answered[each]) for each in answered if each in came)
    return Priority(BULK, arrivals, URGENT - len(arrivals), rate)


def _send(port: int) -> dict[int, float]:
    """When each was answered with 250."""
    answered = {}
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        for each in range(URGENT):
            text = f"X-Bench-Id: {each}\r\nFrom: shop@bench.example\r\nSubject: Your code\r\n\r\n{each}\r\n"
            client.sendmail("shop@bench.example", [f"u{each}@{DOMAIN}"], text)
            answered[each] = time.perf_counter()
            time.sleep(PACE)
    return answered


def _bulk(tx: Tx, numbers: range, now_ms: int) -> None:
    later = now_ms + 5 * 86_400_000
    tx.executemany(
        "INSERT INTO message (id, reverse_path, stream, origin, subject, header_from, message_id, size, needs_utf8,"
        " has_8bit, credential, recipients, received_ms, no_dsn)"
        " VALUES (?,'news@bench.example',1,'submission','Offers','news@bench.example','',?,0,0,'',1,?,1)",
        [(each, len(_CONTENT), now_ms) for each in numbers],
    )
    tx.executemany("INSERT INTO body (message_id, content) VALUES (?,?)", [(each, _CONTENT) for each in numbers])
    tx.executemany(
        "INSERT INTO delivery (message_id, forward_path, domain, stream, state, due_ms, expires_ms, attempts, doubts,"
        " notify, last_reply, created_ms) VALUES (?,?,?,1,0,?,?,0,0,'','',?)",
        [(each, f"r{each}@{DOMAIN}", DOMAIN, now_ms, later, now_ms) for each in numbers],
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="posthouse-bench-", dir="/var/tmp") as work:
        found = measure(Path(work) / "priority", make_key(Path(work)))
    print(
        f"{found.bulk} bulk deliveries wait, {found.per_second:.1f}/s leave; of {URGENT} urgent ones {found.lost} lost,"
        f" arrived after p50 {found.p50:.0f} ms, p99 {found.p99:.0f} ms, at most {max(found.arrivals):.0f} ms"
    )
    sys.exit(0 if found.p99 < 1000 and not found.lost else 1)
