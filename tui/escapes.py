"""What begins with ESC: Escape and a key right behind it are two keys, and what means nothing here is none. Pure.

A terminal sends alt with a key as ESC and the key, which is what Escape and the key are too; on a slow line they come at once,
and through tmux, which waits for what stands behind an ESC. Nothing here is bound to alt, so it is always Escape, then the key;
but where Textual has a use for it while one writes: b and f by words, Tab back, Backspace to erase one.

Textual hears a sequence that it does not know as the keys that it is written with. So the 5 of a keypad (ESC O E), a function
key with ctrl (ESC O 5 P) or what a terminal answers to another program ($EDITOR, on a slow line) would have things done. Here
a sequence (ECMA-48 §5.4, §5.6) goes on whole, if it means something, or not at all.
"""

import re
from functools import lru_cache
from typing import Final

from textual._xterm_parser import XTermParser

from tui.pasting import BEGIN, END

_ESC: Final = "\x1b"
_STRING: Final = "[]PX^_][^\x1b\x07]*"  # OSC, DCS, SOS, PM, APC, and what they say
_WHOLE: Final = re.compile(
    f"\x1b(?:{_STRING}(?:\x07|\x1b\\\\|(?=\x1b[^\\\\]))"
    "|\\[M[^\x1b]{3}"  # a mouse of old: where it is, as three letters
    "|\\[\\[[^\x1b]"  # F1 to F5 of the Linux console
    "|\\[(?![M[])[0-?]*[ -/]*[@-~]"
    "|O[0-9;]*[@-~])"
)
_BEGUN: Final = re.compile(f"\x1b(?:{_STRING}\x1b?|\\[M[^\x1b]{{0,2}}|\\[\\[?|\\[[0-?]*[ -/]*|O[0-9;]*)?\\Z")
_BROKEN: Final = re.compile("\x1b(?:\\[M|\\[\\[|\\[[0-?]*[ -/]*|O[0-9;]*)")
_WITH_ALT: Final = re.compile("\x1b[bf\t\x7f\\\\]")


class Escapes:
    """Goes through all that a terminal sends outside of pastes, in the parts in which it comes."""

    def __init__(self) -> None:
        self._held = ""  # what is begun at the end: what it is, is known by what is behind

    def parted(self, sent: str) -> list[str]:
        """What stands between the Escapes: at each place between two parts one was pressed."""
        parts, rest = [""], self._held + sent
        self._held = ""
        while (at := rest.find(_ESC)) >= 0:
            parts[-1] += rest[:at]
            rest = rest[at:]
            if _BEGUN.match(rest):
                self._held, rest = rest, ""
            elif (found := _WHOLE.match(rest) or _WITH_ALT.match(rest)) is not None:
                parts[-1] += found[0] if _means_something(found[0]) else ""
                rest = rest[found.end() :]
            elif (found := _BROKEN.match(rest)) is not None:
                rest = rest[found.end() :]
            else:
                parts.append("")
                rest = rest[1:]
        parts[-1] += rest
        return parts

    def waited(self) -> bool:
        """Nothing came for a while: whether an Escape was pressed that nothing is behind. What else was begun is nobody's."""
        was_escape, self._held = self._held == _ESC, ""
        return was_escape


@lru_cache(maxsize=1024)
def _means_something(sequence: str) -> bool:
    """Whether Textual makes one thing of it: a key, a click, an answer that it asked for."""
    if sequence in (BEGIN, END):
        return True
    try:
        return len(list(XTermParser().feed(sequence))) == 1
    except (ValueError, OverflowError):  # a number that is no letter's
        return False
