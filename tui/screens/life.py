"""A message's life, and what can be done to its deliveries."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.queue import MessageLife
from engine.control.protocol.shaping import WhyMessage
from engine.counts import deliveries
from tui.ink import Line
from tui.pages import life, why
from tui.screens.acting import DELIVERY_VERBS, ActingScreen, Which
from tui.verbs import Verb
from tui.widgets.page import Page

OPEN = ("queued", "held")


class LifeScreen(ActingScreen):
    """Envelope, moments and content; in a wide terminal the content stands beside them."""

    verbs: ClassVar[tuple[Verb, ...]] = DELIVERY_VERBS
    has_whole = True
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("j k", "scroll"), ("house.why", "why"), ("house.back", "back"))

    def __init__(self, message_id: str) -> None:
        super().__init__()
        self._message_id = message_id
        self._message: MessageLife | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="life")
            yield Page(id="content").add_class("beside")

    async def ask(self) -> None:
        message = await self.session.ask(MessageLife, f"/v1/messages/{part(self._message_id)}")
        self._message, whole = message, self.exact
        self.title_line(f"Message {self._message_id}", message.stream)
        page, beside = self.query_one("#life", Page), self.query_one("#content", Page)
        if not self.is_wide:
            page.show(lambda width: life.life(message, width, whole=whole), message.message_id)
            return
        page.show(lambda width: [*life.envelope(message, width), *life.moments(message, width, whole=whole)])
        beside.show(lambda width: life.content(message, width))

    def chosen(self) -> Which | str:
        """Its deliveries that have not begun."""
        if self._message is None:
            return "it has not come yet"
        waiting = tuple(each.delivery_id for each in self._message.deliveries if each.state in OPEN)
        if not waiting:
            states = ", ".join(sorted({each.state for each in self._message.deliveries}))
            return f"nothing of it waits any more: {states}"
        return Which(f"{deliveries(len(waiting))} of message {self._message_id}", waiting)

    async def why(self) -> Sequence[Line]:
        return why.of_message(await self.session.ask(WhyMessage, f"/v1/messages/{part(self._message_id)}/why"))

    def copy_text(self) -> str:
        return "" if self._message is None else self._message.subject

    def command_line(self) -> str:
        return f"posthouse trace {self._message_id}"

    def person(self) -> str:
        return self._message.recipients[0] if self._message is not None and self._message.recipients else ""
