"""What is wrong with a flow as a whole, each of its parts being right: looked for at `check`, with the place."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node

from engine.flow import actions
from engine.flow.document import Entry
from engine.flow.feeding import at_once, feeds_itself
from engine.flow.model import Definition, Do, Jump, Send, Split, Step, Wait, WaitFor, walk
from engine.flow.reach import endless, reached, unreached
from engine.flow.recurrence import is_anchored, is_ever
from engine.flow.shapes import Page
from engine.flow.spelling import near
from engine.flow.steps import RESERVED, StepReader
from engine.flow.triggers import CalendarTrigger, EventTrigger, InactivityTrigger, ScheduleTrigger
from mta.queue.delivery import Stream

_OWN_DOING: Final = "transactional mail answers what the person did; write stream: marketing"


@dataclass(frozen=True, slots=True)
class _Case:
    """A flow, and where its parts stand."""

    page: Page
    flow: Definition
    root: Node
    places: Mapping[str, Entry]
    ids: Collection[str]  # of all steps, those too that can't be read

    def blame(self, path: str, message: str, remedy: str = "") -> None:
        """A fault at a key of the file, such as trigger.list."""
        node = _at(self.root, *path.split("."))
        self.page.sheet.fault(node, path, message, remedy)

    def blame_step(self, step: Step, path: str, message: str, remedy: str = "") -> None:
        """A fault at a step, or at a key within it."""
        place = self.places[step.id]
        node = _at(place.value, *path.split(".")) if path else place.value
        self.page.sheet.fault(node, f"{place.path}.{path}" if path else place.path, message, remedy)


def find_faults(page: Page, flow: Definition, root: Node, reader: StepReader, *, knows_stream: bool) -> None:
    """Note all of them. For a step that can't be read one stands that waits; where it may have been a jump, anything may
    be come to."""
    case = _Case(page, flow, root, reader.places, reader.ids - RESERVED)
    for look in _LOOKS:
        look(case)
    if knows_stream:
        _look_for_consent(case)
    if not reader.lost_jump:
        _look_for_the_unreached(case)


def _at(node: Node, *path: str) -> Node:
    """What stands at a path below a node, as deep as there is something."""
    for name in path:
        found = [value for key, value in node.value if key.value == name] if isinstance(node, MappingNode) else []
        if not found:
            return node
        node = found[0]
    return node


# -- references


def _look_for_steps(case: _Case) -> None:
    """Steps that jumps and waits name."""
    sends = {step.id for step in walk(case.flow.steps) if isinstance(step, Send)}
    for step in walk(case.flow.steps):
        if isinstance(step, Jump) and step.to not in case.ids:
            case.blame_step(
                step, "jump.to", f'"{step.to}": there is no step of this id{near(step.to, set(case.ids) - {step.id})}'
            )
        elif isinstance(step, WaitFor) and (named := step.match.get("step")) is not None:
            if not step.event.startswith("mail."):
                case.blame_step(step, "wait.for.step", "is for events of mail, such as mail.clicked", "leave it out")
            elif named not in sends and (named in case.places or named not in case.ids):
                hint = near(named, sends)
                case.blame_step(step, "wait.for.step", f'"{named}": no send has this id{hint}', "give the send an id")


def _look_for_flows(case: _Case) -> None:
    for step in walk(case.flow.steps):
        if not isinstance(step, Do):
            continue
        match step.action:
            case actions.StartFlow(flow=name) if name == case.flow.name:
                case.blame_step(step, "start", "a flow can't start itself", "write jump to go on at a step of it")
            case actions.StopFlow(flow=name) if name == case.flow.name:
                case.blame_step(step, "stop", "a flow can't stop itself", "write exit")


def _look_for_ways(case: _Case) -> None:
    """Ways of one name."""
    for step in walk(case.flow.steps):
        labels = [way.label for way in step.ways] if isinstance(step, Split) else []
        if len(set(labels)) < len(labels):
            case.blame_step(step, "split", "two ways have the same name", "choose another name")


# -- loops


def _look_for_loops(case: _Case) -> None:
    for jump in endless(case.flow.program):
        remedy = "put a wait such as wait: 1d between"
        case.blame_step(jump, "jump", f"goes back to {jump.to} with no wait on the way", remedy)


def _look_for_chains(case: _Case) -> None:
    """A flow that at once makes the event that lets its contact in again."""
    flow, trigger = case.flow, case.flow.trigger
    if not isinstance(trigger, EventTrigger):
        return
    if flow.reentry.rule != "always" and not (trigger.restart and trigger.key is None):
        return
    for step in at_once(flow):
        if feeds_itself(flow, step):
            case.blame_step(
                step, "", "lets the contact into this very flow again, with no wait on the way", "add a wait"
            )


def _look_for_the_unreached(case: _Case) -> None:
    flow = case.flow
    for step in unreached(flow.steps, reached(flow.program, [flow.first])):
        case.blame_step(step, "", "nobody ever comes to this step", "take it out, or what ends the flow before it")


# -- consent


def _look_for_consent(case: _Case) -> None:
    if case.flow.stream is Stream.TRANSACTIONAL:
        _look_at_transactional(case)
    else:
        _look_at_marketing(case)


def _look_at_transactional(case: _Case) -> None:
    flow = case.flow
    if flow.mailing_list:
        case.blame("list", "is for marketing", "leave it out: nobody can leave their own orders")
    if flow.holdout:
        case.blame("holdout", "is for marketing", "nobody may be kept from mail about their own doing")
    for word, said in (("priority", flow.priority), ("best_before", flow.best_before)):
        if said is not None:
            case.blame(word, "is for marketing", "leave it out: mail about the person's own doing is never held")
    if isinstance(flow.trigger, CalendarTrigger | ScheduleTrigger | InactivityTrigger):
        case.blame("trigger", "is nothing that the person did", _OWN_DOING)
    elif isinstance(flow.trigger, EventTrigger) and flow.trigger.event.startswith(("segment.", "product.")):
        case.blame("trigger", f"{flow.trigger.event} is nothing that the person did", _OWN_DOING)


def _look_at_marketing(case: _Case) -> None:
    """Mail that consent would always refuse: the arbiter would, each time; here the author is told."""
    flow, name = case.flow, case.flow.mailing_list
    entered = flow.trigger.event if isinstance(flow.trigger, EventTrigger) else ""
    its_list = flow.trigger.match.get("list") if isinstance(flow.trigger, EventTrigger) else None
    sends = {step.id for step in walk(flow.steps) if isinstance(step, Send)}
    if not sends or not name:
        return
    if entered == "list.left" and its_list == name:
        case.blame(
            "trigger.list.left", f"who left {name} gets none of its mail", "name another list, or write confirmed"
        )
    elif entered == "list.joined" and its_list == name:
        early = reached(flow.program, [flow.first], through=lambda step: not isinstance(step, Wait | WaitFor))
        if early & sends:
            remedy = "write confirmed, or wait for: {event: list.confirmed} before the first mail"
            case.blame("trigger.list.joined", f"who has just joined {name} has not confirmed it", remedy)
    for step in walk(flow.steps):
        if _leaves(step, name) and reached(flow.program, [flow.program[step.id].next]) & sends:
            message = f"the mails after this are of {name}, which the contact left"
            case.blame_step(step, "leave", message, "write exit after it")


def _leaves(step: Step, mailing_list: str) -> bool:
    return isinstance(step, Do) and step.action == actions.Leave(mailing_list)


# -- triggers


def _look_at_schedule(case: _Case) -> None:
    trigger = case.flow.trigger
    if not isinstance(trigger, ScheduleTrigger):
        return
    if trigger.start is None and is_anchored(trigger.rrule):
        case.blame(
            "trigger.schedule", "start: is missing: this rule counts from a first day", "such as start: 2026-01-05"
        )
    elif not is_ever(trigger.rrule, trigger.start):
        case.blame("trigger.schedule.rrule", "names no day at all", "such as FREQ=WEEKLY;BYDAY=MO")


_LOOKS: Final[tuple[Callable[[_Case], None], ...]] = (
    _look_for_steps, _look_for_flows, _look_for_ways, _look_at_schedule, _look_for_loops, _look_for_chains,
)  # fmt: skip
