"""Flows played together, flows begun by hand, and splits that choose their winner, over a past."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.commands import run
from engine.flow.definition import Definition, check
from engine.sending.arbiter_settings import ArbiterSettings
from engine.simulation import comparing, report
from engine.simulation.play import Rules
from engine.simulation.playing import NotPlayable, Simulated, simulate
from engine.simulation.sources import Folder
from mta.ports import to_ms

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
Said = pytest.CaptureFixture[str]
MANUAL = """\
name: hands
stream: transactional
trigger: {manual: true}
reentry: always
steps: [{send: order-thanks, id: thanks}]
"""
STARTER = """\
name: starter
stream: transactional
trigger: {event: ping, key: event.id}
reentry: always
steps: [{start: hands}, {wait: 1h}, {send: cart-reminder, id: own}]
"""
SPLIT = """\
name: f
stream: transactional
trigger: {event: ping, key: event.id}
reentry: always
steps:
  - split:
      - {weight: 1, name: good, then: [{send: cart-reminder, id: warm}]}
      - {weight: 1, name: bad, then: [{send: cart-reminder, id: cold}]}
    id: test
    winner: {metric: METRIC, significance: 95%, min: 10}
"""


def flow(text: str) -> Definition:
    found = check(text, "f.yaml")
    assert isinstance(found, Definition), [str(each) for each in found]
    return found


def folder(
    where: Path, people: int, *events: tuple[float, str, int, dict[str, Any]], **tables: list[dict[str, Any]]
) -> Path:
    """A history; the events' times are hours since START."""
    (where / "tables").mkdir(parents=True)
    contacts = [{"id": each, "key": f"p{each}", "address": f"p{each}@example.org"} for each in range(1, people + 1)]
    rows = [
        {
            "id": number,
            "at_ms": to_ms(START + timedelta(hours=at)),
            "name": name,
            "contact_id": who,
            "key": "",
            "data": json.dumps(data),
        }
        for number, (at, name, who, data) in enumerate(sorted(events, key=lambda each: each[:3]), 1)
    ]
    for name, table in {"contact": contacts, "event": rows, **tables}.items():
        (where / "tables" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), "utf-8")
    return where


def ping(at: float, who: int) -> tuple[float, str, int, dict[str, Any]]:
    return (at, "ping", who, {"id": f"{who}-{at}"})


def told(definition: Definition, found: Simulated) -> str:
    text = "\n".join(report.lines(definition, found))
    assert max(map(len, text.splitlines())) <= 80 and text.isascii()
    return " ".join(text.split())


# -- flows together


def test_a_flow_that_starts_another_is_played_with_it_and_said_where_it_is_not(tmp_path: Path) -> None:
    where = folder(
        tmp_path / "h", 3, *(ping(hour, who) for hour in (0, 5) for who in (1, 2, 3)), (90, "the.end", 1, {})
    )
    found = simulate(flow(STARTER), Folder(where), Rules(), others=[flow(MANUAL)])
    assert (len(found.tally.mails), len(found.others["hands"].mails), found.crowds.days) == (6, 6, 3)
    assert "6 entered hands: 6 mails to 3 people" in told(flow(STARTER), found)
    alone = simulate(flow(STARTER), Folder(where), Rules())
    assert alone.tally.unplayed == {"hands": 6}
    assert "6 starts of hands: play it too with --with" in told(flow(STARTER), alone)


def test_flows_that_are_played_together_share_the_caps_and_stop_each_other(tmp_path: Path) -> None:
    confirmed = [{"contact_id": 1, "list_id": 1, "asked_ms": 0, "confirmed_ms": 1}]
    where = folder(
        tmp_path / "h", 1, ping(0, 1), (90, "the.end", 1, {}), subscription=confirmed, list=[{"id": 1, "name": "news"}]
    )
    text = "name: {}\nstream: marketing\ntrigger: {{event: ping}}\nreentry: always\nsteps: [{}{{send: cart-reminder, id: one}}]\n"
    one, two = flow(text.format("one", "")), flow(text.format("two", "{wait: 1h}, "))
    rules = Rules(ArbiterSettings(caps=("1/day",)).policy, ZoneInfo("UTC"))
    found = simulate(one, Folder(where), rules, others=[two])
    assert found.others["two"].held == {("one", "frequency cap"): 1} and not found.tally.held
    stopper = flow(text.format("stopper", "{stop: two}, "))
    found = simulate(stopper, Folder(where), Rules(), others=[two])
    assert found.others["two"].ended == {"exit": 1} and not found.others["two"].mails


def test_flows_that_feed_each_other_end_as_in_the_house(tmp_path: Path) -> None:
    text = (
        "name: {}\nstream: transactional\ntrigger: {{event: {}}}\nreentry: always\nsteps: [{{emit: {{event: {}}}}}]\n"
    )
    one, two = flow(text.format("one", "my.a", "my.b")), flow(text.format("two", "my.b", "my.a"))
    where = folder(tmp_path / "h", 1, (0, "my.a", 1, {}), (9, "the.end", 1, {}))
    found = simulate(one, Folder(where), Rules(), others=[two])
    assert found.tally.entered + found.others["two"].entered == 21
    assert sum(each.barred.total() for each in found.tallies) == 1


