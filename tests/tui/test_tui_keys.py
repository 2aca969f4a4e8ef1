"""The command line, the palette, the way back and forth, kept filters, copying, and keys of one's own."""

import asyncio
import json
import os
import string
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input
from tui_stage import Stage, stage

from engine.control.protocol.acts import Refused
from engine.control.protocol.queue import Messages
from tui import commands, keymap
from tui.catalogue import catalogue
from tui.commands import Kind
from tui.ink import Target
from tui.keeping import Kept, config_folder, state_folder
from tui.keymap import Known
from tui.screens.palette import Entry, found
from tui.trail import Trail, View
from tui.widgets.page import Page
from tui.widgets.table import Table


async def _typed(one: Stage, words: str) -> None:
    await one.press("colon", *("space" if each == " " else "slash" if each == "/" else each for each in words), "enter")


async def test_a_colon_goes_to_a_mode_and_filters_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await _typed(one, "queue /4.2.1")
        await one.see("1 of 7 sites", "/4.2.1")


@pytest.mark.parametrize("opens", [":", "/"])
async def test_each_letter_of_a_burst_is_written_and_none_acts(tmp_path: Path, opens: str) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        letters = [each for each in string.printable if each.isprintable()]
        for each in (opens, *letters, "\u00ab"):
            one.app.post_message(events.Key(_character_to_key(each), each))
        line = one.app.screen.query_one("#command" if opens == ":" else "#filter", Input)
        await one.until(lambda: line.value.endswith("\u00ab"))
        assert line.value == "".join(letters) + "\u00ab"
        assert line.has_focus
        assert len(one.app.screen_stack) == 1
        assert one.daemon.done == []


async def test_what_is_typed_behind_a_filter_s_enter_is_for_the_table(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        for each in ("slash", *"new", "enter", "g", "enter"):
            one.app.post_message(events.Key(each, "/" if each == "slash" else "\r" if each == "enter" else each))
        await one.see("Lists › news", "0.ann@gmail.com")
        await one.press("escape")
        await one.see("/new", "1 list")


def _burst(one: Stage, *keys: str) -> None:
    """Typed before anything of it is heard."""
    for each in keys:
        one.app.post_message(
            events.Key(each, {"slash": "/", "enter": "\r", "colon": ":", "space": " "}.get(each, each))
        )


async def test_half_a_word_of_a_filter_leads_the_cursor_nowhere(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("▌ news")
        await one.press("slash", *"offers")
        await one.see("/offers", "1 list")
        await one.press("ctrl+u", "enter")
        await one.see("▌ news")  # back where one was
        await one.press("G", "slash", *"zz", "escape")
        await one.see("▌ ru")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("queue gma", "nothing is queued for gma"),
        ("journal gma", "no view gma"),
        ("bounces gma", "nothing here is called gma"),
    ],
)
@pytest.mark.parametrize("opened", [False, True])
async def test_a_command_that_finds_nothing_leaves_one_where_one_was(
    tmp_path: Path, words: str, said: str, opened: bool
) -> None:
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/messages"] = lambda query, words: Refused(f"nothing is queued for {query['site']}")
        await one.press("5")
        await one.see("▌ news")
        if opened:
            await one.press("enter")
            await one.see("Lists › news")
        view = one.app._view()
        await _typed(one, words)
        await one.see(said, "Lists › news" if opened else "▌ news")
        await one.until(lambda: not one.app.turns.is_leading)
        assert one.app._view() == view == one.app._trail.here
        await one.press("2")
        await one.see("7 sites")


