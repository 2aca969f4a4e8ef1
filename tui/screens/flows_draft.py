"""A flow's text as it is written: kept by the daemon at each pause, judged there, with its picture beside it."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import TextArea

from engine.control.client import ControlError, part
from engine.control.protocol.flows import DraftText, FlowFault, FlowPicture, FlowText
from engine.control.protocol.wire import decode, encode
from tui.format import clock
from tui.ink import Ink, Line, Target
from tui.messages import Opened
from tui.pages import flow_intents
from tui.pages.flow_rows import faults, judged
from tui.pages.frame import Hint
from tui.screens.house import HouseScreen
from tui.screens.outside import NotEditedError, edited
from tui.screens.sure import SureScreen
from tui.session import Watch
from tui.verbs import Intent, Verb
from tui.widgets.editor import FETCHED, NOT_HERE, ONLY_READ, Editor
from tui.widgets.flowview import FlowView
from tui.widgets.page import Page

_LEAVE: Final = "Leave without keeping what was written?"
_MEND: Final = "mend them first, Enter on one goes to its line"
PAUSE: Final = 0.4  # seconds without a key, after which what is written is kept
_NEW: Final = """\
name: {name}
title: {name}
stream: marketing
trigger: {{event: order.placed}}
steps:
  - wait: 1d
  - exit
