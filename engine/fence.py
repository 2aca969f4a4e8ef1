"""The fence: a database that was restored from a backup, or copied, sends nothing until an operator says so.

Each start of a front office makes a new run number and writes it twice: into the database, and into a file of the state
folder beside it; while it runs it makes another every RENEWED_SECONDS, and one when it stops, so that a backup that was made
an hour ago is told from the database of now though nothing was restarted. A database that holds another number than the file
was not the one that this machine ran on last: it is older (a backup came back), another machine's (a copy), or new (the
configuration names another place than before). Then the mail
that it believes to be waiting may have left long ago, and its flows and campaigns may have gone on elsewhere. The fence is a
row, so it holds until it is lifted, whatever is restarted.

A folder that was copied with the file in it is told by three marks in the file: the machine's id, the folder's path, and its
number on the disk. A machine that moves its folder, or gets a new id, changes one of them; a copy changes two. A machine that
is rolled back whole, or cloned whole, can't know it.

On PostgreSQL several machines share one database, each with a number of its own; a machine that is new to it is believed
when another one runs there.
"""

import asyncio
import errno
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mta.plain_file import read_text
from mta.ports import StoreTrouble, Tx, from_ms, to_ms

FILE: Final = "epoch.json"  # in the state folder
EPOCHS: Final = "epochs"  # of meta: JSON, the run number of each machine
FENCE: Final = "fence"  # of meta: JSON, while it is up
OLDER: Final = "the database is older than this machine's last run: it seems to come from a backup"
FOREIGN: Final = "the database was in use with another state folder: it seems to be a copy"
EMPTY: Final = "the database is new, and this machine ran on another one: does [database] name the right one?"
OCTETS: Final = 16
RENEWED_SECONDS: Final = 30
_MACHINE_ID: Final = Path("/etc/machine-id")  # machine-id(5)
_OF_THE_SAME: Final = 2  # marks at least


@dataclass(frozen=True, slots=True)
class Fence:
    """Since when nothing is sent, and why."""

    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the file says: which machine, and its last run; two while a start was writing, the first of them "" where no
    database ever had one of this machine's. `marks`: of where it was written,
    none before there were any."""

    machine: str
    runs: tuple[str, ...]
    marks: tuple[str, ...] = ()


def enter(
    write: Callable[[Callable[[Tx], None]], object], state_dir: Path, draw: Callable[[int], bytes], now: datetime
) -> None:
    """Begin a run: compare, put up the fence where the two differ, write the new number down. `write` commits a work.

    The file holds the old number and the new one until the database has the new one, so a crash between puts up no fence.
    On a full disk this run goes by the last one's number; where not even the database takes a row, nothing can be claimed
    and nothing leaves.
    """
    path = state_dir / FILE
    here, known = _marks(state_dir), _read(path)
    same = sum(old == new != "" for old, new in zip(known.marks, here, strict=False)) if known else 0
    if known and known.marks and same < _OF_THE_SAME:
        known = None  # another one's file, which was copied with the folder
    machine = known.machine if known else draw(OCTETS).hex()
    run = draw(OCTETS).hex()
    is_noted = _write(path, _Known(machine, (*(known.runs if known else ("",)), run), here))
    with suppress(StoreTrouble):
        write(lambda tx: _begin(tx, known, machine, run if is_noted else "", now))
        if is_noted:
            _write(path, _Known(machine, (run,), here))


async def renew(
    write: Callable[[Callable[[Tx], bool]], Awaitable[bool]], state_dir: Path, draw: Callable[[int], bytes],
    now: datetime,
) -> None:  # fmt: skip
    """Go on under a new number: what was copied until now is older from now on. In the order of `enter`, so that a crash
    between puts up no fence; what was begun and not ended is ended first. A database that does not hold our number was put
    in place of ours while we ran: the fence goes up, and where it stands still at the next time it is this one that we run on,
    or nobody could lift it. Without the file, or room for it, nothing is done. StoreTrouble, OSError."""
    path = state_dir / FILE
    known = await asyncio.to_thread(_read, path)
    if known is None or not known.runs:
        return
    is_begun = len(known.runs) > 1
    run = known.runs[-1] if is_begun else draw(OCTETS).hex()
    both = replace(known, runs=known.runs if is_begun else (*known.runs, run))
    if await asyncio.to_thread(_write, path, both) and await write(lambda tx: _goes_on(tx, known, run, now)):
        await asyncio.to_thread(_write, path, replace(known, runs=(run,)))


def standing(tx: Tx) -> Fence | None:
    """The fence, while it is up."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (FENCE,))
    found = json.loads(row[0]) if row else None
    return Fence(from_ms(found["since_ms"]), found["why"]) if found else None


