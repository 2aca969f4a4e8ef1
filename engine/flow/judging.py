"""What is wrong with a condition whatever the data: it divides by nothing, or speaks of a list, a field or a segment that
is known not to be there."""

from collections.abc import Iterator
from typing import Final

from engine.flow import expression as tree
from engine.flow import grammar
from engine.flow.grammar import ConditionError, Names
from engine.flow.happened import Happened
from engine.flow.known import Known
from engine.flow.values import MISSING

_DIVISIONS: Final = frozenset({"/", "//", "%"})
_GIVEN: Final = (tree.Name, Happened)
_TABLES: Final = {"fields": "fields", "lists": "lists"}  # what of a contact is looked up by a name that must be there


def judge(text: str, names: Names, known: Known) -> None:
    """ConditionError, at its column, for the first thing that is wrong with this condition, which reads."""
    places: dict[int, int] = {}
    root = grammar.parse(text, names, places=places)
    for node in tree.walk(root):
        if isinstance(node, tree.Reckon) and node.sign in _DIVISIONS and _is_nothing(node.right):
            raise ConditionError("divides by nothing: the result is always missing", places.get(id(node.right), 1))
        for kind, name in _named(node):
            try:
                known.refuse_unknown(kind, name)
            except ValueError as err:
                raise ConditionError(f"{name}: {err}", places.get(id(node), 1)) from None


def _is_nothing(node: tree.Node) -> bool:
    if any(isinstance(each, _GIVEN) for each in tree.walk(node)):
        return False
    value = node.evaluate({})
    return value is MISSING or (not isinstance(value, bool) and value == 0)


def _named(node: tree.Node) -> Iterator[tuple[str, str]]:
    """The names that must be there, and their kinds: contact.fields.NAME, contact.lists.NAME, 'NAME' in contact.segments."""
    match node:
        case tree.Lookup(base=tree.Lookup(base=tree.Name(name="contact"), key=table), key=str() as name):
            if table in _TABLES:
                yield _TABLES[str(table)], name
        case tree.Compare(first=tree.Literal(value=str() as name), rest=((_, asked),)):
            if asked == tree.Lookup(tree.Name("contact"), "segments"):
                yield "segments", name
            elif asked == tree.Lookup(tree.Name("contact"), "lists"):
                yield "lists", name