def test_the_difference_of_two_versions_tells_of_the_mails_that_they_start(tmp_path: Path) -> None:
    where = folder(tmp_path / "h", 2, ping(0, 1), ping(0, 2), (90, "the.end", 1, {}))
    old, new = flow(STARTER), flow(STARTER.replace("{start: hands}, ", ""))
    one, two = (simulate(each, Folder(where), Rules(), others=[flow(MANUAL)]) for each in (old, new))
    found = comparing.compare(one, two)
    assert (found.same, len(found.removed), len(found.added)) == (2, 2, 0)
    assert {each.step for each in found.removed} == {"hands: thanks"}
    assert "mails of hands" in "\n".join(comparing.lines((old, one), (new, two), found, one.people, 5))


# -- by hand


def test_runs_that_were_begun_by_hand_are_begun_again(tmp_path: Path) -> None:
    runs = [
        {
            "id": number,
            "flow_id": 7,
            "contact_id": number,
            "run_key": "",
            "entered_ms": to_ms(START + timedelta(hours=number)),
            "data": "{}",
        }
        for number in (1, 2, 3)
    ]
    causes = [{"enrolment_id": 3, "step": "trigger", "occurrence": 1, "kind": "trigger", "result": "flow starter"}]
    tables = {"flow": [{"id": 7, "name": "hands"}], "enrolment": runs, "passage": causes}
    where = folder(tmp_path / "h", 3, (0, "x.y", 1, {}), ping(3, 3), (90, "the.end", 1, {}), **tables)
    assert len(simulate(flow(MANUAL), Folder(where), Rules()).tally.mails) == 3
    both = simulate(flow(MANUAL), Folder(where), Rules(), others=[flow(STARTER)])
    assert len(both.tally.mails) == 3  # the third by the flow that started it then


def test_a_flow_that_nobody_began_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotPlayable, match="--with"):
        simulate(flow(MANUAL), Folder(folder(tmp_path / "h", 1, ping(0, 1))), Rules())


# -- winners


def crowd(tmp_path: Path, *more: tuple[float, str, int, dict[str, Any]]) -> Folder:
    """Sixty people who come at once, and again ten days later."""
    return Folder(
        folder(
            tmp_path / "h",
            60,
            *(ping(at, who) for at in (0, 240) for who in range(1, 61)),
            *more,
            (999, "the.end", 1, {}),
        )
    )


def steps(found: Simulated) -> list[str]:
    """Of the mails of the second coming."""
    return sorted({each.step for each in list(found.tally.mails)[60:]})


def test_a_split_is_judged_by_what_people_did_and_its_winner_takes_all(tmp_path: Path) -> None:
    split = flow(SPLIT.replace("METRIC", "orders"))
    first = simulate(split, crowd(tmp_path / "first"), Rules())
    assert steps(first) == ["cold", "warm"] and "no winner" in told(split, first)
    warm = sorted({each.contact_id for each in first.tally.mails if each.step == "warm"})
    bought = [(2.0, "order.placed", who, {"number": f"{who}", "total": 1}) for who in warm]
    found = simulate(split, crowd(tmp_path / "second", *bought), Rules())
    assert steps(found) == ["warm"]
    assert "test, judged on 2026-03-07: good wins" in told(split, found)
    assert "orders as the history tells of them" in told(split, found)


def test_clicks_count_of_the_ways_own_mails_only(tmp_path: Path) -> None:
    split = flow(SPLIT.replace("METRIC", "clicks"))
    clicks = [(2.0, "mail.clicked", who, {"flow": name, "step": "cold"}) for who in range(1, 61) for name in ("g",)]
    found = simulate(split, crowd(tmp_path, *clicks), Rules())
    assert found.tally.verdicts[0].winner == ""


def test_rates_and_winners_that_are_assumed_are_said(tmp_path: Path) -> None:
    split = flow(SPLIT.replace("METRIC", "clicks"))
    past = crowd(tmp_path)
    found = simulate(split, past, Rules(rates={("test", "good"): 0.0, ("test", "bad"): 0.9}))
    assert steps(found) == ["cold"]
    assert "bad wins" in told(split, found) and "clicks by stated rates: good 0%, bad 90%" in told(split, found)
    found = simulate(split, past, Rules(winners={"test": "good"}))
    assert {each.step for each in found.tally.mails} == {"warm"}
    assert "Split test: good, as was stated" in told(split, found)


def test_a_split_with_too_few_people_says_how_far_it_came(tmp_path: Path) -> None:
    split = flow(SPLIT.replace("METRIC", "orders").replace("min: 10", "min: 500"))
    assert "not judged: 500 people on each way are needed" in told(split, simulate(split, crowd(tmp_path), Rules()))


# -- as an operator types it


def test_assumptions_are_typed_and_wrong_ones_are_refused(tmp_path: Path, capsys: Said) -> None:
    crowd(tmp_path)
    file = tmp_path / "f.yaml"
    file.write_text(SPLIT.replace("METRIC", "clicks"), "utf-8")
    (tmp_path / "hands.yaml").write_text(MANUAL, "utf-8")
    asked = ["flow", "simulate", str(file), "--history", str(tmp_path / "h")]
    typed = ["--with", str(tmp_path / "hands.yaml"), "--rate", "test.good=0%", "--rate", "test.bad=90%"]
    assert run([*asked, *typed, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["splits"][0]["winner"] == "bad" and found["beside"]["hands"]["mails"] == 0
    for wrong, words in (
        (["--winner", "tset=good"], 'did you mean "test"?'), (["--winner", "test=ugly"], "there are good, bad"),
        (["--rate", "test.good=lots"], "a percentage is expected"), (["--rate", "test.good=900%"], "a percentage"),
    ):  # fmt: skip
        assert run([*asked, *wrong]) == 2
        assert words in capsys.readouterr().err
