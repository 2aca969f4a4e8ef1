"""A flow as the terminal draws it: the active version's steps, with the people that stand and have passed there."""

from collections import Counter
from collections.abc import Mapping

from engine.control.protocol.flows import FlowBranch, FlowNode, FlowPicture
from engine.flow.definition import recall
from engine.flow.model import Definition, Step, ways_of
from engine.flow.telling import kind_of, told, told_trigger
from mta.ports import Tx

_WAITING = (
    "SELECT COALESCE(p.step, ''), count(*) FROM enrolment e LEFT JOIN passage p ON p.id ="
    " (SELECT max(id) FROM passage WHERE enrolment_id = e.id AND kind = 'wait')"
    " WHERE e.flow_id = ? AND e.state = 'waiting' GROUP BY 1"
)
_PASSED = (
    "SELECT p.step, p.result, count(*) FROM passage p JOIN enrolment e ON e.id = p.enrolment_id"
    " WHERE e.flow_id = ? GROUP BY 1, 2"
)


def drawing(definition: Definition) -> FlowPicture:
    """The picture of a flow that nobody is in yet."""
    return FlowPicture(
        now_ms=0, name=definition.name, title=definition.title, about=definition.about, state="draft",
        stream=definition.stream.word, version=definition.short_version, goal=_goal(definition),
        nodes=_all_nodes(definition, {}, {}, 0),
    )  # fmt: skip


def flow_picture(tx: Tx, name: str, now_ms: int) -> FlowPicture | None:
    """The picture of a flow; None when there is no such flow."""
    row = tx.one(
        "SELECT f.id, f.state, v.source FROM flow f JOIN flow_version v ON v.id = f.version_id WHERE f.name = ?",
        (name,),
    )
    if row is None:
        return None
    flow_id, state, source = row
    definition = recall(source, name)
    if not isinstance(definition, Definition):  # it was applied by a version that understood more
        return FlowPicture(now_ms, name, name, str(definition[0]), state, "", "")
    waiting = dict(tx.query(_WAITING, (flow_id,)))
    passed: Counter[str] = Counter()
    for step, _, count in tx.query(_PASSED, (flow_id,)):
        passed[step] += count
    ended = dict(
        tx.query(
            "SELECT ended_how, count(*) FROM enrolment WHERE flow_id = ? AND state = 'ended' GROUP BY 1", (flow_id,)
        )
    )
    entered = tx.one("SELECT count(*) FROM enrolment WHERE flow_id = ?", (flow_id,)) or (0,)
    return FlowPicture(
        now_ms=now_ms, name=name, title=definition.title or name, about=definition.about, state=state,
        stream=definition.stream.word, version=definition.short_version,
        goal=_goal(definition), nodes=_all_nodes(definition, waiting, passed, entered[0]), ended=ended,
    )  # fmt: skip


def _goal(definition: Definition) -> str:
    return definition.goal.event if definition.goal else ""


def _all_nodes(
    definition: Definition, waiting: Mapping[str, int], passed: Mapping[str, int], entered: int
) -> tuple[FlowNode, ...]:
    trigger = FlowNode("", "trigger", told_trigger(definition.trigger), waiting.get("", 0), entered)
    return (trigger, *_nodes(definition.steps, waiting, passed))


def _nodes(steps: tuple[Step, ...], waiting: Mapping[str, int], passed: Mapping[str, int]) -> tuple[FlowNode, ...]:
    return tuple(_node(step, waiting, passed) for step in steps)


def _node(step: Step, waiting: Mapping[str, int], passed: Mapping[str, int]) -> FlowNode:
    branches = tuple(FlowBranch(way.label, _nodes(way.steps, waiting, passed)) for way in ways_of(step))
    return FlowNode(step.id, kind_of(step), told(step), waiting.get(step.id, 0), passed.get(step.id, 0), branches)
