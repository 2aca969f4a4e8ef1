"""A flow as a diagram, top down: boxes, branches side by side, rails that part and meet. Pure.

The drawing depends on the flow's structure alone: the counts stand in fields of fixed width, so a count that changes
repaints its own line and nothing moves. Blocks are put together by their anchors, the columns where the line of the
flow comes in at the top and goes out at the bottom.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from engine.control.protocol.flows import FlowBranch, FlowNode
from tui.format import cells, cut
from tui.ink import Ink, Line, Run, line
from tui.pages.backways import with_back_ways
from tui.pages.boxes import Look, Spot, Style, box, edge

_BESIDE: Final = 3  # cells between two branches
_ENDS: Final = frozenset({"exit", "end"})


@dataclass(frozen=True, slots=True)
class Drawing:
    lines: tuple[Line, ...]
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    lines: tuple[Line, ...]  # each exactly `width` cells
    width: int
    top: int  # where the line comes in
    bottom: int  # where it goes out
    is_open: bool = True  # something may follow
    spots: tuple[Spot, ...] = ()


_STYLES: Final = (Style(40, 0), Style(30, 1), Style(20, 2))
_STILL: Final = tuple(replace(each, is_live=False) for each in _STYLES)


def diagram(nodes: Sequence[FlowNode], width: int, *, is_live: bool = True) -> list[Line] | None:
    """The flow in the roomiest style that fits, in the middle; None where no style does. `is_live`: with its counts."""
    drawn = drawing(nodes, width, Look(), is_live=is_live)
    return None if drawn is None else list(drawn.lines)


def drawing(nodes: Sequence[FlowNode], width: int, look: Look, *, is_live: bool = True) -> Drawing | None:
    """The same, with where each step stands."""
    for style in _STYLES if is_live else _STILL:
        block = _Pen(style, look).sequence(nodes, goes_on=False)
        lines, all_cells = with_back_ways(block.lines, block.spots, nodes)
        if all_cells <= width:
            room = (width - all_cells) // 2
            return Drawing(
                tuple(line(" " * room, *each.runs) for each in lines),
                tuple(each.moved(0, room) for each in block.spots),
            )
    return None


@dataclass(frozen=True, slots=True)
class _Pen:
    style: Style
    look: Look

    def sequence(self, nodes: Sequence[FlowNode], *, goes_on: bool) -> _Block:
        """Steps one below the other; `goes_on` when a line must leave the last of them."""
        inner = max((self.style.inner(node) for node in nodes), default=0)
        parts: list[_Block] = []
        for index, node in enumerate(nodes):
            has_exit = node.kind not in _ENDS and (goes_on or index < len(nodes) - 1)
            if parts:
                parts.append(self._arrow(parts[-1], node))
            parts.append(self._box(node, inner, has_exit=has_exit or bool(node.branches)))
            if node.branches:
                parts.append(self._fork(node, goes_on=has_exit))
        return _stacked(parts)

    def _arrow(self, above: _Block, node: FlowNode) -> _Block:
        """From one step to the next, with how many went; an empty line where nothing leaves the step above."""
        room = self.style.edge
        if not above.is_open or not room:
            return _Block((line(("▼" if above.is_open else " ", Ink.RAIL)),), 1, 0, 0)
        went = edge(node.came, node.hour, room)
        return _Block((line(("▼ ", Ink.RAIL), (went, Ink.DIM)),), room + 2, 0, 0)

    def _box(self, node: FlowNode, inner: int, *, has_exit: bool) -> _Block:
        lines, middle = box(node, self.style, inner, self.look, has_exit=has_exit)
        spot = Spot(node.id, 0, 0, len(lines), inner + 4)
        return _Block(tuple(lines), inner + 4, middle, middle, has_exit, (spot,))

    def _fork(self, node: FlowNode, *, goes_on: bool) -> _Block:
        """The branches side by side, under a rail that parts and above one where those that go on meet."""
        branches = list(node.branches)
        if len(branches) == 1:
            past = max(node.passed - branches[0].passed, 0)
            branches.append(FlowBranch("else", passed=past))  # the way past it
        blocks = [self._branch(branch, goes_on=goes_on) for branch in branches]
        height = max(len(block.lines) for block in blocks)
        side_by_side = _beside([_tall(block, height) for block in blocks])
        starts = _anchors(blocks, [block.top for block in blocks])
        entry = (starts[0] + starts[-1]) // 2
        parting = _rail(starts, entry, side_by_side.width, "╭┬╮", "┴")
        opened = [
            at for at, block in zip(_anchors(blocks, [b.bottom for b in blocks]), blocks, strict=True) if block.is_open
        ]
        spots = tuple(each.moved(1, 0) for each in side_by_side.spots)
        if len(opened) < 2:
            exit_at = opened[0] if opened else entry
            lines = (parting, *side_by_side.lines)
            return _Block(lines, side_by_side.width, entry, exit_at, bool(opened), spots)
        exit_at = (opened[0] + opened[-1]) // 2
        meeting = _rail(opened, exit_at, side_by_side.width, "╰┴╯", "┬")
        return _Block((parting, *side_by_side.lines, meeting), side_by_side.width, entry, exit_at, spots=spots)

    def _branch(self, branch: FlowBranch, *, goes_on: bool) -> _Block:
        """A branch under its name: ▼ then 2,100 · 12/h"""
        steps = self.sequence(branch.nodes, goes_on=goes_on)
        name, room = cut(branch.label, 12), self.style.edge
        went = " " + edge(branch.passed, branch.hour, room) if room else ""
        width = max(steps.width, steps.top + cells(name) + 2 + cells(went))
        into = "▼" if branch.nodes else ("│" if goes_on else "╵")
        named = line(" " * steps.top, (into, Ink.RAIL), (f" {name}", Ink.DOUBT), (went, Ink.DIM)).padded(width)
        is_open = goes_on and steps.is_open
        lines = (named, *(each.padded(width) for each in steps.lines))
        spots = tuple(each.moved(1, 0) for each in steps.spots)
        return _Block(lines, width, steps.top, steps.bottom, is_open, spots)


def _tall(block: _Block, height: int) -> _Block:
    """Made longer at the bottom: by its line where it goes on, by nothing where it ends."""
    tail = line(" " * block.bottom, ("│" if block.is_open else " ", Ink.RAIL)).padded(block.width)
    return replace(block, lines=block.lines + (tail,) * (height - len(block.lines)))


def _anchors(blocks: Sequence[_Block], own: Sequence[int]) -> list[int]:
    """The blocks' own columns, as columns of all of them side by side."""
    return [left + at for left, at in zip(_lefts(blocks), own, strict=True)]


