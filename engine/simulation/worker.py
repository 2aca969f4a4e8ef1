"""`python -m engine.simulation.worker`: one flow played over this installation's past, in a process of its own.

Reads one JSON object (`config`, `source`, `file`, `since`, `seed`); writes lines of JSON: {"done": events, "of": events} as
it goes on, then {"lines": the report, "figures": the same as data} or {"trouble": why}. It reads the database beside the
daemon in short snapshots, writes nothing, and gives way to whoever else wants the machine.
"""

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.settings import parse_duration
from engine.config import Config, load
from engine.faults import ConfigFaults
from engine.flow.definition import Definition, check
from engine.simulation import report
from engine.simulation.beside import fed
from engine.simulation.play import Rules
from engine.simulation.playing import NotPlayable, simulate
from engine.simulation.sources import Database, NoHistory, Row, Source, first_since, last_event
from engine.store.groups import GroupStore
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.ports import StoreTrouble, to_ms

NICE: Final = 10
MEMORY: Final = 4 << 30  # octets
EVERY: Final = 500  # events between two words of how far it is


class Told:
    """A source that tells how much of it was read."""

    def __init__(self, source: Source, of: int) -> None:
        self._source, self._of, self._done = source, of, 0

    def rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[Row]:
        return self._source.rows(table, columns, key)

    def events(self, since_ms: int, only: Sequence[str] = ()) -> Iterator[Row]:
        for row in self._source.events(since_ms, only):
            if not only:  # the ones that are played; others are looked up before
                self._count()
            yield row

    def _count(self) -> None:
        self._done += 1
        if self._done % EVERY == 0:
            say({"done": self._done, "of": max(self._of, self._done)})


def say(what: Mapping[str, Any]) -> None:
    """One line to whoever started this."""
    sys.stdout.write(json.dumps(what, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def main() -> None:
    with contextlib.suppress(PermissionError):  # a container may not let us be modest
        os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asked = json.loads(sys.stdin.readline())
    try:
        say(_play(asked))
    except (NotPlayable, NoHistory, ConfigFaults, StoreTrouble, ValueError, OverflowError) as err:
        say({"trouble": str(err)})
    except (MemoryError, RecursionError):
        say({"trouble": "this past is too large to be played whole: ask for less of it"})


def _play(asked: Mapping[str, Any]) -> dict[str, Any]:
    found = check(asked["source"], asked["file"])
    if not isinstance(found, Definition):
        return {"trouble": "\n".join(map(str, found))}
    settings = load(Path(asked["config"]))
    ago = parse_duration(asked["since"])
    store = store_at(settings.database_place, SystemClock()).open()
    try:
        return _played(found, store, settings, ago, asked["seed"])
    finally:
        store.close()


def _played(flow: Definition, store: GroupStore, settings: Config, ago: timedelta, seed: int) -> dict[str, Any]:
    begins = SystemClock(store.read_now(read_offset)).now() - ago
    rules = Rules(settings.arbiter.policy, ZoneInfo(settings.mail.zone), str(seed) if seed else "")
    source = Told(Database(store), store.read_now(lambda tx: last_event(tx) - first_since(tx, to_ms(begins)) + 1))
    simulated = simulate(flow, source, rules, begins, fed(flow, (), store))
    return {"lines": list(report.lines(flow, simulated)), "figures": report.as_json(flow, simulated)}


if __name__ == "__main__":
    main()
