"""A strip of bars in block characters. Pure, and no library: eight levels a cell are enough for an hour of minutes."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from tui.ink import Ink, Line, Run, line

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_FLOOR: Final = "▁"  # nought, in a quiet ink: the hour has a ground to stand on


def bars(values: Sequence[int], rows: int, step: int = 1, ink: Ink = Ink.HORN) -> list[Line]:
    """The values as bars of `rows` cells height and `step` cells breadth, the highest as high as there is room."""
    top = max((*values, 1))
    # Anything above nought shows: a single delivery in a busy hour is one eighth, not nothing.
    levels = [max(value * rows * 8 // top, 1) if value > 0 else 0 for value in values]
    return [_row(levels, row, step, ink) for row in reversed(range(rows))]


def _row(levels: Sequence[int], row: int, step: int, ink: Ink) -> Line:
    runs = []
    for is_ground, group in groupby(levels, key=lambda level: row == 0 and level == 0):
        bars_here = list(group)
        text = "".join(_FLOOR if is_ground else _EIGHTHS[min(max(level - row * 8, 0), 8)] for level in bars_here)
        runs.append(Run("".join(bar * step for bar in text), Ink.RULE if is_ground else ink))
    return line(*runs)
