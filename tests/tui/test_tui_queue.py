"""The pages and words of the queue and of what came back: filters, shades, and what a key is about."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from canned import bounces as canned_bounces
from canned import queue as canned_queue
from tui_stage import stage

from engine.control.protocol.bounces import BounceDays, ReceivedPage, SuppressionPage, Unclassified
from engine.control.protocol.queue import Queue, Shape, ShapeRow
from tui import filters
from tui.format import cells
from tui.ink import Ink, Target
from tui.pages import bounces, heat, replies
from tui.screens.acting import Which
from tui.screens.queue import QueueScreen
from tui.widgets.table import Table


@pytest.mark.parametrize(
    ("text", "asked", "options"),
    [
        ("421", {"q": "421"}, "--find 421"),
        ("state:held older:2h", {"state": "held", "older": "2h"}, "--state held --older 2h"),
        ("state:in_doubt two words", {"state": "in doubt", "q": "two words"}, "--state 'in doubt' --find 'two words'"),
        ("colour:red x:", {"q": "colour:red x:"}, "--find 'colour:red x:'"),
        ("", {}, ""),
    ],
)
def test_a_filter_says_what_the_command_says(text: str, asked: dict[str, str], options: str) -> None:
    assert filters.words(text) == asked
    assert filters.options(filters.words(text)) == options


@pytest.mark.parametrize(
    ("count", "most", "shade"),
    [(0, 100, "·"), (1, 100, "░"), (6, 100, "▒"), (25, 100, "▓"), (26, 100, "█"), (100, 100, "█"), (1, 1, "█")],
)
def test_a_cell_is_darker_for_more_each_step_four_times_the_one_before(count: int, most: int, shade: str) -> None:
    assert heat.shade(count, most) == shade


@pytest.mark.parametrize(
    ("most", "legend"),
    [(1, "· none  █ up to 1"), (5, "· none  ▓ up to 1  █ up to 5"), (64, "· none  ░ up to 1  ▒ up to 4  ▓ up to 16  █ up to 64")],
)  # fmt: skip
def test_the_legend_of_a_map_tells_of_the_shades_that_there_can_be(most: int, legend: str) -> None:
    row = ShapeRow("gmail.com", most, (0, most))
    lines = heat.shape(Shape(0, "domain", (5,), row, (row,)), 78)
    assert lines[-1].text == legend
    bounds = [int(part) for part in legend.split() if part.isdigit()]
    assert [heat.shade(bound, most) for bound in bounds] == [part for part in legend.split() if part in "░▒▓█"]


@pytest.mark.parametrize("width", [30, 40, 60, 77, 78, 158])
def test_a_map_of_ages_has_its_oldest_column_whole_at_every_width(width: int) -> None:
    found = canned_queue.ANSWERS["/v1/queue/shape"]({}, {})
    assert isinstance(found, Shape)
    lines = heat.shape(found, width)
    assert max(each.width for each in lines) <= width
    assert lines[1].text.endswith(" older") and lines[3].text.endswith(" 244")
    grid = heat.shape_grid(found, width)
    begin, end = grid.place(grid.count - 1)
    [chosen] = [run for run in heat.lit(lines[3], begin, end).runs if run.ink is Ink.TAB]
    assert (chosen.text.strip("█▓▒░ "), end) == ("244", lines[3].width)
    assert heat.shape_cell(found, width, "gmail.com", grid.count - 1) == ("older than 21 h: 244", "older:1280m")
    assert sum(found.rows[0].counts) == sum(
        int(heat.shape_cell(found, width, "gmail.com", each)[0].rpartition(": ")[2].replace(",", ""))
        for each in range(grid.count)
    )


async def test_the_cells_of_a_map_are_walked_and_open_the_deliveries_of_that_age(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2", "m")
        await one.see("how long they wait", "h l cell")
        await one.press("h")
        await one.see("older than 21 h: 244")
        await one.press("h", "j")
        await one.see("older than 11 h, up to 21 h")
        await one.press("k", "enter")
        await one.see("Queue › gmail.com", "/older:640m younger:1280m")
        await one.press("escape", "escape")
        await one.see("older than 11 h, up to 21 h: 652")
        await one.press("m", "l")
        await one.see("21:05 · 0 taken · 0 put off · 1 refused")


@pytest.mark.parametrize(("share", "bar"), [(0.0, "    "), (0.1, "▏   "), (50.0, "██  "), (100.0, "████")])
def test_a_share_is_a_bar_and_the_least_is_seen(share: float, bar: str) -> None:
    assert replies.bar(share, 4) == bar


@pytest.mark.parametrize("width", [40, 80, 160])
def test_every_line_of_the_pages_fits_whatever_strangers_wrote(width: int) -> None:
    found = canned_bounces._mail({}, {"id": "28"})
    page = canned_bounces._suppression({"limit": "30"}, {})
    assert isinstance(page, SuppressionPage)
    lines = [
        *bounces.mail(found, width),  # type: ignore[arg-type]
        *(each for row in canned_bounces.REPLIES for each in replies.cluster(row, canned_bounces.NOW, width)),
        *(each for row in page.rows for each in bounces.suppressed(row, page.now_ms, width)),
    ]
    assert max(cells(each.text) for each in lines) <= width
    assert not any("\x1b" in each.text for each in lines)


async def test_a_million_suppressed_are_walked_to_their_end_a_window_at_a_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("6", "j", "j", "j", "j", "enter")
        await one.see("1,000,000", "ann0@example.org")
        await one.press("G")
        await one.see("999999")
        asked = [each for each in one.daemon.asked if each.startswith("/v1/suppression")]
        assert all("limit=200" in each for each in asked)


async def test_what_is_typed_at_once_behind_the_slash_is_a_filter_and_no_verb(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2", "enter")
        await one.see("Queue › gmail.com", "reader0@gmail.com")
        for key in ("slash", "O", "H", "1"):
            one.app.simulate_key(key)
        await one.see("/OH1")
        assert one.daemon.done == []


async def test_all_that_match_go_to_the_daemon_as_a_filter_and_are_had_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.acts["acts/undo"] = lambda body: canned_bounces.Done("act 3 is undone", {})
        await one.press("2", "enter")
        await one.see("Queue › gmail.com", "reader0@gmail.com")
        await one.press("asterisk", "X")
        await one.see("Grace")
        await one.press(*"test", "enter", "enter")
        await one.see("1,204 deliveries would be held", "Cancel")
        await one.press("tab", "enter")
        await one.see("1,204 deliveries held, to be cancelled in 1m")
        said = {"site": "gmail.com", "why": "test", "grace": "60s", "by": "dana"}
        assert [body for name, body in one.daemon.done if not body.get("dry_run")] == [said]
        await one.press("u")
        await one.see("undone")


async def test_a_reply_is_classified_from_the_replies_by_any_class_that_there_is(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("6", "c")
        await one.see("Replies › all", "zorbl")
        await one.press("C")
        await one.see("Make a rule of this reply", "1 of 3")


async def test_an_inbox_without_replies_says_why(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/bounces/unclassified"] = lambda query, words: Unclassified(canned_bounces.NOW)
        one.app.open(Target("unclassified", ""))
        await one.see("no rule knows", "a rule knows every reply that came")


@pytest.mark.parametrize("key", ["S", "L", "O"])
async def test_what_is_done_to_one_site_is_refused_where_several_are_marked(tmp_path: Path, key: str) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("gmail.com")
        await one.press("asterisk")
        await one.see("marked: ")
        await one.press(key)
        await one.see("one row at a time: take the marks away")
        assert not one.daemon.done


async def test_no_key_is_about_a_site_as_if_it_were_a_domain(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("gmail.com")
        gate, queue = asyncio.Event(), one.daemon.answers["/v1/queue"]

        async def slowly(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            await gate.wait()
            found = queue(query, words)
            assert isinstance(found, Queue)
            return replace(found, sites=(replace(found.sites[0], site="one.example"),))

        one.daemon.answers["/v1/queue"] = slowly
        await one.press("v", "S")
        gate.set()
        await one.see("Suspend domain one.example")


async def test_the_count_in_a_question_is_of_what_it_is_about(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("gmail.com")
        await one.press("space")  # marks it, and goes down
        screen = one.app.screen
        assert isinstance(screen, QueueScreen)
        which = screen.chosen()
        assert isinstance(which, Which) and which.told == f"all that waits for site {which.words['site']}"


async def test_of_mail_that_comes_back_in_a_flood_none_is_left_out(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        asked = one.daemon.answers["/v1/bounces/received"]
        [row, *_] = asked({"kind": "all"}, {}).rows  # type: ignore[attr-defined]
        newest = 300

        def page(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            last = int(query.get("after") or newest + 1)
            rows = tuple(replace(row, id=each) for each in range(last - 1, max(last - 201, 0), -1))
            return ReceivedPage(canned_bounces.NOW, rows, str(rows[-1].id) if rows[-1].id > 1 else "")

        one.daemon.answers["/v1/bounces/received"] = page
        one.app.open(Target("received", "all"))
        await one.see("200 mails, and older ones")
        table = one.app.screen.query_one("#received", Table)
        newest = 1_000
        await one.press("r")
        await one.until(lambda: table._rows[0].id == 1_000)
        await one.press("G", "r", "G", "r", "G", "r")
        ids = [each.id for each in table._rows]
        assert ids == list(range(1_000, 1_000 - len(ids), -1)) and len(ids) >= 600


async def test_beside_the_first_page_of_bounces_stands_the_newest_of_what_the_cursor_is_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.pilot.resize_terminal(100, 30)
        await one.press("6")
        await one.see("169 refused in 14 days", "── The newest ─", "✗ invalid recipient", "! complaint: ab")
        await one.press("j", "j", "j")
        await one.see("── What no rule knows ─", "450 zorbl flumm ID")
        await one.press("j")
        await one.see("reason         address", "– unsubscribe  דנה2@דואר.example")
        await one.press("j")
        await one.see("── invalid recipient ─", "judged by   user-unknown")
        await one.press("tab", "j", "enter")  # what stands there can be opened
        await one.see("── Message 4715")


@pytest.mark.parametrize("width", [47, 58, 80])
def test_of_many_days_the_newest_are_drawn_so_that_the_counts_are_seen(width: int) -> None:
    found = canned_bounces.ANSWERS["/v1/bounces"]({"days": "30"}, {})
    assert isinstance(found, BounceDays)
    found = replace(found, days=(found.days * 3)[:30])
    lines = bounces.first(found, 1, 2, width)
    assert max(each.width for each in lines) <= width
    [row] = [each.text for each in lines if each.target == Target("class", "rate limited")]
    assert "3,276" in row
