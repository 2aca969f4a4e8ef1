"""A word to press, on one line."""

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.format import fit
from tui.ink import Ink
from tui.themes import style


class Button(Widget, can_focus=True):
    """Posts `Pressed`. It draws itself, so that its words are never markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "press", "press", show=False, id="button.press"),
        Binding("h,left,k,up", "app.focus_previous", "the one before", show=False, id="button.before"),
        Binding("l,right,j,down", "app.focus_next", "the next", show=False, id="button.next"),
    ]

    class Pressed(Message):
        def __init__(self, button: "Button") -> None:
            self.button = button
            super().__init__()

        @property
        def control(self) -> "Button":
            return self.button

    def __init__(self, words: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words = words
        self.styles.width = len(words) + 4

    def action_press(self) -> None:
        self.post_message(self.Pressed(self))

    def on_key(self, event: events.Key) -> None:
        event.character = None  # nothing is written here, nor in what has the focus when a burst has gone by

    def on_click(self) -> None:
        self.action_press()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        left, right = ("▸ ", " ◂") if self.has_focus else ("  ", "  ")
        ink = Ink.TAB if self.has_focus else Ink.TEXT
        text = fit(f"{left}{self._words}{right}", width)
        return Strip([Segment(text, base + style(self.app.theme, ink))]).adjust_cell_length(width, base)