def _lefts(blocks: Sequence[_Block]) -> list[int]:
    return [sum(block.width + _BESIDE for block in blocks[:index]) for index in range(len(blocks))]


def _beside(blocks: Sequence[_Block]) -> _Block:
    gap = Run(" " * _BESIDE)
    rows = zip(*(block.lines for block in blocks), strict=True)
    lines = tuple(line(*[part for each in row for part in (*each.runs, gap)][:-1]) for row in rows)
    spots = tuple(
        spot.moved(0, left) for left, block in zip(_lefts(blocks), blocks, strict=True) for spot in block.spots
    )
    return _Block(lines, sum(block.width for block in blocks) + _BESIDE * (len(blocks) - 1), 0, 0, spots=spots)


def _rail(ends: Sequence[int], joint: int, width: int, corners: str, knee: str) -> Line:
    """A horizontal rail over `ends`, with the trunk's joint in it."""
    row = [" "] * width
    row[ends[0] : ends[-1] + 1] = "─" * (ends[-1] - ends[0] + 1)
    for at in ends[1:-1]:
        row[at] = corners[1]
    row[ends[0]], row[ends[-1]] = corners[0], corners[2]
    row[joint] = "┼" if joint in ends else knee
    return line(("".join(row), Ink.RAIL))


def _stacked(blocks: Sequence[_Block]) -> _Block:
    """Blocks one below the other, each where the line leaves the one above."""
    if not blocks:
        return _Block((), 1, 0, 0)
    lefts = [0]
    for above, below in pairwise(blocks):
        lefts.append(lefts[-1] + above.bottom - below.top)
    lefts = [left - min(lefts) for left in lefts]
    placed = list(zip(blocks, lefts, strict=True))
    width = max(left + block.width for block, left in placed)
    lines = tuple(_moved(each, left, width) for block, left in placed for each in block.lines)
    heights = [0]
    for block in blocks:
        heights.append(heights[-1] + len(block.lines))
    spots = tuple(
        spot.moved(row, left)
        for (block, left), row in zip(placed, heights, strict=False)  # the last height is of all
        for spot in block.spots
    )
    return _Block(lines, width, lefts[0] + blocks[0].top, lefts[-1] + blocks[-1].bottom, blocks[-1].is_open, spots)


def _moved(drawn: Line, left: int, width: int) -> Line:
    return line(" " * left, *drawn.runs).padded(width)
