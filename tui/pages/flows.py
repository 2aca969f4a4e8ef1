"""One flow: its head, then its diagram where that fits, or its outline. Pure.

The outline is the same flow with a row a step and rails at the left. It fits any width, reads well aloud and is what
`--plain` prints.
"""

from collections.abc import Iterator, Sequence

from engine.control.protocol.flows import FlowBranch, FlowNode, FlowPicture
from tui import words
from tui.format import cells, cut, fit, number, short, wrap
from tui.ink import BLANK, Ink, Line, line, rule
from tui.pages.diagram import diagram


def flow(picture: FlowPicture, width: int, *, as_outline: bool = False) -> list[Line]:
    """The whole page. A diagram wider than the page becomes an outline."""
    drawn = None if as_outline else diagram(picture.nodes, width)
    return [*head(picture, width), BLANK, *(outline(picture.nodes, width) if drawn is None else drawn)]


def head(picture: FlowPicture, width: int) -> list[Line]:
    state = words.flow(picture.state)
    facts = [("goal", picture.goal)] if picture.goal else []
    ended = [f"{number(count)} {how}" for how, count in picture.ended.items() if count]
    facts.append(("ended", " · ".join(ended) or "none yet"))
    return [
        line((cut(picture.title or picture.name, width), Ink.STRONG)),
        *(line((text, Ink.DIM)) for text in wrap(picture.about, width) if text),
        line(state.run(), (f" · {picture.stream} · version {picture.version[:12]}", Ink.DIM)).cropped(width),
        *(line((f"{name:<7}", Ink.DIM), cut(fact, width - 7)) for name, fact in facts),
        rule("Steps", width, "● waiting  ✓ passed"),
    ]


def outline(nodes: Sequence[FlowNode], width: int) -> list[Line]:
    return list(_rows(nodes, width, ""))


def _rows(nodes: Sequence[FlowNode], width: int, rail: str) -> Iterator[Line]:
    for node in nodes:
        yield _row(node, width, rail)
        for index, branch in enumerate(node.branches, 1):
            yield from _branch(branch, width, rail, is_last=index == len(node.branches))


def _branch(branch: FlowBranch, width: int, rail: str, *, is_last: bool) -> Iterator[Line]:
    turn, beyond = ("╰─ ", "   ") if is_last else ("├─ ", "│  ")
    yield line((rail + turn, Ink.RAIL), (cut(branch.label, width - cells(rail) - 3), Ink.DOUBT))
    yield from _rows(branch.nodes, width, rail + beyond)


def _row(node: FlowNode, width: int, rail: str) -> Line:
    mark = words.step(node.kind)
    waiting = fit(f"● {short(node.waiting)}" if node.waiting else "", 8, right=True)
    passed = fit(f"✓ {short(node.passed)}" if node.passed else "", 8, right=True)
    label = fit(node.label, max(width - cells(rail) - 10 - 20, 4))
    counts = [("  " + waiting, Ink.WAIT), ("  " + passed, Ink.DIM)] if width >= 40 else []
    return line((rail, Ink.RAIL), mark.run(10), (label, Ink.STRONG), *counts)
