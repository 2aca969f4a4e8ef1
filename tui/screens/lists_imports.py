"""Imports: those that there are, and one with its dry run, its bar and the rows that were not taken."""

import asyncio
import base64
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.imports import ImportPicture, ImportRow, Imports
from engine.counts import counted
from tui.format import number
from tui.ink import Ink, Target
from tui.pages import imports as pages
from tui.screens import deeds
from tui.screens.files import named
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.screens.lists_acts import THERE, WHY, command_of, import_fields, options_of
from tui.session import House
from tui.verbs import Field, Intent, Ladder, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

BUSY = ("coming", "trying", "running")
AGAIN_SECONDS = 0.4  # between two looks at an import that runs; one that rests costs nothing


async def bring_file(house: House, name: str) -> Intent | str:
    """Ask for a file and what is declared of it, bring it to the daemon, and have it tried: nothing is written by that."""
    answers = await house.ask_modal(FormScreen("Import a file of people: a dry run comes first", import_fields(name)))
    if answers is None:
        return "nothing was done"
    options, file = options_of(dict(answers)), answers["file"]
    number_of = await _there(house, file) if answers["where"] == THERE else await _sent(house, file)
    house.open(Target("import", number_of))
    return Intent(f"Try {file}", "imports/try", {"id": number_of, **options}, command_of(file, options, dry=True))


async def _there(house: House, file: str) -> str:
    done = await house.session.act("imports", {"path": file})
    return str(done.facts["id"])


async def _sent(house: House, file: str) -> str:
    """Read a file of this machine and send it in parts; its number. ControlError when it can't be read."""
    try:
        place = await asyncio.to_thread(named, file)
        size = (await asyncio.to_thread(place.stat)).st_size
        done = await house.session.act("imports", {"name": place.name, "size": size})
        number_of, most, sent = str(done.facts["id"]), int(done.facts["part"]), 0
        with await asyncio.to_thread(place.open, "rb") as octets:
            while piece := await asyncio.to_thread(octets.read, most):
                part_of = {"id": number_of, "offset": sent, "octets": base64.b64encode(piece).decode()}
                await house.session.act("imports/part", part_of)
                sent += len(piece)
                house.say(f"… {number(sent)} of {number(size)} octets of {place.name} are sent", Ink.DIM)
    except OSError as err:
        raise ControlError(f"{file} can't be read: {err.strerror}", "Name a file of this machine") from None
    return number_of


class ImportsScreen(HouseScreen):
    """What is at the desk, and what was imported; in a wide terminal with the one under the cursor."""

    verbs: ClassVar[tuple[Verb, ...]] = (Verb("I", "imports.import", "import", "bring"),)

    def __init__(self, name: str = "") -> None:
        super().__init__()

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[ImportRow](pages.IMPORTS, lambda row: Target("import", row.id), id="imports")

    async def ask(self) -> None:
        found = await self.session.ask(Imports, "/v1/imports")
        wanted = self.filter_text.casefold()
        rows = tuple(row for row in found.rows if wanted in f"{row.file} {row.state} {row.by}".casefold())
        self.title_line("Lists › imports", counted(len(rows), "import"))
        self.query_one("#imports", Table).show(rows, found.now_ms)
        if any(row.state in BUSY for row in rows) and self.is_on_top:
            self.ask_again_in(AGAIN_SECONDS)

    def command_line(self) -> str:
        return "posthouse import list"

    async def bring(self) -> Intent | str:
        return await bring_file(self.house, "")


