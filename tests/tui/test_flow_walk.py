"""Walking a drawn flow: its steps in order, the next branch, the ways back."""

from dataclasses import replace

from canned.flows import CART
from canned_day import NOW

from engine.control.protocol.flows import FlowBranch, FlowNode
from tui.ink import plain
from tui.pages.boxes import Look
from tui.pages.diagram import diagram, drawing
from tui.pages.flows import next_branch, outline, sheet, walk


def node(id: str, kind: str = "tag", *ways: FlowBranch, to: str = "") -> FlowNode:
    return FlowNode(id, kind, id, branches=ways, to=to)


INNER = node("inner", "if", FlowBranch("then", (node("a"), node("b"))), FlowBranch("else", (node("c"),)))
OUTER = node("outer", "if", FlowBranch("then", (INNER,)), FlowBranch("else", (node("d"),)))
FLOW = (node("", "trigger"), node("one"), OUTER, node("end"))


def test_steps_are_walked_in_the_order_they_are_written() -> None:
    assert [each.id for each in walk(FLOW)] == ["", "one", "outer", "inner", "a", "b", "c", "d", "end"]


def test_the_next_branch_is_below_a_fork_or_beside_the_way_one_is_on() -> None:
    asked = {step: next_branch(FLOW, step) for step in ("", "one", "outer", "inner", "a", "b", "c", "d", "end")}
    assert asked == {
        "": None, "one": None, "outer": "inner", "inner": "a", "a": "c", "b": "c", "c": "a", "d": "inner", "end": None,
    }  # fmt: skip


def test_a_jump_has_a_rail_with_its_name_to_the_step_where_it_leads() -> None:
    jump = FlowNode("again", "jump", "to one, 3 times", to="one")
    lines = diagram((node("", "trigger"), node("one"), node("two"), jump), 120)
    assert lines is not None
    text = plain(lines)
    assert "◄" in text and "↺ 3 times ─╮" in text
    target = next(line for line in text.splitlines() if "◄" in line)
    source = next(line for line in text.splitlines() if line.endswith("╯") and "to one" in line)
    assert target.index("╮") == source.rindex("╯")
    assert "↺ from again" in plain(outline((node("one"), jump), 90))


def test_a_box_in_the_way_leaves_the_jump_to_its_words() -> None:
    jump = FlowNode("again", "jump", "to one, once", to="one")
    fork = node("fork", "if", FlowBranch("then", (jump,)), FlowBranch("else", (node("x"),)))
    lines = diagram((node("one"), fork), 160)
    assert lines is not None
    assert "◄" not in plain(lines) and "to one, once" in plain(lines)


def test_the_step_under_the_cursor_is_told_by_more_than_colour() -> None:
    drawn = drawing(CART.nodes, 100, Look("hour", NOW))
    assert drawn is not None
    text = plain(drawn.lines)
    assert text.count("┏") == text.count("┛") == 1
    spot = next(each for each in drawn.spots if each.id == "hour")
    assert "┏━ ◔ wait" in drawn.lines[spot.row].text


def test_an_outline_says_of_each_row_whose_step_it_is() -> None:
    found = sheet(CART, 78, Look(now_ms=NOW), as_outline=True)
    assert [spot.id for spot in found.spots] == [each.id for each in walk(CART.nodes)]
    assert all(found.lines[spot.row].target is not None for spot in found.spots)


def test_a_draft_marks_its_steps_by_sign_and_word() -> None:
    nodes = (
        replace(node("one"), mark="+"),
        replace(node("two"), mark="-"),
        replace(node("three"), mark="~", was="tag x"),
    )
    text = plain(diagram(nodes, 100) or [])
    assert "+ new" in text and "- gone" in text and "┊" in text and "~ changed" in text and "was tag x" in text
