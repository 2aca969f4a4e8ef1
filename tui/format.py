"""Text, numbers and times as they stand in cells. Pure.

A cell is one column of a terminal: a Chinese letter takes two, a combining mark none. All cutting and padding here is
by cells, with the tables the compositor uses (rich.cells), so that columns line up. Whatever comes from outside goes
through `safe` first; every function that takes such text does it itself.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from unicodedata import combining

from rich.cells import cell_len, set_cell_size

from engine.control.clean import clean

ELLIPSIS: Final = "…"
# Terminals disagree how wide a joined or restyled emoji is, which would bend every column to its right.
_JOINERS: Final = re.compile("[\u200d\ufe0e\ufe0f]")
_MARKS_ON_ONE: Final = 4  # enough for Vietnamese, Hebrew with points and Thai; a tower of a thousand is a trick


def safe(text: str) -> str:
    """One line that moves nothing, whoever wrote it."""
    return text if text.isascii() and text.isprintable() else _made_safe(text)


@lru_cache(maxsize=2048)  # rails and names come again with every drawing
def _made_safe(text: str) -> str:
    return _few_marks(_JOINERS.sub("", clean(text)))


def _few_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if combining(letter) else 0
        if marks <= _MARKS_ON_ONE:
            kept.append(letter)
    return "".join(kept)


def cells(text: str) -> int:
    """How many cells it takes."""
    return cell_len(text)


def cut(text: str, width: int) -> str:
    """At most `width` cells; an ellipsis says that there was more."""
    text = safe(text)
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` cells."""
    text = cut(text, width)
    room = " " * (width - cells(text))
    return room + text if right else text + room


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken between words where there are words; never empty."""
    text = safe(text)
    indent = text[: min(len(text) - len(text.lstrip(" ")), width // 2)]
    lines = [""]
    for word in text.strip(" ").split(" "):
        if cells(lines[-1]) + 1 + cells(word) <= width and lines[-1]:
            lines[-1] += " " + word
            continue
        pieces = chopped(word, max(width, 2))
        lines = lines[:-1] + pieces if lines == [""] else lines + pieces
    return [indent + lines[0]] if len(lines) == 1 and cells(indent + lines[0]) <= width else lines


def chopped(word: str, width: int) -> list[str]:
    """Pieces of at most `width` cells; a letter that is wider than that is a piece of its own."""
    pieces = []
    while cells(word) > width:
        piece = set_cell_size(word, width)
        # A wide letter that falls across the edge comes back as a space: it belongs to the next line.
        taken = len(piece) if word.startswith(piece) else len(piece) - 1
        pieces.append(word[:taken])
        word = word[taken:]
    return [*pieces, word]


def number(count: int) -> str:
    """12,431"""
    return f"{count:,}"


def short(count: int) -> str:
    """At most six cells: 12,431, then 124k, 1.2M, 31G."""
    if abs(count) < 100_000:
        return number(count)
    amount, unit = next((count / n, u) for n, u in _THOUSANDS if abs(count) >= n)
    return f"{amount:.1f}{unit}" if abs(amount) < 10 else f"{amount:.0f}{unit}"


_THOUSANDS: Final = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def size(octets: int) -> str:
    """512 B, 14.2 KiB, 3.1 MiB"""
    if octets < 1024:
        return f"{octets} B"
    if octets < 1024 * 1024:
        return f"{octets / 1024:.1f} KiB"
    return f"{octets / 1024 / 1024:.1f} MiB"


def span(milliseconds: int) -> str:
    """How long, at most nine cells: 0 s, 12 s, 14 min, 3 h 05 m, 12 d."""
    seconds = max(milliseconds, 0) // 1000
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours < 48 else f"{hours // 24} d"


def clock(at_ms: int, now_ms: int | None = None) -> str:
    """14:02:11 in the operator's zone; with its date when `now_ms` is given and is another day."""
    at = local_time(at_ms)
    if now_ms is not None and at.date() != local_time(now_ms).date():
        return at.strftime("%b %d %H:%M")
    return at.strftime("%H:%M:%S")


def lab_offset(seconds: int) -> str:
    """How far a moved clock is from the real one: +2 h 00 m."""
    sign = "-" if seconds < 0 else "+"
    return sign + span(abs(seconds) * 1000)


# The first instant that every platform can show in every zone, and the last.
_FIRST_MS: Final = 86_400_000
_LAST_MS: Final = 253_370_764_800_000


def local_time(at_ms: int) -> datetime:
    """As the operator's clock shows it."""
    at_ms = min(max(at_ms, _FIRST_MS), _LAST_MS)
    # Whole milliseconds: a float would round 0.9995 s up to the next second.
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone() + timedelta(milliseconds=at_ms % 1000)
