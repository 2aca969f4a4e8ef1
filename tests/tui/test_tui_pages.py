"""The pages as they are drawn: every line within its width, whatever it holds."""

import time
from dataclasses import replace

import pytest
from canned.flows import CART, FLOW_ROWS
from canned.post import overview
from canned.queue import SITES, life, row
from canned_day import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.control.protocol.calendar import Planned
from engine.control.protocol.flows import FlowBranch, FlowNode, FlowPicture
from engine.control.protocol.house import Alert, Overview
from engine.control.protocol.house import Line as Happening
from tui.chart import bars
from tui.columns import heading, layout
from tui.columns import row as drawn_row
from tui.ink import Line, plain
from tui.pages import flows, post
from tui.pages.boxes import Look
from tui.pages.diagram import diagram, drawing
from tui.pages.life import life as life_page
from tui.pages.tables import FLOWS, MESSAGES
from tui.pages.tables import SITES as SITE_COLUMNS

WIDTHS = (40, 60, 77, 100, 157, 300)
HOSTILE = "evil \x1b]52;c;aGk=\x07 [/foo] [@click=app.quit]x[/] \u202e您的購物車 " + "\u0334" * 99


def widest(lines: list[Line]) -> int:
    return max(line.width for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_of_any_page_is_wider_than_the_page(width: int) -> None:
    assert widest(post.post(overview(), width)) <= width
    assert widest(life_page(life(4711), width)) <= width
    assert widest(flows.flow(CART, width)) <= width
    assert widest(flows.flow(CART, width, as_outline=True)) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_and_their_heading_stand_in_the_same_columns(width: int) -> None:
    columns = layout(SITE_COLUMNS, width)
    assert len({drawn_row(columns, site, NOW).width for site in SITES} | {heading(columns).width}) == 1
    messages = layout(MESSAGES, width)
    assert len({drawn_row(messages, row(n, "דואר.example"), NOW).width for n in range(6)}) == 1
    named = layout(FLOWS, width)
    assert len({drawn_row(named, each, NOW).width for each in FLOW_ROWS}) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=[]), max_size=60))
def test_whatever_a_stranger_wrote_no_control_is_drawn(text: str) -> None:
    hostile = replace(
        overview(),
        host=text,
        alerts=(Alert(text, text),),
        sites=(replace(SITES[0], site=text, last_reply=text),),
        flows=(replace(FLOW_ROWS[0], name=text, title=text, state=text),),
        journal=(Happening(NOW, text, text, 1),),
    )
    drawn = plain(post.post(hostile, 77)).replace("\n", "")
    assert not any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 for each in drawn)


def test_an_alert_comes_before_everything_and_is_told_in_full() -> None:
    lines = post.post(replace(overview(), alerts=(Alert("!", "word " * 30),)), 60)
    assert lines[0].text.startswith("! word word")
    assert plain(lines).count("word") == 30


def test_only_sites_in_trouble_are_named_and_the_others_are_counted_behind_a_key() -> None:
    text = plain(post.troubled(overview(), 77))
    assert "bücher.example" not in text
    assert "outlook.example" not in text
    assert "Sites in trouble: 5" in text
    assert "… 3 more: press 2" in text


def test_a_quiet_house_says_that_it_is_quiet() -> None:
    text = plain(post.post(Overview("mail.example", "1", NOW), 77))
    assert "no site is in trouble" in text
    assert "no flow is here yet" in text
    assert "nothing has happened yet" in text


def test_the_highest_minute_fills_the_chart_and_a_single_delivery_still_shows() -> None:
    top, bottom = bars((0, 1, 800, 400), rows=2)
    assert (top.text, bottom.text) == ("  █ ", "▁▁██")


def test_moments_are_told_in_order_with_glyph_and_word() -> None:
    text = plain(life_page(life(4711), 77))
    words = ["◆ event read", "◔ flow wait", "§ consent confirmed", "○ queued", "✓ delivered", "↻ deferred"]
    places = [text.index(word, text.index("Life")) for word in words]
    assert places == sorted(places)


def test_with_two_recipients_a_moment_says_whose_it_is() -> None:
    assert "250 2.0.0 Ok: queued as 9F21C [dana@דואר.example]" in plain(life_page(life(4711), 100))


BOXES = """\
╭─ ◆ trigger ──────────────────╮
│ cart.updated                 │
│                      ✓ 4,210 │
╰───────────────┬──────────────╯
                ▼ 4,210 · 31/h
╭─ ◔ wait ! narrow ────────────╮
│ 1 h                          │
│ ● 112    58 min      ✓ 4,098 │
╰───────────────┬──────────────╯
                ▼
╭─ ■ end ──────────────────────╮
│                              │
│                      ✓ 3,411 │
╰──────────────────────────────╯"""


