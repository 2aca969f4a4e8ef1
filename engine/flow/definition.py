"""Reading a flow file: `check` gives its Definition, or everything that is wrong with it.

The version of a flow is the hash of its text, so the same text is the same flow everywhere.
"""

import hashlib
import re
from collections.abc import Collection
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from engine.flow import unsupported
from engine.flow.civil import Span
from engine.flow.conditions import NAMES, Condition, Names
from engine.flow.document import Entry, Fault, Sheet
from engine.flow.events import FAMILIES, VOCABULARY, check_name
from engine.flow.grammar import near
from engine.flow.model import Definition, Goal, Reentry, flatten
from engine.flow.steps import StepReader, read_tracking
from engine.flow.triggers import EventTrigger
from mta.queue.delivery import Stream

__all__ = ["Definition", "Fault", "check", "version_of"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_TOP: Final = ("name", "title", "about", "stream", "list", "trigger", "reentry", "goal", "exit", "tracking", "steps")
_REQUIRED: Final = {
    "name": "such as name: order-thanks",
    "stream": "write stream: marketing (it obeys consent and unsubscribes) or stream: transactional",
    "trigger": "such as trigger: {event: order.placed}",
    "steps": "such as steps: [{send: order-thanks}]",
}
_GOAL_NAMES: Final[Names] = {**NAMES, "trigger": None}


def check(text: str, filename: str, templates: Collection[str] | None = None) -> Definition | list[Fault]:
    """The flow that `text` describes, or all its faults in the order of their lines.

    `templates` are the mail templates there are; None when nobody knows.
    """
    sheet = Sheet(filename)
    root = sheet.compose(text)
    definition = _Reader(sheet, templates).definition(root, version_of(text)) if root is not None else None
    if sheet.faults or definition is None:
        return sorted(sheet.faults, key=lambda fault: (fault.line, fault.column))
    return definition


def version_of(text: str) -> str:
    """The SHA-256 of the text in hex, whatever its editor made of line ends, their blanks and a byte order mark."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    plain = "\n".join(line.rstrip(" \t") for line in lines).rstrip("\n") + "\n"
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


class _Reader:
    """One flow file on its way to a Definition. A part that is wrong reads as None, after a fault."""

    def __init__(self, sheet: Sheet, templates: Collection[str] | None) -> None:
        self._sheet = sheet
        self._steps = StepReader(sheet, templates)

    def definition(self, root: Node, version: str) -> Definition | None:
        found = self._sheet.record(root, "", _TOP, unsupported.TOP)
        for key, remedy in _REQUIRED.items():
            if key not in found and isinstance(root, MappingNode):
                self._sheet.fault(root, key, "is missing", remedy)
        name, title, about = (self._text(found.get(key)) for key in ("name", "title", "about"))
        if name and not _NAME.fullmatch(name):
            self._sheet.fault(found["name"].value, "name", "small letters, digits and hyphens are expected")
        trigger = self._trigger(found["trigger"]) if "trigger" in found else None
        stream = self._sheet.read(found["stream"], _read_stream) if "stream" in found else None
        reentry, goal = self._reentry(found.get("reentry")), self._goal(found.get("goal"))
        exit_ = self._condition(found.get("exit"))
        mailing_list = self._list(found.get("list"), stream)
        steps = self._steps.read(found["steps"]) if "steps" in found else ()
        tracking = read_tracking(self._sheet, found.get("tracking"))
        if not name or trigger is None or stream is None:
            return None
        return Definition(
            name, title or name, about or "", stream, trigger, reentry, goal, exit_, steps, version, flatten(steps),
            mailing_list, tracking,
        )  # fmt: skip

    def _list(self, entry: Entry | None, stream: Stream | None) -> str:
        if entry is None:
            return ""
        if stream is Stream.TRANSACTIONAL:
            self._sheet.fault(entry.key, "list", "is for marketing", "leave it out: nobody can leave their own orders")
        return self._sheet.read(entry, _read_list) or ""

    def _text(self, entry: Entry | None) -> str | None:
        text = self._sheet.text(entry) if entry else None
        return text.strip() if text else None

    def _trigger(self, entry: Entry) -> EventTrigger | None:
        found = self._sheet.record(entry.value, entry.path, ("event", "where", "key"), unsupported.TRIGGER)
        event = self._event(entry, found)
        where, key = (self._condition(found.get(name)) for name in ("where", "key"))
        return EventTrigger(event, where, key) if event else None

    def _goal(self, entry: Entry | None) -> Goal | None:
        if entry is None:
            return None
        found = self._sheet.record(entry.value, entry.path, ("event", "within", "where"))
        event = self._event(entry, found)
        within = self._sheet.read(found["within"], Span.parse) if "within" in found else None
        where = self._condition(found.get("where"), _GOAL_NAMES)
        return Goal(event, within, where) if event else None

    def _event(self, above: Entry, found: dict[str, Entry]) -> str | None:
        if "event" in found:
            return self._sheet.read(found["event"], _read_event)
        if isinstance(above.value, MappingNode):
            self._sheet.fault(above.key, f"{above.path}.event", "is missing", "such as event: order.placed")
        return None

    def _reentry(self, entry: Entry | None) -> Reentry:
        if entry is None:
            return Reentry("never")
        if isinstance(entry.value, ScalarNode):
            return Reentry(self._sheet.read(entry, _read_reentry) or "never")
        found = self._sheet.record(entry.value, entry.path, ("after",))
        if "after" not in found and not getattr(entry.value, "value", None):
            self._sheet.fault(entry.value, entry.path, "never, always or {after: 7d} is expected")
        return Reentry("after", self._sheet.read(found["after"], Span.parse) if "after" in found else None)

    def _condition(self, entry: Entry | None, names: Names = NAMES) -> Condition | None:
        return self._sheet.read(entry, lambda text: Condition.parse(text, names)) if entry else None


def _read_list(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("a list's name is expected: small letters, digits and hyphens")
    return text


def _read_stream(text: str) -> Stream:
    words = {stream.word: stream for stream in Stream}
    if text not in words:
        raise ValueError(f"transactional or marketing is expected{near(text, words)}")
    return words[text]


def _read_event(text: str) -> str:
    name = check_name(text.strip())
    family = name.partition(".")[0]
    if name not in VOCABULARY and family in FAMILIES:
        known = ", ".join(each for each in VOCABULARY if each.partition(".")[0] == family)
        raise ValueError(f"no such event{near(name, VOCABULARY)}; there are {known}")
    return name


def _read_reentry(text: str) -> str:
    if text not in ("never", "always"):
        raise ValueError(f"never, always or {{after: 7d}} is expected{near(text, ('never', 'always'))}")
    return text
