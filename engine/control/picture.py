"""A flow as the terminal draws it: the active version's steps, with the people that stand and have passed there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from engine.control.protocol.flows import FlowBranch, FlowNode, FlowPicture
from engine.flow.definition import recall
from engine.flow.model import Definition, Jump, Step, Way, ways_of
from engine.flow.telling import kind_of, told, told_trigger
from engine.running.traffic import NO_FIGURES, Crowd, Figures, Place
from mta.ports import Tx

TRIGGER: Final = "trigger"
_MANY: Final = 10  # people at a step before it is called narrow


@dataclass(frozen=True, slots=True)
class Counts:
    """What is known of the people of a flow."""

    figures: Figures = NO_FIGURES
    places: Mapping[str, Place] = field(default_factory=dict)  # by step

    def node(self, id: str, kind: str, label: str, branches: tuple[FlowBranch, ...] = (), to: str = "") -> FlowNode:
        """A step with its counts. Of a wait that is no wait for something, whoever stands there is written down already."""
        place, passed = self.places.get(id, Place()), self.figures.at(id or TRIGGER)
        is_written = kind in (TRIGGER, "wait") and not branches
        return FlowNode(
            id, kind, label, place.people, passed, branches, passed if is_written else passed + place.people,
            self.figures.at_lately(id or TRIGGER), place.since_ms or None, place.stuck, to=to,
        )  # fmt: skip


def drawing(definition: Definition, state: str = "draft", counts: Counts | None = None, now_ms: int = 0) -> FlowPicture:
    """The picture of a version; of one that nobody is in yet where nothing is counted."""
    return FlowPicture(
        now_ms=now_ms, name=definition.name, title=definition.title or definition.name, about=definition.about, state=state,
        stream=definition.stream.word, version=definition.short_version, goal=_goal(definition),
        nodes=nodes_of(definition, counts or Counts()),
    )  # fmt: skip


def picture_of(row: tuple[str, str, str], figures: Figures, crowd: Crowd, now_ms: int) -> FlowPicture:
    """The picture of a flow (its name, its state, the text of its active version) with its people."""
    name, state, source = row
    definition = recall(source, name)
    if not isinstance(definition, Definition):  # it was applied by a version that understood more
        return FlowPicture(now_ms, name, name, str(definition[0]), state, "", "")
    places = by_step(crowd)
    picture = drawing(definition, state, Counts(figures, places), now_ms)
    mark, why = bottleneck(places)
    ended = {how: count for how, count in figures.ends.items() if how != "waiting"}
    elsewhere = {step: place.people for step, place in places.items() if step and step not in definition.program}
    marked = _marked(picture.nodes, mark) if mark is not None else picture.nodes
    return replace(picture, nodes=marked, ended=ended, elsewhere=elsewhere, bottleneck=why)


def text_of(tx: Tx, name: str) -> tuple[int, tuple[str, str, str]] | None:
    """(id, (name, state, text of the active version)); None when there is no such flow."""
    row = tx.one(
        "SELECT f.id, f.state, v.source FROM flow f JOIN flow_version v ON v.id = f.version_id WHERE f.name = ?",
        (name,),
    )
    return None if row is None else (row[0], (name, row[1], row[2]))


def by_step(crowd: Crowd) -> dict[str, Place]:
    """Who stands at the steps of all versions, by the step's id."""
    found: dict[str, Place] = {}
    for (_, step), place in crowd.places.items():
        each = found.setdefault(step, Place(since_ms=place.since_ms))
        each.people, each.stuck = each.people + place.people, each.stuck + place.stuck
        each.since_ms = min(each.since_ms, place.since_ms)
    return found


def bottleneck(places: Mapping[str, Place]) -> tuple[str | None, str]:
    """The step where it is narrow, and why: where most can't go on, else where more than half of many people stand."""
    stuck, step = max(((place.stuck, step) for step, place in places.items()), default=(0, ""))
    if stuck:
        return step, f"{stuck:,} at {step or 'the trigger'} can't go on by themselves, or should have long ago"
    people, step = max(((place.people, step) for step, place in places.items()), default=(0, ""))
    everybody = sum(place.people for place in places.values())
    if people >= _MANY and 2 * people > everybody and len(places) > 1:
        return step, f"{people:,} of {everybody:,} who are under way stand at {step or 'the trigger'}"
    return None, ""


def _goal(definition: Definition) -> str:
    return definition.goal.event if definition.goal else ""


def nodes_of(definition: Definition, counts: Counts) -> tuple[FlowNode, ...]:
    """The trigger and all steps."""
    trigger = counts.node("", TRIGGER, told_trigger(definition.trigger))
    return (trigger, *(_node(step, counts) for step in definition.steps))


def _node(step: Step, counts: Counts) -> FlowNode:
    branches = tuple(_branch(step.id, way, counts) for way in ways_of(step))
    to = step.to if isinstance(step, Jump) else ""
    return counts.node(step.id, kind_of(step), told(step), branches, to)


def _branch(step: str, way: Way, counts: Counts) -> FlowBranch:
    taken = (step, way.label)
    passed, hour = counts.figures.passed.get(taken, 0), counts.figures.hour.get(taken, 0)
    return FlowBranch(way.label, tuple(_node(each, counts) for each in way.steps), passed, hour)


def _marked(nodes: tuple[FlowNode, ...], step: str) -> tuple[FlowNode, ...]:
    return tuple(
        replace(
            node, is_bottleneck=node.id == step,
            branches=tuple(replace(way, nodes=_marked(way.nodes, step)) for way in node.branches),
        )
        for node in nodes
    )  # fmt: skip
