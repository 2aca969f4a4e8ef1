"""A whole simulation: the people as they were, the events one after the other, what came of it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from engine.flow.actions import Emit, StartFlow, Tag, Untag
from engine.flow.model import Definition, Do, walk
from engine.flow.triggers import EventTrigger, ManualTrigger
from engine.running import facts
from engine.simulation.loading import Joined, begun, begun_by, entered_before, joined_later, load
from engine.simulation.people import Person
from engine.simulation.play import Play, Rules
from engine.simulation.sources import Source
from engine.simulation.tally import Crowds, Tally
from engine.simulation.world import World
from mta.ports import to_ms

BY_FLOW: Final = "flow"  # who told of an event that a flow emitted
TAGS: Final = ("contact.tagged", "contact.untagged")


class NotPlayable(ValueError):
    """A flow that can't be simulated, with the words that say why."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of one version, and of the flows that were played with it. `people` are as the history leaves them."""

    tally: Tally
    people: dict[int, Person]
    crowds: Crowds
    others: Mapping[str, Tally]  # by flow

    @property
    def tallies(self) -> tuple[Tally, ...]:
        """Of all of them, that of the version first."""
        return (self.tally, *self.others.values())


def _marks(definition: Definition) -> Iterator[str]:
    """The events that a flow makes, and the tags that it gives and takes."""
    for step in walk(definition.steps):
        match step:
            case Do(action=Emit(event=name)) | Do(action=Tag(tag=name)) | Do(action=Untag(tag=name)):
                yield name


def _tag(text: str) -> str:
    return str(facts.read_data(text).get("tag", ""))


def simulate(
    definition: Definition, source: Source, rules: Rules, since: datetime | None = None,
    others: Sequence[Definition] = (),
) -> Simulated:  # fmt: skip
    """Play a version over what a source holds since then, or from its first event on, with `others` beside it. NotPlayable,
    engine.simulation.sources.NoHistory."""
    since_ms = next((row[0] for row in source.events(0)), 0) if since is None else to_ms(since)
    flows = (definition, *others)
    hands = [each for flow in flows for each in _hands(source, flow, since_ms, {other.name for other in flows})]
    if isinstance(definition.trigger, ManualTrigger) and not hands and not _starters(definition, others):
        raise NotPlayable(
            "nobody enters it but by hand, and this past tells of no hand: play the flow that starts it beside it"
            " (--with), or let `posthouse flow test` start it"
        )
    people = load(source, since_ms, rules.zone)
    world = World(people)
    for flow in flows:
        stated = rules if flow is definition else replace(rules, winners={}, rates={})
        Play(flow, world, replace(stated, entered_before=_before(source, flow, since_ms)), Tally())
    _join(world, joined_later(source, since_ms))
    for at_ms, name, contact_id, data in hands:
        world.put(at_ms, partial(_by_hand, world, name, contact_id, data))
    began_ms, ended_ms = _feed(world, source, since_ms)
    for play in world.plays:
        play.tally.began_ms, play.tally.ended_ms, play.tally.events = began_ms, ended_ms, world.events
    first, *rest = world.plays
    return Simulated(first.tally, people, world.crowds, {play.flow.name: play.tally for play in rest})


def _feed(world: World, source: Source, since_ms: int) -> tuple[int | None, int]:
    """Everything that happened, in the order in which it was told; when that began and ended."""
    began_ms, now_ms = None, 0
    own = frozenset(name for play in world.plays for name in _marks(play.flow))
    for at_ms, name, contact_id, key, data, told_by in source.events(since_ms):
        if (name in own and told_by == BY_FLOW) or (name in TAGS and _tag(data) in own):
            continue  # the flows' own, of then: those of the simulation stand in their place
        now_ms = max(now_ms, at_ms)  # what was told late is heard when it was told
        if began_ms is None:
            began_ms = now_ms
            world.begin(now_ms)
        world.happen(now_ms, name, contact_id, key or "", data)
    world.finish(now_ms)
    return began_ms, now_ms


def _join(world: World, later: Sequence[Joined]) -> None:
    """Have people come to their lists at their time."""
    left = deque(later)

    def come(now: datetime) -> None:
        while left and left[0][0] <= to_ms(now):
            _, contact_id, name, state = left.popleft()
            person = world.people.get(contact_id)
            if person is not None and not person.is_on(name):
                person.lists = {**person.lists, name: state}
        if left:
            world.put(left[0][0], come)

    if left:
        world.put(left[0][0], come)


def _before(source: Source, flow: Definition, since_ms: int) -> Callable[[int, str], datetime | None]:
    """When somebody's run with a key was entered that began before."""
    forgets = flow.reentry.rule == "always" and isinstance(flow.trigger, EventTrigger)
    before = {} if forgets else entered_before(source, flow.name, since_ms)
    return lambda *who: before.get(who)


# -- who was let in by hand


def _starters(definition: Definition, others: Iterable[Definition]) -> list[str]:
    """The flows that start this one."""
    start = StartFlow(definition.name)
    return [
        each.name for each in others if any(isinstance(step, Do) and step.action == start for step in walk(each.steps))
    ]


def _hands(source: Source, flow: Definition, since_ms: int, played: set[str]) -> list[tuple[int, str, int, str]]:
    """(when, flow, contact, data) of the runs of a manual flow that began then by somebody's hand: what flows started that
    are played too, they start anew."""
    if not isinstance(flow.trigger, ManualTrigger):
        return []
    runs = begun(source, flow.name, since_ms)
    causes = begun_by(source, {each[0] for each in runs}) if runs else {}
    by_flows = {f"flow {name}" for name in played}
    return [
        (at_ms, flow.name, contact_id, data)
        for number, at_ms, contact_id, data in runs
        if causes.get(number) not in by_flows
    ]


def _by_hand(world: World, flow: str, contact_id: int, data: str, now: datetime) -> None:
    person = world.people.get(contact_id)
    if person is not None:
        world.start(flow, person, facts.read_data(data), now)
