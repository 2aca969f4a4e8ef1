"""The proof of one person's consent: the ledger's entries, gone over; the file."""

from shlex import quote
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.people import ConsentProof
from engine.counts import counted
from tui.pages import proof as page_of
from tui.screens.files import save
from tui.screens.house import HouseScreen
from tui.widgets.page import Page

AGAIN_SECONDS = 0.3


class ProofScreen(HouseScreen):
    """Who agreed to what, when, by which words; and that nobody changed it since."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "export", "write the proof to a file", show=False, id="proof.export")
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("proof.export", "export the proof"),
        ("j k", "scroll"),
        ("house.back", "back"),
    )

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="proof")

    async def ask(self) -> None:
        self.title_line(f"Person › {self._address} › consent")
        found = await self.session.ask(ConsentProof, f"/v1/people/{part(self._address)}/consent")
        self.title_line(f"Person › {found.address} › consent", counted(len(found.rows), "entry", "entries"))
        self.query_one("#proof", Page).show(lambda width: page_of.proof(found, width), found.address)
        if found.checked < found.entries and not found.fault:
            self.ask_again_in(AGAIN_SECONDS)

    def action_export(self) -> None:
        self.run_worker(save(self.house, f"/v1/people/{part(self._address)}/proof"), group="deed", exclusive=True)

    def copy_text(self) -> str:
        return self._address

    def command_line(self) -> str:
        return f"posthouse consent show {quote(self._address)}"
