"""The line that `/` opens: what is typed is matched at once, Enter keeps it, Escape drops it."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterLine(Input):
    """Posts `Changed` as one types (from Input), and `Left` when it is done with."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop", "drop the filter", show=False)]

    class Left(Message):
        """The focus is to go back to what is filtered."""

    def __init__(self) -> None:
        super().__init__(compact=True, placeholder="filter: any part of a name or a reply", id="filter")
        self.cursor_blink = False  # a blinking cursor writes to the terminal for ever

    def action_drop(self) -> None:
        self.value = ""
        self.post_message(self.Left())

    async def action_submit(self) -> None:
        self.post_message(self.Left())
