"""Dividing by nothing: found where the divisor is written out, whatever the data."""

from typing import Final

from engine.flow import expression as tree
from engine.flow import grammar
from engine.flow.grammar import ConditionError, Names
from engine.flow.happened import Happened
from engine.flow.values import MISSING

_DIVISIONS: Final = frozenset({"/", "//", "%"})
_GIVEN: Final = (tree.Name, Happened)


def refuse_nothing_below(text: str, names: Names) -> None:
    """ConditionError, at its column, where a part of this checked condition divides by what is always zero or missing."""
    places: dict[int, int] = {}
    root = grammar.parse(text, names, places=places)
    for node in tree.walk(root):
        if isinstance(node, tree.Reckon) and node.sign in _DIVISIONS and _is_nothing(node.right):
            raise ConditionError("divides by nothing: the result is always missing", places.get(id(node.right), 1))


def _is_nothing(node: tree.Node) -> bool:
    if any(isinstance(each, _GIVEN) for each in tree.walk(node)):
        return False
    value = node.evaluate({})
    return value is MISSING or (not isinstance(value, bool) and value == 0)
