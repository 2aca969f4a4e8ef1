"""3 Flows: the list, drafts among them, and one flow drawn beside it."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.flows import DraftRow, Drafts, FlowPicture, FlowRow, Flows
from engine.counts import counted
from tui.ink import Target
from tui.pages import flow_intents
from tui.pages.tables import FLOWS
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.verbs import Intent, Verb
from tui.widgets.flowview import FlowView
from tui.widgets.table import Table

DRAFT = "draft"
VIEW = Binding("v", "view", "outline or diagram", show=False, id="flows.view")
_NOTHING = "there is no flow here"


class FlowsScreen(HouseScreen):
    """The flows; in a wide terminal with the one under the cursor drawn beside them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        VIEW,
        Binding("C", "create", "a new flow from a recipe", show=False, id="flows.create"),
        Binding("e", "edit", "write: a draft of this flow", show=False, id="flows.edit"),
    ]
    verbs = (
        Verb("P", "flows.pause", "pause / go on", "turned"),
        Verb("S", "flows.start", "start by hand", "started"),
        Verb("A", "flows.archive", "archive", "archived"),
    )
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"), ("flows.create", "from a recipe"), ("flows.edit", "edit"),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[FlowRow](FLOWS, _opened, id="flows")
            yield FlowView(id="picture", walks=False).add_class("beside")

    async def ask(self) -> None:
        found, drafts = await self.session.ask(Flows, "/v1/flows"), await self.session.ask(Drafts, "/v1/flow-drafts")
        wanted = self.filter_text.casefold()
        both: list[FlowRow] = [*(_draft(each) for each in drafts.rows), *found.rows]
        rows = [each for each in both if wanted in f"{each.name} {each.title}".casefold()]
        count = counted(len(found.rows), "flow")
        if drafts.rows:
            count += f", {counted(len(drafts.rows), 'draft')}"
        self.title_line("Flows", count if found.rows else f"{count}: {self.house.key_of('flows.create')} makes one")
        shown = tuple(sorted(rows, key=_order))
        self._flows.show(shown, found.now_ms)
        await self._detail.nudge()

    @on(Table.Moved)
    def flow_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    def action_view(self) -> None:
        self.query_one(FlowView).turn()

    def jump(self, words: str) -> str:
        """Open the flow of this name."""
        name, _, text = words.partition("/")
        if name.strip() and not text:
            self.house.open(Target("flow", name.strip()))
            return ""
        self.filter_for(text.strip())
        return ""

    def command_line(self) -> str:
        return "posthouse flow list"

    def action_create(self) -> None:
        self.house.open(Target("recipes", ""))

    def action_edit(self) -> None:
        if (at := self._flows.at) is None:
            self.house.say(_NOTHING)
        else:
            self.house.open(Target("draft", at.name))

    # Verbs.

    def _one(self) -> FlowRow | str:
        row = self._flows.row
        if row is None:
            return _NOTHING
        return "it is a draft: nobody is in it" if row.state == DRAFT else row

    def turned(self) -> Intent | str:
        row = self._one()
        return row if isinstance(row, str) else flow_intents.turned(row.name, row.state)

    def started(self) -> Intent | str:
        row = self._one()
        return row if isinstance(row, str) else flow_intents.started(row.name)

    def archived(self) -> Intent | str:
        row = self._one()
        if isinstance(row, str):
            return row
        return "it is archived already" if row.state == "archived" else flow_intents.archived(row.name)

    @property
    def _flows(self) -> Table[FlowRow]:
        return self.query_one("#flows", Table)

    async def _ask_detail(self) -> None:
        at = self._flows.at
        if not self.is_wide or at is None or at.kind != "flow":
            return
        picture = await self.session.ask(FlowPicture, f"/v1/flows/{part(at.name)}")
        self.query_one("#picture", FlowView).show(picture)


def _order(row: FlowRow) -> tuple[str, bool]:
    """A draft stands behind the flow that it is of."""
    return row.name, row.state == DRAFT


def _opened(row: FlowRow) -> Target:
    return Target("draft" if row.state == DRAFT else "flow", row.name)


def _draft(row: DraftRow) -> FlowRow:
    told = f"{row.faults} faults" if row.faults else f"saved by {row.operator or 'nobody'}"
    return FlowRow(row.name, told, DRAFT, row.origin)
