"""Keys as the operator wants them: a file of binding ids and keys, what is wrong with it, and all bindings there are.

    ~/.config/posthouse/keys.toml
    [keys]
    "queue.hold" = "K"
    "app.palette" = "ctrl+k,f3"

What is wrong is passed over and said. Pure, but for reading the file.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from tui.keys import named, shown
from tui.verbs import SENT_FOR_OTHERS, fit_for_a_verb

_READ_AT_MOST: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Keys:
    """Binding id -> its keys, with commas between; and what is wrong."""

    map: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


class Known(NamedTuple):
    """A binding that there is."""

    id: str
    key: str
    about: str
    where: str  # the class that has it
    is_verb: bool


def read(path: Path, catalogue: Callable[[], list[Known]]) -> Keys:
    """The file's keys; those that there are no bindings for, and clashes, are faults. A missing file is no fault, and
    then nobody asks what bindings there are: that takes a while."""
    if path.is_fifo():  # whoever reads one waits until somebody writes
        return Keys(faults=(f"cannot read {path}: a pipe is no file",))
    try:
        with path.open("rb") as file:
            said = tomllib.loads(file.read(_READ_AT_MOST).decode())
    except FileNotFoundError:
        return Keys()
    except OSError as error:
        return Keys(faults=(f"cannot read {path}: {error.strerror}",))
    except (ValueError, RecursionError) as error:
        return Keys(faults=(f"{path} is no TOML: {error}",))
    table = said.get("keys", said)
    return judged(table if isinstance(table, dict) else {}, path, catalogue())


def judged(table: Mapping[str, object], path: Path, known: list[Known]) -> Keys:
    by_id = {each.id: each for each in known}
    keys: dict[str, str] = {}
    faults: list[str] = []
    for id, key in table.items():
        fault = _fault(id, key, by_id)
        if fault:
            faults.append(f"{path}: {fault}")
        else:
            keys[id] = ",".join(named(each.strip()) for each in str(key).split(",") if each.strip())
    faults += [f"{path}: {clash}" for clash in clashes(known, keys)]
    return Keys(keys, tuple(faults))


def _fault(id: str, key: object, by_id: Mapping[str, Known]) -> str:
    if id not in by_id:
        near = get_close_matches(id, by_id, n=1)
        return f"there is no {id}" + (f"; did you mean {near[0]}?" if near else "; `posthouse --keys` lists them")
    if not isinstance(key, str) or not key.strip(", "):
        return f"the key of {id} is no text; the comma is called comma"
    if by_id[id].is_verb:
        for each in (named(part.strip()) for part in key.split(",")):
            if not fit_for_a_verb(each):
                return f"{id} changes mail: its key is a capital letter, or a letter with ctrl, not {shown(each)}{_told(each)}"
    for each in (named(part.strip()) for part in key.split(",")):
        if each in SENT_FOR_OTHERS:
            return f"{shown(each)} for {id} would never come: a terminal sends it as {SENT_FOR_OTHERS[each]}"
        if each[:-1] == "alt+":
            return f"{shown(each)} for {id} would never come: a terminal sends it as Escape and {each[-1]}"
    return ""


def _told(key: str) -> str:
    return f", which a terminal sends as {SENT_FOR_OTHERS[key]}" if key in SENT_FOR_OTHERS else ""


def clashes(known: Iterable[Known], keys: Mapping[str, str]) -> Iterator[str]:
    """Two bindings of one key that one screen would have to choose between."""
    places: dict[tuple[str, str], str] = {}
    shared = ("Roll", "Table", "HouseScreen", "App")
    for each in known:
        for key in keys.get(each.id, each.key).split(","):
            for where in (each.where,) if each.where not in shared else ("",):
                before = places.get((where, key)) or places.get(("", key))
                if before and before != each.id and (before in keys or each.id in keys or each.is_verb):
                    yield f"{shown(key)} is both {before} and {each.id}"
                places[where, key] = each.id


def listed(known: Iterable[Known], keys: Keys) -> str:
    """All bindings with their keys as they are now, then what is wrong."""
    rows = [
        f"{each.id:<24} {', '.join(shown(key) for key in keys.map.get(each.id, each.key).split(',')):<18} {each.about}"
        for each in sorted(known)
    ]
    return "\n".join([*(row.rstrip() for row in rows), *(f"! {fault}" for fault in keys.faults)])
