"""An update of the screen as the cells that differ, and no others.

Textual ends what it writes of a row where the difference ends, but begins it where the widget does: for the age in a
table's last column, all that stands before it. On a slow line that is most of what is sent, since the ages of all rows
change at once.
"""

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.strip import Strip

_LEFT: Final = -1
_RIGHT: Final = 1


class CellsUpdate(ChopsUpdate):
    """The same as Textual's, from the first cell that differs."""

    def __init__(self, update: ChopsUpdate) -> None:
        super().__init__(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        return "".join(piece for y, first, last in self.spans for piece in self._pieces(console, y, first, last))

    def _pieces(self, console: Console, y: int, first: int, last: int) -> Iterator[str]:
        """Of each widget that is on these cells of a row, what it has there."""
        for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=True):
            if strip is None or x >= last or end <= first:
                continue
            begin = _whole(strip, max(first - x, 0), _LEFT)
            shown = strip.crop(begin, _whole(strip, min(end, last) - x, _RIGHT))
            yield Control.move_to(x + begin, y).segment.text + shown.render(console)


def _whole(strip: Strip, at: int, by: int) -> int:
    """Where to part the strip: there, or a cell beside it where that is in a wide letter, of which no half can be painted."""
    before, after = Segment(strip.text).split_cells(at)
    return at if before.text + after.text == strip.text else at + by
