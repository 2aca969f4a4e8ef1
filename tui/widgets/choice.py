"""One of a few words on one line: ‹ marketing ›. h l and the arrows change it."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from tui.format import fit
from tui.ink import Ink
from tui.themes import style


class Choice(Widget, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h,left", "turn(-1)", "the one before", show=False, id="choice.before"),
        Binding("l,right,space", "turn(1)", "the next", show=False, id="choice.next"),
    ]

    def __init__(self, words: Sequence[str], value: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words = tuple(words)
        self._at = self._words.index(value) if value in self._words else 0

    @property
    def value(self) -> str:
        return self._words[self._at]

    def action_turn(self, by: int) -> None:
        self._at = (self._at + by) % len(self._words)
        self.refresh()

    async def on_key(self, event: events.Key) -> None:
        """Turn at once: what is behind a key in a burst may move the focus or end the form, before bindings are heard."""
        event.character = None  # nothing is written here, nor in what has the focus when a burst has gone by
        bindings = self._bindings.copy()
        bindings.apply_keymap(self.app._keymap)
        for binding in bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            await self.run_action(binding.action)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        ink = Ink.TAB if self.has_focus else Ink.TEXT
        text = fit(f" ‹ {self.value} › {self._at + 1} of {len(self._words)}", width)
        return Strip([Segment(text, base + style(self.app.theme, ink))]).adjust_cell_length(width, base)
