"""The heat maps of the queue: how long mail waits, and what came of the last three hours."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.protocol.lately import Weather
from engine.control.protocol.queue import Shape
from tui.ink import Line, Target
from tui.messages import Opened
from tui.pages import heat
from tui.pages.heat import Grid
from tui.screens.acting import SITE_VERBS, ActingScreen
from tui.verbs import Verb
from tui.widgets.page import Walked

ROWS = 60
_BY = {"ages": ("domain", "site", "campaign", "stream"), "3h": ("site", "domain")}


class MapPage(Walked):
    """A map with one cell chosen, of the row that the cursor is on."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lit: tuple[int, int] | None = None

    def light(self, place: tuple[int, int] | None) -> None:
        if place != self._lit:
            self._lit = place
            self.changed()

    def drawn(self, index: int) -> Line:
        drawn = super().drawn(index)
        is_chosen = self._lit is not None and index == self.cursor and drawn.target is not None
        return heat.lit(drawn, *self._lit) if is_chosen and self._lit is not None else drawn


class MapScreen(ActingScreen):
    """`view`: ages, or 3h."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,right", "cell(1)", "the next cell of the row", show=False, id="queue.cell_right"),
        Binding("h,left", "cell(-1)", "the cell before; before the first, the row", show=False, id="queue.cell_left"),
        Binding("m", "map", "the other map", show=False, id="queue.map"),
        Binding("v", "by", "by domain, site ...", show=False, id="queue.by"),
        Binding("t", "measure", "of the last 3 h: trouble, accepted, put off, refused", show=False, id="queue.measure"),
    ]
    verbs: ClassVar[tuple[Verb, ...]] = SITE_VERBS
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"), ("h l", "cell"), ("queue.map", "other map"), ("queue.by", "by"), ("queue.measure", "measure"),
    )  # fmt: skip

    def __init__(self, view: str) -> None:
        super().__init__()
        self._view = view if view in _BY else "ages"
        self._by = 0
        self._measure = 0
        self._cell: int | None = None  # of the row under the cursor; None is all of it
        self._shown: Shape | Weather | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield MapPage(id="map")

    async def ask(self) -> None:
        by, page = _BY[self._view][self._by], self.page
        if self._view == "ages":
            shape = await self.session.ask(Shape, "/v1/queue/shape", {"by": by, "limit": ROWS})
            self._shown = shape
            page.show(lambda width: heat.shape(shape, width), self._view)
        else:
            weather = await self.session.ask(Weather, "/v1/queue/weather", {"by": by, "limit": ROWS})
            measure = heat.MEASURES[self._measure]
            self._shown = weather
            page.show(lambda width: heat.weather(weather, width, measure), self._view)
        self._tell_cell()

    @property
    def page(self) -> MapPage:
        return self.query_one("#map", MapPage)

    def _grid(self) -> Grid | None:
        width = self.page.text_width
        match self._shown:
            case Shape():
                return heat.shape_grid(self._shown, width)
            case Weather():
                return heat.weather_grid(self._shown, width)
        return None

    def _tell_cell(self) -> None:
        """Light the cell, and say in the title what is in it."""
        grid, line, note = self._grid(), self.page.line, ""
        if grid is None or self._cell is None or line is None or line.target is None:
            self.page.light(None)
        else:
            self._cell = min(self._cell, grid.count - 1)
            self.page.light(grid.place(self._cell))
            note = self._cell_told(line.target.name)[0]
        self.title_line("Queue › map", note or ("how long they wait" if self._view == "ages" else "the last 3 h"))

    def _cell_told(self, name: str) -> tuple[str, str]:
        """The chosen cell in words, and as a filter for what is opened."""
        if isinstance(self._shown, Shape) and self._cell is not None:
            return heat.shape_cell(self._shown, self.page.text_width, name, self._cell)
        if isinstance(self._shown, Weather) and self._cell is not None:
            return heat.weather_cell(self._shown, name, self._cell), ""
        return "", ""

    @on(MapPage.Moved)
    def _row_moved(self) -> None:
        self._tell_cell()

    @on(Opened)
    def open_cell(self, message: Opened) -> None:
        """The deliveries of the cell; without one, of the row."""
        asked = self._cell_told(message.target.name)[1]
        if asked:
            message.prevent_default()
            self.house.open(Target(message.target.kind, f"{message.target.name} /{asked}"))

    def action_cell(self, by: int) -> None:
        grid = self._grid()
        if grid is None:
            return
        at = (-1 if by > 0 else grid.count) if self._cell is None else self._cell
        after = min(at + by, grid.count - 1)
        self._cell = after if after >= 0 else None
        self._tell_cell()

    def place(self) -> tuple[str, str] | str:
        target = self.page.drawn(self.page.cursor).target if self.page.count() else None
        return (target.kind, target.name) if target else "no site is under the cursor"

    def command_line(self) -> str:
        command = "shape" if self._view == "ages" else "weather"
        return f"posthouse queue {command} --by {_BY[self._view][self._by]}"

    def action_map(self) -> None:
        self._view = "3h" if self._view == "ages" else "ages"
        self._by, self._cell = 0, None
        self.want_others()

    def action_by(self) -> None:
        self._by = (self._by + 1) % len(_BY[self._view])
        self.want_others()

    def action_measure(self) -> None:
        self._measure = (self._measure + 1) % len(heat.MEASURES)
        self.want_others()
