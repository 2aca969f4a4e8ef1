"""What all screens share within their frame (tui.screens.framed): the filter, the reasons, and what keys do everywhere.

A screen shows what it has asked for and owns nothing. `ask` is called when it is shown, whenever the daemon says that
something changed, and on `r`; never twice at once.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input

from engine.control.client import ControlError
from engine.control.protocol.house import Overview
from tui.ink import BLANK, Ink, Line, Target, line, lines, rule
from tui.messages import Opened
from tui.pages import frame
from tui.pages.exact import exact
from tui.screens.aside import log_of
from tui.screens.framed import Framed
from tui.session import Watch
from tui.widgets.bar import Bar
from tui.widgets.commandline import CommandLine
from tui.widgets.filterline import FilterLine
from tui.widgets.page import Page, Sheet, Side
from tui.widgets.roll import Roll
from tui.widgets.table import Table

WIDE = 100  # columns from which a list has its detail beside it
_NO_REASON = "nothing here has a reason to show"
SIDE = 160  # columns from which the reasons (or the log) stand beside both


def _part(title: str, said: Sequence[Line], width: int) -> list[Line]:
    return [rule(title, width), *(each for one in said for each in one.folded(width))]


class HouseScreen(Framed):
    """Subclasses give `body`, `ask`, their words and their verbs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", show=False, id="house.filter"),
        Binding("n", "match(1)", "the next that matches", show=False, id="house.next_match"),
        Binding("N", "match(-1)", "the match before", show=False, id="house.match_before"),
        Binding("r", "refresh", "ask the daemon again now", show=False, id="house.refresh"),
        Binding("escape", "back", "drop the filter or the marks, or go back", show=False, id="house.back"),
        Binding("tab", "app.focus_next", "to the other side of a wide screen", show=False, id="house.other_side"),
        Binding("w", "why", "why: the chain of causes", show=False, id="house.why"),
        Binding("y", "copy", "copy what the cursor is on", show=False, id="house.copy"),
        Binding("Y", "copy_command", "copy as the equal command line", show=False, id="house.copy_command"),
        Binding("at", "person", "the person on this line", show=False, id="house.person"),
    ]
    is_filtered = True  # else what is typed behind a slash is let go again; it may be no verb meanwhile
    has_whole = False  # `i` shows more on it, and less again; else it opens the row under the cursor, whole

    def __init__(self) -> None:
        super().__init__()
        self._questions = Watch(self._ask_and_say)
        self._reasons = Watch(self._ask_why)
        self.was_answered = False  # whether what it shows has come once
        self._others_wanted = self._others_shown = (
            0  # how often other rows were asked for, and which of these are shown
        )
        self.target: Target | None = None  # what was opened to come here; None on a mode's first screen

    # What a subclass says.

    def body(self) -> ComposeResult:
        raise NotImplementedError

    async def ask(self) -> None:
        """Fetch what this screen shows, and show it."""

    def latest(self, overview: Overview) -> None:
        """The newest picture, for what a screen shows straight from it."""

    def nobody(self, error: ControlError | None) -> None:
        """There has been no picture yet: say so."""

    def nothing(self) -> str:
        """What a table without rows says."""
        return f"nothing here matches /{self.filter_text}" if self.filter_text else ""

    async def why(self) -> Sequence[Line]:
        """The chain of causes of what the cursor is on, with the file and line of each rule; () where there is none."""
        return ()

    def copy_text(self) -> str:
        """What `y` copies: as it is stored, without the order of a terminal. The name under the cursor."""
        table = self._table
        return "" if table is None or table.at is None else table.at.name

    def command_line(self) -> str:
        """The command that prints what is shown."""
        return ""

    def person(self) -> str:
        """The address under the cursor; "" where there is none."""
        return ""

    def jump(self, words: str) -> str:
        """Go to what is typed after the mode's name: `gmail.com /421`. What can't be found is said: "" when it was."""
        name, _, text = words.partition("/")
        if name.strip():
            return f"nothing here is called {name.strip()}"
        self.filter_for(text.strip())
        return ""

    def names(self) -> Sequence[str]:
        """What may be typed behind the mode's name, for completion: the names in the table."""
        table = self._table
        return () if table is None else [each.name for each in table.opened_here()]

    # What is common.

    @property
    def is_wide(self) -> bool:
        return self.app.size.width >= WIDE

    @property
    def is_on_top(self) -> bool:
        """Textual calls current, too, what is under another screen, and paints all of that one when this one changes."""
        return self.is_current and self.app.screen is self

    @property
    def has_side(self) -> bool:
        return self.app.size.width >= SIDE

    @property
    def exact(self) -> bool:
        """Whether all is wanted where a screen `has_whole` (`i`)."""
        return self.house.exact

    def exactly(self) -> Sequence[Line]:
        """All that is known of the row under the cursor, nothing shortened; () where no row is there."""
        table = self._table
        if table is None or not table.display or table.row is None:
            return ()
        title = f"{table.at.kind} {table.at.name}" if table.at is not None else ""
        return exact(table.row, title, self.session.now_ms, self.app.size.width - 4)

    @property
    def filter_text(self) -> str:
        return self.query_one(FilterLine).value

    @property
    def _table(self) -> "Table[Any] | None":
        """The table that the keys are about: with the focus, else the first."""
        if isinstance(self.focused, Table):
            return self.focused
        return next(iter(self.query(Table)), None)

    @property
    def is_awaited(self) -> bool:
        """Whether what it is to show, or what it shows next, is still asked for."""
        others = self._others_shown != self._others_wanted or (self._table is not None and self._table.is_sifted)
        return not self.was_answered or others

    def compose(self) -> ComposeResult:
        yield from self.head()
        with Horizontal(id="room"):
            with Vertical(id="stage"):
                yield from self.body()
            yield Side(id="side")
        yield FilterLine()
        yield CommandLine()
        yield from self.foot()

    def on_mount(self) -> None:
        self.query_one(Side).display = False

    def on_screen_resume(self) -> None:
        self.told()

    def on_screen_suspend(self) -> None:
        """Who comes back finds the keys where they were, not in a filter that was being written."""
        if self.is_here and self.query_one(FilterLine).display:
            self.query_one(FilterLine).display = False
            self._to_the_body()

    def on_resize(self) -> None:
        self._make_room()
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        """Who had the focus may have no room any more; the keys are for what is seen then."""
        if self.is_here and self.focused is None:
            self._to_the_body()
        self.told()

    def _make_room(self) -> None:
        """A list with something beside it is no narrower than its columns need, nor takes all but a third."""
        for table in self.query(Table):
            is_beside = any(each.has_class("beside") for each in table.siblings)
            most = self.app.size.width * 2 // 3
            table.styles.min_width = min(table.least_width, most) if is_beside and self.is_wide else None

    def told(self) -> None:
        """The daemon said something, or went away: show what is known and ask for the rest."""
        if not self.is_here:
            return
        overview, error = self.session.overview, self.session.error
        self.show_frame()
        for each in self.query(Roll):
            each.fade(error is not None)
        if not self.is_current:  # behind a question
            return
        if overview is not None:
            self.latest(overview)
        else:
            self.nobody(error)
        if error is not None and not self.was_answered and self.target is not None:
            self.title_line(f"{self.target.kind} {self.target.name}", "not asked yet: the daemon is away")
        if error is None:
            self.run_worker(self._questions.nudge(), group="ask")

    def want_others(self) -> None:
        """What is shown gives way to something else: no key behind this one is about it."""
        self._others_wanted += 1
        for table in self.query(Table):
            table.sift()
        self.told()

    def filter_for(self, text: str) -> None:
        """Filter by this; "" drops the filter."""
        self.query_one(FilterLine).value = text

    async def _ask_and_say(self) -> None:
        try:
            wanted = self._others_wanted
            await self.ask()
            self.trouble, self.was_answered, self._others_shown = "", True, wanted
            for table in self.query(Table):
                table.say_when_empty(self.nothing())
                if wanted == self._others_wanted:
                    table.sifted()
        except ControlError as error:
            if error.refused and not self.was_answered and self.target is not None and self.is_current:
                self.house.turn_back(error.text)
                return
            self.trouble = error.text if self.session.error is None else ""
            self._others_shown = self._others_wanted
            for table in self.query(Table):
                table.sifted()
            if self.is_current:  # a screen that was left, or turned back before, knows of no keys
                self.house.forget_waiting_keys()
            page = next(iter(self.query(Page)), None)
            if self.trouble and self.is_here and page is not None:
                page.say_when_empty(lines("✗ " + self.trouble, Ink.BAD))
        self.house.hear_on()
        if self.is_here:
            self.show_frame()
            if self.query_one(Side).display:
                await self._reasons.nudge()

    # Keys.

    def action_filter(self) -> None:
        field = self.query_one(FilterLine)
        field.display = True
        self.set_focus(field)  # at once: what is typed ahead is no verb

    def action_match(self, by: int) -> None:
        """In a table all rows match, and one goes round; on a page, to the next line that has the words."""
        roll = self.focused if isinstance(self.focused, Roll) else self._table
        if isinstance(roll, Table):
            roll.go_round(by)
        elif not self.filter_text:
            self.house.say("look for something with / first", Ink.DIM)
        elif isinstance(roll, Sheet) and not roll.find(self.filter_text, by):
            self.house.say(f"{self.filter_text} is nowhere on this page", Ink.WAIT)

    def action_refresh(self) -> None:
        self.run_worker(self._questions.nudge(), group="ask")

    def action_back(self) -> None:
        table = self._table
        side = self.query_one(Side)
        if table is not None and table.marked.chosen:
            table.unmark()
        elif self.filter_text:
            self.query_one(FilterLine).value = ""
        elif side.display:
            self._hide_side()
        else:
            self.house.back()

    def action_why(self) -> None:
        if self.query_one(Side).display:
            self._hide_side()
        elif self.has_side:
            self.query_one(Side).display = True
            self.run_worker(self._reasons.nudge(), group="why")
        else:
            self.lead("why", self._why_page())

    def _hide_side(self) -> None:
        side = self.query_one(Side)
        if side.has_focus:
            self.focus_next()
        side.display = False

    async def _reasoned(self) -> list[Line]:
        try:
            return list(await self.why())
        except ControlError as error:
            return lines("✗ " + error.text, Ink.BAD)

    async def _ask_why(self) -> None:
        """The reasons, then the log of the same."""
        about, side = self._table, self.query_one(Side)
        name = about.at.name if about is not None and about.at is not None else ""
        reasons = await self._reasoned() or [line((_NO_REASON, Ink.DIM))]
        log = await log_of(self.session, self.person(), name)
        # Headings are drawn for the width that there is then: now the side may have none yet.
        side.show(lambda width: [*_part("Why", reasons, width), *([BLANK, *_part("Log", log, width)] if log else [])])

    async def _why_page(self) -> bool:
        found = await self._reasoned()
        if found and self.is_current:
            self.house.sheet("Why", found)
        elif not found:
            self.house.say(_NO_REASON, Ink.DIM)
        return bool(found)

    def action_copy(self) -> None:
        self.house.copy(self.copy_text(), "nothing here can be copied")

    def action_copy_command(self) -> None:
        self.house.copy(self.house.last_command() or self.command_line(), "no command says this")

    def action_person(self) -> None:
        if address := self.person():
            self.house.person(address)
        else:
            self.house.say("nobody's address is on this line", Ink.WAIT)

    @on(Table.Moved)
    def _cursor_moved(self) -> None:
        self.show_frame()
        if self.query_one(Side).display:
            self.run_worker(self._reasons.nudge(), group="why")

    @on(Table.MarksChanged)
    def _marks_changed(self, message: Table.MarksChanged) -> None:
        if message.said:
            self.house.say(message.said, Ink.CALM)
        self.show_frame()

    @on(Input.Changed, "FilterLine")
    def _filter_changed(self) -> None:
        self.want_others()

    @on(FilterLine.Left)
    def _filter_left(self) -> None:
        self.query_one(FilterLine).display = False
        body = self._to_the_body()
        if self.filter_text and (not self.is_filtered or not isinstance(body, Sheet | Table)):
            self.filter_for("")
            self.house.say("there is nothing to filter here", Ink.WAIT)
        elif self.filter_text and isinstance(body, Sheet) and not body.find(self.filter_text, 1):
            self.house.say(f"{self.filter_text} is nowhere on this page", Ink.WAIT)

    @on(CommandLine.Offered)
    def _offered(self, message: CommandLine.Offered) -> None:
        if self.query_one(CommandLine).display:
            self.query_one("#foot", Bar).show(frame.offered(message.words))

    @on(CommandLine.Left)
    @on(CommandLine.Typed)
    def _command_left(self) -> None:
        self._to_the_body()
        self.show_frame()

    def _to_the_body(self) -> Widget | None:
        """The focus goes back to what the screen shows; to what."""
        there = [each for each in self.query("#stage *") if each.focusable]
        rolls = [each for each in there if isinstance(each, Roll)]
        body = self._table or next(iter([*rolls, *there]), None)
        self.set_focus(body)
        return body

    @on(Opened)
    def open_target(self, message: Opened) -> None:
        self.house.open(message.target)
