"""Flows that feed each other: whether a round of them lets its contact in again and again, with no wait on the way.

Only what surely goes round is said: each flow of the round lets everybody in, each time, and what it begins with surely
comes. A tag that is taken away, a list that is left, a field that is set and a segment that hangs on one of these make an
event only where something changes; that is sure where the same round changes it back. What may go round is left to the
count that every chain of runs has (engine.flow.entering.MAX_CHAIN).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.flow import actions, expression, grammar
from engine.flow.conditions import NAMES, Condition
from engine.flow.model import Definition, Do, Step
from engine.flow.reach import reached, takes_time
from engine.flow.triggers import EventTrigger

Segments = Mapping[str, str]
"""The expressions of the segments that there are, by name."""
NO_SEGMENTS: Final[Segments] = {}
LONGEST: Final = 8  # flows in a round
BUDGET: Final = 3_000  # ways that are looked at


@dataclass(frozen=True, slots=True)
class Change:
    """What a step makes of something about the contact: a tag, a list, a field or a segment (`what`, `which`)."""

    what: str
    which: str
    to: object


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event that a step makes, what it tells, and the change that it hangs on (None: it comes each time)."""

    name: str
    told: Mapping[str, str] = field(default_factory=dict)
    by: Change | None = None


def changes(step: Step, segments: Segments = NO_SEGMENTS) -> Iterator[Change]:
    """What a step changes about the contact, where that is known beforehand."""
    for change in _own_changes(step):
        yield change
        for name, text in segments.items():
            if (is_in := _moves(text, change)) is not None:
                yield Change("segment", name, is_in)


def _own_changes(step: Step) -> Iterator[Change]:
    match step:
        case Do(action=actions.Tag(tag=tag)):
            yield Change("tag", tag, True)
        case Do(action=actions.Untag(tag=tag)):
            yield Change("tag", tag, False)
        case Do(action=actions.Join(mailing_list=name)):
            yield Change("list", name, True)
        case Do(action=actions.Leave(mailing_list=name)):
            yield Change("list", name, False)
        case Do(action=actions.SetFields(values=values)):
            yield from (Change("field", name, each) for name, each in values.items() if not isinstance(each, Condition))


def emitted(step: Step, segments: Segments = NO_SEGMENTS) -> Iterator[Emitted]:
    """The events that a step makes."""
    match step:
        case Do(action=actions.Emit(event=event)):
            yield Emitted(event)
        case Do(action=actions.Tag(tag=tag)):
            yield Emitted("contact.tagged", {"tag": tag})
        case Do(action=actions.Join(mailing_list=name)):
            yield Emitted("list.joined", {"list": name})
        case Do(action=actions.AddTo(values=values)) if any(_adds(each) for each in values.values()):
            yield Emitted("contact.updated")
    for change in changes(step, segments):
        match change:
            case Change(what="tag", to=False, which=tag):
                yield Emitted("contact.untagged", {"tag": tag}, change)
            case Change(what="list", to=False, which=name):
                yield Emitted("list.left", {"list": name}, change)
            case Change(what="field"):
                yield Emitted("contact.updated", {}, change)
            case Change(what="segment", to=is_in, which=name):
                yield Emitted(f"segment.{'entered' if is_in else 'left'}", {"segment": name}, change)


def at_once(flow: Definition) -> list[Step]:
    """The steps that a run may come to without any wait."""
    found = reached(flow.program, [flow.first], through=lambda step: not takes_time(step))
    return [flow.program[step].step for step in sorted(found)]


def lets_in(flow: Definition, step: Step) -> bool:
    """Whether what a step does is what the flow begins with."""
    return _starts(flow, step) or any(_begins(flow, each) for each in emitted(step))


def feeds_itself(flow: Definition, step: Step) -> bool:
    """Whether this step of a flow surely lets its contact into it again."""
    changed = _changed([_made_of(at_once(flow), NO_SEGMENTS)])
    return any(_begins(flow, each) and _is_sure(each, changed) for each in emitted(step))


def round_through(
    flow: Definition, others: Iterable[Definition], segments: Segments = NO_SEGMENTS
) -> tuple[str, ...]:  # fmt: skip
    """The names of a round of flows that begins and ends with this one; () where there is none."""
    flows = [each for each in (flow, *others) if each.reentry.rule == "always" and each.trigger.where is None]
    return _Rounds(flows, segments).through(flow) if flow in flows else ()


