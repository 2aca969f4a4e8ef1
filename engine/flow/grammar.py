"""Jinja2's expression grammar, read into our own tree.

Jinja2 lexes and parses the text; then an allow-list of its nodes is admitted into engine.flow.expression's, within
bounds on depth and size. What is not on the list is refused with its column and words that say what to write instead.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from engine.flow import expression as tree
from engine.flow.civil import Span
from engine.flow.events import EventError, check_known
from engine.flow.functions import FUNCTIONS
from engine.flow.happened import SOURCES, Happened
from engine.flow.spelling import near
from engine.flow.values import LARGEST, plain

MAX_NODES: Final = 200
MAX_DEPTH: Final = 30
UNREAD: Final = ""  # as a name: of nothing, and nothing is said of it

Names: TypeAlias = Mapping[str, Collection[str] | None]
_GRAMMAR: Final = Environment(autoescape=False)


class ConditionError(ValueError):
    """No condition; `column` (from 1) says where in its text. `others`: what else is wrong with it, in order."""

    def __init__(self, message: str, column: int = 1, others: Sequence["ConditionError"] = ()) -> None:
        super().__init__(message)
        self.column, self.others = column, others


def refuse_all(faults: Sequence[ConditionError]) -> None:
    """ConditionError of all of them, each once, where there is one."""
    found = {(each.column, str(each)): each for each in sorted(faults, key=lambda each: each.column)}
    if found:
        first, *others = found.values()
        raise ConditionError(str(first), first.column, others)


class _TooLarge(ConditionError):
    """What ends the reading."""


def parse(text: str, names: Names, *, of_segment: bool = False, places: dict[int, int] | None = None) -> tree.Node:
    """The tree of a condition. ConditionError where it is none, or speaks of what is not in `names`.

    A segment may ask for what happened to a contact (`engine.flow.happened`). `places` is told the column of each
    node, by the node's id().
    """
    found, faults = read(text, names, of_segment=of_segment, places=places)
    refuse_all(faults)
    return found


def read(
    text: str, names: Names, *, of_segment: bool = False, places: dict[int, int] | None = None
) -> tuple[tree.Node, list[ConditionError]]:
    """As `parse`, with what is wrong of its parts, for who finds more. UNREAD stands for each of these."""
    try:
        admission = _Admission(names, of_segment, {} if places is None else places)
        return admission.admit(_read(text)), admission.faults
    except RecursionError:
        raise ConditionError("the condition is nested too deeply") from None


def _refuse_surrogates(text: str, column: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConditionError("the text holds half of a surrogate pair", column) from None


# -- reading: Jinja2's lexer and parser, with columns in place of line numbers


def _read(text: str) -> nodes.Expr:
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if braces := _BRACES.search(_QUOTED.sub(lambda quoted: "'" * len(quoted[0]), text)):
        raise ConditionError("no braces: this is an expression, no template; write it alone", braces.start() + 1)
    try:
        parser = Parser(_GRAMMAR, "", state="variable")
        parser.stream = TokenStream(_tokens(text), None, None)
        found = parser.parse_expression()
        if not parser.stream.eos:
            raise _left_over(parser.stream.current, parser.stream.look().type)
        return found
    except TemplateSyntaxError as err:
        raise ConditionError(_in_our_words(err.message or "not a condition"), _column(err, text)) from None
    except (ValueError, SyntaxError) as err:
        if isinstance(err, ConditionError):
            raise
        raise ConditionError(f"not a condition: {err}") from None


def _tokens(text: str) -> Iterator[Token]:
    """Jinja2's tokens. It counts lines only, so each token gets its column where the line number should be."""

    def placed() -> Iterator[tuple[int, str, str]]:
        column = 1
        for _, kind, value in _GRAMMAR.lexer.tokeniter(text, None, state="variable"):
            yield column, kind, value
            column += len(value)

    return _GRAMMAR.lexer.wrap(placed(), None, None)


_BRACES: Final = re.compile(r"\{[{%#]|[%#}]\}")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


