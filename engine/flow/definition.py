"""Reading a flow file: `check` gives its Definition, or everything that is wrong with it.

The version of a flow is the hash of its text, so the same text is the same flow everywhere.
"""

import hashlib
from typing import Any

from ruamel.yaml.nodes import Node

from engine.flow.checks import find_faults
from engine.flow.document import Entry, Fault, Sheet
from engine.flow.entries import read_trigger
from engine.flow.known import NOTHING_KNOWN, Known
from engine.flow.model import Definition, Goal, Reentry, Writes, flatten
from engine.flow.shapes import Page
from engine.flow.steps import StepReader, read_tracking
from engine.flow.triggers import ManualTrigger
from engine.flow.words import FLOW
from mta.queue.delivery import Stream

__all__ = ["Definition", "Fault", "check", "recall", "version_of"]


def check(text: str, filename: str, known: Known = NOTHING_KNOWN) -> Definition | list[Fault]:
    """The flow that `text` describes, or all its faults in the order of their lines.

    `known` are the names of mails, lists and the like that there are, as far as anybody knows.
    """
    return _read(text, Page(Sheet(filename), known), judges=True)


def recall(text: str, filename: str) -> Definition | list[Fault]:
    """The flow of a version that was applied. It was judged then: a fault of the whole that a later `check` finds stops
    nobody who is under way."""
    return _read(text, Page(Sheet(filename), NOTHING_KNOWN), judges=False)


def version_of(text: str) -> str:
    """The SHA-256 of the text in hex, whatever its editor made of line ends, their blanks and a byte order mark."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    plain = "\n".join(line.rstrip(" \t") for line in lines).rstrip("\n") + "\n"
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _read(text: str, page: Page, *, judges: bool) -> Definition | list[Fault]:
    root = page.sheet.compose(text)
    definition = _definition(page, root, version_of(text), judges) if root is not None else None
    if page.sheet.faults or definition is None:
        return sorted(page.sheet.faults, key=lambda fault: (fault.line, fault.column))
    return definition


def _definition(page: Page, root: Node, version: str, judges: bool) -> Definition | None:
    """None where something that must be there is not. What is wrong with the flow as a whole is looked for last, also
    there: of what is not there nothing is said that it would have to say."""
    values = FLOW.parts(page, Entry("", root, root))
    name = values.get("name", "")
    reader = StepReader(page, name)
    steps = reader.read(values["steps"]) if "steps" in values else ()
    trigger = read_trigger(*values["trigger"]) if "trigger" in values else ManualTrigger()
    definition = Definition(
        name, values.get("title") or name, values.get("about", ""), values.get("stream", Stream.MARKETING), trigger,
        _reentry(values.get("reentry")), _goal(values.get("goal")), values.get("exit"), steps, version, flatten(steps),
        values.get("list", ""), read_tracking(values.get("tracking")), values.get("holdout", 0.0),
        Writes(values["writes"]) if "writes" in values else None, values.get("priority"), values.get("best_before"),
    )  # fmt: skip
    if judges:
        find_faults(page, definition, root, reader, knows_stream="stream" in values)
    return definition if values.keys() >= FLOW.needed.keys() else None


def _reentry(found: Any) -> Reentry:
    if isinstance(found, dict):
        return Reentry("after", found["after"])
    return Reentry(found or "never")


def _goal(found: dict[str, Any] | None) -> Goal | None:
    return None if found is None else Goal(found["event"], found.get("within"), found.get("where"))
