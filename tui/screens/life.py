"""A message's life."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.queue import MessageLife
from tui.pages import life
from tui.screens.house import HouseScreen
from tui.widgets.page import Page


class LifeScreen(HouseScreen):
    """Envelope, moments and content; in a wide terminal the content stands beside them."""

    mode = "queue"
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("j k", "scroll"), ("esc", "back"))

    def __init__(self, message_id: str) -> None:
        super().__init__()
        self._message_id = message_id

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="life")
            yield Page(id="content").add_class("beside")

    async def ask(self) -> None:
        message = await self.session.ask(MessageLife, f"/v1/messages/{part(self._message_id)}")
        self.title_line(f"Message {self._message_id}", message.stream)
        page, beside = self.query_one("#life", Page), self.query_one("#content", Page)
        if not self.is_wide:
            page.show(lambda width: life.life(message, width), message.message_id)
            return
        page.show(lambda width: [*life.envelope(message, width), *life.moments(message, width)])
        beside.show(lambda width: life.content(message, width))

    def action_filter(self) -> None:
        """There is nothing to filter here."""
