"""A draft drawn over the flow that runs: its steps with what is new, gone, changed or elsewhere, and who would land where.

A step that is gone stands where it stood, after the steps before it that are still there. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from engine.control.picture import Counts, by_step, drawing, nodes_of
from engine.control.protocol.flows import FlowBranch, FlowNode, FlowPicture, Landing
from engine.flow.definition import Definition
from engine.flow.differences import KEPT, REMOVED, Difference, StepLine
from engine.flow.versions import Fate
from engine.running.traffic import Crowd, Figures
from mta.ports import to_ms


def picture(
    definition: Definition, active: Definition | None, changed: Difference, figures: Figures, crowd: Crowd,
    landings: Sequence[Landing], now: datetime, state: str,
) -> FlowPicture:  # fmt: skip
    """The picture of `definition` with what it changes of `active`."""
    counts = Counts(figures, by_step(crowd))
    drawn = drawing(definition, state or "draft", counts, to_ms(now))
    if active is None:
        return drawn
    marks = {each.id: each for each in changed.steps}
    merged = _merged(nodes_of(active, counts), drawn.nodes, definition)
    return replace(drawn, nodes=_marked(merged, marks, _lands(landings)))


def _lands(landings: Sequence[Landing]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in landings:
        if each.fate == Fate.MOVES:
            found[each.to] = found.get(each.to, 0) + each.people
    return found


def _merged(old: Sequence[FlowNode], new: Sequence[FlowNode], definition: Definition) -> tuple[FlowNode, ...]:
    """The new steps in their order, with those that are gone where they stood."""
    merged, was = list(new), {each.id: each for each in old}
    place = 0
    for each in old:
        at = next((index for index, node in enumerate(merged) if node.id == each.id), None)
        if at is not None:
            place = at + 1
        elif each.id not in definition.program:
            merged.insert(place, _gone(each, definition))
            place += 1
    return tuple(
        replace(each, branches=_ways(was[each.id], each, definition)) if each.id in was and each.branches else each
        for each in merged
    )


def _ways(old: FlowNode, new: FlowNode, definition: Definition) -> tuple[FlowBranch, ...]:
    before = {way.label: way for way in old.branches}
    return tuple(
        replace(way, nodes=_merged(before[way.label].nodes, way.nodes, definition)) if way.label in before else way
        for way in new.branches
    )


def _gone(node: FlowNode, definition: Definition) -> FlowNode:
    """A step that is gone, with those below it that are gone too."""
    ways = (
        replace(way, nodes=tuple(_gone(each, definition) for each in way.nodes if each.id not in definition.program))
        for way in node.branches
    )
    return replace(node, branches=tuple(way for way in ways if way.nodes), mark=REMOVED)


def _marked(
    nodes: Sequence[FlowNode], marks: Mapping[str, StepLine], lands: Mapping[str, int]
) -> tuple[FlowNode, ...]:  # fmt: skip
    return tuple(_with_mark(node, marks, lands) for node in nodes)


def _with_mark(node: FlowNode, marks: Mapping[str, StepLine], lands: Mapping[str, int]) -> FlowNode:
    said = marks.get(node.id)
    mark = said.mark if said is not None and said.mark != KEPT else ""
    ways = tuple(replace(way, nodes=_marked(way.nodes, marks, lands)) for way in node.branches)
    is_gone = node.mark == REMOVED
    return replace(
        node, branches=ways, mark=node.mark or mark, was=said.was if said is not None else "",
        lands=0 if is_gone or not node.id else lands.get(node.id, 0),
    )  # fmt: skip
