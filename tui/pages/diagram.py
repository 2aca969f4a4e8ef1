"""A flow as a diagram, top down: boxes, branches side by side, rails that part and meet. Pure.

The drawing depends on the flow's structure alone: the counts stand in fields of fixed width, so a count that changes
repaints its own line and nothing moves. Blocks are put together by their anchors, the columns where the line of the
flow comes in at the top and goes out at the bottom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from engine.control.protocol.flows import FlowBranch, FlowNode
from tui import words
from tui.format import cells, cut, fit, short, wrap
from tui.ink import Ink, Line, Run, line

_COUNT: Final = 8  # "● 12,431"
_BESIDE: Final = 3  # cells between two branches
_ENDS: Final = frozenset({"exit", "end"})


@dataclass(frozen=True, slots=True)
class _Block:
    lines: tuple[Line, ...]  # each exactly `width` cells
    width: int
    top: int  # where the line comes in
    bottom: int  # where it goes out
    is_open: bool = True  # something may follow


@dataclass(frozen=True, slots=True)
class _Style:
    label_cells: int
    stacked: bool  # the counts below the label instead of beside it

    def inner(self, node: FlowNode) -> int:
        label = min(cells(node.label), self.label_cells)
        return max(label, 2 * _COUNT + 2) if self.stacked else label + 2 * (_COUNT + 2)


_STYLES: Final = (_Style(40, stacked=False), _Style(30, stacked=True), _Style(20, stacked=True))


def diagram(nodes: Sequence[FlowNode], width: int) -> list[Line] | None:
    """The flow in the roomiest style that fits, in the middle; None where no style does."""
    for style in _STYLES:
        block = _sequence(nodes, style, goes_on=False)
        if block.width <= width:
            room = " " * ((width - block.width) // 2)
            return [line(room, *each.runs) for each in block.lines]
    return None


def _sequence(nodes: Sequence[FlowNode], style: _Style, *, goes_on: bool) -> _Block:
    """Steps one below the other; `goes_on` when a line must leave the last of them."""
    inner = max((style.inner(node) for node in nodes), default=0)
    parts: list[_Block] = []
    for index, node in enumerate(nodes):
        has_exit = node.kind not in _ENDS and (goes_on or index < len(nodes) - 1)
        if parts:
            parts.append(_arrow(parts[-1]))
        parts.append(_box(node, style, inner, has_exit=has_exit or bool(node.branches)))
        if node.branches:
            parts.append(_fork(node, style, goes_on=has_exit))
    return _stacked(parts)


def _arrow(above: _Block) -> _Block:
    """From one step to the next; an empty line where nothing leaves the step above."""
    return _Block((line(("▼" if above.is_open else " ", Ink.RAIL)),), 1, 0, 0)


def _box(node: FlowNode, style: _Style, inner: int, *, has_exit: bool) -> _Block:
    width = inner + 4
    middle = width // 2
    mark = words.step(node.kind)
    title = cut(f" {mark.glyph} {mark.word} ", inner)
    dashes = "─" * (inner + 1 - cells(title))
    foot = "─" * (middle - 1) + ("┬" if has_exit else "─") + "─" * (width - middle - 2)
    lines = [line(("╭─", Ink.RAIL), (title, mark.ink), (dashes + "╮", Ink.RAIL))]
    lines += [line(("│ ", Ink.RAIL), *runs, (" │", Ink.RAIL)) for runs in _body(node, style, inner)]
    lines.append(line(("╰" + foot + "╯", Ink.RAIL)))
    return _Block(tuple(lines), width, middle, middle, has_exit)


def _body(node: FlowNode, style: _Style, inner: int) -> list[list[Run]]:
    waiting = Run(fit(f"● {short(node.waiting)}" if node.waiting else "", _COUNT, right=True), Ink.WAIT)
    passed = Run(fit(f"✓ {short(node.passed)}" if node.passed else "", _COUNT, right=True), Ink.DIM)
    if not style.stacked:
        label = fit(node.label, inner - 2 * (_COUNT + 2))
        return [[Run(label, Ink.STRONG), Run("  "), waiting, Run("  "), passed]]
    texts = wrap(node.label, inner)
    if len(texts) > 2:
        texts = [texts[0], cut(" ".join(texts[1:]), inner)]
    counts = [Run(" " * (inner - 2 * _COUNT - 2)), waiting, Run("  "), passed]
    return [*([Run(fit(text, inner), Ink.STRONG)] for text in texts), counts]


def _fork(node: FlowNode, style: _Style, *, goes_on: bool) -> _Block:
    """The branches side by side, under a rail that parts and above one where those that go on meet."""
    branches = list(node.branches)
    if len(branches) == 1:
        branches.append(FlowBranch("else"))  # the way past it
    blocks = [_branch(branch, style, goes_on=goes_on) for branch in branches]
    height = max(len(block.lines) for block in blocks)
    side_by_side = _beside([_tall(block, height) for block in blocks])
    starts = _anchors(blocks, [block.top for block in blocks])
    entry = (starts[0] + starts[-1]) // 2
    parting = _rail(starts, entry, side_by_side.width, "╭┬╮", "┴")
    ends = [at for at, block in zip(_anchors(blocks, [b.bottom for b in blocks]), blocks, strict=True) if block.is_open]
    if len(ends) < 2:
        exit_at = ends[0] if ends else entry
        return _Block((parting, *side_by_side.lines), side_by_side.width, entry, exit_at, bool(ends))
    exit_at = (ends[0] + ends[-1]) // 2
    meeting = _rail(ends, exit_at, side_by_side.width, "╰┴╯", "┬")
    return _Block((parting, *side_by_side.lines, meeting), side_by_side.width, entry, exit_at)


def _branch(branch: FlowBranch, style: _Style, *, goes_on: bool) -> _Block:
    """A branch under its name: ▼ then."""
    steps = _sequence(branch.nodes, style, goes_on=goes_on)
    name = cut(branch.label, 12)
    width = max(steps.width, steps.top + cells(name) + 2)
    into = "▼" if branch.nodes else ("│" if goes_on else "╵")
    named = line(" " * steps.top, (into, Ink.RAIL), (f" {name}", Ink.DOUBT)).padded(width)
    is_open = goes_on and steps.is_open
    return _Block((named, *(each.padded(width) for each in steps.lines)), width, steps.top, steps.bottom, is_open)


def _tall(block: _Block, height: int) -> _Block:
    """Made longer at the bottom: by its line where it goes on, by nothing where it ends."""
    tail = line(" " * block.bottom, ("│" if block.is_open else " ", Ink.RAIL)).padded(block.width)
    lines = block.lines + (tail,) * (height - len(block.lines))
    return _Block(lines, block.width, block.top, block.bottom, block.is_open)


def _anchors(blocks: Sequence[_Block], own: Sequence[int]) -> list[int]:
    """The blocks' own columns, as columns of all of them side by side."""
    lefts = [sum(block.width + _BESIDE for block in blocks[:index]) for index in range(len(blocks))]
    return [left + at for left, at in zip(lefts, own, strict=True)]


def _beside(blocks: Sequence[_Block]) -> _Block:
    gap = Run(" " * _BESIDE)
    rows = zip(*(block.lines for block in blocks), strict=True)
    lines = tuple(line(*[part for each in row for part in (*each.runs, gap)][:-1]) for row in rows)
    return _Block(lines, sum(block.width for block in blocks) + _BESIDE * (len(blocks) - 1), 0, 0)


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
    return _Block(lines, width, lefts[0] + blocks[0].top, lefts[-1] + blocks[-1].bottom, blocks[-1].is_open)


def _moved(drawn: Line, left: int, width: int) -> Line:
    return line(" " * left, *drawn.runs).padded(width)
