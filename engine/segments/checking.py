"""The type checker: whether an expression makes sense of the vocabulary, and what it reads.

What passes has one meaning in both back ends (`engine.segments.facts` loads one contact for the interpreter,
`engine.segments.sql` asks the database of all). What does not is refused with its line, its column, and what to write
instead. So nothing that a person wrote is ever a part of an SQL statement but as a bound value.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from engine.flow import expression as tree
from engine.flow import grammar
from engine.flow.grammar import ConditionError
from engine.flow.happened import SOURCES, Happened
from engine.flow.spelling import near
from engine.flow.values import EXACT, TINY, as_date
from engine.segments.reading import Reads, reads_of
from engine.segments.vocabulary import DATES, RECORDS, SCALARS, Type, Vocabulary, data_type

MAX_LENGTH: Final = 4000  # characters
MAX_DAYS: Final = 40_000  # that a day or a moment may be moved by
LEVELS: Final = 3  # of reckoning

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}", re.ASCII)
_NAMES: Final = {"contact": None, "today": (), "now": ()}
_NOT_HERE: Final = {
    "lower": "texts are compared letter by letter; name the spellings: contact.name in ['ann', 'Ann']",
    "round": "compare with a margin: x > 19.99",
    "moment": "a quoted moment beside a moment is read as one",
}


class SegmentError(ValueError):
    """No segment; `line` and `column` (both from 1) say where. `others`: what else is wrong with it, in order."""

    def __init__(self, message: str, line: int, column: int, others: Sequence["SegmentError"] = ()) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message, self.line, self.column, self.others = message, line, column, others

    @property
    def every(self) -> tuple["SegmentError", ...]:
        """This one and the others."""
        return (self, *self.others)


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that makes sense. `types` says what each node is worth, by the node's id()."""

    text: str
    root: tree.Node
    types: dict[int, Type] = field(repr=False)
    reads: Reads

    def type(self, node: tree.Node) -> Type:
        return self.types[id(node)]


def check(text: str, vocabulary: Vocabulary) -> Checked:
    """Read a segment's expression. SegmentError where it is none, or makes no sense: of each part that stands for itself, beside
    `and`, `or` and `not`, what is wrong first."""
    try:
        if len(text) > MAX_LENGTH:
            raise ConditionError(f"the expression is longer than {MAX_LENGTH} characters")
        if not text.strip():
            raise ConditionError("the expression is empty; write what must hold, such as contact.orders.count >= 3")
        places: dict[int, int] = {}
        root, faults = grammar.read(text, _NAMES, of_segment=True, places=places)
        checker = _Checker(vocabulary, places, faults)
        if checker.whole(root) not in SCALARS | {Type.TAGS, Type.LISTS, Type.EVENTS}:
            raise ConditionError("this is neither true nor false; say what must hold of it")
    except ConditionError as err:
        raise _placed(err, text) from None
    return Checked(text, root, checker.types, reads_of(root))


def _placed(err: ConditionError, text: str) -> SegmentError:
    before = text.replace("\r\n", "\n").replace("\r", "\n")[: err.column - 1]
    others = [_placed(each, text) for each in err.others]
    return SegmentError(str(err), before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1, others)


