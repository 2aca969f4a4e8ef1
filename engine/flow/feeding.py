"""Flows that feed each other: whether a round of them lets its contact in again and again, with no wait on the way.

Only what surely goes round is said: each flow of the round lets everybody in, each time. What may is left to the count
that every chain of runs has (engine.flow.entering.MAX_CHAIN).
"""

from collections.abc import Iterable

from engine.flow import actions
from engine.flow.model import Definition, Do, Step
from engine.flow.reach import reached, takes_time
from engine.flow.triggers import EventTrigger


def emitted(step: Step) -> tuple[str, dict[str, str]] | None:
    """The event that a step surely makes, and what it tells."""
    match step:
        case Do(action=actions.Emit(event=event)):
            return event, {}
        case Do(action=actions.Tag(tag=tag)):
            return "contact.tagged", {"tag": tag}
        case Do(action=actions.Join(mailing_list=name)):
            return "list.joined", {"list": name}
    return None


def at_once(flow: Definition) -> list[Step]:
    """The steps that a run may come to without any wait."""
    found = reached(flow.program, [flow.first], through=lambda step: not takes_time(step))
    return [flow.program[step].step for step in sorted(found)]


def lets_in(flow: Definition, step: Step) -> bool:
    """Whether what a step does is what the flow begins with."""
    if isinstance(step, Do) and step.action == actions.StartFlow(flow.name):
        return True
    told, trigger = emitted(step), flow.trigger
    return (
        told is not None
        and isinstance(trigger, EventTrigger)
        and trigger.event == told[0]
        and trigger.match in ({}, told[1])
    )


def round_through(flow: Definition, others: Iterable[Definition]) -> tuple[str, ...]:
    """The names of a round of flows that begins and ends with this one; () where there is none."""
    flows = [each for each in (flow, *others) if each.reentry.rule == "always" and each.trigger.where is None]
    if flow not in flows:
        return ()
    ways: dict[str, tuple[str, ...]] = {}
    stack: list[tuple[Definition, tuple[str, ...]]] = [(flow, (flow.name,))]
    while stack:
        giver, way = stack.pop()
        steps = at_once(giver)
        for taker in flows:
            if taker.name in ways or not any(lets_in(taker, step) for step in steps):
                continue
            ways[taker.name] = (*way, taker.name)
            stack.append((taker, ways[taker.name]))
    return ways.get(flow.name, ())
