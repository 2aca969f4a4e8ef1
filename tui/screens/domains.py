"""8 Domains: the domains we sign for, each with its rules and its keys."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.domains import DomainAnswer, DomainRow, Domains
from tui.format import clock, number
from tui.ink import Ink, Line, Target, line
from tui.pages import domains
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.verbs import Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

KEY_VERBS = (
    Verb("K", "domains.rotate", "new keys", "rotate"),
    Verb("S", "domains.sign", "sign with new", "sign"),
)


class DomainVerbs(HouseScreen):
    """What is done with the keys of a domain, on the list and on the domain's own screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check", "ask every name server and judge all rules, now", show=False, id="domains.check"),
    ]

    def domain(self) -> str:
        """Which one; "" where there is none."""
        raise NotImplementedError

    def key_states(self) -> Sequence[str] | None:
        """The states of its keys, as far as they are known."""
        raise NotImplementedError

    def rotate(self) -> Intent | str:
        name, states = self.domain(), self.key_states()
        if not name:
            return "there is no domain here"
        if states is not None and {"new", "published"} & set(states):
            return "it has new keys already: publish their records, S signs with them"
        command = f"posthouse domain {'rotate' if states or states is None else 'add'} {name}"
        return Intent(f"Make new keys for {name}", "domains/rotate", {"domain": name}, command)

    def sign(self) -> Intent | str:
        name, states = self.domain(), self.key_states()
        if not name:
            return "there is no domain here"
        if states is not None and not {"new", "published"} & set(states):
            return "it has no new keys: K makes them"
        return Intent(
            f"Sign {name} with its new keys", "domains/switch", {"domain": name}, f"posthouse domain switch {name}"
        )

    def action_check(self) -> None:
        self.run_worker(self._check(), group="check", exclusive=True)

    async def _check(self) -> None:
        name = self.domain()
        self.house.say(f"… asking every name server{f' of {name}' if name else ''}, and judging all rules", Ink.DIM)
        try:
            done = await self.session.act("domains/check", {"domain": name} if self.key_states() else {})
        except ControlError as error:
            self.house.say("✗ " + error.text, Ink.BAD)
            return
        self.house.say(done.text, Ink.CALM)
        self.action_refresh()


class DomainsScreen(DomainVerbs):
    """The domains; in a wide terminal with the keys of the one under the cursor."""

    hints = (("roll.open", "open"), ("domains.check", "check now"), ("house.filter", "filter"))
    verbs: ClassVar[tuple[Verb, ...]] = KEY_VERBS

    def __init__(self) -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)
        self._found: DomainAnswer | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[DomainRow](domains.DOMAINS, lambda row: Target("sending", row.domain), id="domains")
            yield Page(id="domain").add_class("beside")

    async def ask(self) -> None:
        found = await self.session.ask(Domains, "/v1/domains")
        wanted = self.filter_text.casefold()
        rows = tuple(row for row in found.rows if wanted in f"{row.domain} {row.readable} {row.keys}".casefold())
        examined = (
            "not examined yet" if found.examined_ms is None else f"examined {clock(found.examined_ms, found.now_ms)}"
        )
        self.title_line("Domains", f"{number(len(rows))}, {examined}")
        self._domains.show(rows, found.now_ms)
        await self._detail.nudge()

    @property
    def _domains(self) -> Table[DomainRow]:
        return self.query_one("#domains", Table)

    @on(Table.Moved)
    def _domain_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        row = self._domains.row
        page = self.query_one("#domain", Page)
        if row is None:
            none = "no domain is known: posthouse domain add shop.example makes its keys"
            self._found = None
            page.show(lambda width: [line((none, Ink.DIM)).cropped(width)])
            return
        found = self._found = await self.session.ask(DomainAnswer, f"/v1/domains/{part(row.domain)}")
        if self.is_wide:
            page.show(lambda width: domains.summary(found, row, width), row.domain)
        self.show_frame()

    def domain(self) -> str:
        row = self._domains.row
        return row.domain if row is not None else ""

    def key_states(self) -> Sequence[str] | None:
        found = self._found
        if found is None or found.domain != self.domain():
            return None
        return [each.state for each in found.keys]

    def command_line(self) -> str:
        return "posthouse domain list"

    async def why(self) -> Sequence[Line]:
        found, row = self._found, self._domains.row
        return (
            domains.summary(found, row, 44 if self.has_side else self.app.size.width - 4) if found is not None else ()
        )

    def jump(self, words: str) -> str:
        name, slash, text = words.partition("/")
        if name.strip():
            self.house.open(Target("sending", name.strip()))
        elif slash:
            self.filter_for(text.strip())
        return ""
