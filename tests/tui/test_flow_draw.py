"""`posthouse flow draw` and `flow schema`: a flow file alone, in the terminal and in an editor."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tui import cli
from tui.format import cells

FLOW = """\
name: everything
title: 購物車 עגלה
stream: marketing
trigger: {tag: {added: 常客}}
steps:
  - switch:
      - {case: event.total > 100, then: [{tag: "לקוח טוב"}]}
      - {case: event.total > 50, then: [{set: {level: gold}}, {add: {points: 10}}]}
    else: [{untag: 常客}]
  - split:
      - {weight: 50, name: coupon, then: [{coupon: first}, {send: cart-reminder, id: reminder}]}
      - {weight: 50, name: plain}
  - wait: {for: {event: mail.clicked, step: reminder}, timeout: 2d}
    then: [{webhook: {url: "https://shop.example/hook", wait: true}, then: [{emit: loyal.now}], else: [exit: 再見]}]
    else: [{notify: {to: a@shop.example, text: "לא לחץ"}}]
  - wait: {date: contact.birthday, offset: -3d, at: "10:00"}
    else: [{start: other}, {stop: third}]
  - wait: {until: "10:00", on: [mon, fri], skip: [holidays], country: IL}
  - wait: {between: ["22:00", "06:00"]}
  - join: news
  - leave: vip
  - jump: {to: reminder, times: 2}
"""


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["posthouse", *words])
    return cli.main()


@pytest.mark.parametrize("width", [200, 110, 60])
def test_a_flow_of_every_step_is_drawn_with_its_rails_aligned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    file = tmp_path / "everything.yaml"
    file.write_text(FLOW, "utf-8")
    assert run(monkeypatch, "flow", "draw", str(file), "--width", str(width)) == 0
    drawn = capsys.readouterr().out
    for word in (
        "switch",
        "split",
        "jump",
        "coupon",
        "webhook",
        "notify",
        "join",
        "leave",
        "emit",
        "set",
        "add",
        "start",
    ):
        assert f" {word}" in drawn
    assert "contact.tagged 常客" in drawn and "until 10:00 on mon" in drawn
    lines = drawn.splitlines()
    assert all(cells(each) <= width for each in lines)
    below(lines)


def below(lines: list[str]) -> None:
    """Under each corner of a box stands its side or its foot, whatever scripts stand between."""
    for upper, lower in pairwise(lines):
        columns = {}
        at = 0
        for char in lower:
            columns[at] = char
            at += cells(char)
        at = 0
        for char in upper:
            if char == "╮" and "─ " in upper and not set(upper) & {"┴"}:
                assert columns.get(at) in ("│", "╯"), (upper, lower)
            at += cells(char)


def test_what_is_wrong_is_told_instead_of_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(FLOW.replace("to: reminder", "to: remindr"), "utf-8")
    assert run(monkeypatch, "flow", "draw", str(file)) == 2
    assert 'there is no step of this id (did you mean "reminder"?)' in capsys.readouterr().err


def test_the_schema_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "flow", "schema") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["$schema"] == "http://json-schema.org/draft-07/schema#" and "steps" in found["definitions"]
