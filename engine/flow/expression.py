"""A checked condition as a small tree of our own, and how it is answered.

The tree is made by engine.flow.grammar and holds nothing that could run: names, literals, and the operations of
engine.flow.values and engine.flow.functions. So there is no sandbox to escape from, and another back end (SQL) can
walk the same tree. Every node's `evaluate` has an answer for every scope; `str(node)` is its canonical spelling.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.flow.functions import FUNCTIONS
from engine.flow.happened import Happened
from engine.flow.values import MISSING, Value, contains, equal, item, joined, order, plain, reckon, truth

Scope: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int | float | bool

    def evaluate(self, scope: Scope) -> Value:
        return self.value

    def parts(self) -> tuple["Node", ...]:
        return ()

    def __str__(self) -> str:
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class Items:
    """A list written in the condition."""

    items: tuple["Node", ...]

    def evaluate(self, scope: Scope) -> Value:
        return [each.evaluate(scope) for each in self.items]

    def parts(self) -> tuple["Node", ...]:
        return self.items

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class Name:
    name: str

    def evaluate(self, scope: Scope) -> Value:
        return plain(scope.get(self.name))

    def parts(self) -> tuple["Node", ...]:
        return ()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Lookup:
    """`base.key`, `base['key']`, `base[0]`."""

    base: "Node"
    key: str | int

    def evaluate(self, scope: Scope) -> Value:
        return item(self.base.evaluate(scope), self.key)

    def parts(self) -> tuple["Node", ...]:
        return (self.base,)

    def __str__(self) -> str:
        if isinstance(self.key, str) and self.key.isidentifier():
            return f"{self.base}.{self.key}"
        return f"{self.base}[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or`, `not`: of truths, to a truth."""

    word: str
    operands: tuple["Node", ...]

    def evaluate(self, scope: Scope) -> Value:
        if self.word == "not":
            return not truth(self.operands[0].evaluate(scope))
        wanted = self.word == "or"  # the first operand that is so decides
        for each in self.operands:
            if truth(each.evaluate(scope)) is wanted:
                return wanted
        return not wanted

    def parts(self) -> tuple["Node", ...]:
        return self.operands

    def __str__(self) -> str:
        if self.word == "not":
            return f"not {_operand(self.operands[0])}"
        return f" {self.word} ".join(map(_operand, self.operands))


@dataclass(frozen=True, slots=True)
class Compare:
    """`first < second <= third`: true when every neighbouring pair is."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]

    def evaluate(self, scope: Scope) -> Value:
        left = self.first.evaluate(scope)
        for sign, node in self.rest:
            right = node.evaluate(scope)
            if not _holds(sign, left, right):
                return False
            left = right
        return True

    def parts(self) -> tuple["Node", ...]:
        return (self.first, *(node for _, node in self.rest))

    def __str__(self) -> str:
        return _inner(self.first) + "".join(f" {sign} {_inner(node)}" for sign, node in self.rest)


_ORDERS: Final[dict[str, tuple[int, ...]]] = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}


def _holds(sign: str, left: Value, right: Value) -> bool:
    match sign:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case "in":
            return contains(right, left)
        case "not in":
            return not contains(right, left)
    return order(left, right) in _ORDERS[sign]


@dataclass(frozen=True, slots=True)
class Reckon:
    """`+ - * / // %` and `~`."""

    sign: str
    left: "Node"
    right: "Node"

    def evaluate(self, scope: Scope) -> Value:
        left, right = self.left.evaluate(scope), self.right.evaluate(scope)
        return joined(left, right) if self.sign == "~" else reckon(self.sign, left, right)

    def parts(self) -> tuple["Node", ...]:
        return (self.left, self.right)

    def __str__(self) -> str:
        return f"{_inner(self.left)} {self.sign} {_inner(self.right)}"


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple["Node", ...]

    def evaluate(self, scope: Scope) -> Value:
        return FUNCTIONS[self.name].call(*(each.evaluate(scope) for each in self.arguments))

    def parts(self) -> tuple["Node", ...]:
        return self.arguments

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Defined:
    """`x is defined`."""

    operand: "Node"

    def evaluate(self, scope: Scope) -> Value:
        return self.operand.evaluate(scope) is not MISSING

    def parts(self) -> tuple["Node", ...]:
        return (self.operand,)

    def __str__(self) -> str:
        return f"{_inner(self.operand)} is defined"


@dataclass(frozen=True, slots=True)
class Choice:
    """`this if test else other`."""

    test: "Node"
    this: "Node"
    other: "Node"

    def evaluate(self, scope: Scope) -> Value:
        return (self.this if truth(self.test.evaluate(scope)) else self.other).evaluate(scope)

    def parts(self) -> tuple["Node", ...]:
        return (self.this, self.test, self.other)

    def __str__(self) -> str:
        return f"{_inner(self.this)} if {_inner(self.test)} else {_inner(self.other)}"


Node: TypeAlias = Literal | Items | Name | Lookup | Logic | Compare | Reckon | Call | Defined | Choice | Happened

_ATOMS: Final = (Literal, Items, Name, Lookup, Call, Happened)


def _inner(node: Node) -> str:
    return str(node) if isinstance(node, _ATOMS) else f"({node})"


def _operand(node: Node) -> str:
    """Comparisons bind closer than `and`, `or` and `not`: no parentheses."""
    return f"({node})" if isinstance(node, Logic | Choice) else str(node)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, top first."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        stack.extend(reversed(each.parts()))
