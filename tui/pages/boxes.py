"""The boxes of a diagram: what stands in one, in fields of fixed width, so that a count that changes moves nothing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.control.protocol.flows import FlowNode
from tui import words
from tui.format import cells, cut, fit, short, span, wrap
from tui.ink import Ink, Line, Run, line

COUNT: Final = 8  # "● 12,431"
AGE: Final = 9  # "3 h 05 m"
EDGE: Final = 13  # "124k · 1.2k/h"
_THIN: Final = ("╭─", "─", "╮", "│", "╰", "╯", "┬")
_HEAVY: Final = ("┏━", "━", "┓", "┃", "┗", "┛", "┳")
_GONE: Final = ("╭╌", "╌", "╮", "┊", "╰", "╯", "┬")


@dataclass(frozen=True, slots=True)
class Style:
    """How roomy a diagram is. `rows`: the counts beside the label (0), below it (1), or below it without the age (2)."""

    label_cells: int
    rows: int
    is_live: bool = True  # False: a picture of a file, without counts

    def inner(self, node: FlowNode) -> int:
        """The cells inside the box of a step."""
        label = max(min(cells(node.label), self.label_cells), 4)
        if not self.is_live:
            return max(label, 14)
        if self.rows == 0:
            return label + COUNT * 2 + AGE + 5
        return max(label, COUNT * 2 + 2 + (AGE + 1 if self.rows == 1 else 0))

    @property
    def edge(self) -> int:
        """The cells of what stands beside an arrow."""
        return 0 if not self.is_live else EDGE if self.rows < 2 else COUNT


@dataclass(frozen=True, slots=True)
class Look:
    """What a drawing is about beside its steps: the step with the cursor, and the daemon's time."""

    at: str | None = None
    now_ms: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a step's box stands in the drawing."""

    id: str
    row: int
    column: int
    height: int
    width: int

    def moved(self, rows: int, columns: int) -> "Spot":
        return replace(self, row=self.row + rows, column=self.column + columns)


def box(node: FlowNode, style: Style, inner: int, look: Look, *, has_exit: bool) -> tuple[list[Line], int]:
    """The lines of a step's box, and the column where the line of the flow goes through it."""
    at_it = node.id == look.at
    corner, dash, right, side, left, end, knee = _HEAVY if at_it else _GONE if node.mark == "-" else _THIN
    ink = Ink.HORN if at_it else words.change(node.mark).ink if node.mark else Ink.RAIL
    width = inner + 4
    middle = width // 2
    title = _title(node, inner)
    dashes = dash * (inner + 1 - sum(cells(text) for text, _ in title))
    lines = [line((corner, ink), *title, (dashes + right, ink))]
    lines += [line((side + " ", ink), *runs, (" " + side, ink)) for runs in _body(node, style, inner, look.now_ms)]
    foot = dash * (middle - 1) + (knee if has_exit else dash) + dash * (width - middle - 2)
    return [*lines, line((left + foot + end, ink))], middle


def _title(node: FlowNode, inner: int) -> list[tuple[str, Ink]]:
    mark = words.step(node.kind)
    found = [(f" {mark.glyph} {mark.word} ", mark.ink)]
    if node.mark:
        change = words.change(node.mark)
        found.append((f"{change.glyph} {change.word} ", change.ink))
    if node.is_bottleneck:
        found.append(("! narrow ", Ink.BAD))
    kept: list[tuple[str, Ink]] = []
    room = inner
    for text, ink in found:
        kept.append((cut(text, room), ink))
        room -= cells(kept[-1][0])
    return [each for each in kept if each[0]]


def _body(node: FlowNode, style: Style, inner: int, now_ms: int) -> list[list[Run]]:
    if not style.is_live:
        return [[Run(fit(text, inner), Ink.STRONG)] for text in _few(node.label, inner)]
    waiting, age, passed = counts(node, now_ms)
    if style.rows == 0:
        label = fit(node.label, inner - COUNT * 2 - AGE - 5)
        rows = [[Run(label, Ink.STRONG), Run("  "), waiting, Run(" "), age, Run("  "), passed]]
    else:
        left = [waiting, Run(" "), age] if style.rows == 1 else [waiting]
        gap = Run(" " * (inner - COUNT - sum(cells(run.text) for run in left)))
        rows = [*([Run(fit(text, inner), Ink.STRONG)] for text in _few(node.label, inner)), [*left, gap, passed]]
    return rows + [[Run(fit(text, inner), ink)] for text, ink in notes(node)]


def counts(node: FlowNode, now_ms: int) -> tuple[Run, Run, Run]:
    """Who stands there, since when the longest, and how many passed; blank where nobody did."""
    waiting = fit(f"● {short(node.waiting)}" if node.waiting else "", COUNT)
    since = span(now_ms - node.since_ms) if node.waiting and node.since_ms else ""
    passed = fit(f"✓ {short(node.passed)}" if node.passed else "", COUNT, right=True)
    ink = Ink.BAD if node.stuck else Ink.WAIT
    return Run(waiting, ink), Run(fit(since, AGE), ink if node.stuck else Ink.DIM), Run(passed, Ink.DIM)


def notes(node: FlowNode) -> list[tuple[str, Ink]]:
    """What a draft says of the step beside what it is."""
    found = [(f"was {node.was}", Ink.DIM)] if node.was else []
    if node.lands:
        found.append((f"⇣ {short(node.lands)} {'lands' if node.lands == 1 else 'land'} here", Ink.HORN))
    return found


def edge(count: int, hour: int, room: int) -> str:
    """How many went this way, and in the last hour: 4,098 · 12/h"""
    if not room or not count:
        return " " * room
    lately = f" · {short(hour)}/h" if hour else ""
    return fit(short(count) + (lately if cells(short(count) + lately) <= room else ""), room)


def _few(label: str, inner: int) -> Sequence[str]:
    texts = wrap(label, inner)
    return texts if len(texts) <= 2 else [texts[0], cut(" ".join(texts[1:]), inner)]
