"""Flows at work: `python -m bench.flows FOLDER` measures, in processes of its own that are what runs in each carrier.

Two runners on one SQLite file: steps without mail, steps that each write a letter, events that are taken in and matched
to a hundred flows. And one question: which of a million waiting enrolments are due. No mail leaves.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from bench import letters
from bench.targets import ROOT
from deliverability.address import Address
from engine.flow.definition import Definition, check
from engine.flow.events import make_event
from engine.flow.known import Known
from engine.intake.recording import record
from engine.running.book import FlowBook, apply_flow
from engine.running.due import next_due, read_due
from engine.running.runner import Runner
from engine.sending.compose import Composer
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings
from engine.store.database import Database
from engine.system import SystemChance, SystemClock
from mta.ports import Tx, to_ms
from mta.queue.settings import QueueSettings

CARRIERS: Final = 2
PEOPLE: Final = 20_000
FLOWS: Final = 100
SESSIONS: Final = 20  # that hand in events at the same time, in each process
LETTER: Final = 20_480  # octets
LOOKS: Final = 20
CHUNK: Final = 2_000
DAY_MS: Final = 86_400_000

_PAIRS: Final = "".join(
    f"  - if: event.total > {each} and contact.orders.count == 0\n    id: if-{each}\n    then: [{{wait: 1s, id: a{each}}}]\n"
    f"    else: [{{wait: 1s, id: b{each}}}]\n"
    for each in range(0, 60, 2)
)
STEPS: Final = f"name: steps\nstream: transactional\ntrigger: {{event: bench.step}}\nsteps:\n{_PAIRS}"
LETTERS: Final = "name: letters\nstream: transactional\ntrigger: {event: bench.letter}\nsteps:\n  - send: bench\n"


def matching(number: int) -> str:
    """One of the hundred: all begin with the same event, and it lets each person into one of them."""
    return (
        f"name: match-{number}\nstream: transactional\ntrigger:\n  event: bench.order\n"
        f"  where: event.total >= 20 and event.shelf == {number} and 'blocked' not in contact.tags\n  key: event.number\n"
        "reentry: {after: 7d}\ngoal: {event: bench.paid, where: event.number == trigger.number}\nsteps:\n  - wait: 1d\n"
    )


@dataclass(frozen=True, slots=True)
class Flows:
    """What flows come to."""

    steps: float  # decided and committed a second
    letters: float  # rendered and enqueued a second
    events: float  # taken in and matched to a hundred flows a second
    due_ms: float  # to find what is due among a million


def measure(folder: Path, seconds: float = 12, waiting: int = 1_000_000) -> Flows:
    """All four, one after the other, each in a database of its own."""
    return Flows(
        _rate(folder / "steps", "steps", seconds), _rate(folder / "letters", "letters", seconds),
        _rate(folder / "events", "events", seconds), _due(folder / "due", waiting),
    )  # fmt: skip


def _rate(folder: Path, kind: str, seconds: float) -> float:
    """What the carriers do a second, of a kind of work."""
    folder.mkdir(parents=True)
    letters._write_templates(folder / "templates", LETTER)
    with _opened(folder) as store:
        store.migrate()
        flows = [matching(each) for each in range(FLOWS)] if kind == "events" else [STEPS, LETTERS]
        for text in flows:
            store.write_now(partial(_apply, text=text))
        for begin in range(1, PEOPLE + 1, CHUNK):
            store.write_now(partial(_people, numbers=range(begin, begin + CHUNK), kind=kind))
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.flows", folder, kind, str(which), str(seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for which in range(CARRIERS)
    ]
    return sum(float(json.loads(child.communicate()[0])) for child in children)


class _opened(Database):
    """The folder's database, for a with statement."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "flows.db", SystemClock())

    def __enter__(self) -> "_opened":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _apply(tx: Tx, *, text: str) -> None:
    found = check(text, "bench.yaml", Known(templates=frozenset({"bench"})))
    assert isinstance(found, Definition), found
    apply_flow(tx, found, text, SystemClock().now())


