"""The terminal application: what holds its screens together, and the session that feeds them.

Promises: idle it writes nothing; no text from outside is markup or moves the terminal; it ends cleanly by `q`, SIGTERM
and SIGHUP; when the daemon is away the last picture stays, faded and dated, and comes alive again by itself.
"""

import signal
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.control.client import AsyncControl
from tui.ahead import Ahead
from tui.commanding import Commanding
from tui.driver import HouseDriver
from tui.format import clock
from tui.ink import BLANK, Ink, Line, Target, lines
from tui.keeping import Kept
from tui.keymap import Keys
from tui.keys import shown
from tui.messages import Away, Latest
from tui.pages import frame
from tui.rolling import Rolling
from tui.screens import deeds
from tui.screens.house import SIDE, WIDE, HouseScreen
from tui.screens.sure import SureScreen
from tui.scrub import Colourless, Scrub, Symbols
from tui.session import Deed, Session
from tui.themes import NIGHT, THEMES
from tui.turns import Turns

T = TypeVar("T")
_LEAVING: Final = frozenset(
    (*"123456789q", "escape", "question_mark", "f1", "left_square_bracket", "right_square_bracket")
)


class PosthouseApp(Ahead, Rolling, Commanding):
    CSS_PATH = "posthouse.tcss"
    TITLE = "Posthouse"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide"), (SIDE, "-side")]  # noqa: RUF012  (Textual types it as no ClassVar)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "help", show=False, id="app.help"),
        Binding("u", "undo", "take back what was done last", show=False, id="app.undo"),
        Binding("p", "pause", "hold the picture still, or let it go on", show=False, id="app.pause"),
        Binding("i", "exact", "all that is known of this line, nothing shortened", show=False, id="app.exact"),
        Binding("f2", "look", "the next look", show=False, id="app.look"),
        Binding("q,ctrl+c", "quit", "leave; the daemon goes on", show=False, id="app.quit"),
    ]

    def __init__(
        self,
        control: AsyncControl,
        *,
        look: str = NIGHT,
        read_only: bool = False,
        by: str = "",
        kept: Kept | None = None,
        keys: Keys | None = None,
        bidi: str = "off",
        symbols: Symbols | None = None,
    ) -> None:
        self.orders_bidi = bidi == "app"
        super().__init__(driver_class=HouseDriver)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = look
        self.animation_level = "none"  # on a slow line each step of one is a picture to be sent
        self.kept = kept or Kept()
        self.exact = False
        self._session = Session(control, by=by, read_only=read_only, waits=self._reframe)
        self._sieves: list[LineFilter] = [Scrub(), *([symbols] if symbols else [])]
        self._said: tuple[str, Ink, Deed | None] = ("", Ink.TEXT, None)
        self._paused_since = ""
        self.turns = Turns(partial(self.say, ink=Ink.DIM), self.withdraw)
        self._rebound = keys or Keys()
        self._keys = {id: key.partition(",")[0] for id, key in self._rebound.map.items()}  # by id, as far as asked for
        if self._rebound.map:
            self.set_keymap(self._rebound.map)

    # What a screen may ask (tui.session.House).

    @property
    def session(self) -> Session:
        return self._session

    @property
    def link(self) -> frame.Link:
        error = self.session.error
        if error is not None:
            return frame.Link(str(error), error.remedy, self.session.away_since)
        connected = self.session.overview is not None
        return frame.Link(paused_since=self._paused_since, connected=connected, late=self.session.is_late)

    def say(self, text: str, ink: Ink = Ink.TEXT) -> None:
        """In the status line, until something else is said there or one goes elsewhere."""
        self._said = (text, ink, None)
        self._reframe()

    def did(self, deed: Deed) -> None:
        """Something was done: say so, and how it is taken back."""
        self._said = (deeds.told(deed), Ink.WAIT if deed.changed_nothing else Ink.GOOD, deed)
        self._reframe()

    def unsay(self) -> None:
        self._said = ("", Ink.TEXT, None)

    def withdraw(self, text: str) -> None:
        """Say this no more, where it is still said: it has come untrue."""
        if text and self._said[0] == text:
            self.unsay()
            self._reframe()

    def status(self, width: int, most: int) -> tuple[list[Line], Line]:
        text, ink, deed = self._said
        if not text:
            return [], BLANK
        return frame.said(text, ink, width, most, self.key_of("app.undo") if deed and deed.can_be_undone else "")

    @property
    def said_whole(self) -> list[Line]:
        screen = self.screen
        trouble = screen.trouble if isinstance(screen, HouseScreen) else ""
        return lines("✗ " + trouble, Ink.BAD) if trouble else lines(*self._said[:2])

    def last_command(self) -> str:
        """The command line of what was just done, while the status line tells of it."""
        deed = self._said[2]
        return deed.intent.command if deed else ""

    def copy(self, text: str, otherwise: str) -> None:
        """To the clipboard of the operator's own terminal (OSC 52)."""
        if not text:
            self.say(otherwise, Ink.WAIT)
            return
        self.copy_to_clipboard(text)
        self.say(f"copied: {' '.join(text.split())}", Ink.CALM)

    def person(self, address: str) -> None:
        self.open(Target("person", address))

    async def ask_modal(self, screen: ModalScreen[T]) -> T | None:
        """Lay a question over the screen; what it gave. Call it from a worker."""
        if isinstance(screen, SureScreen):
            self.forget_waiting_keys()
        self.call_later(self.hear_on)
        with self.turns.asking():
            return await self.push_screen_wait(screen)

    def key_of(self, id: str) -> str:
        """The key that a binding of what is on the screen has now, as it is shown; "" where there is none."""
        if id not in self._keys:
            nodes: list[DOMNode] = [*self.screen.walk_children(with_self=True), self]
            for node in nodes:
                for key, bindings in node._bindings.key_to_bindings.items():
                    self._keys |= {each.id: key for each in bindings if each.id and each.id not in self._keys}
        return shown(self._keys.get(id, ""))

    # How it runs.

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """A second Enter does nothing: it was meant for the question that the first one answered."""
        if self.turns.was_answered and key == "enter" and isinstance(self.screen, HouseScreen):
            self.turns.was_answered = False
            return True
        return await super()._check_bindings(key, priority)

    @property
    def question_is_coming(self) -> bool:
        """Nothing below it is to do anything meanwhile."""
        return self.turns.is_asking and isinstance(self.screen, HouseScreen)

    def comes_too_soon(self, key: str) -> bool:
        """No key is about a row that is just coming, that is about to give way to others, or about a screen that the daemon
        may refuse; one may always leave. Who is led elsewhere types for there."""
        screen = self.screen
        if not isinstance(screen, HouseScreen) or isinstance(screen.focused, Input):
            return False
        if not screen.is_here or self.turns.is_leading:
            return True
        leaves = key == "escape" if screen.is_written_on else key in _LEAVING
        is_asked = self.session.error is None and not screen.trouble and not leaves
        return is_asked and screen.is_awaited

    def told_of_forgotten_keys(self) -> None:
        self.say("✗ what was typed is forgotten: what it was for has not come. ctrl+c leaves", Ink.WAIT)

    def get_line_filters(self) -> Sequence[LineFilter]:
        if not self.no_color:
            return [*super().get_line_filters(), *self._sieves]
        theme = self.current_theme
        quiet = frozenset(colour.lower() for colour in (theme.background, theme.surface) if colour)
        return [*self._sieves, Colourless(quiet)]

    def on_mount(self) -> None:
        if isinstance(self._driver, HouseDriver):
            self._driver.ends_by(signal.SIGTERM, signal.SIGHUP)
        self.run_worker(
            self.session.follow(
                lambda overview: self.post_message(Latest(overview)), lambda error: self.post_message(Away(error))
            ),
            group="session",
        )
        if faults := [*self._rebound.faults, *self.kept.faults]:
            more = f" (and {len(faults) - 1} more: posthouse --keys)" if len(faults) > 1 else ""
            self.say(f"✗ {faults[0]}{more}", Ink.WAIT)

    @on(Latest)
    def _show_latest(self) -> None:
        if not self._paused_since:
            self._tell()

    @on(Away)
    def _show_away(self) -> None:
        self._paused_since = ""
        self._tell()

    def _tell(self) -> None:
        """The screen that is shown; or else the one behind the question."""
        houses = [each for each in self.screen_stack if isinstance(each, HouseScreen)]
        if houses:
            houses[-1].told()

    def _reframe(self) -> None:
        for screen in self.screen_stack if self._screen_stacks else ():
            if isinstance(screen, HouseScreen):
                screen.show_frame()

    # Keys.

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def action_undo(self) -> None:
        self.run_worker(self._undo(), group="deed")

    async def _undo(self) -> None:
        if self.session.read_only:
            self.say("✗ this terminal is read-only", Ink.WAIT)
            return
        async with self.turns.turn():
            await deeds.undo(self)
        self._tell()

    def action_pause(self) -> None:
        if self._paused_since:
            self._paused_since = ""
            self._tell()
        elif self.session.overview is not None:
            self._paused_since = clock(self.session.overview.now_ms)
            self._reframe()

    def action_exact(self) -> None:
        screen = self.screen
        if not isinstance(screen, HouseScreen):
            return
        if lines := screen.exactly():
            self.sheet("Exact", lines)
            return
        if not screen.has_whole:
            self.say("✗ nothing on this line is shortened: i is for the lines of tables", Ink.WAIT)
            return
        self.exact = not self.exact
        self.say("all that was said, of every attempt" if self.exact else "what was said last", Ink.DIM)
        self._tell()