def put_up(tx: Tx, why: str, now: datetime) -> None:
    """Send nothing from now on. One that stands stays as it is."""
    if standing(tx) is None:
        _put(tx, FENCE, {"since_ms": to_ms(now), "why": why})


def lift(tx: Tx) -> bool:
    """Let mail go; False when there was no fence."""
    return tx.execute("DELETE FROM meta WHERE key = ?", (FENCE,)) == 1


def forget(state_dir: Path) -> None:
    """This machine begins anew, with a database that was just filled for it."""
    (state_dir / FILE).unlink(missing_ok=True)


def has_company(tx: Tx) -> bool:
    """Whether a carrier of another front office holds a lease here now."""
    counted_by, at_ms = tx.lease_time()
    sql = "SELECT 1 FROM carrier WHERE boot_id = ? AND lease_until_ms > ? LIMIT 1"
    return tx.dialect == "postgresql" and tx.one(sql, (counted_by, at_ms)) is not None


def _begin(tx: Tx, known: _Known | None, machine: str, run: str, now: datetime) -> None:
    row = tx.one("SELECT value FROM meta WHERE key = ?" + tx.for_update(), (EPOCHS,))
    epochs: dict[str, str] = json.loads(row[0]) if row else {}
    why = _difference(tx, known, epochs)
    if why:
        put_up(tx, why, now)
    if run:
        _put(tx, EPOCHS, epochs | {machine: run})


def _goes_on(tx: Tx, known: _Known, run: str, now: datetime) -> bool:
    """Write this machine's next number down; False, and a fence, where the database does not hold the one before. While a
    fence stands nothing is sent, whatever number is written."""
    row = tx.one("SELECT value FROM meta WHERE key = ?" + tx.for_update(), (EPOCHS,))
    epochs: dict[str, str] = json.loads(row[0]) if row else {}
    is_ours = epochs.get(known.machine) in known.runs
    if is_ours or standing(tx) is not None:
        _put(tx, EPOCHS, epochs | {known.machine: run})
        return True
    put_up(tx, OLDER, now)
    return False


def _difference(tx: Tx, known: _Known | None, epochs: dict[str, str]) -> str:
    """Why the database is not the one that this machine ran on last; "" where it is, or is new."""
    if known is None:
        return FOREIGN if epochs and not has_company(tx) else ""
    if known.machine not in epochs:
        if epochs or _was_used(tx):
            return OLDER
        return "" if "" in known.runs else EMPTY
    return "" if epochs[known.machine] in known.runs else OLDER


def _was_used(tx: Tx) -> bool:
    return tx.one("SELECT 1 FROM message LIMIT 1") is not None or tx.one("SELECT 1 FROM contact LIMIT 1") is not None


def _put(tx: Tx, key: str, value: dict[str, Any]) -> None:
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, json.dumps(value)),
    )


def _marks(state_dir: Path) -> tuple[str, ...]:
    """Of this machine, "" where it has no id, and of this folder. OSError without the folder."""
    machine = ""
    with suppress(OSError, UnicodeError):
        machine = _MACHINE_ID.read_text("ascii").strip()
    return (machine, ascii(str(state_dir.resolve())), str(state_dir.stat().st_ino))


def _read(path: Path) -> _Known | None:
    """None where there is no file, or none that we wrote."""
    try:
        found = json.loads(read_text(path))
        return _Known(str(found["machine"]), tuple(map(str, found["runs"])), tuple(map(str, found.get("marks", ()))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, known: _Known) -> bool:
    """Durable, whole or not at all; False when there is no room for it."""
    try:
        _replace(path, known)
    except OSError as err:
        if err.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    return True


def _replace(path: Path, known: _Known) -> None:
    fresh = path.with_suffix(".new")
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "w", encoding="ascii") as file:
        json.dump({"machine": known.machine, "runs": known.runs, "marks": known.marks}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
