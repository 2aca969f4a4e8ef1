"""One alert, where nothing else can be opened."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.protocol.house import Alert, Overview
from tui.ink import Ink, line
from tui.pages import post
from tui.screens.house import HouseScreen
from tui.screens.post import ACKNOWLEDGE, acknowledging
from tui.verbs import Intent, Verb
from tui.widgets.page import Page


class AlertScreen(HouseScreen):
    """One alert whole, and who has seen it."""

    verbs: ClassVar[tuple[Verb, ...]] = (ACKNOWLEDGE,)
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("house.back", "back"),)

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="alert")

    @property
    def _alert(self) -> Alert | None:
        alerts = self.session.overview.alerts if self.session.overview is not None else ()
        return next((each for each in alerts if each.key == self._key), None)

    def latest(self, overview: Overview) -> None:
        self.title_line("Post › alert")
        alert = self._alert
        over = [line(("✓ it stands no more", Ink.GOOD))]
        page = self.query_one("#alert", Page)
        page.show(lambda width: over if alert is None else post.alert_page(alert, overview.now_ms, width))

    def acknowledge(self) -> Intent | str:
        return acknowledging(self._alert)

    def copy_text(self) -> str:
        return self._alert.text if self._alert else ""
