"""What the parts of the application tell each other.

The session speaks to whichever screen is shown; screens and widgets never touch the connection.
"""

from dataclasses import dataclass

from textual.message import Message

from engine.control.client import ControlError
from engine.control.protocol.house import Overview
from tui.ink import Target


class Latest(Message):
    """The daemon's newest picture has come. A flood of them is one redraw: only the last counts."""

    def __init__(self, overview: Overview) -> None:
        self.overview = overview
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Latest)


@dataclass
class Away(Message):
    """The daemon can't be reached; said once, when it goes."""

    error: ControlError


@dataclass
class Opened(Message):
    """Enter was pressed on a line with something behind it."""

    target: Target
