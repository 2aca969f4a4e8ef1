"""What can be done with a campaign from the schedule: the verbs of the list and of one campaign's page."""

import shlex
from pathlib import Path
from typing import Final

from engine.control.client import ControlError, part
from engine.control.protocol.calendar import CampaignText, Planned
from tui.ink import Ink
from tui.screens.files import named
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.screens.outside import NotEditedError, edited
from tui.verbs import Field, Intent, Ladder, Verb

FOLDER: Final = (
    "campaigns"  # where campaign files are, below the folder that the terminal was started in, if it is there
)
_NONE: Final = "the cursor is on no campaign"
_AT: Final = "tue 10:00 reader, tomorrow 9:00, 2026-12-01T10:00"

VERBS: Final = (
    Verb("C", "schedule.create", "create", "create"),
    Verb("S", "schedule.schedule", "schedule", "schedule"),
    Verb("M", "schedule.move", "move", "shift"),
    Verb("T", "schedule.test", "test", "test"),
    Verb("X", "schedule.recall", "recall", "recall"),
    Verb("P", "schedule.pause", "pause", "pause"),
    Verb("R", "schedule.resume", "resume", "go_on"),
    Verb("A", "schedule.again", "retry", "again"),
    Verb("O", "schedule.once_more", "resend", "once_more"),
    Verb("E", "schedule.edit", "edit", "edit"),
    Verb("D", "schedule.unschedule", "unschedule", "unschedule"),
)


class CampaignVerbs(HouseScreen):
    """A screen on which a campaign is chosen."""

    def planned(self) -> Planned | None:
        """The campaign that the verbs are about, as the calendar has it."""
        raise NotImplementedError

    def tried(self) -> str:
        """A time that is tried for it, ISO 8601; "" for none."""
        return ""

    # -- before it leaves

    async def create(self) -> Intent | str:
        """From a file, or by a form."""
        which = (Field("file", "A campaign file", hint="a path; empty: a new one by a form"),)
        answers = await self.house.ask_modal(FormScreen("Create a campaign", which))
        if answers is None:
            return "nothing was done"
        if not answers["file"]:
            return _new()
        return _of_file(answers["file"])

    def schedule(self) -> Intent | str:
        row = self.planned()
        if row is None:
            return _NONE
        if row.state in ("scheduled", "running", "paused", "next"):
            return f"{row.name} is {row.state} already: M moves it"
        fields = (
            Field("at", "When", _meant(row, row.civil) if row.at_ms else "", hint=_AT, required=not row.civil),
            Field("override", "Why, although it breaks the rules of bulk senders", hint="empty: it is refused then"),
        )
        body = {"campaign": row.name, "again": row.state != "draft"}
        command = f"posthouse campaign schedule {row.name}.yaml --at {{at}} --override {{override}}"
        return Intent(
            f"Schedule {row.name}",
            "campaigns/schedule",
            body,
            command,
            Ladder.DRY_RUN,
            fields,
            dry=("campaigns/plan", {}),
        )

    def shift(self) -> Intent | str:
        row = self.planned()
        if row is None:
            return _NONE
        if row.state not in ("scheduled", "next", "paused"):
            return f"{row.name} is {row.state}: only what has not begun is moved"
        fields = (Field("at", "When", _meant(row, self.tried() or row.civil), hint=_AT, required=True),)
        command = f"posthouse campaign move {row.name} {{at}}"
        return Intent(f"Move {row.name}", "campaigns/move", {"campaign": row.name}, command, fields=fields)

    def test(self) -> Intent | str:
        row = self.planned()
        if row is None:
            return _NONE
        fields = (
            Field("address", "To an address of your own", required=True),
            Field("locale", "Language", hint="en, he, zh ...; empty: the installation's"),
        )
        command = f"posthouse campaign test {row.name} {{address}} --locale {{locale}}"
        return Intent(f"Send a test of {row.name}", "campaigns/test", {"campaign": row.name}, command, fields=fields)

    async def edit(self) -> Intent | str:
        """In $EDITOR; the daemon keeps what comes back."""
        row = self.planned()
        if row is None:
            return _NONE
        kept = await self.session.ask(CampaignText, f"/v1/campaigns/{part(row.name)}/text")
        file = _file_of(row.name)
        try:
            source = edited(self.app, f"{row.name}.yaml", kept.source)
        except NotEditedError as err:
            return f"the editor failed: {err}"
        if source == kept.source:
            return "nothing was changed"
        command = f"posthouse campaign keep {shlex.quote(str(file))}"
        body = {"source": source, "file": f"{row.name}.yaml"}
        return Intent(f"Keep another text of {row.name}", "campaigns/keep", body, command)

    def unschedule(self) -> Intent | str:
        row = self.planned()
        if row is None:
            return _NONE
        if row.state == "draft":
            command = f"posthouse campaign drop {row.name}"
            return Intent(f"Forget the draft {row.name}", "campaigns/drop", {"campaign": row.name}, command)
        if row.state not in ("scheduled", "next", "paused"):
            return f"{row.name} is {row.state}: X recalls what has begun"
        command = f"posthouse campaign unschedule {row.name}"
        return Intent(f"Take its time from {row.name}", "campaigns/unschedule", {"campaign": row.name}, command)

    # -- while it leaves

    def pause(self) -> Intent | str:
        return self._of_run("pause", ("scheduled", "running"), "Pause", fields=(Field("why", "Why"),))

    def go_on(self) -> Intent | str:
        override = Field(
            "override", "Why, although it breaks the rules of bulk senders", hint="empty: it is refused then"
        )
        return self._of_run("resume", ("paused",), "Let go on", fields=(override,))

    def recall(self) -> Intent | str:
        asked = (Field("why", "Why", hint="kept with the run"),)
        return self._of_run("recall", ("scheduled", "running", "paused"), "Recall", Ladder.DRY_RUN, asked)

    def again(self) -> Intent | str:
        asked = (
            Field("what", "What", "rest", ("rest", "failed", "bounced"), "rest: recalled, cancelled, not written"),
        )
        return self._of_run("retry", ("stopped", "recalled", "done"), "Go on with", Ladder.DRY_RUN, asked)

    def once_more(self) -> Intent | str:
        asked = (Field("subject", "Another subject", hint="empty: its own"),)
        return self._of_run(
            "resend", ("stopped", "recalled", "done"), "Write again to who did not open", Ladder.DRY_RUN, asked
        )

    def _of_run(
        self, act: str, states: tuple[str, ...], words: str, ladder: Ladder = Ladder.AT_ONCE, fields: tuple[Field, ...] = ()
    ) -> Intent | str:  # fmt: skip
        row = self.planned()
        if row is None:
            return _NONE
        if row.run is None or row.state not in states:
            return f"{row.name} is {row.state}, not {' or '.join(states)}"
        said = "".join(f" --{each.name} {{{each.name}}}" for each in fields)
        body: dict[str, object] = {"campaign": row.name, "run": row.run}
        return Intent(
            f"{words} {row.name}",
            f"campaigns/{act}",
            body,
            f"posthouse campaign {act} {row.name}{said}",
            ladder,
            fields,
        )

    # -- files

    async def perform(self, intent: Intent) -> bool:
        """What is made is written into a new file; what is written anew into its own, where that is as the daemon had it. A
        file that says anything else is somebody's work."""
        is_its_own = await self._is_as_kept(intent)
        if not await super().perform(intent):
            return False
        name = self.session.deeds[-1].steps[-1].facts.get("campaign")
        if isinstance(name, str) and intent.path in ("campaigns/new", "campaigns/keep", "campaigns/write"):
            await self._to_file(name, "x" if intent.path == "campaigns/new" else "w" if is_its_own else "")
        return True

    async def _is_as_kept(self, intent: Intent) -> bool:
        """Whether the file here, of the campaign whose text this changes, says what the daemon keeps."""
        if intent.path not in ("campaigns/keep", "campaigns/write"):
            return False
        name = str(intent.body.get("campaign") or Path(str(intent.body.get("file"))).stem)
        try:
            return _file_of(name).read_text(encoding="utf-8") == await self._kept(name)
        except (ControlError, OSError, UnicodeDecodeError):
            return False

    async def _kept(self, name: str) -> str:
        return (await self.session.ask(CampaignText, f"/v1/campaigns/{part(name)}/text")).source

    async def _to_file(self, name: str, mode: str) -> None:
        """`mode`: as of `open`; "" for a file that is left alone, of which it is said that it differs."""
        file, other = _file_of(name), f"`posthouse campaign text {name}` prints it"
        try:
            kept = await self._kept(name)
            if mode:
                with file.open(mode, encoding="utf-8") as written:
                    written.write(kept)
                self.house.say(f"✓ campaign {name} is kept; its file is {file}", Ink.GOOD)
            elif file.exists() and file.read_text(encoding="utf-8", errors="replace") != kept:
                self.house.say(
                    f"campaign {name} is kept; {file} says something else and is left alone: {other}", Ink.WAIT
                )
        except (ControlError, OSError) as err:
            self.house.say(f"it is kept, but {file} can't be written: {err}; {other}", Ink.WAIT)


