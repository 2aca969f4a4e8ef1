"""What the terminal moves by itself: the picture is, cell by cell, what painting all of it would give."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyte
import pytest
from textual._compositor import CompositorUpdate
from tui_stage import SCENES, Stage, stage

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
    def octets(self) -> int:
        """What went over the line so far; behind each piece the cursor is put back."""
        return sum(len((thrifty(each) + "\x1b[1;1H").encode()) for each in self.written)

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
    monkeypatch.setattr(
        "textual.constants.COLOR_SYSTEM", "truecolor"
    )  # the longest, whatever this machine's terminal has

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


BARS = {"site": 500, "contacts": 500, "suppression": 500, "journal": 500, "segment": 500, "list": 570}
"""Each list that has more rows than its window, with the octets that a step may cost; in `list` the hints of the footer
change with the row."""


@pytest.mark.parametrize("name", BARS)
async def test_a_step_costs_the_rows_that_came_and_that_the_cursor_left(
    tmp_path: Path, emulated: Emulated, name: str
) -> None:
    scene = next(each for each in SCENES if each.name == name)
    async with stage(tmp_path) as one:
        await one.press(*scene.keys)
        await one.see(scene.sees)
        table = one.app.screen.focused
        assert isinstance(table, Table)
        await one.press("g", "j")
        costs = []
        while table.first_row < 7:  # the rows of each list are of a few kinds
            before = emulated.octets
            with (
                one.app.batch_update()
            ):  # on a slow machine a timer would paint it in two parts, which cost more than one
                await one.press("j")
            await one.settle()
            costs.append(emulated.octets - before)
        assert max(costs) < BARS[name], costs
        assert "\x1b[1M\x1b[r" in emulated.written[-1]


async def test_a_minute_later_the_ages_of_all_rows_cost_less_than_two_rows(tmp_path: Path, emulated: Emulated) -> None:
    async with stage(tmp_path) as one:
        table = await at_the_edge(one)
        before, shown = emulated.octets, one.text
        with one.app.batch_update():
            table.show(table._rows, table._now_ms + 3_600_000)
            await one.settle()
        await one.until(lambda: one.text != shown)
        assert emulated.octets - before < 500
        assert different(emulated.cells, painted_anew(one, emulated)) == []


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
