"""3 Flows: the list, and one flow drawn."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.flows import FlowPicture, FlowRow, Flows
from tui.format import number
from tui.ink import Target
from tui.pages import flows
from tui.pages.tables import FLOWS
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.widgets.page import Page
from tui.widgets.table import Table

_VIEW = Binding("v", "view", "outline or diagram", show=False, id="flows.view")


class FlowsScreen(HouseScreen):
    """The flows; in a wide terminal with the one under the cursor drawn beside them."""

    mode = "flows"
    BINDINGS: ClassVar[list[BindingType]] = [_VIEW]

    def __init__(self) -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)
        self._as_outline = False

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[FlowRow](FLOWS, lambda row: Target("flow", row.name), id="flows")
            yield Page(id="picture").add_class("beside")

    async def ask(self) -> None:
        found = await self.session.ask(Flows, "/v1/flows")
        wanted = self.filter_text.casefold()
        rows = tuple(row for row in found.rows if wanted in f"{row.name} {row.title}".casefold())
        self.title_line("Flows", f"{number(len(rows))} flow{'' if len(rows) == 1 else 's'}")
        self._flows.show(rows, found.now_ms)
        await self._detail.nudge()

    @on(Table.Moved)
    def flow_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    def action_view(self) -> None:
        self._as_outline = not self._as_outline
        self.run_worker(self._detail.nudge(), group="detail")

    @property
    def _flows(self) -> Table[FlowRow]:
        return self.query_one("#flows", Table)

    async def _ask_detail(self) -> None:
        at = self._flows.at
        if not self.is_wide or at is None:
            return
        picture = await self.session.ask(FlowPicture, f"/v1/flows/{part(at.name)}")
        as_outline = self._as_outline
        page = self.query_one("#picture", Page)
        page.show(lambda width: flows.flow(picture, width, as_outline=as_outline), (at, as_outline))


class FlowScreen(HouseScreen):
    """One flow, as a diagram where it fits."""

    mode = "flows"
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("j k", "scroll"), ("v", "outline"), ("esc", "back"))
    BINDINGS: ClassVar[list[BindingType]] = [_VIEW]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._flow_name = name
        self._as_outline = False

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="picture")

    async def ask(self) -> None:
        picture = await self.session.ask(FlowPicture, f"/v1/flows/{part(self._flow_name)}")
        self.title_line(f"Flows › {self._flow_name}", picture.state)
        as_outline = self._as_outline
        self.query_one(Page).show(lambda width: flows.flow(picture, width, as_outline=as_outline), as_outline)

    def action_view(self) -> None:
        self._as_outline = not self._as_outline
        self.action_refresh()

    def action_filter(self) -> None:
        """There is nothing to filter here."""
