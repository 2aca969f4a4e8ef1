"""The terminal application: modes, keys, the two looks, and the session that feeds it.

Promises: idle it writes nothing; no text from outside is markup or moves the terminal; it ends cleanly by `q`, SIGTERM
and SIGHUP; when the daemon is away the last picture stays, faded and dated, and comes alive again by itself.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from engine.control.client import AsyncControl
from tui.driver import HouseDriver
from tui.ink import Target
from tui.messages import Away, Latest
from tui.screens.flows import FlowScreen, FlowsScreen
from tui.screens.help import HelpScreen
from tui.screens.house import WIDE, HouseScreen
from tui.screens.life import LifeScreen
from tui.screens.post import PostScreen
from tui.screens.queue import QueueScreen, SiteScreen
from tui.scrub import Scrub
from tui.session import Session
from tui.themes import NIGHT, PAPER, THEMES

_BEHIND: Final[Mapping[str, Callable[[str], HouseScreen]]] = {
    "site": SiteScreen,
    "message": LifeScreen,
    "flow": FlowScreen,
}


class PosthouseApp(App[None]):
    CSS_PATH = "posthouse.tcss"
    TITLE = "Posthouse"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "post": PostScreen,
        "queue": QueueScreen,
        "flows": FlowsScreen,
    }
    DEFAULT_MODE = "post"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012  (Textual types it as no ClassVar)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "switch_mode('post')", "Post", show=False, id="app.post"),
        Binding("2", "switch_mode('queue')", "Queue", show=False, id="app.queue"),
        Binding("3", "switch_mode('flows')", "Flows", show=False, id="app.flows"),
        Binding("question_mark,f1", "help", "help", show=False, id="app.help"),
        Binding("f2", "look", "paper or night", show=False, id="app.look"),
        Binding("q,ctrl+c", "quit", "quit", show=False, id="app.quit"),
    ]

    def __init__(self, control: AsyncControl, *, look: str = NIGHT) -> None:
        super().__init__(driver_class=HouseDriver)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = look
        self._session = Session(control)
        self._scrub = Scrub()

    @property
    def session(self) -> Session:
        return self._session

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._scrub]

    def on_mount(self) -> None:
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for sign in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(sign, self.exit, None, 128 + sign)
        self.run_worker(
            self.session.follow(
                lambda overview: self.post_message(Latest(overview)), lambda error: self.post_message(Away(error))
            ),
            group="session",
        )

    @on(Latest)
    @on(Away)
    def show_news(self) -> None:
        if isinstance(self.screen, HouseScreen):
            self.screen.told()

    def open(self, target: Target) -> None:
        """What Enter opens."""
        self.push_screen(_BEHIND[target.kind](target.name))

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def action_look(self) -> None:
        self.theme = PAPER if self.theme == NIGHT else NIGHT
