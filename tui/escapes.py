"""Escape and a key right behind it are two keys. Pure.

A terminal sends alt with a key as ESC and the key, which is what Escape and the key are too; on a slow line they come at once,
and through tmux, which waits for what stands behind an ESC. Nothing here is bound to alt, so it is always Escape, then the key.

What else begins with ESC goes on as it came: keys and answers of the terminal (ECMA-48: CSI, SS3, strings and what ends
one), and alt where Textual has a use for it while one writes: b and f by words, Tab back, Backspace to erase one.
"""

import re
from typing import Final

_ALONE: Final = re.compile("\x1b(?=[^][OPX^_\\\\bf\t\x7f])")


class Escapes:
    """Goes through all that a terminal sends outside of pastes, in the parts in which it comes."""

    def __init__(self) -> None:
        self._held = ""  # an ESC at the end: what it is, is known by what is behind

    def parted(self, sent: str) -> list[str]:
        """What stands between the Escapes: at each place between two parts one was pressed."""
        *parts, last = _ALONE.split(self._held + sent)
        self._held = "\x1b" if last.endswith("\x1b") else ""
        return [*parts, last.removesuffix(self._held)]

    def waited(self) -> bool:
        """Nothing came for a while: whether an Escape was pressed that nothing is behind."""
        was_held, self._held = bool(self._held), ""
        return was_held