def _left_over(token: Token, following: str) -> ConditionError:
    if token.type == "assign" and following == "gt":
        return ConditionError("write >= for greater or equal", token.lineno)
    if token.type == "assign":
        return ConditionError("one = gives a value; write == to compare", token.lineno)
    what = str(token.value)[:40]
    if hint := _FOREIGN.get(what.upper()):
        return ConditionError(f"{what!r} is no word here: {hint}", token.lineno)
    return ConditionError(f"{what!r} can't stand here: the condition was complete before it", token.lineno)


_FOREIGN: Final = {  # words of SQL and of other languages, with what to write instead
    "AND": "write `and` in small letters",
    "OR": "write `or` in small letters",
    "LIKE": "write `'part' in text`",
    "ILIKE": "write `'part' in text`",
    "BETWEEN": "write `1 <= x <= 2`",
    "IS": "write `x is defined` or `x is not defined`",
    "IN": "write `in` in small letters",
    "FROM": "this is no SQL; write what must hold of a contact, such as contact.orders.count >= 3",
    "CONTACT": "what must hold of a contact stands here, such as contact.orders.count >= 3",
    ";": "there is one expression and no statement",
}
_UNEXPECTED: Final = {
    "&": "write `and` for &&",
    "!": "write `not` for !, and != for unequal",
    "`": "texts stand between ' and '",
    "#": "there are no comments here",
    ";": "there is one expression and no statement",
    "'": "a quote is not closed",
    '"': "a quote is not closed",
}


def _in_our_words(message: str) -> str:
    for char, words in _UNEXPECTED.items():
        if message.startswith(f"unexpected char {char!r}"):
            return words
    if message == "unexpected '>'":
        return "write != for unequal, and >= for greater or equal"
    if message.startswith("unexpected 'end of template'"):
        return "ends too soon; a value is expected at its end, such as 20 or 'text'"
    message = message.replace("end of template", "end of the condition").replace("end of print statement", "}}")
    return re.sub(r"^(unexpected char .*) at \d+$", r"\1", message).rstrip(".")


def _column(err: TemplateSyntaxError, text: str) -> int:
    """The lexer says "at 5" in its message, the parser has our column; at the text's end it has the last token's."""
    head, _, offset = (err.message or "").rpartition(" at ")
    if head.startswith("unexpected char") and offset.isdigit():
        return int(offset) + 1
    return len(text) + 1 if "end of template" in (err.message or "") else err.lineno


# -- admitting: an allow-list of node types, within bounds


_SIGNS: Final[dict[type[nodes.BinExpr], str]] = {
    nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//", nodes.Mod: "%",
}  # fmt: skip
_COMPARES: Final = {
    "eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in",
}  # fmt: skip
_REFUSED: Final[dict[type[nodes.Node], str]] = {
    nodes.Pow: "** is not part of conditions; write the multiplication out",
    nodes.Slice: "slices are not part of conditions",
    nodes.Dict: "records can't be written in conditions",
}


