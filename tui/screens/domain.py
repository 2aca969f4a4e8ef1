"""One domain: its rules, what bulk senders are asked for, the change of its keys, its records, what others report, how its
mail is taken."""

from collections.abc import Sequence
from shlex import quote
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.doctor import DemandRow, DoctorReport, FindingRow
from engine.control.protocol.domains import DomainAnswer, RecordRow, Reported
from engine.control.protocol.reputation import ReputationAnswer
from engine.counts import counted
from tui.ink import BLANK, Ink, Line, Target, line
from tui.messages import Opened
from tui.pages import domains, reported, reputation, rules
from tui.screens.domains import KEY_VERBS, DomainVerbs
from tui.screens.house import HouseScreen
from tui.screens.views import ViewsScreen
from tui.verbs import Intent, Ladder, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

_TABLES = ("rules", "bulk", "records")


class DomainScreen(DomainVerbs, ViewsScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "form", "records for a zone file, or for a provider's page", show=False, id="domain.form"),
        Binding("o", "foreign", "reports about domains that are none of ours", show=False, id="domain.foreign"),
    ]
    views = ("rules", "bulk", "keys", "records", "reports", "reputation")
    hints = (("views.next", "next view"), ("domains.check", "check now"), ("house.copy", "copy"))
    verbs: ClassVar[tuple[Verb, ...]] = (*KEY_VERBS, Verb("D", "domain.forget", "forget key", "forget"))

    def __init__(self, name: str) -> None:
        super().__init__()
        self._domain = name.rstrip(".").lower()
        self._answer: DomainAnswer | None = None
        self._report: DoctorReport | None = None
        self._as_provider = False
        self._is_foreign = False

    def stage(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[FindingRow](
                rules.RULES, lambda row: Target("rule", f"{row.rule} {row.about}".strip()), id="rules"
            )
            yield Table[DemandRow](
                rules.DEMANDS, lambda row: Target("demand", f"{row.provider} {row.demand}"), id="bulk"
            )
            yield Page(id="keys")
            yield Table[RecordRow](
                domains.RECORDS, lambda row: Target("record", f"{row.name} {row.value}"), id="records"
            )
            yield Page(id="reports")
            yield Page(id="reputation")
            yield Page(id="detail").add_class("beside")

    def turn_to(self, view: str) -> None:
        super().turn_to(view)
        self._lay_out()

    def _lay_out(self) -> None:
        self.query_one("#detail", Page).display = self.is_wide and self.view in _TABLES

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._lay_out)

    # What is shown.

    async def ask(self) -> None:
        self._answer = await self.session.ask(DomainAnswer, f"/v1/domains/{part(self._domain)}")
        match self.view:
            case "rules" | "bulk":
                await self._ask_rules()
            case "keys":
                self._show_keys(self._answer)
            case "records":
                self._show_records(self._answer)
            case "reports":
                await self._ask_reports()
            case _:
                await self._ask_reputation()
        self._show_detail()

    async def _ask_rules(self) -> None:
        try:
            self._report = await self.session.ask(DoctorReport, "/v1/doctor", {"kept": 1})
        except ControlError as error:
            if not error.refused:
                raise
            self._say("nothing was examined yet: c does")
            return
        report, wanted = self._report, self.filter_text
        if self.view == "rules":
            found = rules.of_domain(report, self._domain, wanted)
            self._say(f"{counted(len(found), 'rule')}, {rules.examined(report)}")
            self.query_one("#rules", Table).show(found, report.now_ms)
            return
        asked = rules.demands_of(report, self._domain, wanted)
        self._say(f"{counted(len(asked), 'demand')}, {rules.examined(report)}")
        self.query_one("#bulk", Table).show(asked, report.now_ms)

    def _show_keys(self, found: DomainAnswer) -> None:
        self._say(counted(len(found.keys), "key"))
        self.query_one("#keys", Page).show(lambda width: domains.keys(found, width), self._domain)

    def _show_records(self, found: DomainAnswer) -> None:
        wanted = self.filter_text.casefold()
        rows = tuple(each for each in found.records if wanted in f"{each.name} {each.value} {each.why}".casefold())
        self._say(f"{counted(len(rows), 'record')}, y copies for a {'provider' if self._as_provider else 'zone file'}")
        self.query_one("#records", Table).show(rows, found.now_ms)

    async def _ask_reports(self) -> None:
        foreign = self._is_foreign
        found = await self.session.ask(Reported, "/v1/reported", {"foreign": int(foreign)})
        self._say("foreign domains" if foreign else f"{found.days} days")
        name = self._domain
        self.query_one("#reports", Page).show(
            lambda width: reported.reported(found, name, width, foreign=foreign), (name, foreign)
        )

    async def _ask_reputation(self) -> None:
        page = self.query_one("#reputation", Page)
        try:
            found = await self.session.ask(ReputationAnswer, "/v1/reputation", {"about": f"domain {self._domain}"})
        except ControlError as error:
            if not error.refused:
                raise
            said = f"{error}: the index begins with the first mail"
            self._say("no mail yet")
            page.show(lambda width: [line((said, Ink.DIM)).cropped(width)])
            return
        self._say(f"{found.days} days")
        page.show(lambda width: reputation.reputation(found, width), self._domain)

    def _say(self, note: str) -> None:
        readable = self._answer.readable if self._answer is not None else self._domain
        self.title_line(f"Domains › {readable} › {self.view}", note)

    def _row(self) -> FindingRow | DemandRow | RecordRow | None:
        found = self.shown(Table)
        return found.row if found is not None else None

    def _show_detail(self) -> None:
        page, row = self.query_one("#detail", Page), self._row()
        if not page.display:
            return
        page.show(lambda width: self._told(row, width), (self.view, row, self._as_provider))

    def _told(self, row: FindingRow | DemandRow | RecordRow | None, width: int) -> list[Line]:
        """What the cursor is on, whole."""
        if isinstance(row, FindingRow):
            return rules.finding(row, width, as_provider=self._as_provider)
        if isinstance(row, RecordRow):
            return domains.record(row, width)
        if isinstance(row, DemandRow) and self._report is not None:
            causes = [each for each in self._report.rules if each.rule in row.because and each.about in ("", row.about)]
            head = [
                line(rules.verdict(row.verdict).run(), "  ", (row.title, Ink.STRONG)),
                line((row.source, Ink.DIM)),
                BLANK,
            ]
            return [*head, *(drawn for each in causes for drawn in (*rules.finding(each, width), BLANK))]
        return [line(("nothing fits", Ink.DIM))]

    @on(Table.Moved)
    def _moved(self) -> None:
        self._show_detail()

    @on(Opened)
    def open_target(self, message: Opened) -> None:
        message.prevent_default()
        if message.target.kind in ("message", "reputation"):
            self.house.open(message.target)
        elif message.target.kind == "record" and self.view == "keys":
            if row := self._record(message.target.name):
                self.house.sheet(row.name, domains.record(row, self.app.size.width - 4))
        else:
            self.house.sheet(message.target.name, self._told(self._row(), self.app.size.width - 4))

    def _record(self, name: str) -> RecordRow | None:
        records = self._answer.records if self._answer is not None else ()
        return next((each for each in records if each.name == name), None)

    # What is done.

    def domain(self) -> str:
        return self._domain

    def key_states(self) -> Sequence[str] | None:
        return None if self._answer is None else [each.state for each in self._answer.keys]

    def forget(self) -> Intent | str:
        selector = self._selector()
        if not selector or self._answer is None:
            return "put the cursor on a key among the keys"
        state = next((each.state for each in self._answer.keys if each.selector == selector), "")
        if state in ("active", "retiring"):
            return f"{selector} {'signs' if state == 'active' else 'signed mail that may still be under way'}"
        body = {"domain": self._domain, "selectors": [selector]}
        command = f"posthouse domain drop {self._domain} {selector}"
        return Intent(f"Forget the key {selector}", "domains/drop", body, command, Ladder.TYPED, typed=selector)

    def _selector(self) -> str:
        page = self.shown(Page) if self.view == "keys" else None
        if page is None or not page.count():
            return ""
        target = page.drawn(page.cursor).target
        return target.name.partition("._domainkey.")[0] if target is not None else ""

    def action_form(self) -> None:
        self._as_provider = not self._as_provider
        self.house.say(f"records for a {'provider' if self._as_provider else 'zone file'}", Ink.DIM)
        self.told()

    def action_foreign(self) -> None:
        self._is_foreign = not self._is_foreign
        if self.view != "reports":
            self.turn_to("reports")
        self.told()

    # What is copied, and why.

    def copy_text(self) -> str:
        row = self._row()
        if isinstance(row, FindingRow):
            return rules.mend_text(row.mend[0], as_provider=self._as_provider) if row.mend else "; ".join(row.seen)
        if self.view == "keys" and (selector := self._selector()):
            row = self._record(f"{selector}._domainkey.{self._domain}")
        if isinstance(row, RecordRow):
            return "\n".join(row.provider) if self._as_provider else row.zone
        return row.title if isinstance(row, DemandRow) else ""

    def command_line(self) -> str:
        return {
            "rules": f"posthouse doctor {self._domain}",
            "bulk": f"posthouse doctor {self._domain}",
            "keys": f"posthouse domain check {self._domain}",
            "records": f"posthouse domain records {self._domain}",
            "reports": f"posthouse report sources{' --foreign' if self._is_foreign else ''}",
            "reputation": f"posthouse reputation 'domain {self._domain}'",
        }[self.view]

    async def why(self) -> Sequence[Line]:
        row, report = self._row(), self._report
        if isinstance(row, FindingRow) and report is not None:
            return rules.why(row, report.rules, self._side_width)
        return self._told(row, self._side_width) if row is not None else ()

    @property
    def _side_width(self) -> int:
        return 44 if self.has_side else self.app.size.width - 4


class ReputationScreen(HouseScreen):
    """How the mail of one provider, source, From domain or stream is taken."""

    hints = (("roll.open", "open"), ("j k", "scroll"), ("house.back", "back"))

    def __init__(self, about: str) -> None:
        super().__init__()
        self._about = "" if about == "all" else about

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="reputation")

    async def ask(self) -> None:
        asked: dict[str, str | int] = {"about": self._about} if self._about else {}
        found = await self.session.ask(ReputationAnswer, "/v1/reputation", asked)
        self.title_line(f"Domains › {self._about or 'all mail'} › reputation", f"{found.days} days")
        self.query_one(Page).show(lambda width: reputation.reputation(found, width), self._about)

    def command_line(self) -> str:
        return f"posthouse reputation {quote(self._about)}" if self._about else "posthouse reputation"
