"""Which flows are played beside one: those that it lets people into, and those that these let people into."""

from collections.abc import Sequence

from engine.flow.feeding import lets_in
from engine.flow.model import Definition, walk
from engine.running.book import FlowBook
from engine.store.groups import GroupStore


def fed(definition: Definition, given: Sequence[Definition], store: GroupStore) -> list[Definition]:
    """Those that were given, and the active flows that any of them lets people into."""
    names = {each.name for each in (definition, *given)}
    active = [each.definition for each in store.read_now(FlowBook().all) if each.definition.name not in names]
    found, giving = list(given), [definition, *given]
    while giving:
        steps = list(walk(giving.pop().steps))
        more = [each for each in active if each not in found and any(lets_in(each, step) for step in steps)]
        found += more
        giving += more
    return found
