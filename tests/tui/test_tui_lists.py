"""Mode 5 and the person by keys, against the canned daemon: what is sent when a key is pressed, and what is not."""

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from canned import lists as canned_lists
from canned_day import NOW
from tui_stage import stage

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.lists import Lists, Standings
from engine.control.protocol.people import FileOctets
from tui.ink import Target
from tui.screens import lists_imports
from tui.screens.segments_edit import edited
from tui.verbs import Intent
from tui.widgets.table import Table

EVIL = (
    "\x1b]52;c;aGk=\x07",
    "[/foo] [@click=app.quit]x[/] [red",
    "\u202egpj.exe\u2066",
    "a\r\nb\x00\x7f",
    "購" * 200,
    "",
)


async def test_a_member_is_taken_off_with_a_reason_and_that_can_be_undone(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        await one.press("enter")
        await one.see("0.ann@gmail.com", "Pipeline")
        await one.press("X")
        await one.see("Why (has to be said)")
        await one.press(*"phone", "enter")
        await one.see("they were taken off news", "u undo")
        body = {"list": "news", "address": "0.ann@gmail.com", "why": "phone", "by": "dana"}
        assert one.daemon.done == [("lists/remove", body)]


async def test_all_that_match_are_named_by_their_filter_and_shown_first_what_it_would_do(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        await one.press("enter")
        await one.see("0.ann@gmail.com")
        await one.press("v")
        await one.see("unconfirmed ·")
        await one.press("asterisk", "R")
        await one.see("2 people would be asked again")
        dry = {"list": "news", "all": True, "state": "unconfirmed", "dry_run": True, "by": "dana"}
        assert one.daemon.done == [("lists/ask-again", dry)]
        await one.press("escape")
        await one.see("nothing was done")
        assert len(one.daemon.done) == 1


async def test_a_far_row_is_reached_by_its_page_and_nothing_between_is_sent(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        await one.press("enter")
        await one.see("0.ann@gmail.com")
        await one.press("G")
        await one.see("4997.li.lei")
        pages = [each for each in one.daemon.asked if "/members" in each]
        assert len(pages) < 12
        await one.press("g")
        await one.see("0.ann@gmail.com")


async def test_what_makes_no_sense_for_a_person_says_why(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        await one.press("enter")
        await one.see("0.ann@gmail.com")
        await one.press("R")
        await one.see("has said yes already")
        assert one.daemon.done == []


async def test_a_segment_is_judged_as_it_is_typed_and_a_faulty_one_is_not_kept(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5", "s")
        await one.see("birthdays")
        await one.press("E")
        await one.see("1,820 contacts")
        await one.press(*" and")
        await one.see("something is missing here")
        await one.press("ctrl+s")
        await one.see("Edit the segment")
        assert all(path in ("segments/check", "segments/count") for path, _ in one.daemon.done)


@pytest.mark.parametrize("typed", [" and", " "])
async def test_a_segment_is_kept_no_sooner_than_it_was_judged(tmp_path: Path, typed: str) -> None:
    async with stage(tmp_path) as one:
        check, gate = one.daemon.acts["segments/check"], asyncio.Event()
        gate.set()

        async def slowly(body: Mapping[str, Any]) -> object:
            await gate.wait()
            return check(body)

        one.daemon.acts["segments/check"] = slowly
        one.daemon.acts["segments"] = lambda body: Done("kept")
        await one.press("5", "s")
        await one.see("birthdays")
        await one.press("E")
        await one.see("1,820 contacts")
        gate.clear()
        await one.press(*typed, "ctrl+s")
        assert "Edit the segment" in one.text
        gate.set()
        if typed == " and":
            await one.see("something is missing here", "Edit the segment")
        else:
            await one.see("✓ kept")
        assert ("segments" in [path for path, _ in one.daemon.done]) == (typed == " ")


async def test_forgetting_asks_for_the_address_and_edits_send_only_what_differs(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.acts["people/erase"] = lambda body: canned_lists.Done("would be forgotten for good: 3 events")
        await one.press("5")
        await one.see("offers")
        await one.press("enter")
        await one.see("0.ann@gmail.com")
        await one.press("at")
        await one.see("Person › 0.ann@gmail.com", "Asia/Jerusalem")
        await one.press("F")
        await one.see("would be forgotten for good", "type 0.ann@gmail.com")
        await one.press("escape")
        await one.see("nothing was done")
        await one.press("E")
        await one.see("Birthday")
        await one.press(*"Levi", "enter", "enter", "enter", "enter", "enter", "enter")
        await one.see("is changed")
        assert one.daemon.done[-1] == (
            "people/set",
            {"address": "0.ann@gmail.com", "name": "Levi", "by": "dana"},
        )


async def test_a_proof_is_written_beside_and_never_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/people/{address}/proof"] = lambda query, words: Refused("no")
        await one.press("5")
        await one.see("offers")
        await one.press("enter")
        await one.see("0.ann@gmail.com")
        await one.press("enter")
        await one.see("Asia/Jerusalem")
        await one.press("c")
        await one.see("the chain holds")
        await one.press("x")
        await one.see("✗ no")
        file = FileOctets("../ann@x.consent.json", "Zm9v", digest, "2 entries")
        one.daemon.answers["/v1/people/{address}/proof"] = lambda query, words: file
        for count in (1, 2):
            await one.press("x")
            await one.until(lambda count=count: len(list((tmp_path / "here").iterdir())) == count)
    assert sorted(each.name for each in (tmp_path / "here").iterdir()) == ["ann@x.consent-2.json", "ann@x.consent.json"]


async def test_without_a_list_the_screen_says_how_to_make_one(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/lists"] = lambda query, words: Lists(NOW)
        await one.press("5")
        await one.see("no list yet", "C makes one")


async def test_no_verb_of_a_read_only_terminal_acts(tmp_path: Path) -> None:
    async with stage(tmp_path, read_only=True) as one:
        await one.press("5")
        await one.see("offers")
        await one.press("I")
        await one.see("this terminal is read-only")
        await one.press("enter")
        await one.see("0.ann@gmail.com")
        await one.press("X")
        await one.see("this terminal is read-only")
        assert one.daemon.done == []


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
async def test_evil_text_of_people_and_files_is_only_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: str
) -> None:
    row = replace(canned_lists.LIST_ROWS[0], title=evil, purpose=evil)
    monkeypatch.setattr(canned_lists, "LIST_ROWS", (row,))
    honest = canned_lists.standing
    monkeypatch.setattr(canned_lists, "standing", lambda n: replace(honest(n), name=evil, source=evil, why=evil))
    person = replace(canned_lists.PERSON, name=evil, locale=evil, tags=(evil,), source=evil, birthday=evil)
    monkeypatch.setattr(canned_lists, "PERSON", person)
    entry = replace(canned_lists.PROOF.rows[0], wording=evil, agent=evil, subject=evil, text=evil * 3)
    monkeypatch.setattr(canned_lists, "PROOF", replace(canned_lists.PROOF, rows=(entry,)))
    file = replace(canned_lists.IMPORT_ROWS[1], file=evil, why=evil, by=evil)
    monkeypatch.setattr(canned_lists, "IMPORT_ROWS", (canned_lists.IMPORT_ROWS[0], file))
    monkeypatch.setattr(
        canned_lists, "IMPORT", replace(canned_lists.IMPORT, people=(evil,), declared=(("source", evil),))
    )
    async with stage(tmp_path, (160, 48)) as one:
        for keys, sees in (
            (("5",), "Pipeline"), (("enter",), "0.ann@gmail.com"), (("enter",), "abandoned-cart"), (("c",), "the chain holds"),
            (("escape", "escape", "escape", "o"), "running"), (("j", "enter"), "nothing was written"),
        ):  # fmt: skip
            await one.press(*keys)
            await one.see(sees)
            shown = "".join(part.text for strip in one.app.screen._compositor.render_strips() for part in strip)
            assert not any(
                ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 or letter in "\u202e\u2066" for letter in shown
            )


async def test_a_list_with_nobody_on_it_says_how_somebody_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/lists/{name}/members"] = lambda query, words: Standings(NOW, "news")
        await one.press("5")
        await one.see("offers")
        await one.press("enter")
        await one.see("nobody is on it yet: I imports a file, A asks somebody")
        await one.press("v")
        await one.see("nobody is unconfirmed: v goes on")
        await one.press("slash", *"zz", "enter")
        await one.see("nobody unconfirmed matches /zz")


async def test_a_filter_that_finds_no_row_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        await one.press("slash", *"zzz")
        await one.see("0 lists", "nothing here matches /zzz")
        await one.press("escape")
        await one.see("offers")
        assert "nothing here" not in one.text


async def test_the_cursor_goes_to_the_list_that_was_made(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        was = one.daemon.answers["/v1/lists"]

        def make(body: Mapping[str, Any]) -> Done:
            more = canned_lists.list_row(str(body["name"]), "Spring")
            one.daemon.answers["/v1/lists"] = lambda query, words: replace(
                old := was(query, words), rows=(*old.rows, more)
            )
            return Done("the list is made")

        one.daemon.acts["lists"] = make
        await one.press("5")
        await one.see("offers")
        await one.press("C")
        await one.see("Make a list")
        await one.press(*"spring", *["enter"] * 4)
        await one.see("the list is made")
        await one.until(lambda: one.app.screen.query_one("#lists", Table).at == Target("list", "spring"))
        await one.press("g")
        await one.until(lambda: one.app.screen.query_one("#lists", Table).cursor == 0)


@pytest.mark.parametrize(("file", "why"), [("~nobody-here/a.csv", "nobody has such a home"), (".", "it is no file")])
async def test_a_file_that_can_t_be_read_is_said_and_nothing_is_begun(tmp_path: Path, file: str, why: str) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("double")
        await one.press("I")
        await one.see("Import a file of people")
        await one.press(*file, *["enter"] * 4, *"shop", *["enter"] * 5)
        await one.see(f"{file} can't be read: {why}")
        assert not one.daemon.done


async def test_what_runs_is_asked_of_by_one_timer_however_often_the_daemon_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists_imports, "AGAIN_SECONDS", 3600.0)
    async with stage(tmp_path) as one:
        was = one.daemon.answers["/v1/imports/{name}"]

        def running(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            found = was(query, words)
            return replace(found, row=replace(found.row, state="running"))

        one.daemon.answers["/v1/imports/{name}"] = running
        one.app.open(Target("import", canned_lists.IMPORT_ROWS[0].id))
        await one.see("X stops it")
        for count in range(2, 6):
            one.daemon.push()
            await one.until(lambda: sum("/v1/imports/" in each for each in one.daemon.asked) >= count)  # noqa: B023
        assert len([each for each in one.app.screen._timers if each._interval == 3600.0]) == 1


async def test_the_command_line_of_a_segment_is_one_that_a_shell_takes(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:

        async def said(screen: object) -> tuple[str, str, str]:
            return "buyers", "Who buys", "'no-mail' in contact.tags"

        one.app.ask_modal = said  # type: ignore[assignment,method-assign]
        made = await edited(one.app, None)  # type: ignore[arg-type]
        assert isinstance(made, Intent)
        words = ["posthouse", "segment", "set", "buyers", "'no-mail' in contact.tags", "--title", "Who buys"]
        assert shlex.split(made.command) == words


async def test_that_an_import_is_tried_is_said_no_longer_than_it_is(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        was, states = one.daemon.answers["/v1/imports/{name}"], ["tried"]

        def shown(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            found = was(query, words)
            return replace(found, row=replace(found.row, state=states[-1]))

        def start(body: Mapping[str, Any]) -> Done:
            if not body.get("dry_run"):
                states.append("running")
            return Done("import 2 runs")

        one.daemon.answers["/v1/imports/{name}"], one.daemon.acts["imports/start"] = shown, start
        await one.press("5", "o")
        await one.see("held back")
        await one.press("j", "enter")
        await one.see("S starts the import")
        await one.press("S")
        await one.see("\u25b8 Cancel \u25c2")
        await one.press("l", "enter")
        await one.see("\u2713 import 2 runs")
        states.append("done")
        await one.until(lambda: "import 2 runs" not in one.text)


async def test_a_list_of_imports_that_another_screen_lies_on_asks_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as one:
        await one.press("5", "o")
        await one.see("held back")
        imports, again = one.app.screen, list[object]()
        assert isinstance(imports, lists_imports.ImportsScreen)
        monkeypatch.setattr(imports, "ask_again_in", again.append)
        await imports.ask()
        assert again, "one of them runs"
        again.clear()
        await one.press("j", "enter")
        await one.see("S starts the import")
        await imports.ask()
        assert not again
