"""What all screens share: the bar with the modes, the strip that says the daemon is away, the filter, the footer.

A screen shows what it has asked for and owns nothing. `ask` is called when it is shown, whenever the daemon says that
something changed, and on `r`; never twice at once.
"""

from typing import ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from engine.control.client import ControlError
from engine.control.protocol.house import Overview
from tui.format import clock, lab_offset
from tui.ink import BLANK, Ink, Line, line, rule
from tui.messages import Opened
from tui.session import House, Session, Watch
from tui.widgets.bar import Bar
from tui.widgets.filterline import FilterLine
from tui.widgets.roll import Roll

MODES: Final = (("1", "post", "Post"), ("2", "queue", "Queue"), ("3", "flows", "Flows"))
WIDE: Final = 120  # columns from which a list has its detail beside it


class HouseScreen(Screen[None]):
    """Subclasses give `body`, `ask` and their words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", show=False, id="house.filter"),
        Binding("r", "refresh", "refresh", show=False, id="house.refresh"),
        Binding("escape", "back", "back", show=False, id="house.back"),
        Binding("tab", "app.focus_next", "other side", show=False, id="house.other_side"),
    ]
    mode = "post"
    has_title = True
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("enter", "open"), ("/", "filter"))

    def __init__(self) -> None:
        super().__init__()
        self._questions = Watch(self._ask_and_say)
        self.trouble = ""

    # What a subclass says.

    def body(self) -> ComposeResult:
        raise NotImplementedError

    async def ask(self) -> None:
        """Fetch what this screen shows, and show it."""

    def latest(self, overview: Overview) -> None:
        """The newest picture, for what a screen shows straight from it."""

    def nobody(self, error: ControlError | None) -> None:
        """There has been no picture yet: say so."""

    # What is common.

    @property
    def house(self) -> House:
        return cast(House, self.app)

    @property
    def session(self) -> Session:
        return self.house.session

    @property
    def is_wide(self) -> bool:
        return self.app.size.width >= WIDE

    @property
    def filter_text(self) -> str:
        return self.query_one(FilterLine).value

    def compose(self) -> ComposeResult:
        yield Bar(id="top")
        yield Bar(id="away")
        if self.has_title:
            yield Bar(id="title")
        yield from self.body()
        yield FilterLine()
        yield Bar(id="foot", keeps_right=True)

    def on_screen_resume(self) -> None:
        self.told()

    def on_resize(self) -> None:
        self.call_after_refresh(self.told)

    def told(self) -> None:
        """The daemon said something, or went away: show what is known and ask for the rest."""
        if not self.is_mounted or not self.is_current:
            return
        overview, error = self.session.overview, self.session.error
        self._frame(overview, error)
        for each in self.query(Roll):
            each.fade(error is not None)
        if overview is not None:
            self.latest(overview)
        else:
            self.nobody(error)
        if error is None:
            self.run_worker(self._questions.nudge(), group="ask")

    def title_line(self, words: str, note: str = "") -> None:
        """Names the screen, says its filter, and counts."""
        said = f"/{self.filter_text}  {note}" if self.filter_text else note
        self.query_one("#title", Bar).show(rule(words, self.app.size.width, said))

    async def _ask_and_say(self) -> None:
        try:
            await self.ask()
            self.trouble = ""
        except ControlError as error:
            self.trouble = error.text if self.session.error is None else ""
        if self.is_mounted:
            self._foot(self.session.error)

    def _frame(self, overview: Overview | None, error: ControlError | None) -> None:
        self.query_one("#top", Bar).show(_modes(self.mode), BLANK if overview is None else _whose(overview))
        away = self.query_one("#away", Bar)
        away.display = error is not None
        if error is not None:
            shown = "" if overview is None else f"Shown is {clock(overview.now_ms)}. "
            # The time comes first: what is cut off on a narrow screen is a path, and how to mend it.
            away.show(line(("✗ ", Ink.BAD), (shown, Ink.DIM), (f"{error}. ", Ink.BAD), (error.remedy, Ink.DIM)))
        self._foot(error)

    def _foot(self, error: ControlError | None) -> None:
        keys = [part for key, what in (*self.hints, *_ALWAYS) for part in (("   ", Ink.DIM), *_hint(key, what))][1:]
        left = line(("✗ " + self.trouble, Ink.BAD)) if self.trouble else line(*keys)
        self.query_one("#foot", Bar).show(left, self._link(error))

    def _link(self, error: ControlError | None) -> Line:
        if error is not None:
            since = self.session.away_since
            return line((f"✗ away since {since}" if since else "✗ no daemon", Ink.BAD))
        return line(("… connecting", Ink.DIM)) if self.session.overview is None else line(("● live", Ink.GOOD))

    # Keys.

    def action_filter(self) -> None:
        field = self.query_one(FilterLine)
        field.display = True
        field.focus()

    def action_refresh(self) -> None:
        self.run_worker(self._questions.nudge(), group="ask")

    def action_back(self) -> None:
        if self.filter_text:
            self.query_one(FilterLine).value = ""
        elif len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    @on(Input.Changed)
    def filter_changed(self) -> None:
        self.told()

    @on(FilterLine.Left)
    def filter_left(self) -> None:
        self.query_one(FilterLine).display = False
        self.query(Roll).first().focus()

    @on(Opened)
    def open_target(self, message: Opened) -> None:
        self.house.open(message.target)


_ALWAYS: Final = (("r", "refresh"), ("?", "help"), ("q", "quit"))


def _hint(key: str, what: str) -> tuple[tuple[str, Ink], tuple[str, Ink]]:
    return (key, Ink.HORN), (" " + what, Ink.DIM)


def _modes(current: str) -> Line:
    parts: list[tuple[str, Ink]] = [(" Posthouse ", Ink.HORN)]
    for key, mode, name in MODES:
        inks = (Ink.TAB, Ink.TAB) if mode == current else (Ink.HORN, Ink.TEXT)
        parts += [(" ", Ink.TEXT), (f" {key}", inks[0]), (f" {name} ", inks[1])]
    return line(*parts)


def _whose(overview: Overview) -> Line:
    lab = [(f" lab {lab_offset(overview.lab_offset_s)} ", Ink.DOUBT)] if overview.lab else []
    return line((f"{overview.host} ", Ink.DIM), *lab)
