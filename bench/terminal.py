"""The terminal application over a full house: `python -m bench.terminal`. What it costs to start, to look, to leave open.

A daemon of this tree with so many deliveries, contacts and suppressed addresses; the application in a pseudo-terminal
of 80 by 24. Times are wall-clock times: on a busy machine they are those of a busy machine.
"""

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench import absence
from bench.backlog import CHUNK, EACH, _messages
from bench.calibrate import calibration
from bench.cells import Cell
from bench.keys import make_key
from bench.load import Run
from bench.ptys import Terminal, terminal
from bench.seeding import opened
from bench.sinks import Sink
from bench.targets import ROOT, Posthouse, end_politely
from engine.control.place import configured
from engine.system import SystemClock
from mta.ports import Tx, to_ms

TIMES: Final = 5
STEPS: Final = 10  # fewer than the window has rows: none of them rolls it
LOAD: Final = Cell(2048, 10, 3000)
SCREENS: Final = (
    ("sites", "2", "deliveries"),
    ("deliveries", "2\r", "Queue › "),
    ("contacts", "5c", "Lists › contacts"),
    ("suppression", "6jjjj\r", "Bounces › suppression"),
)
"""Each with the keys that lead there and what its title says."""


class FullHouse(Posthouse):
    """It begins with so many rows of each kind, and none of its mail may leave."""

    rows = 0

    def seed(self) -> None:
        now_ms = to_ms(SystemClock().now())
        with opened(self.config) as store:
            for begin in range(0, self.rows, CHUNK * EACH):
                numbers = range(begin, min(begin + CHUNK * EACH, self.rows))
                store.write_now(lambda tx, numbers=numbers: _people(tx, numbers, now_ms))  # type: ignore[misc]
                store.write_now(
                    lambda tx, numbers=numbers: _messages(
                        tx, range(numbers[0] // EACH, numbers[-1] // EACH + 1), now_ms
                    )  # type: ignore[misc]
                )
            store.write_now(lambda tx: tx.execute("UPDATE delivery SET state = 4"))  # held: nothing moves


def _people(tx: Tx, numbers: range, now_ms: int) -> None:
    tx.executemany(
        "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms, orders, spent)"
        " VALUES (?,?,?,'','en','','{}',?,0,0)",
        [(each + 1, f"c{each}@d.example", f"c{each}@d.example", now_ms) for each in numbers],
    )
    tx.executemany(
        "INSERT INTO suppression (key, reason, list_id, scope, evidence, source, at_ms)"
        " VALUES (?,'hard bounce',0,'all','','relay',?)",
        [(f"s{each}@d.example", now_ms) for each in numbers],
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.terminal", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each kind")
    rows = parser.parse_args().rows
    end_politely()
    for each in ("tui", "engine", "mta", "deliverability"):
        compileall.compile_dir(str(ROOT / each), quiet=2)  # as an installation is
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(calibration(folder), flush=True)
        key = make_key(folder)
        with Sink(folder) as sink:
            kind = type("House", (FullHouse,), {"rows": rows})
            with kind(folder / "full", key, sink.port) as house:
                _measure(house, folder)
            with Posthouse(folder / "live", key, sink.port) as live:
                _watch(live, sink, folder)
                gone, back = absence.measure(live, folder, TIMES)
                _say("killed: shown", f"after {_range(gone)}")
                _say("back: attached again", f"{_range(back)} after the daemon answers")
    return 0


def _measure(house: Posthouse, folder: Path) -> None:
    socket = configured(house.config)
    commands = [_command(socket) for _ in range(TIMES)]
    firsts, datas = [], []
    for _ in range(TIMES):
        with terminal(socket, folder) as one:
            firsts.append(one.see("Posthouse") - one.spawned)
            datas.append(one.see("contacts") - one.spawned)
    took, spent = (median(each) for each in zip(*commands, strict=True))
    _say("posthouse queue --json", f"{1000 * took:.0f} ms, {1000 * spent:.0f} of them of processor")
    _say("first paint, useful data", f"{1000 * median(firsts):.0f} ms, {1000 * median(datas):.0f} ms")
    with terminal(socket, folder) as one:
        one.see("contacts")
        one.rest()
        _say("idle", f"{one.read(10.0)} octets in 10 s, {one.rss_mib:.0f} MiB")
        for name, keys, title in SCREENS:
            _screen(one, name, keys, title)


def _screen(one: Terminal, name: str, keys: str, title: str) -> None:
    for key in keys[:-1]:
        one.press(key)
        one.rest()
    before = len(one.written)
    began = time.monotonic()
    one.press(keys[-1])
    took = one.see(title, before) - began
    one.rest()
    opened = len(one.written) - before
    step = _steps(one)
    for _ in range(2 * STEPS):
        one.press("j")
    one.rest()
    _say(
        name,
        f"open {1000 * took:.0f} ms, {opened} octets; a step {step:.0f}, one that rolls the window {_steps(one):.0f};"
        f" {one.rss_mib:.0f} MiB",
    )


def _steps(one: Terminal) -> float:
    """The octets of a step down, the median: with one of them may come a picture, in which all rows are a minute older."""
    costs = []
    for _ in range(STEPS):
        before = len(one.written)
        one.press("j")
        one.rest(0.2)
        costs.append(len(one.written) - before)
    return median(costs)


def _command(socket: Path) -> tuple[float, float]:
    """Seconds by the clock, and of processor."""
    began, before = time.monotonic(), os.times()
    words = [sys.executable, "-m", "tui.cli", "queue", "--json", "--socket", str(socket)]
    subprocess.run(words, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, spent


def _watch(house: Posthouse, sink: Sink, folder: Path) -> None:
    """Twelve look on, one of them with a link that stands still, and mail flows; in turns with nobody looking on."""
    socket = configured(house.config)
    alone: list[float] = []
    watched: list[float] = []
    rates: list[float] = []
    Run(house, sink, LOAD, folder).measure(0, 120)
    for number in range(TIMES):
        alone.append(_cpu(house, sink, folder, number))
        watched.append(_cpu_watched(house, sink, folder, number, socket, rates))
    _say("live queue", f"{max(rates):.0f} octets a second")
    grown = 100 * (median(watched) / median(alone) - 1)
    _say(
        "12 look on",
        f"{1000 * median(alone):.3f} -> {1000 * median(watched):.3f} ms of processor a message, {grown:+.1f} %",
    )


def _cpu(house: Posthouse, sink: Sink, folder: Path, number: int) -> float:
    result = Run(house, sink, LOAD, folder).measure(number, 120)
    return result.cpu_seconds / max(result.delivered, 1)


def _cpu_watched(house: Posthouse, sink: Sink, folder: Path, number: int, socket: Path, rates: list[float]) -> float:
    from contextlib import ExitStack
    from threading import Event, Thread

    with ExitStack() as stack:
        every = [stack.enter_context(terminal(socket, folder)) for _ in range(12)]
        for each in every:
            each.see(absence.LIVE)
        done = Event()

        def read() -> None:
            every[0].press("2")
            every[0].rest(0.3)
            began, before = time.monotonic(), len(every[0].written)
            while not done.is_set():
                for each in every[:-1]:  # the last one's link stands still
                    each.read(0.02)
            rates.append((len(every[0].written) - before) / (time.monotonic() - began))

        reader = Thread(target=read)
        reader.start()
        try:
            return _cpu(house, sink, folder, number)
        finally:
            done.set()
            reader.join()


def _range(seconds: list[float]) -> str:
    return f"{1000 * min(seconds):.0f} to {1000 * max(seconds):.0f} ms"


def _say(name: str, figure: str) -> None:
    print(f"{name:<26} {figure}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