class _Rounds:
    """The ways between flows that let everybody in each time."""

    def __init__(self, flows: Sequence[Definition], segments: Segments) -> None:
        self._flows = {each.name: each for each in flows}
        steps = {each.name: at_once(each) for each in flows}
        self._made = {name: [(step, tuple(emitted(step, segments))) for step in own] for name, own in steps.items()}
        self._changes = {name: _made_of(own, segments) for name, own in steps.items()}
        self._takers = {giver: [name for name in self._flows if self._feeds(giver, name)] for giver in self._flows}

    def through(self, flow: Definition) -> tuple[str, ...]:
        ways: list[tuple[str, ...]] = [(flow.name,)]
        for _ in range(BUDGET):
            if not ways:
                break
            way = ways.pop()
            for taker in self._takers[way[-1]]:
                if taker == flow.name and self._is_sure(way):
                    return (*way, taker)
                if taker not in way and len(way) < LONGEST:
                    ways.append((*way, taker))
        return ()

    def _is_sure(self, way: tuple[str, ...]) -> bool:
        changed = _changed(self._changes[name] for name in way)
        return all(self._feeds(giver, taker, changed) for giver, taker in zip(way, (*way[1:], way[0]), strict=True))

    def _feeds(self, giver: str, taker: str, changed: "Changed | None" = None) -> bool:
        """Whether one lets people into the other; surely, where it is said what `changed` on the way."""
        flow = self._flows[taker]
        return any(
            _starts(flow, step)
            or any(_begins(flow, each) and (changed is None or _is_sure(each, changed)) for each in own)
            for step, own in self._made[giver]
        )


Changed = Mapping[tuple[str, str], Sequence[object]]


def _made_of(steps: Iterable[Step], segments: Segments) -> tuple[Change, ...]:
    return tuple(each for step in steps for each in changes(step, segments))


def _changed(flows: Iterable[Iterable[Change]]) -> Changed:
    """What these flows make of what."""
    found: dict[tuple[str, str], list[object]] = {}
    for change in (each for own in flows for each in own):
        found.setdefault((change.what, change.which), []).append(change.to)
    return found


def _is_sure(each: Emitted, changed: Changed) -> bool:
    """Whether what the event hangs on is changed back on the way."""
    by = each.by
    return by is None or any(other != by.to for other in changed[by.what, by.which])


def _begins(flow: Definition, each: Emitted) -> bool:
    trigger = flow.trigger
    return isinstance(trigger, EventTrigger) and trigger.event == each.name and trigger.match in ({}, each.told)


def _starts(flow: Definition, step: Step) -> bool:
    return isinstance(step, Do) and step.action == actions.StartFlow(flow.name)


def _adds(given: Any) -> bool:
    return isinstance(given, int | float) and given != 0


# -- segments that hang on one thing alone

_PLAIN: Final = (
    expression.Name, expression.Lookup, expression.Literal, expression.Items, expression.Compare, expression.Logic,
)  # fmt: skip


def _moves(text: str, change: Change) -> bool | None:
    """Whether a change surely brings everybody into a segment (True) or keeps them out of it (False); None where it hangs on
    something else too, or not on this."""
    try:
        root = grammar.parse(text, NAMES, of_segment=True)
    except grammar.ConditionError:
        return None
    nodes = list(expression.walk(root))
    where = ("fields", change.which) if change.what == "field" else ("tags",)
    spoken = {str(each) for each in nodes if isinstance(each, expression.Lookup | expression.Name)}
    above = {".".join(("contact", *where[:deep])) for deep in range(len(where) + 1)}
    if change.what == "list" or spoken != above or not all(isinstance(each, _PLAIN) for each in nodes):
        return None
    if change.what == "field":
        return Condition(text, root).evaluate({"contact": {"fields": {change.which: change.to}}})
    if [each.value for each in nodes if isinstance(each, expression.Literal)] != [change.which]:
        return None  # of another tag, or of several
    return Condition(text, root).evaluate({"contact": {"tags": [change.which] if change.to else []}})
