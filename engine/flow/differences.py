"""What a flow's text changes, in words: line by line of its head, step by step below. Pure.

Steps are compared by their ids. A step is told of by what it is and what is set of it, whatever kind it is, so that a
kind that comes later is compared too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import time
from difflib import SequenceMatcher
from typing import Any, Final

from engine.flow import telling
from engine.flow.conditions import Condition
from engine.flow.model import Definition, Step, Way

_UNTOLD: Final = frozenset({"name", "steps", "version", "program"})  # of a Definition: told of elsewhere
KEPT, ADDED, REMOVED, CHANGED, MOVED = " ", "+", "-", "~", ">"


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step in a comparison. `mark` is one of those above; `was` is what a changed step was."""

    mark: str
    id: str
    depth: int
    text: str
    was: str = ""

    def __str__(self) -> str:
        told = f"{self.was}  becomes  {self.text}" if self.was else self.text
        return f"{self.mark} {'  ' * self.depth}{self.id}: {told}"


@dataclass(frozen=True, slots=True)
class Difference:
    """`head`: what changed above the steps, one line each; `steps`: all of the new version's, and those that are gone."""

    head: tuple[str, ...]
    steps: tuple[StepLine, ...]

    @property
    def is_nothing(self) -> bool:
        return not self.head and all(each.mark == KEPT for each in self.steps)


def difference(old: Definition | None, new: Definition) -> Difference:
    """What `new` changes; everything is added where there was nothing."""
    return Difference(tuple(_head(old, new)) if old is not None else (), tuple(_steps(old, new)))


def _head(old: Definition, new: Definition) -> Iterator[str]:
    for each in fields(Definition):
        was, now = told(getattr(old, each.name)), told(getattr(new, each.name))
        if each.name not in _UNTOLD and was != now:
            yield f"{each.name.replace('mailing_list', 'list')}: {was or 'nothing'}  becomes  {now or 'nothing'}"


@dataclass(frozen=True, slots=True)
class _Placed:
    step: Any
    depth: int


def _steps(old: Definition | None, new: Definition) -> Iterator[StepLine]:
    before = {each.step.id: each for each in _placed(old.steps, 0)} if old is not None else {}
    after = {each.step.id: each for each in _placed(new.steps, 0)}
    matcher = SequenceMatcher(None, list(before), list(after), autojunk=False)
    for word, start, end, first, last in matcher.get_opcodes():
        if word != "equal":
            yield from (_line(REMOVED, before[id_]) for id_ in list(before)[start:end] if id_ not in after)
        for id_ in list(after)[first:last]:
            mark = KEPT if word == "equal" else MOVED if id_ in before else ADDED
            yield _compared(mark, before.get(id_), after[id_])


def _compared(mark: str, old: _Placed | None, new: _Placed) -> StepLine:
    if old is None or mark == ADDED:
        return _line(mark, new)
    was, now = describe(old.step), describe(new.step)
    if was == now:
        was, now = in_full(old.step), in_full(new.step)
    if mark == KEPT and (was != now or old.depth != new.depth):
        mark = CHANGED if was != now else MOVED
    return StepLine(mark, new.step.id, new.depth, now, was) if was != now else _line(mark, new)


def _line(mark: str, placed: _Placed) -> StepLine:
    return StepLine(mark, placed.step.id, placed.depth, describe(placed.step))


def _placed(thing: object, depth: int) -> Iterator[_Placed]:
    """The steps in and below a value, in the order they are written."""
    if isinstance(thing, tuple):
        for each in thing:
            yield from _placed(each, depth)
    elif isinstance(thing, Step):
        yield _Placed(thing, depth)
        for field in fields(thing):
            yield from _placed(getattr(thing, field.name), depth + 1)
    elif is_dataclass(thing) and not isinstance(thing, Condition):
        for field in fields(thing):
            yield from _placed(getattr(thing, field.name), depth)


def describe(step: Step) -> str:
    """A step in a few words: "wait 1h", "send cart-reminder"."""
    return f"{telling.kind_of(step)} {telling.told(step)}".rstrip()


def in_full(step: Step) -> str:
    """A step with all that is set of it, without what is below it."""
    return f"{telling.kind_of(step)} {_settings(step, leave_out='id')}".rstrip()


def told(value: object) -> str:
    """A value of the model in words; "" for what says nothing."""
    match value:
        case None | "" | ():
            return ""
        case bool():
            return "on" if value else "off"
        case Condition(text=text):
            return " ".join(text.split())
        case Way():
            return ""
        case time():
            return f"{value:%H:%M}"
        case tuple() | frozenset():
            return ", ".join(filter(None, map(told, value)))
        case Mapping():
            return ", ".join(f"{name} {told(each)}" for name, each in value.items())
    word = getattr(value, "word", None)  # of a stream
    if isinstance(word, str):
        return word
    if is_dataclass(value) and type(value).__str__ is object.__str__:
        return _settings(value)
    return str(value)


def _settings(value: Any, leave_out: str = "") -> str:
    """The fields that are set: the first by its value alone, the others by name."""
    named = [each for each in fields(value) if each.name != leave_out]
    parts = []
    for each in named:
        text = told(getattr(value, each.name))
        if text and (not _is_default(value, each) or each is named[0]):
            parts.append(
                text if each is named[0] and not isinstance(getattr(value, each.name), bool) else f"{each.name} {text}"
            )
    return ", ".join(parts)


def _is_default(value: Any, each: Field[Any]) -> bool:
    if each.default_factory is not MISSING:
        return bool(getattr(value, each.name) == each.default_factory())
    return each.default is not MISSING and bool(getattr(value, each.name) == each.default)
