"""Mode 9: what a filter asks the daemon for, lists that grow at both ends, and what can and can't be undone from there."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from canned import journal as canned
from tui_stage import stage

from engine.control.protocol.acts import Done
from engine.control.protocol.journal import ActRow, Happened
from tui.ink import plain
from tui.pages import journal
from tui.screens.growing import Growing
from tui.screens.views import ViewsScreen
from tui.session import Deed
from tui.verbs import Intent
from tui.widgets.commandline import CommandLine
from tui.widgets.table import Table


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        ("kind:bounced", {"kind": "bounced"}),
        ("ann@example.org 550 5.1.1", {"person": "ann@example.org", "q": "550 5.1.1"}),
        ("@ann@example.org", {"person": "ann@example.org"}),
        ("person:דנה@דואר.example", {"person": "דנה@דואר.example"}),
        ("kind: nothing:here", {"q": "kind: nothing:here"}),
    ],
)
def test_a_filter_of_what_happened_is_asked_of_the_daemon(text: str, params: dict[str, str]) -> None:
    assert journal.happened_params(text) == params


def test_a_filter_of_acts_knows_by_whom_what_and_about_whom() -> None:
    asked = journal.act_params("by:olga what:queue about:gmail.com the wrong price")
    assert asked == {"who": "olga", "what": "queue", "about": "gmail.com", "q": "the wrong price"}
    assert journal.act_params("ann@example.org") == {"about": "ann@example.org"}


async def test_a_list_grows_at_both_ends_and_shows_nothing_twice() -> None:
    pages = {"": ((9, 8, 7), "a"), "a": ((6, 5), "b"), "b": ((), "c"), "c": ((4,), "")}

    async def fetch(after: str) -> tuple[tuple[int, ...], str]:
        return pages[after]

    grown = Growing[int](lambda row: row)
    await grown.freshen("", fetch)
    assert grown.rows == (9, 8, 7, 6, 5, 4) and not grown.has_more
    pages[""] = ((11, 10, 9), "z")
    await grown.freshen("", fetch)
    assert grown.rows == (11, 10, 9, 8, 7, 6, 5, 4)
    pages[""] = ((2, 1), "")
    await grown.freshen("another filter", fetch)
    assert grown.rows == (2, 1)


async def test_where_too_much_is_new_the_list_begins_again() -> None:
    page: tuple[int, ...] = (3, 2, 1)

    async def fetch(after: str) -> tuple[tuple[int, ...], str]:
        return page, ""

    grown = Growing[int](lambda row: row)
    await grown.freshen("", fetch)
    page = (99, 98, 97)
    await grown.freshen("", fetch)
    assert grown.rows == (99, 98, 97)


def test_books_that_do_not_balance_say_which_deliveries() -> None:
    said = plain(journal.books(canned.ODD_BOOKS, 60))
    assert "✗ THE BOOKS DO NOT BALANCE" in said and "an owned delivery that is not claimed" in said and "  7" in said


def test_an_act_that_died_in_the_middle_says_what_to_do() -> None:
    row = canned.ACTS_DONE[-1]
    said = plain(journal.act(row, canned.NOW, 60))
    assert "? not known" in said and "look at what it was" in said


def test_what_was_asked_for_in_several_lines_is_shown_in_them() -> None:
    row = replace(canned.ACTS_DONE[0], told=json.dumps({"text": "tell ann\n\nthen bob", "mark": "a"}))
    said = plain(journal.act(row, canned.NOW, 60))
    assert "text      tell ann\n\n          then bob\n" in said
    assert "␊" not in said


async def test_an_act_is_undone_under_the_cursor_and_one_without_a_way_back_says_why(tmp_path: Path) -> None:
    async with stage(tmp_path, (100, 30)) as one:
        await one.press("9", "l")
        await one.see("gmail.com waits")
        await one.press("j", "U")
        await one.see("act 41 is undone")
        assert one.daemon.done[-1][0] == "acts/undo" and one.daemon.done[-1][1]["act"] == 41
        await one.press("j", "U")
        await one.see("lift it again instead")
        assert len(one.daemon.done) == 1
        await one.press("l")
        await one.see("$ posthouse undo 41")


async def test_nothing_is_undone_among_the_events_or_by_who_only_reads(tmp_path: Path) -> None:
    async with stage(tmp_path, read_only=True) as one:
        await one.press("9", "l", "U")
        await one.see("read-only")
    (tmp_path / "b").mkdir()
    async with stage(tmp_path / "b") as one:
        await one.press("9")
        await one.see("order.placed")
        await one.press("U")
        await one.see("only an act can be undone")
        assert not one.daemon.done


async def test_older_ones_come_when_one_goes_down_there_and_the_filter_goes_to_the_daemon(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("9")
        await one.see("100+, newest first")
        await one.press("G")
        await one.see("200+, newest first")
        await one.press("slash", *"kind:suppressed", "enter")
        await one.until(lambda: any("kind=suppressed" in each for each in one.daemon.asked))
        await one.see("hard bounce")
        await one.until(lambda: "cart.updated" not in one.text)


async def test_a_list_that_is_held_is_filtered_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("9")
        await one.see("100+, newest first")
        await one.press("f", "slash", *"kind:suppressed", "enter")
        await one.see("hard bounce", "held: f follows again")
        await one.until(lambda: "cart.updated" not in one.text)


async def test_a_page_that_comes_when_the_list_has_begun_again_is_nobody_s() -> None:
    gate, list_of = asyncio.Event(), Growing[int](lambda row: row)

    async def odd(after: str) -> tuple[tuple[int, ...], str]:
        if after:
            await gate.wait()
        return tuple(range(99, 1, -2)) if not after else (1,), "" if after else "1"

    async def even(after: str) -> tuple[tuple[int, ...], str]:
        return tuple(range(100, 2, -2)), "2"

    await list_of.freshen("odd", odd)
    growing = asyncio.ensure_future(list_of.grow(odd))
    await asyncio.sleep(0)
    await list_of.freshen("even", even)
    gate.set()
    await growing
    assert list_of.rows == tuple(range(100, 2, -2)) and list_of.has_more


async def test_a_note_keeps_what_it_is_about(tmp_path: Path) -> None:
    async with stage(tmp_path, (100, 30)) as one:
        await one.press("9", "l")
        await one.see("gmail.com waits")
        await one.press("j", "C")
        await one.see("Write a note")
        await one.press(*"calm", "enter", "enter", "enter")
        await one.until(lambda: one.daemon.done)
        assert one.daemon.done[-1][1]["text"] == "calm" and one.daemon.done[-1][1]["about"] == "gmail.com"


async def test_the_books_are_gone_over_without_hiding_how_to_take_back_what_was_done(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("9")
        await one.see("Journal › what happened")
        one.app.did(Deed(0, Intent("Hold one", "queue/hold"), (Done("1 of 1 delivery held", {"undo": {"path": "x"}}),)))
        await one.see("u undo")
        await one.press("c")
        await one.see("the books balance", "1 of 1 delivery held", "u undo")


def test_an_act_that_changed_nothing_is_not_told_as_done() -> None:
    row = ActRow(
        1, 0, "ann", "ann", "queue/release", "", '{"deliveries": [5415]}', "0 of 1 delivery released", "done", False, ""
    )  # fmt: skip
    assert journal.act_state(row).word == "did nothing"
    lines = [each.text.rstrip() for each in journal.act(row, 0, 60)]
    assert "deliveries  5415" in lines


async def test_the_cursor_stays_on_its_row_and_is_seen_when_others_of_the_same_message_come_before_it(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as one:
        await one.press("9")
        table = one.app.screen.query_one("#events", Table)
        await one.until(table.count)
        old = tuple(Happened(1000 - each, "deferred", "421 later", message_id=7) for each in range(60))
        table.show(old, 2000)
        last = table.body_rows - 1
        table.move_to(last)
        assert table.first_row == 0
        table.show((Happened(1001, "deferred", "421 later", message_id=7), *old), 2000)
        assert (table.row, table.cursor, table.first_row) == (old[last], last + 1, 1)
        table.roll_to(30)
        table.show((Happened(1002, "delivered", "250 ok", message_id=7), *table._rows), 2000)
        assert (table.row, table.first_row) == (old[last], 30), "who looks elsewhere is left there"


@pytest.mark.parametrize("place", [("9",), ("8", "enter")], ids=["journal", "domain"])
async def test_a_resize_takes_no_keys_from_a_line_that_is_being_typed(tmp_path: Path, place: tuple[str, ...]) -> None:
    async with stage(tmp_path) as one:
        await one.press(*place)
        await one.until(lambda: isinstance(one.app.screen, ViewsScreen))
        await one.press("colon", "q")
        screen, typed = one.app.screen, one.app.focused
        await one.pilot.resize_terminal(120, 24)
        await one.until(lambda: screen.size.width == 120 and screen.query_one("#detail").display)
        await one.press("4")
        assert isinstance(typed, CommandLine)
        await one.until(lambda: typed.value == "q4")
        assert one.app.screen is screen and one.app.focused is typed
