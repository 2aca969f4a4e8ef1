"""Tables as columns: which fit a width, how wide each gets, and a row painted in them. Pure.

A column has a fixed width, or a share of what is left over (`flex`). One that says `since` is only there from that
width on: a narrow terminal shows fewer columns, never a wider line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from engine.counts import counted
from tui.format import fit, short
from tui.ink import Ink, Line, Run, line, rule

R = TypeVar("R")
GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    title: str
    width: int  # cells; with flex, at least so many
    paint: Callable[[R, int], Run]  # the row and the daemon's time in, text and ink out
    right: bool = False
    flex: int = 0
    since: int = 0


Layout = tuple[tuple[Column[R], int], ...]


def layout(columns: Sequence[Column[R]], width: int) -> "Layout[R]":
    """The columns that are there at this width, with the cells of each. A last flexible one takes what is left."""
    there = [column for column in columns if width >= column.since]
    spare = width - sum(column.width for column in there) - GAP * (len(there) - 1)
    shares = sum(column.flex for column in there)
    cells_of: list[int] = []
    for column in there:
        extra = spare * column.flex // shares if column.flex else 0
        cells_of.append(max(column.width + extra, 1))
        spare, shares = (spare - extra, shares - column.flex) if column.flex else (spare, shares)
    return tuple(zip(there, cells_of, strict=True))


def needed(columns: Sequence[Column[R]]) -> int:
    """The cells that those take which are there at every width."""
    always = [column.width for column in columns if not column.since]
    return sum(always) + GAP * (len(always) - 1)


def heading(columns: "Layout[R]") -> Line:
    return _joined([Run(fit(column.title, width, right=column.right), Ink.DIM) for column, width in columns])


def titled(columns: "Layout[R]", title: str) -> Line:
    """A heading whose columns up to the first count are given to a title: ── Flows ─────  waiting  mails"""
    named = next((index for index, (column, _) in enumerate(columns) if column.right), len(columns))
    width = sum(cells for _, cells in columns[:named]) + GAP * (named - 1)
    return line(*rule(title, width).runs, " " * GAP, *heading(columns[named:]).runs)


def row(columns: "Layout[R]", item: R, now_ms: int) -> Line:
    runs = [(column.paint(item, now_ms), column, width) for column, width in columns]
    return _joined([Run(fit(run.text, width, right=column.right), run.ink) for run, column, width in runs])


def table(
    title: str, noun: str, columns: Sequence[Column[R]], rows: Sequence[R], now_ms: int, width: int
) -> list[Line]:
    """A whole table under its title, as `--plain` prints it."""
    there = layout(columns, width)
    note = counted(len(rows), noun)
    return [rule(title, width, note), heading(there), *(row(there, each, now_ms) for each in rows)]


def under_way(columns: "Layout[R]") -> Line:
    """A row that has been asked for and is not here yet."""
    return _joined([Run(fit("·" * min(width, 5), width, right=column.right), Ink.RULE) for column, width in columns])


def tally(count: int, ink: Ink = Ink.TEXT) -> Run:
    """A count in a table: nought is a quiet dot, so that the others stand out."""
    return Run(short(count), ink) if count else Run("·", Ink.RULE)


def _joined(runs: list[Run]) -> Line:
    gap = Run(" " * GAP)
    spaced = [part for run in runs for part in (run, gap)][:-1]
    return line(*spaced)