class _Admission:
    """One condition's way from Jinja2's tree into ours."""

    def __init__(self, names: Names, of_segment: bool, places: dict[int, int]) -> None:
        self._names, self._of_segment, self._places = names, of_segment, places
        self._left = MAX_NODES
        self.faults: list[ConditionError] = []

    def admit(self, node: nodes.Node, depth: int = 0) -> tree.Node:
        """Our node; where it is none, a fault, and one in its place that is never asked."""
        try:
            found = self._admit(node, depth)
        except _TooLarge:
            raise
        except ConditionError as err:
            self.faults.append(err)
            found = tree.Name(UNREAD)
        self._places[id(found)] = node.lineno
        return found

    def _admit(self, node: nodes.Node, depth: int) -> tree.Node:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise _TooLarge("the condition is too large; split it over two steps", node.lineno)
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node, depth + 1)
        if type(node) in _SIGNS:
            return self._reckon(node, depth + 1)
        what = type(node).__name__.lower()
        raise ConditionError(_REFUSED.get(type(node), f"{what} is not part of conditions"), node.lineno)

    def _all(self, found: Iterable[nodes.Node], depth: int) -> tuple[tree.Node, ...]:
        return tuple(self.admit(each, depth) for each in found)

    def _const(self, node: nodes.Const, depth: int) -> tree.Node:
        value = node.value
        if value is None:
            raise ConditionError("there is no none here: what is absent is missing; write `x is defined`", node.lineno)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
            raise ConditionError("the number is too large", node.lineno)
        if not isinstance(value, str | int | float) or plain(value) != value:
            raise ConditionError("the number is too large", node.lineno)
        if isinstance(value, str) and not value.isascii():
            _refuse_surrogates(value, node.lineno)
        return tree.Literal(value)

    def _list(self, node: nodes.List | nodes.Tuple, depth: int) -> tree.Node:
        return tree.Items(self._all(node.items, depth))

    def _name(self, node: nodes.Name, depth: int) -> tree.Node:
        if node.name not in self._names:
            raise ConditionError(f"{node.name} is not known here{near(node.name, self._names)}", node.lineno)
        return tree.Name(node.name)

    def _getattr(self, node: nodes.Getattr, depth: int) -> tree.Node:
        return self._lookup(node, node.attr, depth)

    def _getitem(self, node: nodes.Getitem, depth: int) -> tree.Node:
        key = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(node.arg, nodes.Neg) and isinstance(node.arg.node, nodes.Const):
            key = -node.arg.node.value if isinstance(node.arg.node.value, int) else None
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise ConditionError("between [ and ] stands a quoted name or a whole number", node.lineno)
        return self._lookup(node, key, depth)

    def _lookup(self, node: nodes.Getattr | nodes.Getitem, key: str | int, depth: int) -> tree.Node:
        base = self.admit(node.node, depth)
        known = self._names.get(base.name) if isinstance(base, tree.Name) else None
        if known is not None and key not in known:
            raise ConditionError(f"{base} has no {key}{near(str(key), known)}", node.lineno)
        return tree.Lookup(base, key)

    def _logic(self, node: nodes.And | nodes.Or, depth: int) -> tree.Node:
        return tree.Logic(type(node).__name__.lower(), self._all((node.left, node.right), depth))

    def _not(self, node: nodes.Not, depth: int) -> tree.Node:
        return tree.Logic("not", self._all((node.node,), depth))

    def _compare(self, node: nodes.Compare, depth: int) -> tree.Node:
        first = self.admit(node.expr, depth)
        return tree.Compare(first, tuple((_COMPARES[each.op], self.admit(each.expr, depth)) for each in node.ops))

    def _reckon(self, node: nodes.Node, depth: int) -> tree.Node:
        assert isinstance(node, nodes.BinExpr)
        return tree.Reckon(_SIGNS[type(node)], self.admit(node.left, depth), self.admit(node.right, depth))

    def _sign(self, node: nodes.Neg | nodes.Pos, depth: int) -> tree.Node:
        operand, sign = self.admit(node.node, depth), "-" if isinstance(node, nodes.Neg) else "+"
        if isinstance(operand, tree.Literal) and isinstance(operand.value, int | float):
            return tree.Literal(-operand.value if sign == "-" else +operand.value)
        return tree.Reckon(sign, tree.Literal(0), operand)

    def _concat(self, node: nodes.Concat, depth: int) -> tree.Node:
        first, *rest = self._all(node.nodes, depth)
        for each in rest:
            first = tree.Reckon("~", first, each)
        return first

    def _choice(self, node: nodes.CondExpr, depth: int) -> tree.Node:
        if node.expr2 is None:
            raise ConditionError("an if needs its else here", node.lineno)
        test, this, other = self._all((node.test, node.expr1, node.expr2), depth)
        return tree.Choice(test, this, other)

    def _test(self, node: nodes.Test, depth: int) -> tree.Node:
        if node.name not in ("defined", "undefined") or node.args or node.kwargs:
            raise ConditionError(f"`is {node.name}` is not known; `is defined` and `is not defined` are", node.lineno)
        found = tree.Defined(self.admit(node.node, depth))
        return found if node.name == "defined" else tree.Logic("not", (found,))

    def _filter(self, node: nodes.Filter, depth: int) -> tree.Node:
        if node.node is None:
            raise ConditionError("nothing stands before the |", node.lineno)
        return self._call_of(node.name, node, (node.node, *node.args), depth)

    def _call(self, node: nodes.Call, depth: int) -> tree.Node:
        if not isinstance(node.node, nodes.Name):
            raise ConditionError(f"data has no methods; the functions are {_FUNCTION_LIST}", node.lineno)
        return self._call_of(node.node.name, node, tuple(node.args), depth)

    def _call_of(
        self, name: str, node: nodes.Call | nodes.Filter, arguments: tuple[nodes.Node, ...], depth: int
    ) -> tree.Node:
        if name in SOURCES:
            return self._happened(name, node, arguments)
        values = self._all(arguments, depth)
        function = FUNCTIONS.get(name)
        if function is None:
            hint = f"{name} is no function{near(name, FUNCTIONS)}; they are {_FUNCTION_LIST}"
            raise ConditionError(hint, node.lineno)
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise ConditionError(f"{name} takes its values in order, without names or *", node.lineno)
        if not function.least <= len(arguments) <= function.most:
            bounds = f"{function.least} to {function.most}" if function.least < function.most else str(function.least)
            raise ConditionError(f"{name} takes {bounds} between its brackets, not {len(arguments)}", node.lineno)
        return tree.Call(name, values)

    def _happened(self, word: str, node: nodes.Call | nodes.Filter, arguments: tuple[nodes.Node, ...]) -> tree.Node:
        if not self._of_segment:
            raise ConditionError(
                f"{word} can be asked in segments only; ask `'name' in contact.segments` here", node.lineno
            )
        found = [each.value for each in arguments if isinstance(each, nodes.Const)]
        texts = [each for each in found if isinstance(each, str)]
        most = 1 if SOURCES[word].event else 2
        is_plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs) and len(texts) == len(arguments)
        if not is_plain or not most - 1 <= len(texts) <= most:
            such = f"{word}('30d')" if most == 1 else f"{word}('cart.updated', '30d')"
            raise ConditionError(f"{word} takes quoted texts, such as {such}", node.lineno)
        event = SOURCES[word].event or _event_name(texts[0], arguments[0].lineno)
        within = _window(texts[most - 1], arguments[most - 1].lineno) if len(texts) == most else None
        return Happened(word, event, within, SOURCES[word].line)


