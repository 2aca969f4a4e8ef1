"""What the terminal shows already it moves by itself: a list that rolls by a row sends one row, not all of them.

Only rows that one list has to itself, from edge to edge, are moved; what they lose and gain is repainted as any other
difference. The margins (DECSTBM) with inserted and deleted lines (ECMA-48 §8.3.67, §8.3.32) are a VT102's, so tmux and the
Linux console have them; the sequences that scroll (SU, SD) the console has not. Where anything comes between the move and
its repaint, everything is painted.
"""

from dataclasses import dataclass
from typing import Any, cast

from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen

from tui.painting import CellsUpdate


@dataclass(frozen=True, slots=True)
class Shift:
    """Whole rows of the screen, the first is 0, that move by so many: up, or down where that is negative."""

    top: int
    rows: int
    by: int

    @property
    def sequence(self) -> str:
        """For the terminal. The rows that become free are blank; the cursor is somewhere else, the margins are as usual."""
        first, last = self.top + 1, self.top + self.rows
        return f"\x1b[{first};{last}r\x1b[{first}H\x1b[{abs(self.by)}{'M' if self.by > 0 else 'L'}\x1b[r"


class ShiftedUpdate(CellsUpdate):
    """An update of what is on the screen once these rows have moved."""

    def __init__(self, shifts: tuple[Shift, ...], update: ChopsUpdate) -> None:
        super().__init__(update)
        self.shifts = shifts

    def render_segments(self, console: Console) -> str:
        return "".join(each.sequence for each in self.shifts) + super().render_segments(console)


class Rolling(App[Any]):
    """An application whose lists may move their rows (`shift`)."""

    _shifts: tuple[Shift, ...] = ()  # not written yet
    _shifted: Screen[Any] | None = None  # whose rows they are

    def shift(self, screen: Screen[Any], region: Region, by: int) -> None:
        """Before these rows are painted next, the terminal is to move them."""
        if self._shifted is not screen:
            self._shifts = ()
        self._shifts, self._shifted = (*self._shifts, Shift(region.y, region.height, by)), screen

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if renderable is not None and not self._batch_count:
            shifts, self._shifts = self._shifts, ()
            if isinstance(renderable, ChopsUpdate) and (not shifts or self._shifted is screen):
                renderable = cast(RenderableType, ShiftedUpdate(shifts, renderable))
            elif shifts and not isinstance(renderable, LayoutUpdate):
                renderable = screen._compositor.render_full_update()
        super()._display(screen, renderable)