class ImportScreen(HouseScreen):
    """One import."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (("j k", "scroll"), ("house.back", "back"))
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("S", "import.start", "start", "start"),
        Verb("T", "import.try", "try", "try_out"),
        Verb("X", "import.cancel", "stop", "cancel"),
        Verb("E", "import.end", "end as it is", "end"),
        Verb("L", "import.release", "release", "release"),
        Verb("D", "import.drop", "drop the file", "drop"),
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self._number = name
        self._known: ImportPicture | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="import")

    async def ask(self) -> None:
        found = self._known = await self.session.ask(ImportPicture, f"/v1/imports/{part(self._number)}")
        self.title_line(f"Lists › imports › {found.row.file}", found.row.state)
        self.query_one("#import", Page).show(lambda width: pages.picture(found, width), self._number)
        if found.row.state in BUSY and self.is_on_top:
            self.ask_again_in(AGAIN_SECONDS)
        elif found.row.state not in BUSY:
            self._said_no_more()

    def _said_no_more(self) -> None:
        """It rests: that it runs, or is being tried, is true no more."""
        for deed in self.session.deeds:
            if deed.intent.path in ("imports/try", "imports/start") and deed.intent.body.get("id") == self._number:
                self.house.withdraw(deeds.told(deed))

    @property
    def _state(self) -> str:
        return "" if self._known is None else self._known.row.state

    def command_line(self) -> str:
        return f"posthouse import show {self._number}"

    # Verbs.

    def start(self) -> Intent | str:
        known = self._known
        if known is None or self._state not in ("ready", "tried", "stopped", "failed"):
            return f"it is {self._state}"
        goes_on = self._state == "stopped"
        command = f"posthouse import start {self._number}"
        return Intent(
            f"{'Go on with' if goes_on else 'Import'} {known.row.file}", "imports/start", {"id": self._number}, command,
            Ladder.DRY_RUN,
        )  # fmt: skip

    async def try_out(self) -> Intent | str:
        known = self._known
        if known is None or self._state not in ("ready", "tried", "failed"):
            return f"it is {self._state}"
        fields = [each for each in import_fields("") if each.name not in ("file", "where")]
        said = dict(known.declared)
        asked = tuple(Field(each.name, each.label, _before(each, said), each.choices, each.hint) for each in fields)
        answers = await self.house.ask_modal(FormScreen(f"Try {known.row.file} anew", asked))
        if answers is None:
            return "nothing was done"
        options = options_of(dict(answers))
        command = command_of(known.row.file, options, dry=True)
        return Intent(f"Try {known.row.file}", "imports/try", {"id": self._number, **options}, command)

    def cancel(self) -> Intent | str:
        if self._state not in ("trying", "running"):
            return f"nothing is being done: it is {self._state}"
        return Intent(
            "Stop it between two commits",
            "imports/cancel",
            {"id": self._number},
            f"posthouse import cancel {self._number}",
        )

    def end(self) -> Intent | str:
        known = self._known
        if known is None or self._state not in ("stopped", "reading", "failed") or not known.row.batch:
            return f"it is {self._state}"
        batch = known.row.batch
        words = (
            f"End import {batch} as it is: {counted(known.row.taken, 'row stays', 'rows stay')}, the rest is not taken"
        )
        return Intent(
            words,
            "imports/finish",
            {"batch": batch},
            f"posthouse import finish {batch}",
            Ladder.TYPED,
            typed=str(batch),
        )

    def release(self) -> Intent | str:
        known = self._known
        if known is None or self._state not in ("held", "trial", "done") or not known.row.batch:
            return f"it is {self._state}"
        batch = known.row.batch
        words = f"Let marketing go to the people of import {batch}, and watch its bounces no more"
        command = f"posthouse import release {batch} --why {{why}}"
        return Intent(words, "imports/release", {"batch": batch}, command, fields=(WHY,))

    def drop(self) -> Intent | str:
        known = self._known
        if known is None or self._state in BUSY or not known.row.size:
            return "its file is not at the desk, or it is busy"
        words = f"Take the file {known.row.file} from the desk; what was imported stays"
        return Intent(words, "imports/drop", {"id": self._number}, f"posthouse import drop {self._number}")


def _before(field: Field, said: dict[str, str]) -> str:
    """What was said of it the last time."""
    if field.name == "asks":
        return field.choices[0] if said.get("asks") == "yes" else field.choices[1]
    return said.get(field.name, field.default)
