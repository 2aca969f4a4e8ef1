"""Reading the steps of a flow file.

A step without an `id` gets one from what it does ("wait-1h", the template's name), so that it keeps it when steps are
put before it: who stands before a step stands there by id.
"""

import re
from datetime import timedelta
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.flow.civil import Span
from engine.flow.conditions import Condition
from engine.flow.deeds import read_action
from engine.flow.document import Entry
from engine.flow.model import (
    ELSE,
    THEN,
    Do,
    Exit,
    If,
    Jump,
    Send,
    Split,
    Step,
    Switch,
    Tracking,
    Wait,
    WaitFor,
    Way,
    Winner,
)  # fmt: skip
from engine.flow.pauses import read_late, read_until
from engine.flow.shapes import Page, written
from engine.flow.spelling import nearest
from engine.flow.telling import told
from engine.flow.words import STEP

MAX_STEPS: Final = 300
MAX_NESTING: Final = 12
RESERVED: Final = frozenset({"trigger", "goal", "exit"})  # what passages call the entries that are no step's

A_WHILE: Final = Span(1, timedelta())
UNREAD: Final = Condition.parse("false")  # in place of one that is wrong: its steps are looked at all the same

_EXAMPLE: Final = "send: order-thanks"
_LETTERS: Final = "abcdefghijklmnopqrst"


