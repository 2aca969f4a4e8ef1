"""Templates whose parts stand too deep in one another: who reads or compiles one runs out of stack, and says so of
whatever called it. Here the file itself is told, and the line where it is deepest."""

from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

TOO_DEEP: Final = "it is nested too deeply"


def depth_of(tree: nodes.Node) -> tuple[int, int]:
    """(how deep the deepest part of it stands, the line where that is). Walks without recursion."""
    deepest, left = (0, tree.lineno), [(0, tree)]
    while left:
        depth, node = left.pop()
        deepest = max(deepest, (depth, node.lineno), key=lambda each: each[0])
        left.extend((depth + 1, each) for each in node.iter_child_nodes())
    return deepest


def too_deep(environment: Environment, source: str, name: str | None) -> TemplateSyntaxError:
    """The fault of a source that could not be read or compiled for its depth."""
    parser = Parser(environment, source, name)
    try:
        line = depth_of(parser.parse())[1]
    except RecursionError:
        line = parser.stream.current.lineno
    return TemplateSyntaxError(TOO_DEEP, line, name)
