"""A scrollbar that repaints only where its slider begins or ends elsewhere: in a long list it hardly moves at all."""

from rich.segment import Segment
from textual.geometry import Region
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar, ScrollBarRender


class Slider(ScrollBar):
    position: Reactive[float] = Reactive(0.0, repaint=False)

    def __init__(self, vertical: bool = True, name: str | None = None, *, thickness: int = 1) -> None:
        super().__init__(vertical, name, thickness=thickness)
        self._shown: list[Segment | None] = []  # a cell each, as it was painted last; None for one that is blank

    def watch_position(self) -> None:
        self.repaint_difference()

    def shifted(self, head: int, by: int) -> None:
        """The terminal moves the cells below the first `head` with the rows that they are in."""
        body = self._shown[head:]
        free: list[Segment | None] = [None] * min(abs(by), len(body))
        self._shown[head:] = [*body[by:], *free] if by > 0 else [*free, *body[:by]]

    def repaint_difference(self) -> None:
        """Repaint the cells that differ from what is shown."""
        cells = self._cells()
        if len(cells) != len(self._shown):
            self.refresh()
            return
        self._styles_cache.clear()
        self._dirty_regions.add(self.size.region)
        for y, (was, cell) in enumerate(zip(self._shown, cells, strict=True)):
            if was != cell:
                self.refresh(Region(0, y, self.size.width, 1))

    def _render_content(self) -> None:
        super()._render_content()
        self._shown = self._cells()

    def _cells(self) -> list[Segment | None]:
        drawn = self.render()
        assert isinstance(drawn, ScrollBarRender)
        size = self.size.height
        return list(
            drawn.render_bar(size, drawn.virtual_size, drawn.window_size, drawn.position, drawn.thickness).segments
        )
