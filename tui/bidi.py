"""Hebrew and Arabic in the order in which they are read, cell by cell (Unicode UAX #9). Pure.

A terminal that orders text itself orders a whole row, across our columns. So we order each cell, and tell the terminal
to leave it (`CSI 8 l`, the explicit mode of the terminal working group's draft "BiDi in terminal emulators"). What is
kept, copied, searched and compared is always the text as it was written.
"""

import re
from functools import lru_cache
from typing import Final

from tui.format import cells

_RIGHT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
# Points come out before their letter; a terminal puts a mark on the letter before it.
_POINTS: Final = re.compile("([\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]+)(.)")
EXPLICIT: Final = "\x1b[8l"
IMPLICIT: Final = "\x1b[8h"


def has_right(text: str) -> bool:
    """Whether any letter of it is read from the right."""
    return not text.isascii() and _RIGHT.search(text) is not None


@lru_cache(maxsize=4096)
def visual(text: str) -> str:
    """The text of one cell as a terminal that orders nothing has to show it; exactly as wide. Blanks around it stay
    where they are, so that columns stand."""
    inner = text.strip(" ")
    if not has_right(inner):
        return text
    from bidi.algorithm import get_display  # it takes 30 ms to load, and most screens have no such letter

    before = len(text) - len(text.lstrip(" "))
    shown = _POINTS.sub(r"\2\1", get_display(inner, base_dir=_direction(inner)))
    if cells(shown) != cells(inner):  # nothing may move what stands to its right
        return text
    return text[:before] + shown + text[before + len(inner) :]


def _direction(text: str) -> str:
    """An address or a domain reads from the left, whatever its letters (UTS #46 4); else its first letter says."""
    if " " not in text and ("." in text or "@" in text):
        return "L"
    return "R" if _RIGHT.match(text) else "L"
