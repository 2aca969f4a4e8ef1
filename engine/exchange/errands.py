"""An import that somebody gave the daemon to do: its file, what was said of it, and how far it is.

Each has a folder of its own in the state folder, with the file as it came and `errand.json`, written at each change, so
that a daemon that starts again knows what was left to do; of a file that was still coming it knows nothing but its name, so
its parts come again from the first. The rows that were taken are in the database, where an import
that was cut off goes on (engine.exchange.importing).
"""

import json
import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from engine.exchange.preparing import Wanted

KEPT: Final = "errand.json"
FAULTS_KEPT: Final = 200


class State(StrEnum):
    """Where an errand stands. The words are in the file and on screens."""

    COMING = "coming"  # its octets
    READY = "ready"
    TRYING = "trying"  # the dry run
    TRIED = "tried"
    RUNNING = "running"
    STOPPED = "stopped"  # cancelled, or the daemon was: it can go on
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was not taken. `number` is what a spreadsheet calls it."""

    table: str
    number: int
    reason: str
    cells: str


@dataclass(slots=True)
class Tried:
    """What a dry run found."""

    kind: str = ""
    encoding: str = ""
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: int = 0
    good: int = 0
    known: int = 0
    stopped: int = 0
    reasons: list[tuple[str, int, str, int]] = field(default_factory=list)  # reason, rows, first table, first row
    people: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True)
class Errand:
    """One import."""

    id: str
    folder: Path
    name: str
    by: str
    started_ms: int
    size: int = 0
    state: State = State.COMING
    come: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    batch: int = 0
    entry: int | None = None
    done: int = 0
    taken: int = 0
    made: int = 0
    refused: int = 0
    stopped: int = 0
    tried: Tried = field(default_factory=Tried)
    faults: list[Fault] = field(default_factory=list)  # of the import itself
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def file(self) -> Path:
        return self.folder / self.name

    @property
    def is_busy(self) -> bool:
        return self.state in (State.TRYING, State.RUNNING)

    def keep(self) -> None:
        """Write down where it stands."""
        said = {name: getattr(self, name) for name in _SAID} | {"tried": asdict(self.tried)}
        said["faults"] = [asdict(each) for each in self.faults]
        fresh = self.folder / f"{KEPT}.new"
        octets = json.dumps(said, ensure_ascii=True).encode()
        place = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(place, "wb") as file:
            file.write(octets)
        fresh.rename(self.folder / KEPT)

    def drop(self) -> None:
        """Take its folder away; what was imported stays."""
        shutil.rmtree(self.folder, ignore_errors=True)


_SAID: Final = (
    "id", "name", "by", "started_ms", "size", "state", "come", "options", "why", "batch", "entry", "done",
    "taken", "made", "refused", "stopped",
)  # fmt: skip


def load(folder: Path) -> Errand | None:
    """The errand of a folder; None where there is none that can be read. One that was cut off can go on."""
    try:
        said = json.loads((folder / KEPT).read_text("utf-8"))
        found = Errand(folder=folder, **{name: said[name] for name in _SAID})
        found.state = State(found.state)
        found.tried = Tried(**said["tried"])
        found.tried.faults = [Fault(**each) for each in said["tried"]["faults"]]
        found.faults = [Fault(**each) for each in said["faults"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if found.is_busy:
        found.state = State.STOPPED if found.state is State.RUNNING else State.READY
    return found


def wanted_of(options: Mapping[str, Any]) -> Wanted:
    """What was typed of it."""
    return Wanted(
        str(options.get("source", "")).strip(), str(options.get("wording", "")).strip(),
        tuple(options.get("lists", ())), tuple(options.get("tags", ())), dict(options.get("columns", {})),
        dict(options.get("list_names", {})), str(options.get("locale", "")), str(options.get("zone", "")),
        str(options.get("dates", "iso")) or "iso", bool(options.get("overwrite")), bool(options.get("asks")),
    )  # fmt: skip
