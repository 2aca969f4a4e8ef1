"""What is wrong with a condition whatever the data: it divides by nothing, looks into what holds nothing, or speaks of a
list, a field or a segment that is known not to be there."""

from collections.abc import Iterator, Mapping
from typing import Final

from engine.flow import expression as tree
from engine.flow import grammar
from engine.flow.grammar import ConditionError, Names
from engine.flow.happened import Happened
from engine.flow.known import Known
from engine.flow.spelling import near
from engine.flow.values import MISSING

_DIVISIONS: Final = frozenset({"/", "//", "%"})
_GIVEN: Final = (tree.Name, Happened)
_INNER: Final[Mapping[str, frozenset[str]]] = {  # of a contact: what is within
    "orders": frozenset({"count", "total", "first_at", "last_at"}),
    "consent": frozenset({"entry", "hash"}),
    "engagement": frozenset(
        {
            "opened_at", "clicked_at", "replied_at", "visited_at", "last_at", "opens", "clicks", "replies", "visits", "level",
            "score",
        }
    ),
}  # fmt: skip
_NUMBERS: Final = frozenset(
    {*(f"contact.orders.{each}" for each in ("count", "total")),
     *(f"contact.engagement.{each}" for each in ("opens", "clicks", "replies", "visits", "score"))}
)  # fmt: skip
_TEXTS: Final = frozenset(f"contact.{each}" for each in ("name", "address", "locale", "zone", "source", "external_id"))
_WITHIN: Final = frozenset({*_INNER, "lists", "fields", "tags", "segments"})  # of a contact: what has anything within
_TABLES: Final = {"fields": "fields", "lists": "lists"}  # what of a contact is looked up by a name that must be there


def judge(text: str, names: Names, known: Known) -> tree.Node:
    """The tree of a condition. ConditionError for all that is wrong with it, each at its column."""
    places: dict[int, int] = {}
    root, faults = grammar.read(text, names, places=places)
    grammar.refuse_all([*faults, *(each for node in tree.walk(root) for each in _faults(node, places, known))])
    return root


def _faults(node: tree.Node, places: dict[int, int], known: Known) -> Iterator[ConditionError]:
    if isinstance(node, tree.Reckon) and node.sign in _DIVISIONS and _is_nothing(node.right):
        yield ConditionError("divides by nothing: the result is always missing", places.get(id(node.right), 1))
    if isinstance(node, tree.Compare):
        yield from _unlike(node, places)
    if why := _nothing_within(node):
        yield ConditionError(why, places.get(id(node), 1))
    for kind, name in _named(node):
        try:
            known.refuse_unknown(kind, name)
        except ValueError as err:
            yield ConditionError(f"{name}: {err}", places.get(id(node), 1))


def _is_nothing(node: tree.Node) -> bool:
    if any(isinstance(each, _GIVEN) for each in tree.walk(node)):
        return False
    value = node.evaluate({})
    return value is MISSING or (not isinstance(value, bool) and value == 0)


def _unlike(node: tree.Compare, places: dict[int, int]) -> Iterator[ConditionError]:
    """A text is never less, more or the same as a number."""
    left = node.first
    for sign, right in node.rest:
        kinds = {_kind(left), _kind(right)}
        if kinds == {"text", "number"} and sign not in ("in", "not in", "!="):
            yield ConditionError("compares a text with a number, which are never the same, nor in an order",
                                 places.get(id(right), 1))  # fmt: skip
        left = right


def _kind(node: tree.Node) -> str:
    """Whether a node is surely a text or a number; "" where it may be anything."""
    if isinstance(node, tree.Literal) and not isinstance(node.value, bool):
        return "text" if isinstance(node.value, str) else "number"
    return "number" if str(node) in _NUMBERS else "text" if str(node) in _TEXTS else ""


def _nothing_within(node: tree.Node) -> str:
    """Why a look into something always finds nothing; "" where it may find something."""
    match node:
        case tree.Lookup(base=tree.Literal() as base, key=key):
            return f"{base} is one value: there is no {key} in it"
        case tree.Lookup(base=tree.Lookup(base=tree.Name(name="contact"), key=str() as table) as base, key=key):
            if table not in _WITHIN:
                return f"{base} is one value: there is no {key} in it"
            if isinstance(key, str) and table in ("tags", "segments"):
                return f"{base} is a list; ask '{key}' in {base}"
            if table in _INNER and key not in _INNER[table]:
                return f"{base} has no {key}{near(str(key), _INNER[table])}"
    return ""


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