"""


class DraftScreen(HouseScreen):
    """`name` is a draft's, or that of the flow that it is a draft of."""

    is_written_on = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e,enter", "write", "write", show=False, id="draft.write"),
        Binding("E", "editor", "write in $EDITOR", show=False, id="draft.editor"),
        Binding("o", "overlay", "over the flow that runs: where everybody lands", show=False, id="draft.overlay"),
        Binding("s", "trial", "play it over the past", show=False, id="draft.trial"),
        Binding("v", "view", "outline or diagram", show=False, id="draft.view"),
    ]
    verbs = (
        Verb("D", "draft.deploy", "deploy", "deployed"),
        Verb("X", "draft.drop", "drop", "dropped"),
    )
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("draft.write", "write"), ("draft.overlay", "overlay"), ("draft.trial", "simulate"), ("draft.editor", "$EDITOR"),
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        super().__init__()
        self._draft = name
        self._revision = 0
        self._base = ""
        self._origin = ""
        self._kept = ""  # the text as the daemon has it
        self._is_here = False
        self._faults: tuple[FlowFault, ...] = ()
        self._saved = ""
        self._refused = ""  # what the status line says of the faults
        self._pause: Timer | None = None
        self._must_keep = False  # also a text that nobody changed: others look at it by its name
        self._keeping = Watch(self._keep)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            with Vertical(id="writing"):
                yield Editor(lexer="yaml+jinja", is_awaited=True, id="text")
                yield Page(id="faults")
            yield FlowView(id="picture", walks=False).add_class("beside")

    def on_mount(self) -> None:
        super().on_mount()
        self.title_line(f"Flows › draft {self._draft}", FETCHED)
        self._editor.focus()

    @property
    def _editor(self) -> Editor:
        return self.query_one("#text", Editor)

    # What is shown.

    async def ask(self) -> None:
        if not self._is_here:
            await self._fetch()
        elif self._editor.text != self._kept:
            await self._keeping.nudge()
        self._say()

    async def _fetch(self) -> None:
        """The draft; where there is none, one of the flow of this name, else a new one."""
        source = ""
        try:
            found = await self.session.ask(DraftText, f"/v1/flow-drafts/{part(self._draft)}")
            source, self._revision, self._base, self._origin = found.source, found.revision, found.base, found.origin
            self._saved = f"kept {clock(found.at_ms, found.now_ms)} by {found.operator or 'nobody known'}"
        except ControlError as error:
            if not error.refused:
                raise
            source = await self._begun()
        self._is_here, self._kept = True, source  # what nobody changed is not kept anew
        self._editor.load_text(source)
        self._editor.read_only = self.session.read_only
        await self._keeping.nudge()

    async def _begun(self) -> str:
        try:
            found = await self.session.ask(FlowText, f"/v1/flows/{part(self._draft)}/text")
        except ControlError as error:
            if not error.refused:
                raise
            return _NEW.format(name=self._draft)
        self._base, self._origin = found.version, f"flow {self._draft}"
        return found.source

    def _say(self) -> None:
        note = judged(len(self._faults))
        saved = "read-only: nothing is kept" if self.session.read_only else self._saved
        self.title_line(f"Flows › draft {self._draft}", f"{note} · {saved}" if saved else note)
        self.query_one("#faults", Page).show(lambda width: self._told(width))

    def _told(self, width: int) -> list[Line]:
        return [each for one in faults(self._faults) for each in one.folded(width)]

    def live_hints(self) -> list[Hint]:
        """While one writes, every letter is the text's."""
        if self.is_mounted and self._editor.has_focus:
            if self._editor.is_awaited:
                return [Hint("esc", "back")]
            return [Hint("esc", "leave the text: its keys"), Hint("tab", "two blanks")]
        return super().live_hints()

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def focus_moved(self) -> None:
        self.show_frame()

    # What is kept.

    @on(Editor.Untaken)
    def untaken(self, message: Editor.Untaken) -> None:
        self.house.say(NOT_HERE if message.editor.is_awaited else ONLY_READ, Ink.WAIT)

    @on(TextArea.Changed, "#text")
    def text_changed(self) -> None:
        if not self._is_here or self._editor.text == self._kept:
            return
        self._saved = "not kept yet"
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._paused)

    def _paused(self) -> None:
        self.run_worker(self._keep_now(), group="keep")

    async def _keep_now(self) -> None:
        await self._keeping.nudge()
        if self.is_mounted:
            self._say()
            self.show_frame()

    async def _keep(self) -> None:
        """Have the daemon keep the text if it is another, and say what is wrong with it."""
        text, must = self._editor.text, self._must_keep
        body: dict[str, object] = {"name": self._draft, "source": text, "revision": self._revision}
        path = "flows/draft"
        if self.session.read_only or (text == self._kept and not must):
            path, body = "flows/check", {"source": text, "file": f"{self._draft}.yaml"}
        else:
            body |= {"base": self._base, "origin": self._origin}
        try:
            done = await self.session.act(path, body)
        except ControlError as error:
            self._saved = "not kept"
            self.house.say("✗ " + error.text, Ink.BAD)
            return
        if path == "flows/draft":
            self._revision, self._kept, self._must_keep = done.facts["revision"], text, False
            self._saved = f"kept {clock(self.session.now_ms)}"
        self._faults = tuple(decode(FlowFault, encode(each)) for each in done.facts["faults"])
        self._editor.mark({each.line for each in self._faults})
        if not self._faults:
            self.house.withdraw(self._refused)
        if self.is_wide and "picture" in done.facts:
            self.query_one("#picture", FlowView).show(decode(FlowPicture, encode(done.facts["picture"])))

    # Keys.

    @on(Opened)
    def fault_opened(self, message: Opened) -> None:
        message.prevent_default()
        self._editor.go_to(int(message.target.name))
        self._editor.focus()

    def action_write(self) -> None:
        self._editor.focus()

    def action_view(self) -> None:
        self.query_one("#picture", FlowView).turn()

    def action_back(self) -> None:
        self.lead("keep it", self._leave())

    async def _leave(self) -> bool:
        """Nothing that was written is left behind without a question."""
        if self._is_unkept:
            await self._keeping.settled()
        if not self.is_current or (self._is_unkept and not await self.house.ask_modal(SureScreen(_LEAVE, "", ""))):
            return False
        self.house.back()
        return True

    @property
    def _is_unkept(self) -> bool:
        return self._is_here and self._editor.text != self._kept and not self.session.read_only

    def action_overlay(self) -> None:
        self.lead("keep it", self._open_kept(Target("overlay", self._draft)))

    def action_trial(self) -> None:
        self.lead("keep it", self._open_kept(Target("trial", f"draft/{self._draft}")))

    async def _open_kept(self, target: Target) -> bool:
        """Open what looks at the draft, when it is kept as it stands and nothing is wrong with it."""
        self._must_keep = not self._revision
        await self._keeping.settled()
        if not self.is_current:
            return False
        self._say()
        is_kept = not self._faults and self._editor.text == self._kept
        if self._faults:
            self._refused = f"{judged(len(self._faults))}: {_MEND}"
            self.house.say(self._refused, Ink.WAIT)
        elif is_kept:
            self.house.open(target)
        return is_kept

    def action_editor(self) -> None:
        """Hand the text to $EDITOR, and take it back."""
        if self.session.read_only or not self._is_here:
            self.house.say("this terminal is read-only" if self.session.read_only else NOT_HERE, Ink.WAIT)
            return
        try:
            text = edited(self.app, f"{self._draft}.yaml", self._editor.text)
        except NotEditedError as error:
            self.house.say(f"✗ {error}", Ink.BAD)
            return
        if text != self._editor.text:
            self._editor.text = text
            self.house.say("taken back from your editor", Ink.CALM)

    async def why(self) -> Sequence[Line]:
        return faults(self._faults)

    def copy_text(self) -> str:
        return self._editor.text

    def command_line(self) -> str:
        return f"posthouse flow draft show {self._draft}"

    # Verbs.

    async def deployed(self) -> Intent | str:
        if self._editor.text != self._kept:
            await self._keeping.settled()
        if self._faults:
            return f"{judged(len(self._faults))}: {_MEND}"
        name = self._draft if self._revision else ""
        return flow_intents.applied(flow_intents.Draft(self._draft, self._editor.text, name), move=False)

    def dropped(self) -> Intent | str:
        return flow_intents.dropped(self._draft) if self._revision else "it is not kept yet"

    async def perform(self, intent: Intent) -> bool:
        """What is dropped or deployed is no draft any more: back to where one came from."""
        with self.house.turns.leading():
            was_done = await super().perform(intent)
            if was_done:
                self._is_here = False
            if was_done and self.is_current:
                self.house.back()
                if intent.path == "flows":
                    self.house.open(Target("flow", self._draft))
                    self.house.did(self.session.deeds[-1])  # what was done is told where one looks then
        return was_done
