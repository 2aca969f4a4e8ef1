"""A scene of the application that is pictured: which keys lead there, and what tells that it is complete."""

from typing import NamedTuple

from tui.themes import NIGHT


class Scene(NamedTuple):
    name: str
    keys: tuple[str, ...]
    sees: str
    look: str = NIGHT
