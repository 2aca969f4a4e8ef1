"""The public pages: how many requests a second one core of the front office answers, and how long each takes at half that.

A real Posthouse with its front office kept on one processor; whoever asks is on another, over connections that stay open,
each request from an address of its own (as a proxy tells it). Confirming and unsubscribing are the presses themselves: each
is a commit, synced, with its entry in the ledger. What is timed counts from when a request was due, so that a slow answer
does not put the next question off.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.report import percentile
from bench.seeding import opened
from bench.sinks import free_port
from bench.targets import Posthouse
from engine.audience import lists
from engine.audience.tokens import Purpose, Tokens
from engine.system import SystemClock
from engine.tracking.marks import Link, Mark, click_token
from mta.ports import Tx, to_ms

ACTS: Final = ("confirm", "unsubscribe", "click")
WANTED: Final = 1500  # requests a second; p99 is measured at half of it
CONNECTIONS: Final = 64
CHUNK: Final = 500  # people written in one transaction
_ONE_CLICK: Final = b"List-Unsubscribe=One-Click"


@dataclass(frozen=True, slots=True)
class Pace:
    """What came of one kind of request."""

    rate: float  # a second, as fast as it goes
    p99: float  # milliseconds, at half of what is wanted
    wrong: int  # answers that were none


class PageHouse(Posthouse):
    """A Posthouse with `people` who were asked whether they want a list."""

    name = "posthouse-pages"
    people = 0

    def start(self) -> None:
        self.web = free_port()
        super().start()

    def seed(self) -> None:
        text = self.config.read_text()
        head, _, rest = text.partition("[web]\n")
        rest = rest.partition("\n")[2]
        self.config.write_text(f'{head}[web]\nlisten = ["127.0.0.1:{self.web}"]\nproxies = ["127.0.0.0/8"]\n{rest}')
        now = SystemClock().now()
        self.asked_ms = to_ms(now)
        with opened(self.config) as store:
            store.write_now(lambda tx: lists.create(tx, "tea", title="Tea Letters", purpose="Tea.", now=now))
            for begin in range(1, self.people + 1, CHUNK):
                numbers = range(begin, min(begin + CHUNK, self.people + 1))
                store.write_now(lambda tx, numbers=numbers: _people(tx, numbers, self.asked_ms))  # type: ignore[misc]

    def requests(self, act: str, numbers: range) -> Iterator[bytes]:
        """The requests of these people, ready to be sent."""
        tokens = Tokens((self.state / "secret").read_bytes())
        expires = SystemClock().now() + timedelta(days=7)
        make: dict[str, Callable[[int], bytes]] = {
            "confirm": lambda n: _post(f"/confirm/{tokens.make(Purpose.CONFIRM, (n, 1, self.asked_ms), expires)}", n),
            "unsubscribe": lambda n: _post(f"/unsubscribe/{tokens.make(Purpose.UNSUBSCRIBE, (n, 1))}", n, _ONE_CLICK),
            "click": lambda n: _get(
                f"/c/{click_token(tokens, Link(Mark(n, 1, 's'), 1, 9, 'https://shop.example/'))}", n
            ),
        }
        return map(make[act], numbers)


def measure(folder: Path, key: Path, seconds: int = 6) -> dict[str, Pace]:
    """Each act: as fast as it goes, then at half of what is wanted."""
    fast, slow = WANTED * seconds, WANTED * seconds // 2
    kind = type("Pages", (PageHouse,), {"people": fast + slow})
    found = {}
    with kind(folder / "pages", key, free_port()) as house:
        ours, theirs = _apart(house.roots()[0])
        try:
            for act in ACTS:
                rate, wrong = asyncio.run(_fast(house.web, list(house.requests(act, range(1, fast + 1)))))
                took, missed = asyncio.run(
                    _paced(house.web, list(house.requests(act, range(fast + 1, fast + slow + 1))))
                )
                found[act] = Pace(rate, percentile(took, 99), wrong + missed)
        finally:
            os.sched_setaffinity(0, ours | theirs)
    return found


def _apart(office: int) -> tuple[set[int], set[int]]:
    """Keep the front office on one processor and ourselves on the others."""
    first, *others = sorted(os.sched_getaffinity(0))
    for thread in os.listdir(f"/proc/{office}/task"):
        os.sched_setaffinity(int(thread), {first})
    ours = set(others) or {first}
    os.sched_setaffinity(0, ours)
    return ours, {first}


async def _fast(port: int, requests: list[bytes]) -> tuple[float, int]:
    """Requests a second with every connection busy, and how many answers were wrong."""
    left, wrong = iter(requests), 0

    async def ask() -> None:
        nonlocal wrong
        async with _Connection(port) as connection:
            for request in left:
                wrong += not await connection.ask(request)

    began = time.monotonic()
    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return len(requests) / (time.monotonic() - began), wrong


async def _paced(port: int, requests: list[bytes]) -> tuple[list[float], int]:
    """Milliseconds from when each was due, and how many answers were wrong."""
    began, left, took, wrong = time.monotonic() + 0.1, iter(enumerate(requests)), [], 0

    async def ask() -> None:
        nonlocal wrong
        async with _Connection(port) as connection:
            for number, request in left:
                due = began + number * 2 / WANTED
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                wrong += not await connection.ask(request)
                took.append(1000 * (time.monotonic() - due))

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return took, wrong


class _Connection:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "_Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()

    async def ask(self, request: bytes) -> bool:
        """Whether it was answered as it should be."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(length or 0))
        return head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302"))


def _people(tx: Tx, numbers: range, asked_ms: int) -> None:
    tx.executemany(
        "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms) VALUES (?,?,?,'','en','','{}',?)",
        [(each, f"r{each}@d.example", f"r{each}@d.example", asked_ms) for each in numbers],
    )
    tx.executemany(
        "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms) VALUES (?,1,'unconfirmed','form',?)",
        [(each, asked_ms) for each in numbers],
    )


def _head(method: str, path: str, number: int) -> str:
    peer = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: Browser/1\r\nX-Forwarded-For: {peer}\r\n"


def _get(path: str, number: int) -> bytes:
    return f"{_head('GET', path, number)}\r\n".encode()


def _post(path: str, number: int, body: bytes = b"") -> bytes:
    head = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"{_head('POST', path, number)}{head}".encode() + body
