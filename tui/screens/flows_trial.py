"""A flow played over the past: how far it is, then what came of it."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.timer import Timer

from engine.control.client import part
from engine.control.protocol.flows import DraftText, FlowText, Trial, Trials
from tui.ink import Ink, Line
from tui.pages import flow_intents
from tui.pages.flow_rows import trial
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.verbs import Field, Intent, Verb
from tui.widgets.page import Page

SINCE: Final = ("90d", "30d", "7d", "180d", "365d")
EVERY: Final = 0.5  # seconds between two looks while it runs


class TrialScreen(HouseScreen):
    """`what` is draft/NAME or flow/NAME: the text that is played. Asks over how long, and begins."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "again", "play it again", show=False, id="trial.again")]
    verbs = (Verb("X", "trial.cancel", "cancel", "cancelled"),)
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("j k", "scroll"), ("trial.again", "again"), ("house.back", "back"))

    def __init__(self, what: str) -> None:
        super().__init__()
        self._kind, _, self._what = what.partition("/")
        self._trial: Trial | None = None
        self._looking: Timer | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="report")

    def on_mount(self) -> None:
        super().on_mount()
        self.lead("simulate", self._begin())

    async def _begin(self) -> bool:
        """Ask over how long; what is played already is shown."""
        rows = (await self.session.ask(Trials, "/v1/flow-trials")).rows
        if running := next((each for each in rows if each.state == "running"), None):
            self._trial = running
            self.house.say(f"trial {running.id} of {running.flow} is being played: X cancels it", Ink.WAIT)
        else:
            field = Field("since", "Over so much of the past", SINCE[0], SINCE)
            answers = await self.house.ask_modal(FormScreen(f"Play {self._what} over the past", (field,)))
            if answers is None:
                if self.is_current:
                    self.house.back()
                return True
            await self._start(answers["since"])
        self._looking = self.set_interval(EVERY, self.action_refresh)
        self.action_refresh()
        return True

    async def _start(self, since: str) -> None:
        if self._kind == "draft":
            source = (await self.session.ask(DraftText, f"/v1/flow-drafts/{part(self._what)}")).source
        else:
            source = (await self.session.ask(FlowText, f"/v1/flows/{part(self._what)}/text")).source
        done = await self.session.act("flows/trial", {"source": source, "file": f"{self._what}.yaml", "since": since})
        self._trial = await self.session.ask(Trial, f"/v1/flow-trials/{done.facts['id']}")

    async def ask(self) -> None:
        self.title_line(f"Flows › {self._what} over the past", self._trial.state if self._trial else "")
        if self._trial is None:
            return
        self._trial = found = await self.session.ask(Trial, f"/v1/flow-trials/{self._trial.id}")
        self.title_line(f"Flows › {found.flow} over the past", found.state)
        self.query_one("#report", Page).show(lambda width: trial(found, width))
        if found.state != "running" and self._looking is not None:
            self._looking.stop()
            self._looking = None

    async def why(self) -> Sequence[Line]:
        return ()

    def copy_text(self) -> str:
        return "\n".join(self._trial.lines) if self._trial else ""

    def command_line(self) -> str:
        since = self._trial.since if self._trial else SINCE[0]
        return f"posthouse flow simulate {self._what} --since {since}"

    def action_again(self) -> None:
        if self._trial is not None and self._trial.state == "running":
            self.house.say("it is being played", Ink.WAIT)
            return
        self._trial = None
        self.lead("simulate", self._begin())

    # Verbs.

    def cancelled(self) -> Intent | str:
        if self._trial is None or self._trial.state != "running":
            return "nothing is being played"
        return flow_intents.cancelled(self._trial.id)