def _meant(row: Planned, civil: str) -> str:
    """A time with whose clock it is on, as it may be typed back."""
    return f"{civil} reader" if civil and row.zone == "contact" else civil


def _of_file(words: str) -> Intent | str:
    """A file that is there already becomes the campaign's text."""
    try:
        path = named(words)
        source = path.read_text(encoding="utf-8")
    except OSError as err:
        return f"{words} can't be read: {err.strerror}"
    except UnicodeDecodeError:
        return f"{words} can't be read: it is no text in UTF-8"
    command = f"posthouse campaign keep {shlex.quote(str(path))}"
    return Intent(f"Keep the campaign of {path.name}", "campaigns/keep", {"source": source, "file": path.name}, command)


def _new() -> Intent:
    fields = (
        Field("name", "Name", hint="small letters, digits, hyphens", required=True, blamed=("already",)),
        Field("list", "List", blamed=("audience",)),
        Field("segment", "Segment", hint="with a list: who is in both"),
        Field("mail", "Mail", "newsletter", blamed=("template",)),
        Field("subject", "Subject", hint="in your first language; its mail has W for the others"),
        Field("text", "What it says", hint="the first paragraph; E writes on", blamed=("content",)),
        Field("when", "When", hint="tue 10:00 reader, tomorrow 9:00; empty: a draft"),
        Field("holdout", "Holdout", hint="10%: so many get nothing, to measure by"),
    )
    said = "".join(f" --{each.name} {{{each.name}}}" for each in fields[1:])
    command = f"posthouse campaign new {{name}}{said}"
    return Intent("Make a campaign", "campaigns/new", {}, command, fields=fields, keeps=True)


def _file_of(name: str) -> Path:
    """Where a campaign's file is, here."""
    folder = Path(FOLDER)
    return (folder if folder.is_dir() else Path()) / f"{name}.yaml"
