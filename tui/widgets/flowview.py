"""A flow on the screen, as diagram or outline, with a cursor that walks from step to step."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from engine.control.protocol.flows import FlowNode, FlowPicture
from tui.ink import Line, Target
from tui.messages import Opened
from tui.pages.boxes import Look
from tui.pages.flows import Sheet, next_branch, node_at, sheet, walk
from tui.widgets.roll import Roll


class FlowView(Roll):
    """`at` is the step that the cursor is on: "" is the trigger. Enter opens the people of the step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "branch", "the next branch", show=False, id="flowview.branch"),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another step."""

        step: str

    def __init__(self, *, id: str | None = None, walks: bool = True) -> None:
        """`walks`: it has the cursor; a picture beside a list has none."""
        super().__init__(id=id)
        self._picture: FlowPicture | None = None
        self._sheet = Sheet((), (), False)
        self._walks = walks
        self.can_focus = walks
        self.at = ""
        self.as_outline = False

    def show(self, picture: FlowPicture) -> None:
        """Another picture. The cursor stays on its step, where that is still there."""
        is_other = self._picture is None or self._picture.name != picture.name
        self._picture = picture
        if is_other or self.node is None:
            self.at = ""
            self.roll_to(0)
        self._redraw()

    def turn(self) -> None:
        """From diagram to outline, or back."""
        self.as_outline = not self.as_outline
        self._redraw()
        self._show_step()

    @property
    def node(self) -> FlowNode | None:
        """The step under the cursor."""
        return node_at(self._picture.nodes, self.at) if self._picture else None

    def go(self, step: str) -> None:
        """Put the cursor on a step."""
        if step != self.at:
            self.at = step
            self._redraw()
            self.post_message(self.Moved(step))
        self._show_step()

    # As a roll.

    def count(self) -> int:
        return len(self._sheet.lines)

    def drawn(self, index: int) -> Line:
        return self._sheet.lines[index]

    def is_stop(self, index: int) -> bool:
        return self._walks and self._sheet.is_outline and index == self._row

    @property
    def _row(self) -> int:
        return next((spot.row for spot in self._sheet.spots if spot.id == self.at), 0)

    def resized(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        if self._picture is None:
            return
        at = self.at if self._walks else None
        look = Look(at, self._picture.now_ms)
        self._sheet = sheet(self._picture, self.text_width, look, as_outline=self.as_outline)
        self.cursor = self._row
        self.changed()

    def _show_step(self) -> None:
        spot = next((each for each in self._sheet.spots if each.id == self.at), None)
        if spot is None:
            return
        top, rows = self.first_row, self.body_rows
        if spot.row < top:
            self.roll_to(0 if self.at == "" else spot.row)
        elif spot.row + spot.height + 1 > top + rows:
            self.roll_to(spot.row + spot.height + 1 - rows)

    # Keys.

    def _steps(self) -> list[str]:
        return list(dict.fromkeys(node.id for node in walk(self._picture.nodes))) if self._picture else []

    def action_step(self, by: int) -> None:
        steps = self._steps()
        if not self._walks:
            self.roll_to(self.first_row + by)
        elif self.at in steps:
            self.go(steps[min(max(steps.index(self.at) + by, 0), len(steps) - 1)])

    def action_far(self, by: int) -> None:
        if self._walks and (steps := self._steps()):
            self.go(steps[0 if by < 0 else -1])
        self.roll_to(0 if by < 0 else self.count())

    def action_leaf(self, by: int) -> None:
        top = self.first_row + self.body_rows * by
        self.roll_to(top)
        seen = [spot for spot in self._sheet.spots if top <= spot.row < top + self.body_rows]
        if self._walks and seen:
            self.at = seen[0].id
            self._redraw()
            self.post_message(self.Moved(self.at))

    def action_branch(self) -> None:
        step = next_branch(self._picture.nodes, self.at) if self._picture else None
        if step is not None:
            self.go(step)

    def action_open(self) -> None:
        if self._picture is not None and self._walks:
            self.post_message(Opened(Target("step", f"{self._picture.name}/{self.at}")))
