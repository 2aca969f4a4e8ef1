"""What was done to a flow, its versions with what changed, and the way back to an older one."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.flows import FlowChangeRow, FlowHistory, FlowText
from tui.format import number
from tui.ink import Ink, Line, Target, line
from tui.messages import Opened
from tui.pages import flow_intents
from tui.pages.flow_rows import CHANGES, difference
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.verbs import Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table


class VersionsScreen(HouseScreen):
    """Enter, and a wide terminal at once, shows what changed from a version to the active one."""

    verbs = (
        Verb("B", "versions.back", "back to this version", "given_back"),
        Verb("M", "versions.move", "back, and move people", "moved_back"),
    )
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("roll.open", "what changed"), ("house.back", "back"))

    def __init__(self, flow: str) -> None:
        super().__init__()
        self._flow = flow
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[FlowChangeRow](CHANGES, _opened, id="changes")
            yield Page(id="diff").add_class("beside")

    @property
    def _changes(self) -> Table[FlowChangeRow]:
        return self.query_one("#changes", Table)

    async def ask(self) -> None:
        found = await self.session.ask(FlowHistory, f"/v1/flows/{part(self._flow)}/history")
        versions = len({row.version for row in found.rows})
        self.title_line(f"Flows › {self._flow} › versions", f"{number(versions)} of them")
        self._changes.show(found.rows, found.now_ms)
        await self._detail.nudge()

    @on(Table.Moved)
    def change_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        row = self._changes.row
        if self.is_wide and row is not None:
            lines = await self._difference(row.version)
            self.query_one("#diff", Page).show(lambda width: [each.cropped(width) for each in lines], row.version)

    async def _difference(self, version: str) -> list[Line]:
        path = f"/v1/flows/{part(self._flow)}/text"
        old = await self.session.ask(FlowText, path, {"version": version})
        new = await self.session.ask(FlowText, path)
        if old.is_active:
            return [line(("this is the active version", Ink.GOOD))]
        return difference(old.source, new.source, (old.version[:12], new.version[:12]))

    @on(Opened)
    def change_opened(self, message: Opened) -> None:
        message.prevent_default()
        self.lead("what changed", self._show())

    async def _show(self) -> bool:
        row = self._changes.row
        if row is not None:
            title = f"{self._flow}: from {row.version[:12]} to the active version"
            self.house.sheet(title, await self._difference(row.version))
        return row is not None

    def copy_text(self) -> str:
        row = self._changes.row
        return row.version if row else ""

    def command_line(self) -> str:
        row = self._changes.row
        return f"posthouse flow diff {self._flow} {row.version[:12]}" if row else ""

    # Verbs.

    def given_back(self) -> Intent | str:
        return self._back(move=False)

    def moved_back(self) -> Intent | str:
        return self._back(move=True)

    def _back(self, *, move: bool) -> Intent | str:
        row = self._changes.row
        if row is None or not row.version:
            return "there is no version here"
        return flow_intents.given_back(self._flow, row.version, move=move)


def _opened(row: FlowChangeRow) -> Target:
    return Target("change", f"{row.at_ms} {row.what} {row.version}")