def test_steps_are_boxes_with_their_counts_inside() -> None:
    drawn = drawing((CART.nodes[0], CART.nodes[1], CART.nodes[-1]), 32, Look(now_ms=NOW))
    assert drawn is not None
    assert plain(drawn.lines) == BOXES


def test_branches_stand_side_by_side_and_an_empty_one_is_a_line_past_them() -> None:
    node = FlowNode("i", "if", "a", branches=(FlowBranch("then", (FlowNode("s", "send", "b"),)),))
    lines = diagram((node, FlowNode("e", "end", "")), 80)
    assert lines is not None
    text = plain(lines)
    assert "▼ then" in text
    assert "│ else" in text
    assert text.count("┴") == 1
    assert "╰" in text.splitlines()[-5]


def test_a_branch_that_ends_is_not_joined_to_what_follows() -> None:
    leaves = FlowBranch("then", (FlowNode("x", "exit", "no"),))
    stays = FlowBranch("else", (FlowNode("s", "send", "b"),))
    lines = diagram((FlowNode("i", "if", "a", branches=(leaves, stays)), FlowNode("e", "end", "")), 80)
    assert lines is not None
    exit_foot = next(line.text for line in lines if "╰" in line.text and "┬" in line.text and line.text.count("╰") == 2)
    assert exit_foot.index("┬") > exit_foot.index("╯"), "the line leaves by the second branch alone"


def test_counts_that_change_move_nothing() -> None:
    def shape(picture: FlowPicture) -> list[int]:
        lines = diagram(picture.nodes, 100)
        assert lines is not None
        return [line.width for line in lines]

    def counted(node: FlowNode, count: int) -> FlowNode:
        branches = tuple(FlowBranch(b.label, tuple(counted(n, count) for n in b.nodes)) for b in node.branches)
        return replace(node, waiting=count, passed=count, branches=branches)

    quiet = replace(CART, nodes=tuple(counted(node, 0) for node in CART.nodes))
    busy = replace(CART, nodes=tuple(counted(node, 99_999_999) for node in CART.nodes))
    assert shape(quiet) == shape(busy) == shape(CART)


def test_a_flow_too_wide_to_draw_is_an_outline() -> None:
    assert diagram(CART.nodes, 40) is None
    text = plain(flows.flow(CART, 40))
    assert "├─ then" in text
    assert "│  » send" in text


LABEL = st.sampled_from(["", "1 h", HOSTILE, "contact.orders.count == 0", "購物車提醒" * 9])
FEW = settings(max_examples=40, deadline=None)


def _branches(children: st.SearchStrategy[FlowNode]) -> st.SearchStrategy[FlowNode]:
    branch = st.builds(
        FlowBranch, st.sampled_from(["then", "else", HOSTILE]), st.lists(children, max_size=3).map(tuple)
    )
    return st.builds(
        FlowNode,
        st.just("n"),
        st.just("if"),
        LABEL,
        branches=st.lists(branch, min_size=1, max_size=4).map(tuple),
    )


STEP = st.builds(
    FlowNode,
    st.just("n"),
    st.sampled_from(["trigger", "wait", "send", "exit", "end", "other", HOSTILE]),
    LABEL,
    st.integers(0, 10**12),
    st.integers(0, 10**12),
)
NODES = st.lists(st.recursive(STEP, _branches, max_leaves=8), max_size=4).map(tuple)


@FEW
@given(NODES, st.integers(10, 200))
def test_any_flow_can_be_drawn_and_every_line_of_a_diagram_is_in_the_width(
    nodes: tuple[FlowNode, ...], width: int
) -> None:
    picture = FlowPicture(NOW, "n", "t", HOSTILE, "active", "marketing", "v", nodes=nodes)
    assert flows.flow(picture, width, as_outline=True)
    lines = diagram(nodes, width)
    if lines is not None:
        assert all(line.width <= width for line in lines)


@FEW
@given(NODES)
def test_every_rail_of_a_diagram_ends_in_a_corner(nodes: tuple[FlowNode, ...]) -> None:
    lines = diagram(nodes, 10_000)
    assert lines is not None
    drawn = plain(lines)
    assert drawn.count("╭") == drawn.count("╮")
    assert drawn.count("╰") == drawn.count("╯")


def test_what_is_sent_today_is_today_s_by_the_clock_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    now, hour = 1_795_312_800_000, 3_600_000  # 2026-11-22, 2:00 in UTC, 10:00 there
    sends = [Planned("campaign", name, name, "scheduled", at) for name, at in (
        ("morning", now - 7 * hour), ("evening", now + 13 * hour), ("tomorrow", now + 15 * hour),
    )]  # fmt: skip
    shown = plain(post.today(sends, now, 80, listed=9))
    assert "morning" in shown and "evening" in shown and "tomorrow" not in shown