def _event_name(name: str, column: int) -> str:
    try:
        check_known(name)
    except EventError as err:
        raise ConditionError(str(err), column) from None
    if name.startswith("segment."):
        raise ConditionError("a segment can't ask of segments' own events", column)
    return name


def _window(text: str, column: int) -> Span:
    try:
        return Span.parse(text)
    except ValueError as err:
        raise ConditionError(f'"{text[:40]}": {err}', column) from None


_FUNCTION_LIST: Final = ", ".join(sorted(FUNCTIONS))
_HANDLERS: Final[dict[type[nodes.Node], Callable[..., tree.Node]]] = {
    nodes.Const: _Admission._const,
    nodes.List: _Admission._list,
    nodes.Tuple: _Admission._list,
    nodes.Name: _Admission._name,
    nodes.Getattr: _Admission._getattr,
    nodes.Getitem: _Admission._getitem,
    nodes.And: _Admission._logic,
    nodes.Or: _Admission._logic,
    nodes.Not: _Admission._not,
    nodes.Compare: _Admission._compare,
    nodes.Neg: _Admission._sign,
    nodes.Pos: _Admission._sign,
    nodes.Concat: _Admission._concat,
    nodes.CondExpr: _Admission._choice,
    nodes.Test: _Admission._test,
    nodes.Filter: _Admission._filter,
    nodes.Call: _Admission._call,
}
