"""The ways back of a diagram: a jump's line goes out to a rail at the right, and along it to the step where it leads. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from engine.control.protocol.flows import FlowNode
from tui.format import cells, cut
from tui.ink import Ink, Line, Run, line
from tui.pages.boxes import Spot

_FIRST: Final = 14  # cells from the drawing to the first rail: room for its name
_NEXT: Final = 2
_NAME: Final = 9
_Cell = tuple[str, Ink]


def with_back_ways(
    lines: Sequence[Line], spots: Sequence[Spot], nodes: Sequence[FlowNode]
) -> tuple[Sequence[Line], int]:
    """The drawing with a rail for each jump whose way out is clear, and its width. What has no rail still says in its box
    where it goes."""
    width = max((each.width for each in lines), default=0)
    places = {spot.id: spot for spot in reversed(spots)}
    jumps = [node for node in _walk(nodes) if node.to and node.to in places and node.id in places]
    if not jumps:
        return lines, width
    whole = width + _FIRST + _NEXT * (len(jumps) - 1) + 1
    sheet = [_cells(each.padded(whole)) for each in lines]
    for index, node in enumerate(jumps):
        _draw(sheet, spots, (places[node.id], places[node.to]), width + _FIRST + _NEXT * index, _name(node))
    return [_line(row) for row in sheet], whole


def _walk(nodes: Sequence[FlowNode]) -> Iterator[FlowNode]:
    for node in nodes:
        yield node
        for way in node.branches:
            yield from _walk(way.nodes)


def _name(node: FlowNode) -> str:
    """to first, 3 times -> 3 times"""
    return cut("↺ " + node.label.rpartition(", ")[2], _NAME)


def _draw(
    sheet: list[list[_Cell]], spots: Sequence[Spot], way: tuple[Spot, Spot], rail: int, name: str
) -> None:  # fmt: skip
    start, end = way
    leaves, comes = _clear(sheet, spots, start, rail), _clear(sheet, spots, end, rail)
    if leaves is None or comes is None or leaves == comes:
        return
    _across(sheet[leaves], start.column + start.width, rail)
    _across(sheet[comes], end.column + end.width, rail)
    sheet[comes][end.column + end.width] = ("◄", Ink.DOUBT)
    at = rail - cells(name) - 2
    for offset, letter in enumerate(f" {name} "):
        if cells(letter) == 1 and sheet[comes][at - 1 + offset][0] == "─":
            sheet[comes][at - 1 + offset] = (letter, Ink.DOUBT)
    first, last = sorted((leaves, comes))
    for row in range(first + 1, last):
        sheet[row][rail] = ("┼" if sheet[row][rail][0] == "─" else "│", Ink.DOUBT)
    sheet[first][rail], sheet[last][rail] = ("╮", Ink.DOUBT), ("╯", Ink.DOUBT)


def _clear(sheet: Sequence[Sequence[_Cell]], spots: Sequence[Spot], spot: Spot, rail: int) -> int | None:
    """A row of the box from which no other box, and nothing but lines, stands in the way to the rail."""
    right = spot.column + spot.width
    for row in range(spot.row + 1, spot.row + spot.height - 1):
        is_boxed = any(each.column >= right and each.row <= row < each.row + each.height for each in spots)
        if not is_boxed and all(letter in " │" for letter, _ in sheet[row][right : rail + 1]):
            return row
    return None


def _across(row: list[_Cell], start: int, end: int) -> None:
    for at in range(start, end):
        row[at] = ("┼" if row[at][0] == "│" else "─", Ink.DOUBT)


def _cells(drawn: Line) -> list[_Cell]:
    """One entry a cell; the second half of a wide letter is empty."""
    found: list[_Cell] = []
    for run in drawn.runs:
        for letter in run.text:
            width = cells(letter)
            if width == 0 and found:  # a mark on the letter before it
                found[-1] = (found[-1][0] + letter, found[-1][1])
            else:
                found += [(letter, run.ink), *[("", run.ink)] * (width - 1)]
    return found


def _line(row: Sequence[_Cell]) -> Line:
    runs: list[Run] = []
    for letter, ink in row:
        if runs and runs[-1].ink is ink:
            runs[-1] = Run(runs[-1].text + letter, ink)
        else:
            runs.append(Run(letter, ink))
    return line(*runs)
