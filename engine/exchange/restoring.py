"""A new machine from an exported folder: into an empty database, and checked before and after.

1. every file is what the manifest says of it (SHA-256), and every row has this program's columns; nothing is written yet
2. the rows, in chunks, into a database that holds nobody
3. flows are paused, unless somebody says that the old machine is gone: two machines would write to everybody twice
4. the ledger and every import are verified from their first hash to the last
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deliverability.text import clean
from engine.audience import batches, consent, former
from engine.exchange.folder import FORMAT, FolderError, shapes, value_of
from engine.store import machine
from engine.store.groups import GroupStore
from engine.store.migrate import schema
from engine.store.shapes import Shape
from mta.plain_file import open_plain, read_plain
from mta.ports import Clock, StoreTrouble, Tx

CHUNK_FIRST: Final = 200
CHUNK_MAX: Final = 500
CHUNK_MIN: Final = 60
AIM_SECONDS: Final = 0.01
LINE_MAX: Final = 64 << 20  # octets of one row
TIDY_EVERY: Final = 16

_MUST_BE_EMPTY: Final = ("contact", "consent_entry", "flow", "list", "event", "suppression")


class RowRefused(FolderError):
    """The database has something against a row: the folder was made, or changed, by somebody else. Some rows are in."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there now."""

    rows: Mapping[str, int]
    entries: int  # of the ledger, all of which verify
    imported: int  # rows of imports, all of which verify
    paused: int  # flows that are to be resumed


@dataclass(slots=True)
class Folder:
    """An exported folder that was read and found whole."""

    path: Path
    rows: dict[str, int]
    files: tuple[str, ...]  # the installation's own

    @classmethod
    def open(cls, path: Path) -> "Folder":
        """FolderError where it is no export, or not as it was written."""
        manifest = _manifest(path)
        if manifest["schema"] != list(schema()):
            theirs, ours = set(manifest["schema"]), set(schema())
            odd = ", ".join(sorted(map(str, theirs ^ ours)))
            raise FolderError(
                f"the folder was written by a program with another schema ({odd}): restore it with that version, and"
                " upgrade then"
            )
        for name, digest in manifest["sha256"].items():
            if _digest(_inside(path, name)) != digest:
                raise FolderError(f"{name} is not as it was written")
        tables = {f"tables/{shape.name}.jsonl" for shape in shapes()}
        if missing := tables - set(manifest["sha256"]):
            raise FolderError(f"the folder lacks {', '.join(sorted(missing))}")
        own = tuple(name for name in manifest["sha256"] if not name.startswith(("tables/", "flows/")))
        return cls(path, dict(manifest["rows"]), own)

    def table(self, shape: Shape) -> Iterator[tuple[Any, ...]]:
        """The rows of a table. FolderError at one that has other columns."""
        with open_plain(self.path / "tables" / f"{shape.name}.jsonl") as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE_MAX), b""), 1):
                try:
                    said = json.loads(line)
                    yield tuple(value_of(said[name]) for name in shape.columns)
                    if len(said) != len(shape.columns):
                        raise KeyError
                except (ValueError, KeyError, TypeError, RecursionError):
                    raise FolderError(f"row {number} of {shape.name} is not one of this program's") from None

    def put_files(self, places: Mapping[str, Path]) -> list[str]:
        """Copy the installation's own files to where they belong; what is there already stays. The names copied."""
        done = []
        for name in self.files:
            top, _, below = name.partition("/")
            if top not in places:
                continue
            target = places[top] / below if below else places[top]
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                fresh = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(fresh, "wb") as file:
                file.write(read_plain(self.path / name))
            done.append(name)
        return done


