"""Direction of text: which way a value runs, and how to keep it from turning its neighbours (UAX #9).

HTML has `dir`; a text part and a Subject have only characters. A value that runs against its document, or has no
direction of its own (a price, an order number), is set between U+2068 and U+2069, and a line that would start the wrong
way gets a mark in front, since most readers take a plain paragraph's direction from its first letter.
"""

import unicodedata
from typing import Final

FSI: Final = "\u2068"
PDI: Final = "\u2069"
MARKS: Final = {"ltr": "\u200e", "rtl": "\u200f"}

# Inside a value these could close our isolate or turn the text behind it.
_CONTROLS: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_RIGHT: Final = frozenset(("R", "AL"))
_AGAINST: Final = {"ltr": frozenset(("R", "AL", "AN")), "rtl": frozenset(("L", "AN"))}


def without_controls(value: str) -> str:
    """The value without characters that embed, override or isolate."""
    return value if value.isascii() else value.translate(_CONTROLS)


def isolated(value: str, direction: str) -> str:
    """The value as it stands in a plain text of this direction: isolated where it could turn its surroundings."""
    value = without_controls(value)
    return f"{FSI}{value}{PDI}" if turns(value, direction) else value


def turns(value: str, direction: str) -> bool:
    """Whether a value could turn what stands around it in a text of this direction, or be turned by it."""
    if not value or (direction == "ltr" and value.isascii()) or value.isdecimal():
        return False
    kinds = [unicodedata.bidirectional(each) for each in value]
    if not _AGAINST[direction].isdisjoint(kinds):
        return True
    # A neutral or a digit at its edge takes its place from what stands next to it; in a left-to-right text, rightly so.
    return direction == "rtl" and not (kinds[0] in _RIGHT and kinds[-1] in _RIGHT)


def cut(text: str, length: int) -> str:
    """The text, or its beginning with an ellipsis; an isolate that the cut left open is closed."""
    if len(text) <= length:
        return text
    kept = text[: length - 2].rstrip()
    return f"{kept}…{PDI}" if kept.count(FSI) > kept.count(PDI) else f"{kept}…"


def set_lines(text: str, direction: str) -> str:
    """The text with a mark before each line that a reader would take for the other direction."""
    if direction == "ltr" and text.isascii():
        return text
    return "\n".join(_set_line(line, direction) for line in text.split("\n"))


def _set_line(line: str, direction: str) -> str:
    # An address on a line of its own is read, copied and recognised as it is: nothing may touch it.
    if not line.strip() or "://" in line.split(" ", 1)[0]:
        return line
    if direction == "ltr" and line.isascii():
        return line
    return line if runs(line) == direction else MARKS[direction] + line


def runs(line: str) -> str:
    """The direction of the first strong character outside isolates; left to right without one (UAX #9, P2 and P3)."""
    depth = 0
    for each in line:
        kind = unicodedata.bidirectional(each)
        if kind in ("FSI", "LRI", "RLI"):
            depth += 1
        elif kind == "PDI":
            depth = max(0, depth - 1)
        elif depth == 0 and kind == "L":
            return "ltr"
        elif depth == 0 and kind in _RIGHT:
            return "rtl"
    return "ltr"
