"""Reading the steps of a flow file.

A step without an `id` gets one from what it does ("wait-1h", the template's name), so that it keeps it when steps are
put before it: who stands before a step stands there by id.
"""

import re
from collections.abc import Callable, Collection
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.flow import unsupported
from engine.flow.civil import Span
from engine.flow.conditions import Condition
from engine.flow.document import Entry, Sheet
from engine.flow.grammar import near
from engine.flow.model import ELSE, THEN, Exit, If, Send, Step, Tracking, Wait, Way

MAX_STEPS: Final = 300
MAX_NESTING: Final = 12
RESERVED: Final = frozenset({"trigger", "goal", "exit"})  # what passages call the entries that are no step's

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TEMPLATE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EXAMPLE: Final = "send: order-thanks"


class StepReader:
    """The steps of one file. A step that is wrong is left out, after a fault."""

    def __init__(self, sheet: Sheet, templates: Collection[str] | None) -> None:
        self._sheet = sheet
        self._templates = templates
        self._ids = set(RESERVED)
        self._count = 0

    def read(self, entry: Entry) -> tuple[Step, ...]:
        """All steps below `steps:`."""
        self._note_ids(entry.value)
        return self._branch(entry, 0)

    # -- ids

    def _note_ids(self, root: Node) -> None:
        """Ids that were written come first: one that is derived must not take theirs."""
        stack, seen = [root], 0
        while stack and seen < 10 * MAX_STEPS:
            node = stack.pop()
            seen += 1
            if isinstance(node, SequenceNode):
                stack.extend(reversed(node.value))
            for key, value in node.value if isinstance(node, MappingNode) else ():
                if getattr(key, "value", None) == "id" and isinstance(value, ScalarNode):
                    self._note_id(value)
                elif isinstance(value, SequenceNode):
                    stack.append(value)

    def _note_id(self, node: ScalarNode) -> None:
        if not _ID.fullmatch(node.value):
            self._sheet.fault(node, "id", "small letters, digits, - and _ are expected")
        elif node.value in RESERVED:
            self._sheet.fault(node, "id", f"{node.value} is a word of our own", "choose another id")
        elif node.value in self._ids:
            self._sheet.fault(node, "id", f"another step is called {node.value} too", "choose another id")
        self._ids.add(node.value)

    def _id(self, found: dict[str, Entry], does: str) -> str:
        """The step's own id, or one out of what it does that is not yet taken."""
        if "id" in found:
            return self._sheet.text(found["id"]) or ""
        stem = re.sub(r"[^a-z0-9]+", "-", does.lower()).strip("-")[:40].strip("-") or "step"
        derived, count = stem, 1
        while derived in self._ids:
            count += 1
            derived = f"{stem}-{count}"
        self._ids.add(derived)
        return derived

    # -- steps

    def _branch(self, entry: Entry, depth: int) -> tuple[Step, ...]:
        if depth > MAX_NESTING:
            self._sheet.fault(entry.key, entry.path, f"steps are nested deeper than {MAX_NESTING} levels")
            return ()
        if isinstance(entry.value, SequenceNode) and not entry.value.value:
            self._sheet.fault(entry.value, entry.path, "has no step", f"such as - {_EXAMPLE}")
        nodes = self._sheet.items(entry.value, entry.path, _EXAMPLE)
        found = [self._step(node, f"{entry.path}[{place}]", depth) for place, node in enumerate(nodes, 1)]
        return tuple(each for each in found if each is not None)

    def _step(self, node: Node, path: str, depth: int) -> Step | None:
        self._count += 1
        if self._count > MAX_STEPS:
            if self._count == MAX_STEPS + 1:
                self._sheet.fault(node, path, f"the flow has more than {MAX_STEPS} steps")
            return None
        if isinstance(node, ScalarNode) and node.value == "exit":
            return Exit(self._id({}, "exit"))
        if not isinstance(node, MappingNode):
            self._sheet.fault(node, path, f"is no step (steps are {', '.join(_ACTIONS)})", f"such as - {_EXAMPLE}")
            return None
        actions = [key.value for key, _ in node.value if isinstance(key, ScalarNode) and key.value in _ACTIONS]
        if len(actions) > 1:
            self._sheet.fault(node, path, f"is {' and '.join(actions)} in one", "begin each with a hyphen of its own")
            return None
        if not actions:
            self._nothing(node, path)
            return None
        return self._action(actions[0], node, path, depth)

    def _nothing(self, node: Node, path: str) -> None:
        before = len(self._sheet.faults)
        self._sheet.record(node, path, (*_ACTIONS, "id"), unsupported.STEPS)
        if len(self._sheet.faults) == before:
            self._sheet.fault(node, path, "does nothing", f"write one of {', '.join(_ACTIONS)}")

    def _action(self, action: str, node: Node, path: str, depth: int) -> Step | None:
        keys, read = _ACTIONS[action]
        later = unsupported.WAIT | unsupported.STEPS if action == "wait" else unsupported.STEPS
        return read(self, self._sheet.record(node, path, keys, later), depth)

    def _wait(self, found: dict[str, Entry], depth: int) -> Wait | None:
        entry = found["wait"]
        if isinstance(entry.value, MappingNode):
            self._sheet.record(entry.value, entry.path, (), unsupported.WAIT)
            if not entry.value.value:
                self._sheet.fault(entry.value, entry.path, "is empty", "such as wait: 1h")
            return None
        span = self._sheet.read(entry, Span.parse)
        return Wait(self._id(found, f"wait-{span}"), span) if span else None

    def _send(self, found: dict[str, Entry], depth: int) -> Send | None:
        template = self._sheet.read(found["send"], self._read_template)
        tracking = read_tracking(self._sheet, found.get("tracking"))
        return Send(self._id(found, template), template, tracking) if template else None

    def _if(self, found: dict[str, Entry], depth: int) -> If | None:
        condition = self._sheet.read(found["if"], Condition.parse)
        step_id = self._id(found, f"if-{condition.root if condition else ''}")
        if "then" not in found:
            above = found["if"].path.removesuffix(".if")
            self._sheet.fault(found["if"].key, f"{above}.then", "is missing", "write what follows when it holds")
        ways = tuple(Way(key, self._branch(found[key], depth + 1) if key in found else ()) for key in (THEN, ELSE))
        return If(step_id, condition, ways) if condition else None

    def _exit(self, found: dict[str, Entry], depth: int) -> Exit:
        reason = self._sheet.text(found["exit"]) or ""
        return Exit(self._id(found, "exit"), "" if reason == "true" else reason)

    def _read_template(self, text: str) -> str:
        if not _TEMPLATE.fullmatch(text):
            raise ValueError("a mail template's name is expected: small letters, digits and hyphens")
        if self._templates is not None and text not in self._templates:
            raise ValueError(f"there is no mail template of this name{near(text, self._templates)}")
        return text


def read_tracking(sheet: Sheet, entry: Entry | None) -> Tracking:
    """`tracking: off`, `tracking: on`, or `tracking: {opens: off}`."""
    if entry is None:
        return Tracking()
    if isinstance(entry.value, ScalarNode):
        told = sheet.read(entry, _read_switch)
        return Tracking(told, told, told)
    found = sheet.record(entry.value, entry.path, ("clicks", "opens", "view"))
    return Tracking(**{name: sheet.read(each, _read_switch) for name, each in found.items()})


def _read_switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("on or off is expected")
    return text == "on"


_ACTIONS: Final[dict[str, tuple[tuple[str, ...], Callable[[StepReader, dict[str, Entry], int], Step | None]]]] = {
    "wait": (("wait", "id"), StepReader._wait),
    "send": (("send", "id", "tracking"), StepReader._send),
    "if": (("if", "then", "else", "id"), StepReader._if),
    "exit": (("exit", "id"), StepReader._exit),
}