class _Checker:
    """One expression's types, from the leaves up."""

    def __init__(self, vocabulary: Vocabulary, places: dict[int, int], faults: list[ConditionError]) -> None:
        self._vocabulary, self._places, self._faults = vocabulary, places, faults
        self.types: dict[int, Type] = {}

    def whole(self, root: tree.Node) -> Type:
        """What the whole is worth. ConditionError of all that is wrong with it."""
        found = self._told(root, self.type)
        grammar.refuse_all(self._faults)
        assert found is not None  # else there was a fault
        return found

    def _told(self, node: tree.Node, look: Callable[[tree.Node], Type]) -> Type | None:
        """What a part that stands for itself is worth; None where it is wrong, which hides nothing of the others. Where something
        in it could not be read that was told already, and the rest may be wrong for that alone."""
        try:
            return look(node)
        except ConditionError as err:
            if tree.Name(grammar.UNREAD) not in tree.walk(node):
                self._faults.append(err)
            return None

    def type(self, node: tree.Node) -> Type:
        if id(node) not in self.types:
            self.types[id(node)] = self._find(node)
        return self.types[id(node)]

    def _wrong(self, node: tree.Node, words: str) -> ConditionError:
        return ConditionError(words, self._places.get(id(node), 1))

    def _find(self, node: tree.Node) -> Type:
        match node:
            case tree.Literal():
                return self._literal(node)
            case tree.Name() | tree.Lookup():
                return self._name(node)
            case Happened(line=line):
                return Type.LINES if line else Type.EVENTS
            case tree.Items(items=items):
                return self._items(node, items)
            case tree.Logic(operands=operands):
                for each in operands:
                    self._told(each, self._truth)
                return Type.TRUTH
            case tree.Compare():
                return self._compare(node)
            case tree.Defined(operand=operand):
                if self.type(operand) not in SCALARS:
                    raise self._wrong(operand, f"{operand} is {self.type(operand)}: it is always there")
                return Type.TRUTH
            case tree.Choice(test=test, this=this, other=other):
                self._truth(test)
                return self._same(this, other)
            case tree.Reckon():
                return self._reckon(node)
            case tree.Call():
                return self._call(node)

    # -- leaves

    def _literal(self, node: tree.Literal) -> Type:
        match node.value:
            case bool():
                return Type.TRUTH
            case str():
                if "\x00" in node.value:
                    raise self._wrong(node, "the text holds a NUL")
                return Type.TEXT
        if abs(node.value) > EXACT or 0 < abs(node.value) < TINY:
            raise self._wrong(node, "the number is too large, or too near to zero")
        return Type.NUMBER

    def _items(self, node: tree.Items, items: Sequence[tree.Node]) -> Type:
        for each in items:
            if not isinstance(each, tree.Literal):
                raise self._wrong(each, "a list holds quoted texts, numbers, true or false")
            if self.type(each) is not self.type(items[0]):
                raise self._wrong(each, f"a list holds things of one kind; {items[0]} is {self.type(items[0])}")
        return Type.ITEMS

    def _name(self, node: tree.Name | tree.Lookup) -> Type:
        if isinstance(node, tree.Name):
            if node.name == "contact":
                raise self._wrong(node, "contact is a record; say what of it, such as contact.orders.count")
            return Type.DAY if node.name == "today" else Type.MOMENT
        path = _path(node)
        if path is None or path[0] != "contact":
            raise self._wrong(node, f"{node} can't be asked for: what stands before . is contact")
        name = ".".join(path[1:])
        found = self._vocabulary.attribute(name)
        if found is None:
            raise self._wrong(node, self._unknown(path[1:]))
        if name.startswith("lists."):
            self._list_name(node, path[2])
        return found.type

    def _unknown(self, path: Sequence[str]) -> str:
        if path[0] in RECORDS and len(path) == 1:
            return f"contact.{path[0]} is a record; it has {', '.join(self._vocabulary.below(path[0])) or 'nothing'}"
        known = self._vocabulary.below(path[0] if len(path) > 1 else "")
        words = f"contact.{'.'.join(path[:-1]) + '.' if len(path) > 1 else ''}"
        more = "; `posthouse field add` declares one" if path[0] == "fields" else ""
        return f"there is no {words}{path[-1][:60]}{near(path[-1], known)}{more}"

    def _list_name(self, node: tree.Node, name: str) -> None:
        known = self._vocabulary.lists
        if known is not None and name not in known:
            raise self._wrong(node, f'there is no list "{name[:60]}"{near(name, known)}')

    # -- truths

    def _truth(self, node: tree.Node) -> Type:
        found = self.type(node)
        if found not in SCALARS | {Type.TAGS, Type.LISTS, Type.EVENTS}:
            raise self._wrong(node, f"{node} is {found}, neither true nor false; compare it with something")
        return found

    def _compare(self, node: tree.Compare) -> Type:
        left = node.first
        for _, middle in node.rest[:-1]:
            if isinstance(middle, tree.Literal) and isinstance(middle.value, str):
                raise self._wrong(
                    middle, "a quoted text stands at an end of such a chain; write two comparisons and `and`"
                )
        for sign, right in node.rest:
            if sign in ("in", "not in"):
                self._within(left, right)
            else:
                self._comparable(left, right, is_order=sign not in ("==", "!="))
            left = right
        return Type.TRUTH

    def _comparable(self, left: tree.Node, right: tree.Node, *, is_order: bool) -> None:
        a, b = self._with_dates(left, right)
        if Type.ANY in (a, b):
            a = b = b if a is Type.ANY else a
            if a not in (Type.NUMBER, Type.TEXT, Type.TRUTH):
                raise self._wrong(left, f"what an event brought can be compared with a number or a text, not with {a}")
        if a not in SCALARS or b not in SCALARS or (a is not b and not {a, b} <= DATES):
            raise self._wrong(right, f"{left} is {a} and {right} is {b}: they are never equal, and have no order")
        if is_order and a is Type.TRUTH:
            raise self._wrong(right, "true and false have no order; write == or !=")

    def _with_dates(self, left: tree.Node, right: tree.Node) -> tuple[Type, Type]:
        """Both types, where a quoted text beside a date is a date."""
        for one, other in ((left, right), (right, left)):
            if self.type(one) in DATES and isinstance(other, tree.Literal) and isinstance(other.value, str):
                self.types[id(other)] = self._date(other)
        return self.type(left), self.type(right)

    def _date(self, node: tree.Literal) -> Type:
        found = as_date(node.value)
        if isinstance(found, datetime):
            if found.microsecond % 1000:
                raise self._wrong(node, "a moment has whole milliseconds")
            return Type.MOMENT
        if not isinstance(found, date):
            raise self._wrong(node, f"{node} is no date; write '2026-03-31' or '2026-03-31T10:00:00+02:00'")
        return Type.DAY

    def _within(self, left: tree.Node, right: tree.Node) -> None:
        container = self.type(right)
        match container:
            case Type.ITEMS:
                assert isinstance(right, tree.Items)
                for each in right.items:
                    self._comparable(left, each, is_order=False)
                return
            case Type.PLUCKED:
                if self.type(left) not in (Type.TEXT, Type.NUMBER):
                    raise self._wrong(left, f"{left} is {self.type(left)}; a text or a number can be in {right}")
                return
            case Type.LISTS:
                if not isinstance(left, tree.Literal) or not isinstance(left.value, str):
                    raise self._wrong(left, "a quoted name of a list stands before `in contact.lists`")
                self.type(left)
                self._list_name(left, left.value)
                return
            case Type.TAGS | Type.LINES | Type.TEXT:
                if self.type(left) not in (Type.TEXT, Type.ANY):
                    raise self._wrong(left, f"{left} is {self.type(left)}; only a text can be in {right}")
                return
        raise self._wrong(right, f"{right} is {container}; nothing is in it")

    # -- reckoning

    def _same(self, one: tree.Node, other: tree.Node) -> Type:
        a, b = self.type(one), self.type(other)
        if a is not b or a not in SCALARS:
            raise self._wrong(other, f"{one} is {a} and {other} is {b}: both must be of one kind")
        return a

    def _reckon(self, node: tree.Reckon) -> Type:
        if node.sign in ("//", "%", "~"):
            raise self._wrong(node, f"{node.sign} is not part of segments")
        if _levels(node) > LEVELS:
            raise self._wrong(node, f"no more than {LEVELS} levels of reckoning; compare smaller sums")
        a, b = self.type(node.left), self.type(node.right)
        if a is b is Type.NUMBER:
            return Type.NUMBER
        if node.sign == "-" and a in DATES | {Type.TEXT} and b in DATES | {Type.TEXT}:
            a, b = self._with_dates(node.left, node.right)
            if a in DATES and b in DATES:
                return Type.NUMBER
        if node.sign == "+" and a is Type.NUMBER and b in DATES:
            return self._moved(b, node.left)
        if node.sign in "+-" and a in DATES and b is Type.NUMBER:
            return self._moved(a, node.right)
        raise self._wrong(node, f"{a} {node.sign} {b} makes no sense")

    def _moved(self, moved: Type, days: tree.Node) -> Type:
        value = days.value if isinstance(days, tree.Literal) else None
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_DAYS:
            raise self._wrong(
                days, f"a date is moved by a whole number of days, such as today - 30, at most {MAX_DAYS}"
            )
        return moved

    # -- functions

    def _call(self, node: tree.Call) -> Type:
        first, rest = node.arguments[0], node.arguments[1:]
        if node.name in _NOT_HERE:
            raise self._wrong(node, f"{node.name} is not part of segments: {_NOT_HERE[node.name]}")
        match node.name:
            case "count":
                if self.type(first) not in (Type.TAGS, Type.LISTS, Type.EVENTS, Type.TEXT):
                    raise self._wrong(first, f"{first} is {self.type(first)}, which can't be counted")
                return Type.NUMBER
            case "default":
                return self._same(first, rest[0])
            case "date":
                if self.type(first) not in DATES:
                    raise self._wrong(first, f"{first} is {self.type(first)}, no date")
                return Type.DAY
        return self._of_events(node, first, rest)

    def _of_events(self, node: tree.Call, first: tree.Node, rest: Sequence[tree.Node]) -> Type:
        if not isinstance(first, Happened) or first.line:
            words = ", ".join(f"{name}()" for name in SOURCES if name not in ("events", "products", "categories"))
            raise self._wrong(first, f"{node.name} is asked of events('name'), {words}")
        key = rest[0].value if rest and isinstance(rest[0], tree.Literal) else None
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise self._wrong(
                node, f"{node.name} needs a quoted name of their data, such as {node.name}({first}, 'total')"
            )
        self.type(rest[0])
        found = data_type(first.event, key)
        if found is None:
            raise self._wrong(rest[0], f"{first.event} has a list or a record there, which can't be asked for")
        if node.name in ("sum", "min", "max"):
            if found not in (Type.NUMBER, Type.ANY):
                raise self._wrong(rest[0], f"{key} is {found}; {node.name} is of numbers")
            return Type.NUMBER
        if node.name == "pluck":
            if found not in (Type.NUMBER, Type.TEXT, Type.ANY):
                raise self._wrong(rest[0], f"{key} is {found}; pluck is of texts and numbers here")
            return Type.PLUCKED
        return found


def _path(node: tree.Node) -> list[str] | None:
    """`contact.orders.count` as its parts; None where it is no such thing."""
    parts: list[str] = []
    while isinstance(node, tree.Lookup):
        if not isinstance(node.key, str):
            return None
        parts.insert(0, node.key)
        node = node.base
    return [node.name, *parts] if isinstance(node, tree.Name) else None


def path_of(node: tree.Lookup) -> str:
    """What follows `contact.`, in a checked expression."""
    return ".".join((_path(node) or [])[1:])


def _levels(node: tree.Node) -> int:
    below = max(map(_levels, node.parts()), default=0)
    return below + isinstance(node, tree.Reckon)
