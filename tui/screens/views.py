"""A screen with several views of one thing: h and l, or v, go from one to the next; a line names them all."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.ink import Ink, line
from tui.screens.house import HouseScreen
from tui.widgets.bar import Bar


class ViewsScreen(HouseScreen):
    """Subclasses name their views, give a widget for each (its id is the view's name), and fill the one that is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,right,v", "view(1)", "the next view", show=False, id="views.next"),
        Binding("h,left", "view(-1)", "the view before", show=False, id="views.before"),
    ]
    views: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.view = self.views[0]

    def stage(self) -> ComposeResult:
        """The widgets of the views, and what stands beside them."""
        raise NotImplementedError

    def body(self) -> ComposeResult:
        yield Bar(id="views")
        yield from self.stage()

    def on_mount(self) -> None:
        super().on_mount()
        self.turn_to(self.view)

    def turn_to(self, view: str) -> None:
        """Show this view."""
        self.view = view
        for name in self.views:
            self._widget(name).display = name == view
        parts: list[tuple[str, Ink]] = [("  ", Ink.TEXT)]
        for name in self.views:
            parts += [(f" {name} ", Ink.TAB if name == view else Ink.DIM), (" ", Ink.TEXT)]
        self.query_one("#views", Bar).show(line(*parts))
        self._widget(view).focus()

    def _widget(self, view: str) -> Widget:
        found: Widget = self.query_one(f"#{view}", Widget)
        return found

    def shown(self, kind: type[Any]) -> Any:
        """The widget of the view that is shown, where it is of this kind; else None."""
        found = self._widget(self.view)
        return found if isinstance(found, kind) else None

    def action_view(self, by: int) -> None:
        self.turn_to(self.views[(self.views.index(self.view) + by) % len(self.views)])
        self.want_others()

    def jump(self, words: str) -> str:
        name, slash, text = words.partition("/")
        if (view := name.strip()) and view not in self.views:
            return f"there is no view {view}; there are: {', '.join(self.views)}"
        if view:
            self.turn_to(view)
        if slash:
            self.filter_for(text.strip())
        return ""
