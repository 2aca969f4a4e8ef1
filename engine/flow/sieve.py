"""Which of many flows an event may let somebody into, found without asking each: where a trigger names one value of the
event's data (`match`, or `event.shelf == 7` among the parts of its `where` that must all hold), only events with that value
are looked at for it. Pure. What comes through may still not enter; what does not come through can't.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

from engine.flow.definition import Definition
from engine.flow.expression import Compare, Literal, Logic, Lookup, Name, Node
from engine.flow.triggers import EventTrigger
from engine.flow.values import kind, plain

T = TypeVar("T")
Value: TypeAlias = tuple[str, Any]  # its kind too: 1 is neither "1" nor true


class Sieve(Generic[T]):
    """Things with definitions whose triggers are one event's; `through` keeps their order."""

    def __init__(self, things: Iterable[T], definition_of: Callable[[T], Definition]) -> None:
        self._free: list[tuple[int, T]] = []
        self._bound: dict[str, dict[Value, list[tuple[int, T]]]] = {}
        self.all: list[T] = []
        for place, thing in enumerate(things):
            self.all.append(thing)
            asked = _asked(definition_of(thing))
            if asked is None:
                self._free.append((place, thing))
            else:
                self._bound.setdefault(asked[0], {}).setdefault(asked[1], []).append((place, thing))

    def through(self, data: Mapping[str, object]) -> list[T]:
        """Those that an event with this data may be for."""
        found = list(self._free)
        for name, by_value in self._bound.items():
            value = plain(data.get(name))
            if isinstance(value, str | int | float):
                found += by_value.get((kind(value), value), ())
        return [thing for _, thing in sorted(found, key=lambda pair: pair[0])]


def _asked(definition: Definition) -> tuple[str, Value] | None:
    """The name and the one value that the event's data must have under it, where the trigger says so."""
    trigger = definition.trigger
    if not isinstance(trigger, EventTrigger):
        return None
    if trigger.match:
        name, value = next(iter(trigger.match.items()))
        return name, ("text", value)
    return _fixed(trigger.where.root) if trigger.where is not None else None


def _fixed(node: Node) -> tuple[str, Value] | None:
    match node:
        case Logic(word="and", operands=operands):
            return next((found for each in operands if (found := _fixed(each)) is not None), None)
        case Compare(first=Lookup(base=Name(name="event"), key=str(key)), rest=(("==", Literal(value=value)),)):
            return key, (kind(value), value)
    return None