def _people(tx: Tx, *, numbers: range, kind: str) -> None:
    """Contacts, and where it is not events that are measured, their due enrolments."""
    now_ms = to_ms(SystemClock().now())
    tx.executemany(
        "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms) VALUES (?,?,?,?,'en','','{}',?)",
        [(each, *(f"p{each}@d{each % 500}.example",) * 2, f"Person {each}", now_ms) for each in numbers],
    )
    tx.executemany(
        "INSERT INTO tag (contact_id, tag, at_ms) VALUES (?,'gold',?)", [(each, now_ms) for each in numbers if each % 3]
    )
    if kind == "events":
        return
    row = tx.one("SELECT id, version_id FROM flow WHERE name = ?", (kind,))
    assert row is not None
    first = {"steps": "if-0", "letters": "bench"}[kind]
    data = json.dumps({"lines": letters.ITEMS, "number": "B-1", "total": 30})
    tx.executemany(
        "INSERT INTO enrolment (flow_id, version_id, contact_id, run_key, step, state, data, occurrence, entered_ms,"
        " due_ms, revision) VALUES (?,?,?,'',?,'waiting',?,1,?,?,0)",
        [(*row, each, first, data, now_ms, now_ms) for each in numbers],
    )


# -- in a carrier


async def _carry(folder: Path, kind: str, which: int, seconds: float) -> float:
    """A runner for so long; how much it did a second."""
    clock = SystemClock()
    composer = Composer(MailSettings(), Resources((folder / "templates",)), bytes(32), "http://127.0.0.1")
    with _opened(folder) as store:
        runner = Runner(store, composer, clock, SystemChance(), QueueSettings(), share=(which, CARRIERS))
        if kind == "events":
            return await _take_in(store, runner, which, seconds)
        moved, began = 0, time.monotonic()
        while (took := time.monotonic() - began) < seconds:
            moved += await runner.move()
        return moved * (2 if kind == "steps" else 1) / took


async def _take_in(store: Database, runner: Runner, which: int, seconds: float) -> float:
    """Events come in while the runner looks at them; the rate is that of what was looked at."""
    is_over, taken = asyncio.Event(), 0

    async def hand_in(session: int) -> None:
        number = session * CARRIERS + which
        while not is_over.is_set():
            await store.write(partial(_event, number=number))
            number += SESSIONS * CARRIERS

    await store.write(partial(_event, number=which))
    await runner.match()  # a process reads its flows once in its life
    sessions = [asyncio.create_task(hand_in(each)) for each in range(SESSIONS)]
    began = time.monotonic()
    while (took := time.monotonic() - began) < seconds:
        taken += await runner.match()
        await asyncio.sleep(0)
    is_over.set()
    await asyncio.gather(*sessions)
    return taken / took


def _event(tx: Tx, *, number: int) -> None:
    now, contact = SystemClock().now(), number % PEOPLE + 1
    data = {"number": f"N-{number}", "total": 20 + number % 40, "shelf": number % FLOWS, "lines": letters.ITEMS}
    to = Address.parse(f"p{contact}@d{contact % 500}.example")
    record(tx, make_event("bench.order", data, at=now, source="http", key=f"{number}", address=to), now=now)


# -- a question


def _due(folder: Path, waiting: int) -> float:
    """Milliseconds to find two hundred due runs, with all that deciding needs, and to see when the next is due."""
    folder.mkdir(parents=True)
    with _opened(folder) as store:
        store.migrate()
        store.write_now(partial(_apply, text=STEPS))
        for begin in range(1, waiting + 1, CHUNK):
            store.write_now(partial(_people, numbers=range(begin, begin + CHUNK), kind="steps"))
        clock, book = SystemClock(), FlowBook()
        store.write_now(
            lambda tx: tx.execute("UPDATE enrolment SET due_ms = due_ms + ? WHERE id % 1000 <> 0", (DAY_MS,))
        )
        now = clock.now()

        def look(tx: Tx) -> float:
            began = time.monotonic()
            assert len(read_due(tx, book, now, (0, 1), 200)) == 200
            assert next_due(tx) is not None
            return (time.monotonic() - began) * 1000

        store.read_now(look)  # a process reads a flow once in its life
        return median(store.read_now(look) for _ in range(LOOKS))


def main() -> None:
    folder, *work = sys.argv[1:]
    if work:
        kind, which, seconds = work
        print(json.dumps(uvloop.run(_carry(Path(folder), kind, int(which), float(seconds)))))
    else:
        print(measure(Path(folder)))


if __name__ == "__main__":
    main()
