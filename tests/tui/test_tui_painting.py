"""What is painted of a row: the cells that differ, and no half of a wide letter."""

import pyte
import pytest
from rich.console import Console
from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from tui.painting import CellsUpdate

TEXT = "to 您的信 из 12 s"
CELLS = Strip([Segment(TEXT)]).cell_length
CONSOLE = Console(force_terminal=True, color_system=None)


def written(first: int, last: int) -> str:
    """What is written where the first of two widgets beside each other differs from here to there."""
    row = {0: Strip([Segment(TEXT)]), CELLS: Strip([Segment("the other")])}
    update = ChopsUpdate([{}, row], [(1, first, last)], [[], [CELLS, CELLS + 9]])
    return CellsUpdate(update).render_segments(CONSOLE)


def shown(*pieces: str) -> list[str]:
    screen = pyte.Screen(40, 3)
    stream = pyte.Stream(screen)
    for each in pieces:
        stream.feed(each)
    return list(screen.display)


@pytest.mark.parametrize("first", range(CELLS))
def test_wherever_the_difference_begins_and_ends_the_row_is_what_it_was(first: int) -> None:
    whole = written(0, CELLS + 9)
    assert TEXT + "the other" in shown(whole)[1]
    for last in range(first + 1, CELLS + 9):
        assert shown(whole, written(first, last)) == shown(whole)


def test_what_stands_before_the_difference_is_not_written_nor_what_stands_behind_it() -> None:
    assert written(CELLS - 4, CELLS) == f"\x1b[2;{CELLS - 3}H12 s"
    assert written(0, 2) == "\x1b[2;1Hto"


def test_a_wide_letter_is_written_whole() -> None:
    assert written(4, 6) == "\x1b[2;4H您的"


def test_each_widget_begins_at_its_own_cell() -> None:
    assert written(CELLS - 1, CELLS + 3) == f"\x1b[2;{CELLS}Hs\x1b[2;{CELLS + 1}Hthe"