def restore(
    store: GroupStore, folder: Folder, clock: Clock, *, resume: bool, tell: Callable[[str, int], None]
) -> Restored:
    """Fill an empty database. FolderError where it is not empty, or a row does not fit; RowRefused; ledger.Broken."""
    store.read_now(_want_empty)
    for shape in shapes():
        for _ in folder.table(shape):  # all of it is read once before anything is written
            pass
    for shape in shapes():
        tell(shape.name, _fill(store, shape, folder, clock))
    last = store.read_now(former.last_id)  # whoever had that one is no more, and links with it are out
    store.restart_ids({shape.name: last if shape.name == "contact" else 0 for shape in shapes() if shape.has_ids})
    store.write_now(machine.begin)
    paused = 0 if resume else store.write_now(lambda tx: tx.execute(_PAUSE))
    entries, _, _ = store.read_now(consent.check)
    whole = [each for (each,) in store.read_now(lambda tx: tx.query("SELECT id FROM import_batch ORDER BY id"))]
    imported = sum(store.read_now(lambda tx, each=each: batches.check(tx, each)) for each in whole)  # type: ignore[misc]
    return Restored(folder.rows, entries, imported, paused)


_PAUSE: Final = "UPDATE flow SET state = 'paused' WHERE state = 'active'"


def _want_empty(tx: Tx) -> None:
    for table in _MUST_BE_EMPTY:
        if tx.one(f'SELECT 1 FROM "{table}" LIMIT 1') is not None:
            raise FolderError(f"the database is not empty (table {table}): a restore begins with a new one")


def _fill(store: GroupStore, shape: Shape, folder: Folder, clock: Clock) -> int:
    names = ", ".join(f'"{each}"' for each in shape.columns)
    sql = f'INSERT INTO "{shape.name}" ({names}) VALUES ({",".join("?" * len(shape.columns))})'
    if shape.name == "meta":
        sql += " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    count, size, chunks, part = 0, CHUNK_FIRST, 0, list[tuple[Any, ...]]()

    def put(rows: list[tuple[Any, ...]]) -> float:
        began = 0.0

        def work(tx: Tx) -> None:
            nonlocal began
            began = clock.monotonic()
            tx.executemany(sql, rows)

        try:
            store.write_now(work)
        except StoreTrouble:
            raise
        except (
            Exception
        ) as err:  # each back end has its own words for two rows with one key, or a text in a number's place
            raise RowRefused(f"a row of {shape.name} is refused by the database: {clean(str(err))[:200]}") from err
        return clock.monotonic() - began

    for row in folder.table(shape):
        part.append(row)
        if len(part) < size:
            continue
        took, count, chunks, part = put(part), count + len(part), chunks + 1, []
        size = max(CHUNK_MIN, size * 2 // 3) if took > AIM_SECONDS else min(CHUNK_MAX, size + 20)
        if chunks % TIDY_EVERY == 0:
            store.tidy_now()
    if part:
        put(part)
    return count + len(part)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_plain(path / "manifest.json"))
    except FileNotFoundError:
        lacks = f"{path} is no exported folder: it has no manifest.json" if path.exists() else f"{path} is not there"
        raise FolderError(lacks) from None
    except NotADirectoryError:
        raise FolderError(f"{path} is no folder of a backup or an export") from None
    except OSError as err:
        raise FolderError(f"{path} can't be read: {err.strerror}") from None
    except (ValueError, RecursionError):
        raise FolderError("manifest.json is no JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise FolderError(f'{path} is no exported folder: its "format" is not "{FORMAT}"')
    for name, kind in (("schema", list), ("rows", dict), ("sha256", dict)):
        if not isinstance(found.get(name), kind):
            raise FolderError(f'manifest.json: "{name}" is missing, or has another shape')
    return found


def _inside(path: Path, name: str) -> Path:
    """A file of the folder, by the name that its manifest gives it, which may lead nowhere else."""
    found = path / name
    if not isinstance(name, str) or name.startswith("/") or ".." in Path(name).parts or found.is_symlink():
        raise FolderError(f'manifest.json names "{str(name)[:60]}", which is no file of the folder')
    return found


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with open_plain(path) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as err:
        raise FolderError(f"{path.name} can't be read: {err.strerror}") from None
    return digest.hexdigest()
