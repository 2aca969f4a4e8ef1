"""The application worked by keys, against a daemon that speaks the real protocol."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from canned import flows as canned_flows
from canned import queue as canned_queue
from canned.flows import CART, FLOW_ROWS
from canned_day import NOW
from textual.widgets import TextArea
from tui_stage import stage

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.flows import Flows
from engine.control.protocol.house import Alert
from engine.control.protocol.queue import Messages
from engine.control.protocol.shaping import Why
from tui.format import cells
from tui.ink import Ink, line
from tui.session import Session
from tui.widgets.page import Page
from tui.widgets.roll import Roll
from tui.widgets.table import Table


async def test_digits_go_to_the_three_modes_and_the_bar_says_where_we_are(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("── Queue ──", "qq.example")
        await one.press("3")
        await one.see("── Flows ──", "win-back")
        await one.press("1")
        await one.see("Delivered a minute")


async def test_a_site_opens_into_its_deliveries_and_a_delivery_into_its_life_and_escape_leads_back(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("j", "enter")
        await one.see("Queue › mx.seznam.example", "reader1@mx.seznam.exa", "last reply  354 go ahead")
        await one.press("down", "down", "enter")
        await one.see("── Message 4713", "◔ flow wait")
        await one.press("escape")
        await one.see("1,204 deliveries")
        await one.press("escape")
        await one.see("── Queue ──")
        await one.press("escape")
        await one.see("── Queue ──")


async def test_the_first_screen_opens_the_cause_of_an_alert_and_whatever_the_cursor_is_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("enter")
        await one.see("Queue › gmail.com")
        await one.press("escape", "j", "enter")
        await one.see("Post › alert", "nobody said so yet")
        await one.press("escape", "G", "enter")
        await one.see("── Message 4720")


async def test_an_alert_is_acknowledged_for_all_to_see(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("A")
        await one.see("✓ seen by dana", "u undo")
        assert one.daemon.done == [("alerts/acknowledge", {"alert": "gmail.com #", "by": "dana"})]
        await one.press("j", "j", "A")
        await one.see("A acknowledge: 李雷 has seen it")


async def test_a_flow_is_a_diagram_and_v_makes_it_an_outline(tmp_path: Path) -> None:
    async with stage(tmp_path, (100, 60)) as one:
        await one.press("3", "enter")
        await one.see("┏━ ◆ trigger", "▼ then", "● 112")
        await one.press("v")
        await one.see("├─ then")
        await one.press("v")
        await one.see("▼ then")


async def test_live_counts_change_in_their_boxes_and_nothing_else_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path, (100, 60)) as one:
        await one.press("3", "enter")
        await one.see("● 112    58 min")
        before = one.text
        wait = replace(CART.nodes[1], waiting=113)
        monkeypatch.setattr(canned_flows, "CART", replace(CART, nodes=(CART.nodes[0], wait, *CART.nodes[2:])))
        one.daemon.push(now_ms=NOW + 1000)
        await one.see("● 113    58 min")
        assert one.text == before.replace("● 112", "● 113")


async def test_a_slash_filters_sites_as_one_types_and_escape_shows_all_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("slash", *"4.2.1")
        await one.see("1 of 7 sites", "דואר.example")
        assert "gmail.com" not in one.text
        await one.press("enter")
        await one.see("/4.2.1")
        await one.press("enter")
        await one.see("Queue › דואר.example")
        await one.press("escape")
        await one.see("1 of 7 sites")
        await one.press("escape")
        await one.see("7 sites", "gmail.com")


async def test_keys_typed_into_a_filter_are_text_not_commands(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("slash", *"q1")
        await one.see("/q1")
        await one.press("escape")
        await one.see("outlook.example")


async def test_the_daemon_filters_deliveries(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2", "enter")
        await one.see("1,204 deliveries")
        await one.press("slash", *"dana")
        await one.see("1 delivery")
        assert any("q=dana" in path for path in one.daemon.asked)


async def test_a_million_deliveries_open_at_once_and_only_what_is_seen_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canned_queue, "TOTAL", 1_000_000)
    async with stage(tmp_path) as one:
        await one.press("2", "enter")
        await one.see("1,000,000 deliveries", "reader0@gmail.com")
        await one.press("G")
        await one.see("reader999999@gmail.com")
        await one.press("g")
        await one.see("reader0@gmail.com")
        assert all("limit=200" in path for path in one.daemon.asked if "/v1/messages" in path)


async def test_the_cursor_stays_on_its_site_when_the_order_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        await one.press("j", "j")
        table = one.app.screen.query_one("#sites", Table)
        assert table.at.name == "qq.example"
        monkeypatch.setattr(canned_queue, "SITES", canned_queue.SITES[::-1])
        await one.press("r")
        await one.until(lambda: table.cursor == 4)
        assert table.at.name == "qq.example"


async def test_when_the_daemon_goes_the_last_picture_stays_dated_and_comes_alive_by_itself(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.daemon.stop()
        await one.see("✗ away since 00:02:1", "Shown is 00:02:11", "1,342")
        assert all(roll.is_faded for roll in one.app.screen.query(Roll))
        await one.daemon.start()
        await one.see("● live")
        assert "away" not in one.text
        assert not any(roll.is_faded for roll in one.app.screen.query(Roll))


async def test_a_daemon_that_hangs_is_waited_for_where_one_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.session.LATE_SECONDS", 0.01)
    async with stage(tmp_path) as one:
        gate, answer = asyncio.Event(), one.daemon.answers["/v1/queue"]

        async def hang(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            await gate.wait()
            return answer(query, words)

        one.daemon.answers["/v1/queue"] = hang
        await one.press("2")
        await one.see("… no answer yet")
        gate.set()
        await one.see("7 sites", " live")


async def test_other_screens_can_be_looked_at_while_the_daemon_is_away(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.daemon.stop()
        await one.see("✗ away since")
        await one.press("2")
        await one.see("2 Queue", "✗ away since")
        await one.daemon.start()
        await one.see("● live", "qq.example")


async def test_what_is_opened_while_the_daemon_is_away_has_a_name_and_says_why_it_is_empty(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("gmail.com")
        await one.daemon.stop()
        await one.see("✗ away since")
        await one.press("enter")
        await one.see("site ", "not asked yet: the daemon is away")
        await one.press("H")  # asks nothing: nobody could do it
        await one.daemon.start()
        await one.until(lambda: "not asked yet" not in one.text)
        assert one.daemon.done == []


@pytest.mark.parametrize("words", ["flow gone", "message 999"])
async def test_what_is_not_there_leaves_one_where_one_was(tmp_path: Path, words: str) -> None:
    refusal = f"there is no {words}"
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/messages/{id}"] = lambda query, words: Refused(f"there is no message {words['id']}", "")
        await one.press("2")
        await one.see("gmail.com")
        await one.press("colon", *("space" if each == " " else each for each in words), "enter")
        await one.see("✗ ", refusal, "── Queue")
        await one.press("left_square_bracket")
        await one.until(lambda: refusal not in one.text)


@pytest.mark.parametrize("words", ["queue nope", "queue nope /421", "site nope", "domain nope"])
async def test_of_a_site_or_domain_that_nobody_knows_no_empty_list_is_opened(tmp_path: Path, words: str) -> None:
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/messages"] = lambda query, words: Messages(NOW)
        one.daemon.answers["/v1/why/{site}"] = lambda query, words: Refused(f"nothing is known of {words['site']}", "")
        await one.press("2")
        await one.see("gmail.com")
        await one.press("colon", *("space" if each == " " else each for each in words), "enter")
        await one.see("✗ nothing is known of nope", "── Queue ──", "7 sites")


async def test_a_site_where_nothing_waits_is_opened_and_a_domain_that_was_named_as_one_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        shown = one.daemon.answers["/v1/messages"]
        one.daemon.answers["/v1/messages"] = lambda query, words: (
            Messages(NOW) if "site" in query else shown(query, words)
        )
        one.daemon.answers["/v1/why/{site}"] = lambda query, words: Why(NOW, words["site"], "mx.idle.example")
        await one.press("colon", *"queue", "space", *"mx.idle.example", "enter")
        await one.see("Queue › mx.idle.example", "0 deliveries")
        await one.press("colon", *"queue", "space", *"shop.example", "enter")
        await one.see("Queue › shop.example", "reader0@shop.example")


async def test_what_was_said_on_several_lines_is_read_on_several(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.app.say("✗ first\nsecond", Ink.BAD)
        await one.press("colon", *"said", "enter")
        await one.see("What was said", "✗ first", "second")
        assert "␊" not in one.text


@pytest.mark.parametrize(("mode", "verb"), [("4", "C create"), ("5", "C make")])
async def test_in_a_narrow_terminal_the_footer_still_says_how_to_make_one(tmp_path: Path, mode: str, verb: str) -> None:
    async with stage(tmp_path, size=(80, 24)) as one:
        await one.pilot.resize_terminal(50, 12)
        await one.press(mode)
        await one.see(verb, "? help")


@pytest.mark.parametrize(
    ("words", "text"), [("draft abandoned-cart", "cart.updated"), ("mail-file mail/cart-reminder.txt.j2", "extends")]
)
async def test_an_editor_says_that_its_text_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, text: str
) -> None:
    may_come, ask = asyncio.Event(), Session.ask

    async def waiting(session: Session, kind: Any, path: str, params: Any = None) -> Any:
        if "draft" in path or "mail-file" in path:
            await may_come.wait()
        return await ask(session, kind, path, params)

    monkeypatch.setattr(Session, "ask", waiting)
    async with stage(tmp_path) as one:
        await one.press("colon", *("space" if each == " " else each for each in words), "enter")
        await one.until(lambda: one.text.count("… it is being fetched") == 2)  # in the title, and where it will be
        may_come.set()
        await one.see(text)
        assert "being fetched" not in one.text


async def test_a_draft_that_is_begun_again_is_the_one_that_is_open(tmp_path: Path) -> None:
    words = ("colon", *"draft", "space", *"abandoned-cart", "enter")
    async with stage(tmp_path) as one:
        await one.press("3")
        await one.see("win-back")
        await one.press(*words)
        await one.see("draft abandoned-cart", "cart.updated")
        draft = one.app.screen
        await one.press("escape")
        await one.until(lambda: not isinstance(one.app.focused, TextArea))
        await one.press("colon", *"flow", "space", *"abandoned-cart", "enter")
        await one.see("Flows › abandoned-cart", "? help")
        await one.press("e")
        await one.until(lambda: one.app.screen is draft)
        await one.press("escape")
        await one.see("── Flows ──", "win-back")


async def test_on_a_page_that_was_rolled_a_step_goes_to_what_is_seen(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("6")
        await one.see("Bounces")
        page = one.app.screen.query_one(Page)
        lines = [line(f"line {number}") for number in range(200)]
        stops = (0, 100, 104, 107, 180)
        shown = [each.opens("class", str(number)) if number in stops else each for number, each in enumerate(lines)]
        page.show(lambda width: shown, "lines")
        page.roll_to(98)
        await one.see("line 98")
        page.action_step(1)
        assert (page.cursor, page.first_row) == (100, 98)
        page.roll_to(20)
        page.action_step(1)  # nothing is there to stand on: one line on
        assert (page.cursor, page.first_row) == (100, 21)
        page.move_to(180)
        page.roll_to(98)
        page.action_step(-1)
        assert (page.cursor, page.first_row) == (107, 98)


async def test_a_refusal_that_is_long_takes_as_many_lines_as_it_needs_and_said_opens_a_longer_one(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, size=(80, 24)) as one:
        one.app.say("✗ " + "the key is not shown by every name server " * 4 + "END", Ink.BAD)
        await one.see("END", "? help")
        one.app.say("✗ " + "the key is not shown by every name server " * 9 + "END", Ink.BAD)
        await one.see(":said all of it")
        assert "END" not in one.text
        await one.press("colon", *"said", "enter")
        await one.see("What was said", "END")


async def test_what_the_daemon_refuses_is_said_in_the_footer(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        gone = replace(FLOW_ROWS[0], name="gone")
        one.daemon.answers["/v1/flows"] = lambda query, words: Flows(NOW, (gone,))
        await one.press("3")
        await one.see("gone")
        await one.press("G", "enter")
        await one.see("✗ there is no flow gone. See: posthouse flow list")


async def test_a_new_picture_is_shown_as_it_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.push(queued=77_777, alerts=(Alert("!", "the disk is nearly full"),))
        await one.see("77,777", "! the disk is nearly full")


async def test_help_lies_over_any_screen_and_any_of_its_keys_closes_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        for key in ("question_mark", "escape", "q"):
            await one.press("question_mark")
            await one.see("── What has the focus ──")
            await one.press(key)
            await one.see("Delivered a minute")


async def test_f2_changes_the_look(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        before = one.app.theme
        await one.press("f2")
        assert one.app.theme != before
        await one.press("f2", "f2")
        assert one.app.theme == before


async def test_q_leaves(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("q")
        await one.until(lambda: not one.app.is_running)
        assert one.app.return_code == 0


@pytest.mark.parametrize("size", [(40, 10), (60, 15), (80, 24), (119, 40), (120, 40), (200, 60)])
async def test_every_screen_stands_in_any_size_and_through_any_change_of_size(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with stage(tmp_path) as one:
        for key in ("1", "2", "enter", "enter", "3", "enter"):
            await one.press(key)
            await one.pilot.resize_terminal(*size)
            await one.until(lambda: all(cells(line) <= size[0] for line in one.text.splitlines()))
            await one.pilot.resize_terminal(80, 24)
        assert one.app.is_running


async def test_in_a_wide_terminal_the_right_side_shows_what_enter_would_open(tmp_path: Path) -> None:
    async with stage(tmp_path, (160, 48)) as one:
        await one.press("2")
        await one.see("reader0@gmail.com", "── gmail.com ──")
        await one.press("j")
        await one.see("reader0@mx.seznam.exa")
        await one.press("enter")
        await one.see("── Life ──", "message 4711")
        await one.press("j")
        await one.see("message 4712")
        await one.press("3")
        await one.see("╭─ ◆ trigger")
        await one.press("j", "j")
        await one.see("Double opt-in")


async def test_a_click_moves_the_cursor_and_a_second_opens(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("outlook.example")
        table = one.app.screen.query_one("#sites", Table)
        await one.pilot.click(table, offset=(10, 3))
        await one.until(lambda: table.at.name == "qq.example")
        await one.pilot.click(table, offset=(10, 3))
        await one.see("Queue › qq.example")


@pytest.mark.parametrize(
    ("version", "said"),
    [(2, "speaks protocol 2, this program only 1"), (0, "speaks protocol 0"), (None, "speaks an older protocol")],
)
async def test_a_daemon_of_another_protocol_is_told_of_and_one_of_ours_that_comes_after_it_is_attached(
    tmp_path: Path, version: int | None, said: str
) -> None:
    async with stage(tmp_path) as one:
        await one.daemon.stop()
        await one.see("✗ away since")
        honest = one.daemon.answers["/v1/hello"]
        one.daemon.answers["/v1/hello"] = lambda query, words: Done("", {} if version is None else {"version": version})
        await one.daemon.start()
        await one.see(said)
        one.daemon.answers["/v1/hello"] = honest
        await one.see("● live")


async def test_a_detail_that_the_daemon_refuses_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with stage(tmp_path, (160, 48)) as one:
        await one.press("3")
        await one.see("win-back", "abandoned-cart")
        one.daemon.answers["/v1/flows/{name}"] = lambda query, words: Refused("it was taken away just now", "")
        await one.press("j", "j")  # the row between is a draft
        await one.see("✗ it was taken away just now")
        await one.press("1")
        await one.see("Delivered a minute")


async def test_what_is_not_there_is_said_whole(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/messages/{id}"] = lambda *_: Refused(
            "there is no message 999999", "Look for it " * 9 + "there"
        )
        await one.press("colon", *"message 999999", "enter")
        await one.see("✗ there is no message 999999", "it there", "Delivered a minute")
