"""Courtesy: a lab site that answers 421 above 60 mails a minute, with 900 waiting for it. At which rate does mail to it
settle, how much is tried although the site said that it is too much, and does another site notice?

In lab time: twelve minutes in steps of a second. `python -m bench.courtesy` runs it alone.
"""

import contextlib
import json
import smtplib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.keys import make_key
from bench.sinks import free_port
from bench.targets import ROOT, Posthouse
from engine.control.client import Control
from engine.control.place import configured
from engine.control.protocol.house import Overview

ALLOWED: Final = 60  # mails a minute: engine/lab/moods.toml says so of busy.lab
BULK: Final = 900
MINUTES: Final = 12
SETTLED: Final = 4  # the minute from which on the rate counts
BUSY, OTHER = "busy.lab", "shop.lab"


@dataclass(frozen=True, slots=True)
class Courtesy:
    """Mails that the site took in each minute; attempts that it refused after its first word; the other site's waits."""

    minutes: tuple[int, ...]
    attempts: int
    refused_later: int
    other_ms: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Mails a minute once it has settled, of those that are allowed."""
        return sum(self.minutes[SETTLED:]) / len(self.minutes[SETTLED:]) / ALLOWED

    @property
    def waste(self) -> float:
        return self.refused_later / max(1, self.attempts)


class CourtesyHouse(Posthouse):
    """A Posthouse whose world is the lab."""

    name = "posthouse-courtesy"
    dns, smtp_port = "", 0

    def routes(self) -> str:
        return f'resolvers = ["{self.dns}"]\nport = {self.smtp_port}\n[lab]\nenabled = true\n'


def measure(folder: Path, key: Path) -> Courtesy:
    """Hand it all over, let twelve minutes pass, and read what was tried."""
    folder.mkdir(parents=True)
    house_folder = folder / "house"
    with _lab(folder / "lab", house_folder / "state" / "posthouse.db") as told:
        kind = type("House", (CourtesyHouse,), {"dns": told["dns"], "smtp_port": told["smtp_port"]})
        with kind(house_folder, key, 0) as house:
            control = Control(configured(house.config), patience=60)
            _hand_over(house.port, BUSY, BULK)
            _wait(lambda: any(not taken for _, taken in _attempts(house.state, BUSY)))
            began = control.get(Overview, "/v1/overview").now_ms
            other = []
            for second in range(MINUTES * 60):
                control.post("/v1/lab/advance", {"by": "1s"})
                if second % 60 == 30:
                    other.append(_one(house.port, house.state, second))
            tried = _attempts(house.state, BUSY)
    minutes = tuple(
        sum(taken and minute <= (at - began) // 60_000 < minute + 1 for at, taken in tried) for minute in range(MINUTES)
    )
    later = sum(not taken for at, taken in tried if at > began)
    return Courtesy(minutes, len(tried), later, tuple(other))


@contextlib.contextmanager
def _lab(state: Path, database: Path) -> Iterator[dict[str, Any]]:
    words = [
        "--state",
        state,
        "--database",
        database,
        "--dns",
        f"127.0.0.1:{free_port()}",
        "--smtp-port",
        str(free_port()),
    ]
    lab = subprocess.Popen([sys.executable, "-m", "engine.lab", *words], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert lab.stdout is not None
        word, _, facts = lab.stdout.readline().partition(" ")
        if word != "ready":
            raise RuntimeError("the lab does not start")
        yield json.loads(facts)
    finally:
        lab.terminate()
        lab.wait(10)


def _hand_over(port: int, domain: str, count: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        for each in range(count):
            text = "From: news@bench.example\r\nSubject: Offers\r\nX-Posthouse-Stream: marketing\r\n\r\nHello\r\n"
            client.sendmail("news@bench.example", [f"p{each}@{domain}"], text)


def _one(port: int, state: Path, number: int) -> float:
    """Milliseconds until one mail to the other site was delivered."""
    to, began = f"ann{number}@{OTHER}", time.monotonic()
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail("shop@bench.example", [to], "From: shop@bench.example\r\nSubject: Hi\r\n\r\nHi\r\n")
    sql = "SELECT 1 FROM delivery WHERE forward_path = ? AND state = 10"
    _wait(lambda: bool(_rows(state, sql, to)))
    return 1000 * (time.monotonic() - began)


def _attempts(state: Path, domain: str) -> list[tuple[int, bool]]:
    """(when, whether it was taken) of each."""
    sql = "SELECT a.at_ms, a.outcome FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.domain = ?"
    return sorted((at, outcome == "delivered") for at, outcome in _rows(state, sql, domain))


def _rows(state: Path, sql: str, *params: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{state / 'posthouse.db'}?mode=ro", uri=True)) as database:
        return database.execute(sql, params).fetchall()


def _wait(question: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.01)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="posthouse-bench-", dir="/var/tmp") as work:
        found = measure(Path(work) / "courtesy", make_key(Path(work)))
    print(
        f"took {found.minutes} a minute of {ALLOWED}: {found.rate:.0%} from minute {SETTLED} on; {found.refused_later} of"
        f" {found.attempts} attempts after its first word ({found.waste:.1%}); another site's mail took at most"
        f" {max(found.other_ms):.0f} ms"
    )
    sys.exit(0 if 0.8 <= found.rate <= 1 and found.waste < 0.02 else 1)
