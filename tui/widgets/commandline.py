"""The line that a colon opens: Tab completes, the arrows go through what was typed before, Enter has it done."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from tui.commands import completed


class CommandLine(Input):
    """Posts `Typed` with the words, or `Left` when there are none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", show=False, id="command.leave"),
        Binding("tab", "complete", "complete", show=False, priority=True, id="command.complete"),
        Binding("up,ctrl+p", "recall(-1)", "the one before", show=False, priority=True, id="command.before"),
        Binding("down,ctrl+n", "recall(1)", "the next", show=False, priority=True, id="command.next"),
    ]

    class Left(Message):
        """Nothing is to be done."""

    class Typed(Message):
        def __init__(self, words: str) -> None:
            self.words = words
            super().__init__()

    class Offered(Message):
        """What the line may become."""

        def __init__(self, words: Sequence[str]) -> None:
            self.words = words
            super().__init__()

    def __init__(self) -> None:
        super().__init__(compact=True, placeholder="a mode, a thing, a verb: tab completes", id="command")
        self.cursor_blink = False  # a blinking cursor writes to the terminal for ever
        self._offers: Callable[[str], Sequence[str]] = lambda _: ()
        self._history: Sequence[str] = ()
        self._back = 0  # how far into the history; 0 is what is being typed
        self._begun = ""

    def begin(self, offers: Callable[[str], Sequence[str]], history: Sequence[str], text: str = "") -> None:
        """Open it. `offers`: the whole lines that a text may become."""
        self._offers, self._history, self._back = offers, history, 0
        self.value = text
        self.display = True
        self.screen.set_focus(self)  # at once: what is typed ahead is no verb
        self.cursor_position = len(text)

    def on_input_changed(self) -> None:
        self.post_message(self.Offered(self._offers(self.value)))

    def action_complete(self) -> None:
        offered = self._offers(self.value)
        fuller = completed(self.value, offered)
        if len(offered) == 1 and " " not in fuller:
            fuller += " "
        self.value = fuller
        self.cursor_position = len(fuller)

    def action_recall(self, by: int) -> None:
        if self._back == 0:
            self._begun = self.value
        at = min(max(self._back - by, 0), len(self._history))
        if at != self._back:
            self._back = at
            self.value = self._history[-at] if at else self._begun
            self.cursor_position = len(self.value)

    def action_leave(self) -> None:
        self._close()
        self.post_message(self.Left())

    async def action_submit(self) -> None:
        words = self.value.strip()
        self._close()
        self.post_message(self.Typed(words) if words else self.Left())

    def _close(self) -> None:
        self.value = ""
        self.display = False
