"""Whatever a stranger or the daemon says, no screen breaks and nothing reaches the terminal but text."""

from dataclasses import replace
from pathlib import Path

import pytest
from canned import flows as canned_flows
from canned import queue as canned_queue
from canned_day import NOW
from rich.segment import ControlType, Segment
from textual.color import Color
from tui_stage import Stage, stage

from engine.control.protocol.flows import FlowBranch, FlowNode
from engine.control.protocol.house import Alert, Line
from engine.control.protocol.queue import SiteRow
from tui.scrub import Scrub

EVIL = (
    "\x1b]52;c;aGk=\x07",
    "\x9b31m\x90q\x9c",
    "[/foo] [@click=app.quit]invoice[/] [red",
    "\u202egpj.exe\u2066",
    "line\r\nfeed\x00\x08\x7f",
    "Z" + "\u0334" * 3000,
    "購" * 300,
    "👨\u200d👩\u200d👧\u200d👦❤\ufe0f",
    "",
)


def _segments_of(one: Stage) -> str:
    return "".join(segment.text for strip in one.app.screen._compositor.render_strips() for segment in strip)


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["narrow", "wide"])
async def test_evil_text_in_every_place_of_every_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: str, size: tuple[int, int]
) -> None:
    site = SiteRow("evil.example", 1, 5, 1, 1, 1, NOW, NOW + 60_000, evil)
    flow = replace(canned_flows.FLOW_ROWS[0], title=evil, stream=evil)
    branch = FlowBranch(evil, (FlowNode("n", evil, evil),))
    step = FlowNode("i", "if", evil, branches=(branch, branch))
    honest_row, honest_life = canned_queue.row, canned_queue.life
    monkeypatch.setattr(canned_queue, "SITES", (site,))
    monkeypatch.setattr(
        canned_queue,
        "row",
        lambda n, s: replace(
            honest_row(n, s), subject=evil, forward_path=evil, stream=evil, state=evil, last_reply=evil
        ),
    )
    monkeypatch.setattr(
        canned_queue,
        "life",
        lambda n: replace(honest_life(n), subject=evil, header_from=evil, origin=evil, content=evil * 3),
    )
    cart = replace(canned_flows.CART, title=evil, about=evil, goal=evil, version=evil, nodes=(step,))
    monkeypatch.setattr(canned_flows, "CART", cart)
    async with stage(tmp_path, size) as one:
        one.daemon.push(
            host=evil,
            alerts=(Alert(evil, evil), Alert("!", "evil is here")),
            sites=(site,),
            flows=(flow,),
            journal=(Line(NOW, evil, evil, 1),),
        )
        await one.see("evil is here")
        for keys, sees in (("1", "Journal"), ("2", "evil.example"), ("enter", "1,204"), ("enter", "Message 4711")):
            await one.press(keys)
            await one.see(sees)
            shown = _segments_of(one)
            assert not any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 for each in shown)
            shown.encode("utf-8")
        await one.press("3", "enter")
        await one.see("Flows › abandoned-cart")
        _segments_of(one).encode("utf-8")
        assert one.app.is_running


async def test_a_site_whose_name_is_a_path_or_a_query_is_asked_for_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "../x?limit=9&q=#%2e דואר"
    monkeypatch.setattr(canned_queue, "SITES", (SiteRow(name, queued=1),))
    async with stage(tmp_path) as one:
        await one.press("2")
        await one.see("../x?limit")
        await one.press("enter")
        await one.see("1,204 deliveries")


def test_the_last_sieve_cleans_text_and_leaves_the_terminals_own_controls() -> None:
    moved = Segment("\x1b[2J", None, [(ControlType.CLEAR,)])
    text, control = Scrub().apply([Segment("a\x1b]52;c;x\x07"), moved], Color.parse("black"))
    assert text.text == "a␛]52;c;x␇"
    assert control == moved