class StepReader:
    """The steps of one file. For a step that is wrong, after a fault, one stands that waits. `places` is where each step
    stands; `ids` are all that were written or derived; `lost_jump`: a step that is wrong may have been meant for a jump."""

    def __init__(self, page: Page, flow: str) -> None:
        self._page, self._flow = page, flow
        self.ids = set(RESERVED)
        self._count = 0
        self.places: dict[str, Entry] = {}
        self.lost_jump = False

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
        if node.value in RESERVED:
            self._page.sheet.fault(node, "id", f"{node.value} is a word of our own", "choose another id")
        elif node.value in self.ids:
            self._page.sheet.fault(node, "id", f"another step is called {node.value} too", "choose another id")
        self.ids.add(node.value)

    def _id(self, values: dict[str, Any], does: str) -> str:
        """The step's own id, or one out of what it does that is not yet taken."""
        if "id" in values:
            return str(values["id"])
        stem = re.sub(r"[^a-z0-9]+", "-", does.lower()).strip("-")[:40].strip("-") or "step"
        derived, count = stem, 1
        while derived in self.ids:
            count += 1
            derived = f"{stem}-{count}"
        self.ids.add(derived)
        return derived

    # -- steps

    def _branch(self, entry: Entry | None, depth: int) -> tuple[Step, ...]:
        if entry is None:
            return ()
        sheet = self._page.sheet
        if depth > MAX_NESTING:
            sheet.fault(entry.key, entry.path, f"steps are nested deeper than {MAX_NESTING} levels")
            return ()
        if isinstance(entry.value, SequenceNode) and not entry.value.value:
            sheet.fault(entry.value, entry.path, "has no step", f"such as - {_EXAMPLE}")
        nodes = sheet.items(entry.value, entry.path, _EXAMPLE)
        if (room := MAX_STEPS - self._count) < len(nodes):
            self._too_many(entry, nodes[max(room, 0)])
            nodes = nodes[: max(room, 0)]
        self._count += len(nodes)
        return tuple(
            self._step(Entry(f"{entry.path}[{place}]", node, node), depth) for place, node in enumerate(nodes, 1)
        )

    def _too_many(self, entry: Entry, node: Node) -> None:
        """Said once."""
        if self._count <= MAX_STEPS:
            self._page.sheet.fault(node, entry.path, f"the flow has more than {MAX_STEPS} steps")
            self._count, self.lost_jump = MAX_STEPS + 1, True

    def _step(self, entry: Entry, depth: int) -> Step:
        step = self._read_step(entry, depth) or self._stand_in(entry)
        self.places[step.id] = entry
        return step

    def _stand_in(self, entry: Entry) -> Step:
        """For a step that can't be read: it has the other's id, and waits."""
        words = {nearest(key, STEP) for key in written(entry.value)} - {""}
        self.lost_jump = self.lost_jump or not words or "jump" in words
        pairs = entry.value.value if isinstance(entry.value, MappingNode) else ()
        ids = [
            value.value for key, value in pairs if getattr(key, "value", None) == "id" and isinstance(value, ScalarNode)
        ]
        is_free = bool(ids) and ids[0] in self.ids and ids[0] not in self.places
        return Wait(ids[0] if is_free else self._id({}, "step"), A_WHILE)

    def _unread(self, values: dict[str, Any], depth: int) -> Step | None:
        """In place of a step whose own value is wrong, where others are below it."""
        ways = self._ways(values, depth, THEN, ELSE)
        return Wait(self._id(values, "step"), A_WHILE, None, ways) if any(each.steps for each in ways) else None

    def _read_step(self, entry: Entry, depth: int) -> Step | None:
        sheet, node = self._page.sheet, entry.value
        if isinstance(node, ScalarNode) and node.value == "exit":
            return Exit(self._id({}, "exit"))
        if not isinstance(node, MappingNode):
            sheet.fault(node, entry.path, f"is no step (steps are {', '.join(STEP)})", f"such as - {_EXAMPLE}")
            return None
        words = [key for key in written(node) if key in STEP]
        if len(words) > 1:
            sheet.fault(node, entry.path, f"is {' and '.join(words)} in one", "begin each with a hyphen of its own")
            return self._look_within(entry, depth)
        if not words:
            self._nothing(entry)
            return self._look_within(entry, depth)
        return self._build(words[0], STEP[words[0]].parts(self._page, entry), depth)

    def _look_within(self, entry: Entry, depth: int) -> Step | None:
        """What is wrong with the values of a step that can't be read; in its place, where steps are below it."""
        below: dict[str, Any] = {}
        for key, value in entry.value.value:
            word = key.value if isinstance(key, ScalarNode) else ""
            within = Entry(f"{entry.path}.{word}", key, value)
            if word in (THEN, ELSE):
                below[word] = within
            elif word in STEP:
                STEP[word].value_of(entry.value, word).read(self._page, within)
        return self._unread(below, depth)

    def _nothing(self, entry: Entry) -> None:
        before = len(self._page.sheet.faults)
        beside = dict.fromkeys(key for each in STEP.values() for key in each.words if key not in STEP)
        self._page.sheet.record(entry.value, entry.path, (*STEP, *beside))
        if len(self._page.sheet.faults) == before:
            self._page.sheet.fault(entry.value, entry.path, "does nothing", f"write one of {', '.join(STEP)}")

    def _build(self, word: str, values: dict[str, Any], depth: int) -> Step | None:
        """The step, out of its values by key. Its id is found before those of the steps within it."""
        match word:
            case "wait":
                return self._wait(values, depth)
            case "send":
                return self._send(values)
            case "if":
                return self._if(values, depth)
            case "switch":
                return self._switch(values, depth)
            case "split":
                return self._split(values, depth)
            case "jump":
                return self._jump(values)
            case "exit":
                reason = values.get("exit", "")
                return Exit(self._id(values, "exit"), "" if reason == "true" else reason)
        return self._do(word, values, depth)

    def _ways(self, values: dict[str, Any], depth: int, *labels: str) -> tuple[Way, ...]:
        return tuple(Way(label, self._branch(values.get(label), depth + 1)) for label in labels)

    def _wait(self, values: dict[str, Any], depth: int) -> Step | None:
        told_wait = values.get("wait")
        if isinstance(told_wait, dict) and "for" in told_wait:
            return self._wait_for(told_wait, values, depth)
        until = read_until(told_wait)
        if until is None:
            return self._unread(values, depth)
        step_id = self._id(values, f"wait-{until}")
        ways = self._ways(values, depth, ELSE) if ELSE in values else ()
        return Wait(step_id, until, read_late(values.get("late")), ways)

    def _wait_for(self, found: dict[str, Any], values: dict[str, Any], depth: int) -> WaitFor:
        kind, told_for = found["for"]
        if kind == "segment":
            event, match = "segment.entered", {"segment": told_for["segment"]}
        else:
            event = told_for["event"]
            match = {"flow": self._flow, "step": told_for["step"]} if "step" in told_for else {}
        step_id = self._id(values, f"wait-for-{event}")
        where = told_for.get("where")
        return WaitFor(step_id, event, match, found["timeout"], where, self._ways(values, depth, THEN, ELSE))

    def _send(self, values: dict[str, Any]) -> Send | None:
        template = values.get("send")
        tracking = read_tracking(values.get("tracking"))
        late = read_late(values.get("late"))
        return Send(self._id(values, template), template, tracking, late) if template else None

    def _if(self, values: dict[str, Any], depth: int) -> If:
        condition = values.get("if")
        step_id = self._id(values, f"if-{condition.root if condition else ''}")
        ways = self._ways(values, depth, THEN, ELSE)
        return If(step_id, condition or UNREAD, ways)

    def _switch(self, values: dict[str, Any], depth: int) -> Switch:
        step_id = self._id(values, "switch")
        cases = values.get("switch", [])
        ways = [Way(f"case-{nth}", self._branch(each.get("then"), depth + 1)) for nth, each in enumerate(cases, 1)]
        return Switch(
            step_id, tuple(each.get("case", UNREAD) for each in cases), (*ways, *self._ways(values, depth, ELSE))
        )

    def _split(self, values: dict[str, Any], depth: int) -> Split:
        step_id = self._id(values, "split")
        paths = values.get("split", [])
        names = [each.get("name", letter) for each, letter in zip(paths, _LETTERS, strict=False)]
        ways = tuple(
            Way(name, self._branch(each.get("then"), depth + 1)) for name, each in zip(names, paths, strict=True)
        )
        told_winner = values.get("winner")
        winner = told_winner and Winner(told_winner["metric"], told_winner["significance"], told_winner.get("min", 100))
        return Split(step_id, tuple(each.get("weight", 1) for each in paths), ways, winner)

    def _jump(self, values: dict[str, Any]) -> Jump | None:
        target = values.get("jump")
        if target is None:
            return None
        to, times = (target, 1) if isinstance(target, str) else (target["to"], target.get("times", 1))
        return Jump(self._id(values, f"jump-{to}"), to, times)

    def _do(self, word: str, values: dict[str, Any], depth: int) -> Step | None:
        action = read_action(word, values.get(word))
        if action is None:
            return self._unread(values, depth)
        step_id = self._id(values, f"{word}-{told(Do('', action))}")
        is_waited = word == "webhook" and getattr(action, "wait", False)
        return Do(step_id, action, self._ways(values, depth, THEN, ELSE) if is_waited else ())


def read_tracking(found: bool | dict[str, bool] | None) -> Tracking:
    """`tracking: off`, `tracking: on`, or `tracking: {opens: off}`."""
    if isinstance(found, bool):
        return Tracking(found, found, found)
    return Tracking(**(found or {}))
