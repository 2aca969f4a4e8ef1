"""A draft over the flow that runs: what is new, gone, changed and elsewhere, and where each waiting person lands."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from engine.control.client import part
from engine.control.protocol.flows import DraftPicture, DraftText, Landing
from engine.control.protocol.wire import decode, encode
from engine.counts import people
from tui.format import number
from tui.ink import Ink, Line, Target, line
from tui.pages import flow_intents
from tui.pages.flow_rows import LANDINGS
from tui.pages.step import told_step
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.verbs import Field, Intent, Verb
from tui.widgets.bar import Bar
from tui.widgets.flowview import FlowView
from tui.widgets.table import Table

_STAY = "· as it is ·"


class OverlayScreen(HouseScreen):
    """The draft of this name. m maps the step under the cursor of the list; D applies, M applies and moves."""

    is_filtered = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "map", "map: who stands before this step goes to ...", show=False, id="overlay.map"),
        Binding("l", "leave", "who can't be moved leaves, or stays", show=False, id="overlay.leave"),
        Binding("s", "trial", "play it over the past", show=False, id="overlay.trial"),
        Binding("v", "view", "outline or diagram", show=False, id="overlay.view"),
        Binding("shift+tab", "app.focus_next", "between the picture and the list", show=False, id="overlay.other"),
    ]
    verbs = (
        Verb("D", "overlay.deploy", "deploy", "deployed"),
        Verb("M", "overlay.move", "deploy and move", "moved"),
    )
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("overlay.map", "map"), ("overlay.leave", "let stayers leave"), ("overlay.trial", "simulate"),
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        super().__init__()
        self._draft = name
        self._source = ""
        self._found: DraftPicture | None = None
        self._mapping: dict[str, str] = {}
        self._leaves = False

    def body(self) -> ComposeResult:
        with Vertical(classes="body"):
            yield FlowView(id="overlay")
            yield Bar(id="landing")
            yield Table[Landing](LANDINGS, lambda row: Target("landing", f"{row.version} {row.step}"), id="landings")

    async def ask(self) -> None:
        found = await self.session.ask(DraftText, f"/v1/flow-drafts/{part(self._draft)}")
        self._source = found.source
        done = await self.session.act("flows/draw", self._body())
        self._found = drawn = decode(DraftPicture, encode(done.facts["draft"]))
        self.title_line(f"Flows › draft {self._draft} over what runs", drawn.picture.state)
        self.query_one("#overlay", FlowView).show(drawn.picture)
        self.query_one("#landing", Bar).show(self._told(drawn))
        self._landings.show(drawn.landings, drawn.picture.now_ms)

    def _body(self) -> dict[str, object]:
        return {
            "source": self._source, "file": f"{self._draft}.yaml", "map": dict(self._mapping), "leave": self._leaves
        }  # fmt: skip

    def _told(self, drawn: DraftPicture) -> Line:
        of = {
            fate: sum(each.people for each in drawn.landings if each.fate == fate)
            for fate in ("moves", "stays", "leaves")
        }
        parts = [(f"  {number(drawn.under_way)} under way", Ink.STRONG)]
        for fate, mark, ink in (("moves", "→", Ink.GOOD), ("stays", "■", Ink.WAIT), ("leaves", "✗", Ink.BAD)):
            if of[fate]:
                parts.append((f"  {mark} {number(of[fate])} {fate if of[fate] == 1 else fate.removesuffix('s')}", ink))
        changed = "  ".join(drawn.changed)
        return line(*parts, (f"   {changed}" if changed else "", Ink.DIM))

    @property
    def _landings(self) -> Table[Landing]:
        return self.query_one("#landings", Table)

    async def why(self) -> Sequence[Line]:
        node = self.query_one("#overlay", FlowView).node
        return told_step(self._found.picture, node) if self._found and node else ()

    def copy_text(self) -> str:
        return self._source

    def command_line(self) -> str:
        mapped = "".join(f" --map {old}={new}" for old, new in self._mapping.items())
        return f"posthouse flow plan {self._draft}.yaml{mapped}" + (" --leave" if self._leaves else "")

    # Keys.

    def action_view(self) -> None:
        self.query_one("#overlay", FlowView).turn()

    def action_trial(self) -> None:
        self.house.open(Target("trial", f"draft/{self._draft}"))

    def action_leave(self) -> None:
        self._leaves = not self._leaves
        self.house.say("who can't be moved leaves" if self._leaves else "who can't be moved stays on their version")
        self.want_others()

    def action_map(self) -> None:
        self.lead("map", self._map())

    async def _map(self) -> bool:
        row = self._landings.row
        if row is None or self._found is None:
            self.house.say("nobody has to go anywhere", Ink.WAIT)
            return False
        choices = (_STAY, *self._found.steps)
        field = Field("to", f"Who stands before {row.step or 'the end'} goes on before", row.to or _STAY, choices)
        answers = await self.house.ask_modal(FormScreen(f"Map {people(row.people)}", (field,)))
        if answers is not None:
            self._mapping.pop(row.step, None)
            if answers["to"] != _STAY and answers["to"] != row.step:
                self._mapping[row.step] = answers["to"]
            self.want_others()
        return answers is not None

    # Verbs.

    def _draft_now(self) -> flow_intents.Draft | str:
        if self._found is None:
            return "it is not here yet, or something is wrong with it"
        return flow_intents.Draft(self._found.picture.name, self._source, self._draft, self._mapping, self._leaves)

    def deployed(self) -> Intent | str:
        draft = self._draft_now()
        return draft if isinstance(draft, str) else flow_intents.applied(draft, move=False)

    def moved(self) -> Intent | str:
        draft = self._draft_now()
        return draft if isinstance(draft, str) else flow_intents.applied(draft, move=True)

    async def perform(self, intent: Intent) -> bool:
        """What is deployed is no draft any more: its flow is shown."""
        with self.house.turns.leading():
            was_done = await super().perform(intent)
            if was_done and self._found is not None and self.is_current:
                self.house.back()
                self.house.open(Target("flow", self._found.picture.name))
                self.house.did(self.session.deeds[-1])  # what was done is told where one looks then
        return was_done
