"""1 Post: the first screen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import ControlError
from engine.control.protocol.house import Overview
from tui.format import wrap
from tui.ink import BLANK, Ink, line
from tui.pages import post
from tui.screens.house import HouseScreen
from tui.widgets.page import Page


class PostScreen(HouseScreen):
    """Everything on one page; in a wide terminal the journal stands beside it."""

    mode = "post"
    has_title = False
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("enter", "open"), ("1 2 3", "go to"))

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="desk")
            yield Page(id="journal").add_class("beside")

    def latest(self, overview: Overview) -> None:
        desk, journal = self.query_one("#desk", Page), self.query_one("#journal", Page)
        if not self.is_wide:
            desk.show(lambda width: post.post(overview, width))
            return
        room = post.ROOMY if self.app.size.height >= 36 else post.TIGHT
        desk.show(lambda width: [*post.desk(overview, width, room), *post.carriers(overview, width)])
        journal.show(lambda width: post.journal(overview, width))

    def nobody(self, error: ControlError | None) -> None:
        said = "Looking for the daemon …" if error is None else error.text
        lines = [BLANK, *(line((text, Ink.DIM)) for text in wrap(said, self.app.size.width - 8))]
        self.query_one("#desk", Page).show(lambda _: lines)

    async def ask(self) -> None:
        """Nothing more: the stream brings all of it."""

    def action_filter(self) -> None:
        """There is nothing to filter here."""
