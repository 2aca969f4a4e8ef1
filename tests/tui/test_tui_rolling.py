"""What the terminal moves by itself: the picture is, cell by cell, what painting all of it would give."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyte
import pytest
from textual._compositor import CompositorUpdate
from tui_stage import Stage, stage

from tui.app import PosthouseApp
from tui.rolling import Shift
from tui.thrift import thrifty
from tui.widgets.table import Table

COLUMNS, ROWS = 80, 24


@dataclass
class Emulated:
    """A terminal that gets all that the application writes, as the driver would write it."""

    columns: int = COLUMNS
    rows: int = ROWS
    written: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.screen = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.Stream(self.screen)

    def write(self, text: str) -> None:
        self.written.append(text)
        self._stream.feed(thrifty(text))

    @property
    def cells(self) -> list[list[Any]]:
        return [[_seen(self.screen.buffer[y][x]) for x in range(self.columns)] for y in range(self.rows)]


def _seen(cell: Any) -> Any:
    """What is seen of a cell: of a blank its ground."""
    is_blank = cell.data == " " and not (cell.underscore or cell.strikethrough or cell.reverse)
    return cell._replace(fg="", bold=False, italics=False, blink=False) if is_blank else cell


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    """The application writes to it; without a head Textual would write nothing."""
    one = Emulated()

    def display(app: PosthouseApp, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate):
            one.write(renderable.render_segments(app.console))

    monkeypatch.setattr("textual.app.App._display", display)
    yield one


def painted_anew(one: Stage, emulated: Emulated) -> list[list[Any]]:
    """What a terminal shows to which everything is painted at once."""
    anew = Emulated(emulated.columns, emulated.rows)
    anew.write(one.app.screen._compositor.render_full_update().render_segments(one.app.console))
    return anew.cells


def different(shown: list[list[Any]], right: list[list[Any]]) -> list[str]:
    """The cells that are not as they should be."""
    return [
        f"{y}:{x} shows {was}, not {cell}"
        for y, (row, cells) in enumerate(zip(shown, right, strict=True))
        for x, (was, cell) in enumerate(zip(row, cells, strict=True))
        if was != cell
    ]


KEYS = ("j", "k", "j", "k", "j", "k", "ctrl+d", "ctrl+u", "g", "G", "space", "V", "asterisk", "r")
LISTS = {
    "deliveries": ("2", "enter"),
    "contacts": ("5", "c"),
    "journal": ("9",),
    "bounces": ("6",),
    "flow": ("3", "enter"),
}


@pytest.mark.parametrize("name", LISTS)
async def test_whatever_is_pressed_the_picture_is_what_painting_all_would_give(
    tmp_path: Path, emulated: Emulated, name: str
) -> None:
    dice = random.Random(name)
    async with stage(tmp_path) as one:
        await one.press(*LISTS[name])
        for _ in range(10):
            await one.press(*dice.choices(KEYS, k=dice.randrange(1, 5)))
            assert different(emulated.cells, painted_anew(one, emulated)) == []


async def at_the_edge(one: Stage) -> Table[Any]:
    """A long table with the cursor on the last row of its window."""
    await one.press(*LISTS["deliveries"])
    table = one.app.screen.query_one("#messages", Table)
    while table.cursor < table.first_row + table.body_rows - 1:
        await one.press("j")
    return table


async def test_a_row_that_rolls_in_costs_that_row_and_the_one_that_the_cursor_left(
    tmp_path: Path, emulated: Emulated
) -> None:
    async with stage(tmp_path) as one:
        table = await at_the_edge(one)
        before, top = len(emulated.written), table.first_row
        await one.press("j")
        written = thrifty("".join(emulated.written[before:]))
        assert table.first_row == top + 1
        assert "\x1b[1M\x1b[r" in written
        assert len(written) < 500


async def test_what_is_beside_or_above_a_list_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifts: list[int] = []
    monkeypatch.setattr(PosthouseApp, "shift", lambda app, screen, region, by: shifts.append(by))
    async with stage(tmp_path, (160, 48)) as wide:
        await wide.press("9", "G", "g")
        rolls = [each for each in wide.app.screen.query(Table) if each.region.width < 160]
        assert all(not each._own_rows() for each in rolls)
    async with stage(tmp_path) as one:
        table = await at_the_edge(one)
        assert table._own_rows() == table.region.shrink((1, 0, 0, 0))
        await one.press("?")
        await one.until(lambda: one.app.screen is not table.screen)
        assert not table._own_rows()
    assert shifts == []


async def test_a_row_that_was_seen_stays_so_where_a_status_of_two_lines_takes_room(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        table = await at_the_edge(one)
        rows = table.body_rows
        one.app.say("two lines of it " * 8)
        await one.until(lambda: table.body_rows < rows and table.cursor - table.first_row < table.body_rows)


async def test_a_move_that_was_not_written_before_another_screen_came_is_forgotten(
    tmp_path: Path, emulated: Emulated
) -> None:
    async with stage(tmp_path) as one:
        table = await at_the_edge(one)
        table.move_to(table.cursor + 1)  # nothing is painted before the next screen is
        await one.press("?", "escape")
        await one.until(lambda: one.app.screen is table.screen)
        assert different(emulated.cells, painted_anew(one, emulated)) == []


@pytest.mark.parametrize(("by", "rows"), [(1, "ABDEF GH"), (2, "ABEF  GH"), (-1, "AB CDEGH"), (-3, "AB   CGH")])
def test_only_the_rows_of_the_list_move(by: int, rows: str) -> None:
    one = Emulated(columns=1, rows=8)
    one.write("\x1b[H" + "\r\n".join("ABCDEFGH"))
    one.write(Shift(top=2, rows=4, by=by).sequence + "\x1b[8;1H")
    assert "".join(row[0].data for row in one.cells) == rows
    one.write("\n")
    assert one.screen.display[0] == rows[1], "the margins are those of the whole screen again"
