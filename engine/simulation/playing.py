"""A whole simulation: the people as they were, the events one after the other, what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from engine.flow.actions import Emit, Tag, Untag
from engine.flow.model import Definition, Do, walk
from engine.flow.triggers import EventTrigger, ManualTrigger
from engine.running import facts
from engine.simulation.loading import entered_before, load
from engine.simulation.people import Person
from engine.simulation.play import Play, Rules
from engine.simulation.sources import Source
from engine.simulation.tally import Tally
from mta.ports import to_ms

BY_FLOW: Final = "flow"  # who told of an event that a flow emitted
TAGS: Final = ("contact.tagged", "contact.untagged")


class NotPlayable(ValueError):
    """A flow that can't be simulated, with the words that say why."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of one version. `people` are as the history leaves them."""

    tally: Tally
    people: dict[int, Person]


def _marks(definition: Definition) -> Iterator[str]:
    """The events that a flow makes, and the tags that it gives and takes."""
    for step in walk(definition.steps):
        match step:
            case Do(action=Emit(event=name)) | Do(action=Tag(tag=name)) | Do(action=Untag(tag=name)):
                yield name


def _tag(text: str) -> str:
    return str(facts.read_data(text).get("tag", ""))


def simulate(definition: Definition, source: Source, rules: Rules, since: datetime | None = None) -> Simulated:
    """Play a version over what a source holds since then, or from its first event on. NotPlayable,
    engine.simulation.sources.NoHistory."""
    if isinstance(definition.trigger, ManualTrigger):
        raise NotPlayable(
            "nobody enters it but by hand, and no history tells of that; `posthouse flow test` can start it"
        )
    since_ms = next((row[0] for row in source.events(0)), 0) if since is None else to_ms(since)
    people = load(source, since_ms, rules.zone)
    forgets = definition.reentry.rule == "always" and isinstance(definition.trigger, EventTrigger)
    before = {} if forgets else entered_before(source, definition.name, since_ms)
    tally = Tally()
    play = Play(definition, people, replace(rules, entered_before=lambda *who: before.get(who)), tally)
    now_ms = 0
    own = frozenset(_marks(definition))
    for at_ms, name, contact_id, key, data, told_by in source.events(since_ms):
        if (name in own and told_by == BY_FLOW) or (name in TAGS and _tag(data) in own):
            continue  # the flow's own, of then: those of the simulation stand in their place
        now_ms = max(now_ms, at_ms)  # what was told late is heard when it was told
        if tally.began_ms is None:
            tally.began_ms = now_ms
            play.begin(now_ms)
        play.happen(now_ms, name, contact_id, key or "", data)
    tally.ended_ms = now_ms
    play.finish(now_ms)
    return Simulated(tally, people)
