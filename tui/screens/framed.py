"""What stands around the body of every screen: header, tabs and title above, status and footer below."""

from typing import ClassVar

from textual.app import ComposeResult

from engine.control.protocol.house import Overview
from tui.ink import BLANK, Ink, Line, rule
from tui.pages import frame
from tui.screens.doing import Doing
from tui.widgets.bar import Bar, Status

_SAID = 6  # of the lines of the screen one may be taken by what was said


class Framed(Doing):
    """Subclasses say what they are called (`title_line`) and which keys come first."""

    has_title = True
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("roll.open", "open"), ("house.filter", "filter"))
    """What the footer says before the other verbs: a key, or the id of a binding or a verb, and a word."""

    @property
    def filter_text(self) -> str:
        """What is shown is filtered by this."""
        raise NotImplementedError

    def head(self) -> ComposeResult:
        yield Bar(id="top", keeps_right=True)
        yield Bar(id="tabs")
        if self.has_title:
            yield Bar(id="title")

    def foot(self) -> ComposeResult:
        yield Status(id="status")
        yield Bar(id="foot")

    def title_line(self, words: str, note: str = "") -> None:
        """Names the screen, says its filter, and counts."""
        chip = f"/{self.filter_text}" if self.filter_text else ""
        self.query_one("#title", Bar).show(rule(words, self.app.size.width, note, chip))

    def show_frame(self) -> None:
        """Header, tabs, status and footer, as they are now."""
        if not self.is_here:
            return
        width, overview, how = self.app.size.width, self.session.overview, self.house.link
        self.query_one("#top", Bar).show(frame.header(overview, read_only=self.session.read_only), frame.link(how))
        self.query_one("#tabs", Bar).show(frame.tabs(self.app.current_mode, width))
        self.query_one("#status", Status).show_all(*self._status(overview, how, width - 2))
        self.query_one("#foot", Bar).show(frame.footer(self.live_hints(), self.house.key_of("app.help"), width - 2))

    def _status(self, overview: Overview | None, how: frame.Link, width: int) -> tuple[list[Line], Line]:
        most = max(self.app.size.height // _SAID, 1)
        if how.error:
            return frame.away(overview, how, width, most), BLANK
        if self.trouble:
            return frame.said("✗ " + self.trouble, Ink.BAD, width, most)
        return self.house.status(width, most)

    def live_hints(self) -> list[frame.Hint]:
        """The keys of this screen with what they do now."""
        key_of = self.house.key_of
        verbs = {each.id: frame.Hint(key_of(each.id), each.label, not self.why_not(each)) for each in self.verbs}
        first = [
            verbs.pop(key) if key in verbs else frame.Hint(key_of(key) if "." in key else key, what)
            for key, what in self.hints
        ]
        return [*first, *verbs.values()]