async def test_a_command_that_finds_nothing_in_its_own_mode_leaves_one_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        answer = one.daemon.answers["/v1/messages"]

        def found(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            return Refused("there is no gma") if query["site"] == "gma" else answer(query, words)

        one.daemon.answers["/v1/messages"] = found
        await one.press("2")
        await one.see("7 sites")
        await _typed(one, "queue gma")
        await one.see("there is no gma", "7 sites")
        await one.press("enter")
        await one.see("reader0@gmail.com")
        await _typed(one, "queue gma")
        await one.see("there is no gma", "reader0@gmail.com")


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_verb_behind_a_filter_is_about_what_the_filter_finds(tmp_path: Path, is_late: bool) -> None:
    async with stage(tmp_path) as one:
        await one.press("2", "enter")
        await one.see("reader0@gmail.com")
        answer, gate = one.daemon.answers["/v1/messages"], asyncio.Event()

        async def found(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            every = cast(Messages, answer({name: each for name, each in query.items() if name != "q"}, words))
            if "q" not in query:
                return every
            if is_late:
                await gate.wait()
            rows = tuple(each for each in every.rows if query["q"] in each.forward_path)
            return replace(every, rows=rows, total=len(rows), after="")

        one.daemon.answers["/v1/messages"] = found
        _burst(one, "slash", *"reader5@", "enter", "H")
        await one.settle()
        assert not (is_late and one.daemon.done)
        gate.set()
        await one.until(lambda: one.daemon.done)
        assert [body.get("deliveries") for _, body in one.daemon.done] == [[9005]]


async def test_what_is_typed_behind_a_slash_is_no_verb_where_nothing_is_filtered(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("3", "enter")
        await one.see("Flows › abandoned-cart")
        _burst(one, "slash", *"Pay", "enter")
        await one.see("there is nothing to filter here", "Flows › abandoned-cart")
        assert one.daemon.done == []


async def test_a_command_typed_on_a_screen_that_is_refused_is_heard_on_the_one_below(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("▌ news")
        _burst(one, "colon", *"list", "space", *"nope", "enter", "colon", *"queue", "enter")
        await one.see("7 sites")
        assert one.daemon.done == []


async def test_a_screen_that_was_turned_back_forgets_no_keys_when_its_next_question_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("▌ news")
        gate = asyncio.Event()

        async def late(_query: Mapping[str, str], _words: Mapping[str, str]) -> object:
            await gate.wait()
            return Refused("there is no list nope")

        one.daemon.answers["/v1/lists/{name}"] = late
        _burst(one, "colon", *"list", "space", *"nope", "enter", "colon", *"queue", "enter")
        await one.settle()
        one.daemon.push(now_ms=one.daemon.overview.now_ms + 1)  # it asks again when it has its answer
        await one.settle()
        gate.set()
        await one.see("7 sites")


async def test_a_key_is_heard_when_what_had_the_focus_is_gone_before_it_answers(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        for each in ("5", "escape", "6", "2"):
            one.app.post_message(events.Key(each, each if each != "escape" else "\x1b"))
        await one.see("7 sites")


async def test_keys_whose_question_never_comes_are_forgotten_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.ahead.HOLD_SECONDS", 0.001)
    async with stage(tmp_path) as one:
        one.app.turns.is_asking = True  # by a fault
        _burst(one, "5", "X", "enter")
        await one.see("what was typed is forgotten", "41,204 contacts")
        one.app.turns.is_asking = False
        await one.press("2")
        await one.see("7 sites")  # the first key behind them is heard
        assert one.daemon.done == []


async def test_who_comes_back_to_a_filter_that_was_being_written_has_the_keys_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("5")
        await one.see("offers")
        await one.press("slash", *"new")
        await one.see("1 list")
        one.app.open(Target("list", "news"))
        await one.see("0.ann@gmail.com")
        await one.press("escape")
        await one.see("── Lists ", "/new", "1 list")
        await one.press("2")
        await one.see("── Queue ──")


async def test_a_colon_opens_a_thing_by_its_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await _typed(one, "message 4711")
        await one.see("── Message 4711")
        await _typed(one, "flow")
        await one.see("✗ :flow needs a name")
        await _typed(one, "qeue")
        await one.see("✗ there is no :qeue; did you mean :queue?")


async def test_tab_completes_and_the_arrows_go_through_what_was_typed(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("colon", *"mess", "tab")
        await one.press(*"4711", "enter")
        await one.see("── Message 4711")
        await one.press("colon", "up")
        await one.until(lambda: one.app.screen.query_one("#command").value == "message 4711")
        await one.press("down")
        await one.until(lambda: one.app.screen.query_one("#command").value == "")
        await one.press(*"site", "space", "g", "tab", "enter")
        await one.see("Queue › gmail.com")


async def test_brackets_go_back_and_forth_and_a_back_tick_to_the_last_view(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("── Queue ──", "outlook.example")
        await one.press("enter")
        await one.see("Queue › gmail.com")
        await one.press("3")
        await one.see("── Flows ──")
        await one.press("left_square_bracket")
        await one.see("Queue › gmail.com")
        await one.press("left_square_bracket")
        await one.see("── Queue ──")
        await one.press("right_square_bracket")
        await one.see("Queue › gmail.com")
        await one.press("left_square_bracket", "colon", *"log", "enter")
        await one.see("nothing was done from here yet")
        await one.press("right_square_bracket")  # from a page that lies over where one was
        await one.see("Queue › gmail.com")
        await one.press("1", "grave_accent")
        await one.see("Queue › gmail.com")
        await one.press("grave_accent")
        await one.see("Delivered a minute")


async def test_the_palette_finds_by_any_letters_and_does_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("ctrl+p")
        await one.see("what is to be done")
        await one.press(*"flows")
        await one.see("Flows")
        await one.press("enter")
        await one.see("── Flows ──")
        await one.press("ctrl+p", *"zzzz")
        await one.see("nothing is called so")
        await one.press("escape")
        await one.see("── Flows ──")


async def test_a_filter_is_kept_under_a_name_and_chosen_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("backslash")
        await one.see("no filter is kept")
        await one.press("slash", *"4.2.1", "enter")
        await _typed(one, "save late")
        await one.see("the filter late is kept")
        await one.press("escape")
        await one.see("7 sites")
        await one.press("backslash")
        await one.see("late", "/4.2.1")
        await one.press("enter")
        await one.see("1 of 7 sites")


async def test_what_is_under_the_cursor_is_copied_and_the_status_says_what(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("y")
        await one.see("copied: gmail.com")
        assert one.app.clipboard == "gmail.com"


async def test_a_page_is_searched_and_n_goes_on_to_the_next_line(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        page = one.app.screen.query_one("#desk", Page)
        await one.press("slash", *"gmail", "enter")
        await one.until(lambda: page.is_marked(0))
        first = page.cursor
        await one.press("n")
        await one.until(lambda: page.cursor > first)
        await one.press("N")
        await one.until(lambda: page.cursor == first)


async def test_n_goes_round_the_rows_that_match(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("N")
        await one.until(lambda: one.app.screen.query_one("#sites", Table).cursor == 6)
        await one.press("n")
        await one.until(lambda: one.app.screen.query_one("#sites", Table).cursor == 0)


async def test_p_holds_the_picture_still(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("p")
        await one.see("‖ paused 00:02:11")
        one.daemon.push(queued=77_777)
        await one.press("p")
        await one.see("● live", "77,777")


async def test_the_help_tells_the_keys_of_what_has_the_focus_as_they_are_now(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('[keys]\n"table.mark" = "f5"\n')
    async with stage(tmp_path, (160, 48), keys=keymap.read(path, catalogue)) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("question_mark")
        await one.see("What has the focus", "f5", "mark, and go down", "Everywhere")
        await one.press("escape", "f5")
        await one.see("marked: 1 row")


async def test_a_fault_in_the_file_of_keys_is_said_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('"queue.hodl" = "K"\n')
    async with stage(tmp_path, keys=keymap.read(path, catalogue)) as one:
        await one.see("✗", "there is no queue.hodl")
        assert "there is no queue.hodl" in one.app._rebound.faults[0]


def test_a_file_of_keys_is_judged() -> None:
    known = [
        Known("queue.hold", "H", "hold", "QueueScreen", True),
        Known("queue.release", "R", "release", "QueueScreen", True),
        Known("app.quit", "q", "leave", "App", False),
    ]
    path = Path("keys.toml")
    assert keymap.judged({"queue.hold": "K", "app.quit": "f10, ctrl+q"}, path, known).map == {
        "queue.hold": "K", "app.quit": "f10,ctrl+q",
    }  # fmt: skip
    for table, fault in (
        ({"queue.hold": "R"}, "R is both queue.hold and queue.release"),
        ({"queue.hold": "q"}, "changes mail: its key is a capital letter, or a letter with ctrl, not q"),
        ({"queue.hold": "f5"}, "changes mail: its key is a capital letter, or a letter with ctrl, not f5"),
        ({"queue.hold": "ctrl+m"}, "not ctrl+m, which a terminal sends as Enter"),
        ({"queue.hold": "ctrl+h"}, "not ctrl+h, which a terminal sends as Backspace"),
        ({"app.quit": "ctrl+i"}, "ctrl+i for app.quit would never come: a terminal sends it as Tab"),
        ({"app.quit": "alt+j"}, "alt+j for app.quit would never come: a terminal sends it as Escape and j"),
        ({"queue.hold": "enter"}, "not enter"),
        ({"queue.hold": 3}, "the key of queue.hold is no text"),
        ({"app.quit": ","}, "the key of app.quit is no text; the comma is called comma"),
        ({"queue.hodl": "K"}, "did you mean queue.hold?"),
    ):
        assert any(fault in each for each in keymap.judged(table, path, known).faults), table


def test_no_two_bindings_of_ours_want_the_same_key() -> None:
    known = catalogue()
    assert list(keymap.clashes(known, {})) == []
    assert len(known) > 40


def test_a_file_of_keys_that_is_none_is_a_fault_and_not_the_end(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    assert keymap.read(path, list) == keymap.Keys()
    path.write_bytes(b"\xff[")
    assert "is no TOML" in keymap.read(path, list).faults[0]
    assert "cannot read" in keymap.read(tmp_path, list).faults[0]


@pytest.mark.parametrize(
    ("text", "kind", "name", "words"),
    [
        ("queue gmail.com /421", Kind.MODE, "queue", "gmail.com /421"),
        ("2", Kind.MODE, "queue", ""),
        ("site x", Kind.THING, "site", "x"),
        ("hold", Kind.VERB, "queue.hold", ""),
        ("queue.hold", Kind.VERB, "queue.hold", ""),
        ("q", Kind.OWN, "quit", ""),
        ("", Kind.NOTHING, "", "there is no :"),
    ],
)
def test_words_behind_a_colon(text: str, kind: Kind, name: str, words: str) -> None:
    assert commands.understood(text, ["queue.hold"]) == commands.Command(kind, name, words)


def test_a_word_is_completed_as_far_as_all_agree() -> None:
    assert commands.candidates("fl", [], None) == ["flow", "flows"]
    assert commands.completed("fl", ["flow", "flows"]) == "flow"
    assert commands.completed("x", []) == "x"
    assert commands.candidates("site ", [], None, ["b", "a"]) == ["site a", "site b"]


def test_the_palette_puts_the_nearest_first() -> None:
    entries = [Entry("hold all sites", "", "a"), Entry("hold", "", "b"), Entry("Schedule", "", "c", "hour or old")]
    assert [each.command for each in found(entries, "hold")][:2] == ["a", "b"]
    assert [each.command for each in found(entries, "hse")] == ["a"]
    assert len(found(entries, "")) == 3


def test_a_trail_forgets_what_lay_ahead_when_one_goes_elsewhere() -> None:
    trail = Trail(View("post"))
    trail.visit(View("queue"))
    trail.visit(View("queue", (Target("site", "a"),)))
    assert trail.step(-1) == View("queue")
    trail.visit(View("flows"))
    assert trail.step(1) is None
    assert trail.last == View("queue")
    assert [trail.step(-1), trail.step(-1), trail.step(-1)] == [View("queue"), View("post"), None]


def test_what_is_kept_is_there_the_next_time_and_for_nobody_elses_eyes(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    kept = Kept(folder)
    kept.remember("queue")
    kept.remember("flows")
    kept.remember("queue")
    kept.save_filter("queue", "late", "4.2.1 דואר")
    again = Kept(folder)
    assert again.commands == ["flows", "queue"]
    assert again.filters == {"queue": {"late": "4.2.1 דואר"}}
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "commands": 0o600,
        "filters.json": 0o600,
    }
    again.save_filter("queue", "late", "")
    assert json.loads((folder / "filters.json").read_text()) == {"queue": {}}


def test_files_that_can_not_be_used_are_told_of_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "filters.json").write_text("[1]")
    (tmp_path / "commands").mkdir()
    kept = Kept(tmp_path)
    assert [
        each for each in ("no table of filters", "cannot read") if not any(each in fault for fault in kept.faults)
    ] == []
    kept.remember("queue")
    assert kept.commands == ["queue"]
    (tmp_path / "filters.json").unlink()
    (tmp_path / "filters.json").mkdir()
    assert "cannot write" in kept.save_filter("queue", "late", "421")


def test_what_another_terminal_has_kept_stays(tmp_path: Path) -> None:
    one, other = Kept(tmp_path), Kept(tmp_path)
    assert one.save_filter("queue", "late", "421") == ""
    assert other.save_filter("queue", "held", "state:held") == ""
    assert Kept(tmp_path).filters == {"queue": {"late": "421", "held": "state:held"}}


def test_folders_are_where_the_desktop_standard_says() -> None:
    assert config_folder({"XDG_CONFIG_HOME": "/c"}) == Path("/c/posthouse")
    assert state_folder({"XDG_STATE_HOME": "/s"}) == Path("/s/posthouse")
    assert state_folder({}).name == "posthouse"


def test_a_pipe_in_the_place_of_the_keys_is_a_fault_and_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys.toml")
    assert keymap.read(tmp_path / "keys.toml", list).faults == (
        f"cannot read {tmp_path / 'keys.toml'}: a pipe is no file",
    )
