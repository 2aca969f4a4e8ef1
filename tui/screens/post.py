"""1 Post: the first screen."""

from collections.abc import Sequence
from shlex import quote
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.calendar import Calendar, Planned
from engine.control.protocol.house import Alert, Overview
from engine.control.protocol.shaping import Why
from tui.format import wrap
from tui.ink import BLANK, Ink, Line, line
from tui.pages import post
from tui.pages import why as why_page
from tui.screens.house import HouseScreen
from tui.verbs import Intent, Verb
from tui.widgets.page import Page

SENDS_REST = 10.0  # seconds; their forecast is work for the daemon, and they are hours
ACKNOWLEDGE = Verb("A", "post.acknowledge", "acknowledge", "acknowledge")


def acknowledging(alert: Alert | None) -> Intent | str:
    """Say that an alert was seen."""
    if alert is None:
        return "the cursor is on no alert"
    if alert.seen_by:
        return f"{alert.seen_by} has seen it"
    words = f"Acknowledge: {alert.text}"
    return Intent(words, "alerts/acknowledge", {"alert": alert.key}, f"posthouse alert acknowledge {quote(alert.key)}")


class PostScreen(HouseScreen):
    """What needs you, how much goes through, and what just happened. Enter opens the cause of an alert."""

    has_title = False
    verbs: ClassVar[tuple[Verb, ...]] = (ACKNOWLEDGE,)
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("roll.open", "open"), ("house.why", "why"))

    def __init__(self) -> None:
        super().__init__()
        self._sends: tuple[Planned, ...] = ()
        self._sends_asked = -SENDS_REST  # when, by the session's clock

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="desk")
            yield Page(id="journal").add_class("beside")

    def latest(self, overview: Overview) -> None:
        desk, journal, sends = self.query_one("#desk", Page), self.query_one("#journal", Page), self._sends
        if not self.is_wide:
            desk.show(lambda width: post.post(overview, width, sends))
            return
        room = post.ROOMY if self.app.size.height >= 36 else post.TIGHT
        desk.show(lambda width: [*post.desk(overview, width, room, sends), *post.carriers(overview, width)])
        journal.show(lambda width: post.journal(overview, width))

    def nobody(self, error: ControlError | None) -> None:
        said = "Looking for the daemon …" if error is None else error.text
        lines = [BLANK, *(line((text, Ink.DIM)) for text in wrap(said, self.app.size.width - 8))]
        self.query_one("#desk", Page).show(lambda _: lines)

    async def ask(self) -> None:
        """The stream brings all but today's sends."""
        now = self.session.monotonic()
        if now - self._sends_asked < SENDS_REST:
            return
        sends = (await self.session.ask(Calendar, "/v1/calendar", {"days": 1})).rows
        self._sends_asked = now
        if sends != self._sends:
            self._sends = sends
            if self.session.overview is not None:
                self.latest(self.session.overview)

    def action_refresh(self) -> None:
        self._sends_asked = -SENDS_REST
        super().action_refresh()

    @property
    def _alert(self) -> Alert | None:
        """The alert under the cursor."""
        under = self.query_one("#desk", Page).line
        key = str(under.key) if under is not None else ""
        alerts = self.session.overview.alerts if self.session.overview is not None else ()
        return next((each for each in alerts if post.ALERT_KEY + each.key == key), None)

    def acknowledge(self) -> Intent | str:
        return acknowledging(self._alert)

    async def why(self) -> Sequence[Line]:
        alert = self._alert
        if alert is None:
            return ()
        lines = post.alert_page(alert, self.session.now_ms, 10_000)
        kind, name = post.cause(alert)
        if kind in ("site", "domain"):
            lines += [BLANK, *why_page.of_site(await self.session.ask(Why, f"/v1/why/{part(name)}"))]
        return lines

    def copy_text(self) -> str:
        under = self.query_one("#desk", Page).line
        return self._alert.text if self._alert else under.target.name if under is not None and under.target else ""

    def command_line(self) -> str:
        return "posthouse --plain post"
