"""Text set in columns: how many places a text takes where all characters are of one width, and lines of two ends. Pure.

Han characters take two places and marks none (UAX #11; UAX #9 for the isolates).
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from engine.sending.direction import FSI, PDI

LINE: Final = 60  # places of a line of two ends
_APART: Final = 2  # places at least between them
_KEPT: Final = 400  # characters of a text worth remembering how many it takes
_NOTHING: Final = frozenset(("Mn", "Me", "Cf"))


def width(text: str) -> int:
    """The places it takes."""
    if text.isascii():
        return len(text)
    return _added(text) if len(text) <= _KEPT else _added.__wrapped__(text)


def line_up(left: str, right: str, places: int = LINE) -> str:
    """`left` and, at the end of the line, `right`. A left one that is too long is wrapped, and what stands last meets it."""
    if not right:
        return left
    gap = places - width(left) - width(right)
    if gap >= _APART:
        return f"{left}{' ' * gap}{right}"
    room = places - width(right) - _APART
    lines = list(_closed(_wrapped(left, max(room, places // 3))))
    gap = max(places - width(lines[-1]) - width(right), _APART)
    return "\n".join((*lines[:-1], f"{lines[-1]}{' ' * gap}{right}"))


def _closed(lines: Iterator[str]) -> Iterator[str]:
    """The lines, with an isolate that one leaves open closed there and opened again on the next: it ends with its line
    (UAX #9, BD9 and P1)."""
    is_open = False
    for line in lines:
        told = FSI + line if is_open else line
        is_open = told.count(FSI) > told.count(PDI)
        yield told + PDI if is_open else told


@lru_cache(4096)
def _added(text: str) -> int:
    return sum(_width(each) for each in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in _NOTHING:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _wrapped(text: str, places: int) -> Iterator[str]:
    """The text in lines; where a line has no space to break at, it stays whole."""
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and width(longer) > places:
            yield line
            longer = word
        line = longer
    yield line
