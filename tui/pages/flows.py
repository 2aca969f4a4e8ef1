"""One flow: its head, then its diagram where that fits, or its outline. Pure.

The outline is the same flow with a row a step and rails at the left. It fits any width, reads well aloud and is what
`--plain` prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.flows import FlowBranch, FlowNode, FlowPicture
from tui import words
from tui.format import cells, cut, fit, number, short, wrap
from tui.ink import BLANK, Ink, Line, line, rule
from tui.pages.boxes import AGE, COUNT, EDGE, Look, Spot, counts, edge, notes
from tui.pages.diagram import drawing

_WITH_AGE: Final = 70  # cells from which the outline has the longest wait
_WITH_COUNTS: Final = 44


@dataclass(frozen=True, slots=True)
class Sheet:
    """A flow as it is drawn, and where each step stands on the sheet."""

    lines: tuple[Line, ...]
    spots: tuple[Spot, ...]
    is_outline: bool


def flow(picture: FlowPicture, width: int, *, as_outline: bool = False) -> list[Line]:
    """The whole page. A diagram wider than the page becomes an outline."""
    return list(sheet(picture, width, Look(now_ms=picture.now_ms), as_outline=as_outline).lines)


def sheet(picture: FlowPicture, width: int, look: Look, *, as_outline: bool = False) -> Sheet:
    """The same, with where the steps are."""
    above = [*head(picture, width), BLANK]
    drawn = None if as_outline else drawing(picture.nodes, width, look)
    if drawn is not None:
        spots = tuple(each.moved(len(above), 0) for each in drawn.spots)
        return Sheet((*above, *drawn.lines), spots, False)
    rows = outline(picture.nodes, width, picture.now_ms, picture.name)
    places = tuple(
        Spot(each.target.name.partition("/")[2], len(above) + row, 0, 1, width)
        for row, each in enumerate(rows)
        if each.target is not None
    )
    return Sheet((*above, *rows), places, True)


def head(picture: FlowPicture, width: int) -> list[Line]:
    state = words.flow(picture.state)
    facts: list[tuple[str, str, Ink]] = []
    goal = f" · goal {picture.goal}" if picture.goal else ""
    ended = [f"{number(count)} {how}" for how, count in picture.ended.items() if count]
    facts.append(("ended", " · ".join(ended) or "none yet", Ink.TEXT))
    if picture.elsewhere:
        places = " · ".join(f"{number(count)} at {step}" for step, count in picture.elsewhere.items())
        facts.append(("older", f"{places}: steps that only older versions have", Ink.WAIT))
    if picture.is_counting:
        facts.append(("there", "… who stands where is being counted", Ink.WAIT))
    if picture.bottleneck:
        facts.append(("narrow", f"! {picture.bottleneck}", Ink.BAD))
    return [
        line((cut(picture.title or picture.name, width), Ink.STRONG)),
        *(line((text, Ink.DIM)) for text in wrap(picture.about, width) if text),
        line(state.run(), (f" · {picture.stream} · version {picture.version[:12]}{goal}", Ink.DIM)).cropped(width),
        *(line((f"{name:<7}", Ink.DIM), (cut(fact, width - 7), ink)) for name, fact, ink in facts),
        rule("Steps", width, "● there now, since when  ✓ passed · in the last hour"),
    ]


def outline(
    nodes: Sequence[FlowNode], width: int, now_ms: int = 0, name: str = "", *, is_live: bool = True
) -> list[Line]:
    """A row a step, which opens the people of the step."""
    return list(_Outline(width, now_ms, name, _back(nodes), is_live).rows(nodes, ""))


def walk(nodes: Sequence[FlowNode]) -> Iterator[FlowNode]:
    """All steps in the order they are written, the trigger first."""
    for node in nodes:
        yield node
        for way in node.branches:
            yield from walk(way.nodes)


def node_at(nodes: Sequence[FlowNode], step: str) -> FlowNode | None:
    """The step of this id."""
    return next((node for node in walk(nodes) if node.id == step), None)


def next_branch(nodes: Sequence[FlowNode], step: str) -> str | None:
    """The first step of the next way: into the ways of this step, else beside the way that it is on. None where none is."""
    here = node_at(nodes, step)
    if here is not None and (firsts := _firsts(here)):
        return firsts[0]
    found = None
    for node in walk(nodes):
        for index, way in enumerate(node.branches):
            if any(each.id == step for each in walk(way.nodes)):  # the innermost comes last
                firsts = [
                    each.nodes[0].id for each in (*node.branches[index + 1 :], *node.branches[:index]) if each.nodes
                ]
                found = firsts[0] if firsts else found
    return found


def _firsts(node: FlowNode) -> list[str]:
    return [way.nodes[0].id for way in node.branches if way.nodes]


def _back(nodes: Sequence[FlowNode]) -> Mapping[str, list[str]]:
    """Which jumps lead to a step."""
    found: dict[str, list[str]] = {}
    for node in walk(nodes):
        if node.to:
            found.setdefault(node.to, []).append(node.id)
    return found


@dataclass(frozen=True, slots=True)
class _Outline:
    width: int
    now_ms: int
    name: str
    back: Mapping[str, list[str]] = field(default_factory=dict)
    is_live: bool = True

    def rows(self, nodes: Sequence[FlowNode], rail: str) -> Iterator[Line]:
        for node in nodes:
            yield self._row(node, rail)
            for index, branch in enumerate(node.branches, 1):
                yield from self._branch(branch, rail, is_last=index == len(node.branches))

    def _branch(self, branch: FlowBranch, rail: str, *, is_last: bool) -> Iterator[Line]:
        turn, beyond = ("╰─ ", "   ") if is_last else ("├─ ", "│  ")
        room = max(self.width - cells(rail) - 3, 1)
        went = edge(branch.passed, branch.hour, EDGE).rstrip() if self._has_counts else ""
        name = fit(branch.label, room - EDGE - 2) if went and room > EDGE + 6 else cut(branch.label, room)
        tail = [("  " + fit(went, EDGE, right=True), Ink.DIM)] if went and room > EDGE + 6 else []
        yield line((rail + turn, Ink.RAIL), (name, Ink.DOUBT), *tail)
        yield from self.rows(branch.nodes, rail + beyond)

    @property
    def _has_counts(self) -> bool:
        return self.is_live and self.width >= _WITH_COUNTS

    def _row(self, node: FlowNode, rail: str) -> Line:
        mark = words.step(node.kind)
        tail = self._tail(node)
        marks = self._marks(node)
        taken = cells(rail) + 10 + sum(cells(text) for text, _ in (*tail, *marks))
        label = fit(self._label(node), max(self.width - taken, 4))
        ink = Ink.DIM if node.mark == "-" else Ink.STRONG
        drawn = line((rail, Ink.RAIL), mark.run(10), *marks, (label, ink), *tail)
        return drawn.opens("step", f"{self.name}/{node.id}", node.id or "trigger")

    def _label(self, node: FlowNode) -> str:
        said = [node.label, *(text for text, _ in notes(node))]
        back = [f"↺ from {', '.join(self.back[node.id])}"] if node.id in self.back else []
        return "  ".join((*said, *back))

    def _marks(self, node: FlowNode) -> list[tuple[str, Ink]]:
        narrow = [("! narrow ", Ink.BAD)] if node.is_bottleneck else []
        if not node.mark:
            return narrow
        change = words.change(node.mark)
        return [(f"{change.glyph} {change.word} ", change.ink), *narrow]

    def _tail(self, node: FlowNode) -> list[tuple[str, Ink]]:
        if not self._has_counts:
            return []
        waiting, age, _ = counts(node, self.now_ms)
        passed = f"✓ {short(node.passed)}" if node.passed else ""
        lately = f" · {short(node.hour)}/h" if node.hour else ""
        room = EDGE + 2
        if self.width < _WITH_AGE:
            return [("  " + waiting.text, waiting.ink), ("  " + fit(passed, COUNT, right=True), Ink.DIM)]
        told = passed + lately if cells(passed + lately) <= room else passed
        return [
            ("  " + waiting.text, waiting.ink), (" " + fit(age.text, AGE), age.ink),
            ("  " + fit(told, room, right=True), Ink.DIM),
        ]  # fmt: skip


def plain_flow(control: Control, names: Sequence[str], width: int) -> list[Line]:
    return flow(control.get(FlowPicture, f"/v1/flows/{part(names[0])}"), width, as_outline=True)
