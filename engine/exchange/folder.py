"""Everything as one folder: what a new machine needs to go on, as text that people and other programs can read.

    manifest.json        what is in it, how many rows, the SHA-256 of each file, of which schema
    tables/NAME.jsonl    a table: one JSON object a row, in the order of its key
    flows/NAME.yaml      each flow's text in force (also in the tables; here to be read)
    templates/ keys/ secret posthouse.toml    the installation's own files, those that are there

The queue and the history of mail stay: a message belongs to the machine that took it. So what points at messages is empty in
the folder. Octets that are committed to (the ledger's facts) are kept as they are, which `consent check` proves afterwards.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.store import tables
from engine.store.groups import GroupStore
from engine.store.migrate import schema
from engine.store.shapes import Shape, shapes_of
from mta.ports import Tx

FORMAT: Final = "posthouse export 1"
CHUNK: Final = 1000  # rows read at once

# Mail and what is known of it, and what belongs to processes of this machine.
STAY: Final = frozenset({"sending", "inbound", "spooled", "writer", "hook_call"})
POINTERS: Final = frozenset({"message_id", "delivery_id"})  # columns that name mail
OF_THIS_MACHINE: Final = frozenset({"clock_offset_ms", "late_seen", "epochs", "fence", "reputation"})  # rows of meta
_BLOB: Final = "$base64"


class FolderError(ValueError):
    """A folder that can't be written or is no export; the words can be shown."""


@dataclass(frozen=True, slots=True)
class Files:
    """The installation's own files, by their name in the folder; those that are none are left out."""

    places: Mapping[str, Path]


def shapes() -> list[Shape]:
    """The tables that are exported, by name."""
    return shapes_of(each for each in tables.TABLES if each._meta.table_name not in STAY)


def write(
    store: GroupStore, folder: Path, files: Files, *, hostname: str, now: datetime, tell: Callable[[str, int], None]
) -> dict[str, int]:
    """Write the folder, which must not be there; how many rows of each table. FolderError, OSError."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise FolderError(f"{folder} is there already: name a new folder") from None
    (folder / "tables").mkdir()
    counts, kept = {}, {}
    for shape in shapes():
        path = folder / "tables" / f"{shape.name}.jsonl"
        counts[shape.name], kept[f"tables/{shape.name}.jsonl"] = _write_table(store, shape, path)
        tell(shape.name, counts[shape.name])
    kept |= _write_flows(store, folder)
    for name, place in files.places.items():
        kept |= _copy(place, folder, name)
    manifest = {
        "format": FORMAT, "made": now.isoformat(timespec="seconds"), "installation": hostname, "schema": list(schema()),
        "rows": counts, "sha256": kept,
    }  # fmt: skip
    _keep(folder / "manifest.json", (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode())
    return counts


def rows_of(store: GroupStore, shape: Shape) -> Iterator[tuple[Any, ...]]:
    """All rows of a table in the order of its key, read in chunks."""
    names, key = ", ".join(f'"{each}"' for each in shape.columns), ", ".join(f'"{each}"' for each in shape.key)
    places = [shape.columns.index(each) for each in shape.key]
    after: tuple[Any, ...] = ()
    while True:
        where = f" WHERE ({key}) > ({','.join('?' * len(shape.key))})" if after else ""
        sql = f'SELECT {names} FROM "{shape.name}"{where} ORDER BY {key} LIMIT {CHUNK}'
        part = store.read_now(lambda tx, sql=sql, after=after: tx.query(sql, after))  # type: ignore[misc]
        yield from part
        if len(part) < CHUNK:
            return
        after = tuple(part[-1][place] for place in places)


def _write_table(store: GroupStore, shape: Shape, path: Path) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        for row in rows_of(store, shape):
            if shape.name == "meta" and row[0] in OF_THIS_MACHINE:
                continue
            said = {
                name: None if name in POINTERS else _plain(value)
                for name, value in zip(shape.columns, row, strict=True)
            }
            line = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            file.write(line)
            digest.update(line)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count, digest.hexdigest()


def _plain(value: Any) -> Any:
    return {_BLOB: base64.b64encode(bytes(value)).decode()} if isinstance(value, bytes | memoryview) else value


def value_of(plain: Any) -> Any:
    """What `_plain` was given."""
    return base64.b64decode(plain[_BLOB]) if isinstance(plain, dict) else plain


def _write_flows(store: GroupStore, folder: Path) -> dict[str, str]:
    def look(tx: Tx) -> list[tuple[Any, ...]]:
        return tx.query(
            "SELECT f.name, v.source FROM flow f JOIN flow_version v ON v.id = f.version_id ORDER BY f.name"
        )

    kept = {}
    for name, source in store.read_now(look):
        (folder / "flows").mkdir(exist_ok=True)
        kept[f"flows/{name}.yaml"] = _keep(folder / "flows" / f"{name}.yaml", source.encode())
    return kept


def _copy(place: Path, folder: Path, name: str) -> dict[str, str]:
    """A file, or all files below a folder; links are not followed."""
    if place.is_file():
        return {name: _keep(folder / name, place.read_bytes())}
    kept: dict[str, str] = {}
    for each in sorted(place.rglob("*")) if place.is_dir() else ():
        if each.is_file() and not each.is_symlink():
            below = f"{name}/{each.relative_to(place)}"
            kept[below] = _keep(folder / below, each.read_bytes())
    return kept


def _keep(path: Path, octets: bytes) -> str:
    """Write a file that only its owner may read; its SHA-256."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fresh, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(octets).hexdigest()


def remove(folder: Path) -> None:
    """Take away a folder that was not finished."""
    shutil.rmtree(folder, ignore_errors=True)
