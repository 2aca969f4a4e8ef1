"""One flow, as a diagram where it fits: a cursor on its steps, and what can be done to it."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.flows import FlowPeople, FlowPicture
from engine.control.protocol.reasons import WhyNotAnswer
from tui.columns import heading, layout, row
from tui.ink import BLANK, Ink, Line, Target, line, rule
from tui.pages import flow_intents
from tui.pages.flow_rows import PEOPLE, reasons
from tui.pages.step import told_step
from tui.screens.flows import VIEW
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.verbs import Field, Intent, Verb
from tui.widgets.flowview import FlowView
from tui.widgets.page import Page

_FEW = 8  # people who are shown beside their step


class FlowScreen(HouseScreen):
    """j and k walk the steps, tab goes to the next branch, Enter opens the people of a step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        VIEW,
        Binding("e", "edit", "write: a draft of this flow", show=False, id="flow.edit"),
        Binding("o", "overlay", "the draft over the flow that runs", show=False, id="flow.overlay"),
        Binding("t", "versions", "what was done to it, and its versions", show=False, id="flow.versions"),
        Binding("s", "trial", "play it over the past", show=False, id="flow.trial"),
        Binding("x", "why_not", "why somebody got nothing: by address", show=False, id="flow.why_not"),
    ]
    verbs = (
        Verb("P", "flow.pause", "pause / go on", "turned"),
        Verb("M", "flow.move", "move people", "moved"),
        Verb("S", "flow.start", "start by hand", "started"),
        Verb("A", "flow.archive", "archive", "archived"),
    )
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "people"), ("flow.edit", "edit"), ("flow.why_not", "why not"), ("flow.versions", "versions"),
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        super().__init__()
        self._flow = name
        self._picture: FlowPicture | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield FlowView(id="flow")
            yield Page(id="step").add_class("beside")

    async def ask(self) -> None:
        self._picture = picture = await self.session.ask(FlowPicture, f"/v1/flows/{part(self._flow)}")
        self.title_line(f"Flows › {self._flow}", picture.state)
        self._view.show(picture)
        if self.has_side:
            await self._ask_step()

    @property
    def _view(self) -> FlowView:
        return self.query_one("#flow", FlowView)

    @on(FlowView.Moved)
    def step_moved(self) -> None:
        if self.has_side:
            self.run_worker(self._ask_step(), group="step", exclusive=True)

    async def _ask_step(self) -> None:
        """The step under the cursor, with the first who stand there, beside the picture."""
        lines = await self._told()
        self.query_one("#step", Page).show(lambda width: [each for one in lines for each in one.folded(width)])

    async def _told(self) -> list[Line]:
        node, picture = self._view.node, self._picture
        if node is None or picture is None:
            return []
        params: dict[str, str | int] = {"step": node.id, "limit": _FEW}
        if not node.waiting:
            return told_step(picture, node)
        try:
            found = await self.session.ask(FlowPeople, f"/v1/flows/{part(self._flow)}/people", params)
        except ControlError as error:
            return [*told_step(picture, node), line(("✗ " + error.text, Ink.BAD))]
        columns = layout(PEOPLE, 60)
        people = [row(columns, each, found.now_ms).opens("person", each.address) for each in found.rows]
        return [*told_step(picture, node), BLANK, rule("Who stands here", 60), heading(columns), *people]

    async def why(self) -> Sequence[Line]:
        return await self._told()

    def copy_text(self) -> str:
        node = self._view.node
        return (node.id or self._flow) if node else ""

    def command_line(self) -> str:
        return f"posthouse flow people {self._flow} {self._view.at}".rstrip()

    # Keys.

    def action_view(self) -> None:
        self._view.turn()

    def action_edit(self) -> None:
        self.house.open(Target("draft", self._flow))

    def action_overlay(self) -> None:
        self.house.open(Target("overlay", self._flow))

    def action_versions(self) -> None:
        self.house.open(Target("versions", self._flow))

    def action_trial(self) -> None:
        self.house.open(Target("trial", f"flow/{self._flow}"))

    def action_why_not(self) -> None:
        self.lead("why not", self._why_not())

    def action_person(self) -> None:
        self.lead("whose page", self._person())

    async def _asked(self, words: str) -> str:
        answers = await self.house.ask_modal(FormScreen(words, (Field("address", "Address", required=True),)))
        return answers["address"] if answers else ""

    async def _person(self) -> bool:
        if address := await self._asked("Whose page?"):
            self.house.person(address)
        return bool(address)

    async def _why_not(self) -> bool:
        address = await self._asked(f"Who got nothing of {self._flow}?")
        if address:
            path, params = f"/v1/why-not/{part(self._flow)}", {"address": address, "kind": "flow"}
            found = await self.session.ask(WhyNotAnswer, path, params)
            self.house.sheet(f"What {found.address} got of {self._flow}, and why", reasons(found))
        return bool(address)

    # Verbs.

    def turned(self) -> Intent | str:
        return flow_intents.turned(self._flow, self._picture.state) if self._picture else "it is not here yet"

    def moved(self) -> Intent | str:
        if self._picture is None:
            return "it is not here yet"
        return flow_intents.given_back(self._flow, self._picture.version, move=True)

    def started(self) -> Intent | str:
        return flow_intents.started(self._flow)

    def archived(self) -> Intent | str:
        if self._picture is not None and self._picture.state == "archived":
            return "it is archived already"
        return flow_intents.archived(self._flow)
