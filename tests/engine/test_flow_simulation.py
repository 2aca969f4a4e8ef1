"""A flow played over the past: who enters, which mails go, what keeps them back; from a folder, as an operator types it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.commands import run
from engine.flow.definition import Definition, check
from engine.history.writing import write
from engine.sending.arbiter_settings import ArbiterSettings
from engine.simulation import comparing, report
from engine.simulation.play import Rules
from engine.simulation.playing import Simulated, simulate
from engine.simulation.plot import bars
from engine.simulation.sources import Folder
from mta.ports import to_ms

CART = "templates/flows/abandoned-cart.yaml"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
HEAD = "name: f\nstream: {}\ntrigger: {{event: ping, key: event.id}}\nreentry: always\n"

Event = tuple[timedelta, str, int, dict[str, Any]]


def after(**span: float) -> timedelta:
    return timedelta(**span)


def folder(
    where: Path, *events: Event, confirmed: bool = True, zone: str = "UTC", **tables: list[dict[str, Any]]
) -> Path:
    """A history of two people."""
    where.mkdir()
    (where / "tables").mkdir()
    people = [
        {"id": each, "key": f"p{each}@example.org", "address": f"p{each}@example.org", "zone": zone} for each in (1, 2)
    ]
    yes = [{"contact_id": each, "list_id": 1, "asked_ms": 0, "confirmed_ms": 1} for each in (1, 2)]
    rows = [
        {"id": number, "at_ms": to_ms(START + at), "name": name, "contact_id": who, "key": "", "data": json.dumps(data)}
        for number, (at, name, who, data) in enumerate(sorted(events, key=lambda each: each[0]), 1)
    ]
    found = {
        "contact": people, "list": [{"id": 1, "name": "news"}], "event": rows, **({"subscription": yes} if confirmed else {}),
        **tables,
    }  # fmt: skip
    for name, table in found.items():
        (where / "tables" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), "utf-8")
    return where


def played(where: Path, steps: str, stream: str = "marketing", **policy: Any) -> Simulated:
    definition = check(HEAD.format(stream) + steps, "f.yaml")
    assert isinstance(definition, Definition), [str(each) for each in definition]
    return simulate(definition, Folder(where), Rules(ArbiterSettings(**policy).policy, ZoneInfo("UTC")))


def mails(found: Simulated) -> list[tuple[int, str, str]]:
    return [(each.contact_id, each.step, f"{to_utc(each.at_ms):%d %H:%M}") for each in found.tally.mails]


def to_utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


PING: Event = (after(), "ping", 1, {"id": 1})
END: Event = (after(days=20), "the.end", 2, {})
SEND = "steps: [{send: cart-reminder, id: one}]\n"


def test_who_confirmed_no_list_gets_no_marketing_mail(tmp_path: Path) -> None:
    found = played(folder(tmp_path / "h", PING, confirmed=False), SEND)
    assert mails(found) == []
    assert found.tally.refused == {("one", "no confirmed subscription"): 1}


def test_who_leaves_gets_no_more_from_then_on(tmp_path: Path) -> None:
    left: Event = (after(hours=2), "list.left", 1, {"list": "news"})
    again: Event = (after(hours=3), "ping", 1, {"id": 2})
    found = played(folder(tmp_path / "h", PING, left, again, END), SEND)
    assert mails(found) == [(1, "one", "02 09:00")]


def test_who_came_to_a_list_by_an_import_is_on_it_from_then_on(tmp_path: Path) -> None:
    came = to_ms(START + after(hours=2))
    yes = [{"contact_id": 1, "list_id": 1, "asked_ms": came, "confirmed_ms": came}]
    again: Event = (after(hours=3), "ping", 1, {"id": 2})
    found = played(folder(tmp_path / "h", PING, again, END, confirmed=False, subscription=yes), SEND)
    assert mails(found) == [(1, "one", "02 12:00")]
    assert found.tally.refused == {("one", "no confirmed subscription"): 1}


def test_quiet_hours_hold_a_mail_by_the_reader_s_clock(tmp_path: Path) -> None:
    where = folder(tmp_path / "h", PING, END, zone="Asia/Tokyo")
    found = played(where, SEND, quiet_hours="18:00-08:00")
    assert mails(found) == [(1, "one", "02 23:00")]
    assert found.tally.held == {("one", "quiet hours"): 1}


def test_caps_hold_and_drop_what_is_too_much(tmp_path: Path) -> None:
    events: list[Event] = [(after(hours=each), "ping", 1, {"id": each}) for each in range(4)]
    found = played(folder(tmp_path / "h", *events, END), SEND, caps=("1/day",), best_before="2 days")
    days = [day[:2] for _, _, day in mails(found)]
    assert len(days) == len(set(days))
    assert found.tally.held[("one", "frequency cap")] >= 2
    assert sum(found.tally.refused.values()) + len(found.tally.mails) == 4


def test_mail_of_other_flows_takes_places_too(tmp_path: Path) -> None:
    other: Event = (after(minutes=-5), "mail.delivered", 1, {"flow": "newsletter", "list": "news", "message": 1})
    found = played(folder(tmp_path / "h", other, PING, END), SEND, caps=("1/day",))
    assert [day[:2] for _, _, day in mails(found)] == ["03"]


def test_three_mails_in_a_day_are_counted_once_a_day(tmp_path: Path) -> None:
    events: list[Event] = [(after(hours=each), "ping", 1, {"id": each}) for each in range(5)]
    found = played(folder(tmp_path / "h", *events, END), SEND)
    assert found.crowds.days == 1
    assert found.crowds.first == [(1, date(2026, 3, 2))]


def test_a_mail_after_the_purchase_is_counted(tmp_path: Path) -> None:
    bought: Event = (after(minutes=30), "order.placed", 1, {"number": "A-1", "total": 5})
    found = played(folder(tmp_path / "h", PING, bought, END), "steps: [{wait: 1h}, {send: cart-reminder, id: one}]\n")
    assert found.tally.after_purchase == {"one": 1}


def test_actions_change_what_conditions_see_and_leave_the_house_alone(tmp_path: Path) -> None:
    steps = """\
steps:
  - tag: warm
  - wait: 1h
  - if: "'warm' in contact.tags"
    then: [{emit: {event: warmed}}, {send: cart-reminder, id: one}]
"""
    found = played(folder(tmp_path / "h", PING, END), steps)
    assert mails(found) == [(1, "one", "02 10:00")]
    assert set(found.tally.actions) == {("tag-warm", "tag"), ("emit-warmed", "emit")}


def test_an_event_that_was_waited_for_takes_the_way_then(tmp_path: Path) -> None:
    steps = """\
steps:
  - send: cart-reminder
    id: one
  - wait: {for: {event: order.placed}, timeout: 2d}
    then: [{send: order-thanks, id: yes}]
    else: [{send: review-request, id: no}]
"""
    bought: Event = (after(hours=5), "order.placed", 1, {"number": "A-1", "total": 5})
    second: Event = (after(), "ping", 2, {"id": 2})
    found = played(folder(tmp_path / "h", PING, second, bought, END), steps, "transactional")
    assert mails(found)[2:] == [(1, "yes", "02 14:00"), (2, "no", "04 09:00")]


def test_how_people_were_then_is_rolled_back(tmp_path: Path) -> None:
    """Orders that come later are not known at the beginning."""
    contact = [{"id": 1, "key": "k", "address": "p1@example.org", "orders": 3, "spent": 3000, "last_order_ms": 1}]
    bought: list[Event] = [(after(days=each), "order.placed", 1, {"total": 10}) for each in (1, 2)]
    where = folder(tmp_path / "h", PING, *bought, (after(days=3), "ping", 1, {"id": 2}), END, contact=contact)
    steps = "steps: [{if: contact.orders.count == 1, then: [{send: cart-reminder, id: one}]}]\n"
    assert mails(played(where, steps, "transactional")) == [(1, "one", "02 09:00")]


@pytest.mark.parametrize("total", [1e308, -1e308, 10**18, 9007199254740993, "1e999999", float("inf"), float("nan")])
def test_an_order_beyond_all_money_is_an_order_that_adds_nothing(tmp_path: Path, total: object) -> None:
    """It came, so it stays in a house's history for good."""
    contact = [{"id": 1, "key": "k", "address": "p1@example.org", "orders": 2, "spent": 1000, "last_order_ms": 1}]
    bought: list[Event] = [
        (after(hours=1), "order.placed", 1, {"total": total}),
        (after(hours=2), "ping", 1, {"id": 2}),
    ]
    where = folder(tmp_path / "h", PING, *bought, END, contact=contact)
    condition = "contact.orders.count == 2 and contact.orders.total == 10"
    steps = f"steps: [{{if: '{condition}', then: [{{send: cart-reminder, id: one}}]}}]\n"
    assert mails(played(where, steps, "transactional")) == [(1, "one", "02 11:00")]


# -- two versions, the plot, the words


def test_two_versions_are_compared_mail_by_mail(tmp_path: Path) -> None:
    where = folder(tmp_path / "h", PING, (after(), "ping", 2, {"id": 2}), END)
    old = played(where, "steps: [{wait: 1h}, {send: cart-reminder, id: one}, {send: cart-reminder, id: two}]\n")
    new = played(where, "steps: [{wait: 2h}, {send: cart-reminder, id: one}, {send: order-thanks, id: three}]\n")
    found = comparing.compare(old, new)
    assert (found.same, len(found.moved), len(found.removed), len(found.added)) == (0, 2, 2, 2)
    assert {each.step for each in found.removed} == {"two"}
    assert comparing.compare(old, old).is_nothing


@pytest.mark.parametrize("days", [1, 30, 100, 365, 3000])
def test_a_plot_fits_on_a_terminal(days: int) -> None:
    began = to_ms(START)
    lines = list(
        bars(
            [began + each * 86_400_000 for each in range(days) for _ in range(each % 7)],
            began,
            began + days * 86_400_000,
            "Mails",
        )
    )
    assert len(lines) <= 42
    assert all(len(line) <= 80 and line.isascii() for line in lines)


def test_a_report_fits_on_a_terminal_and_nothing_at_all_is_said_too(tmp_path: Path) -> None:
    write(tmp_path / "h", contacts=60, days=90, seed=3, start=date(2026, 1, 1))
    definition = check(Path(CART).read_text("utf-8"), CART)
    assert isinstance(definition, Definition)
    found = simulate(definition, Folder(tmp_path / "h"), Rules())
    lines = list(report.lines(definition, found))
    assert found.tally.entered > 10
    assert max(len(line) for line in lines) <= 80
    empty = simulate(definition, Folder(folder(tmp_path / "e")), Rules())
    assert "Nothing happened" in "\n".join(report.lines(definition, empty))


def test_another_seed_draws_other_splits_and_the_same_one_the_same(tmp_path: Path) -> None:
    many = [{"id": each, "key": str(each), "address": f"p{each}@example.org"} for each in range(1, 61)]
    events: list[Event] = [(after(minutes=each), "ping", each, {"id": each}) for each in range(1, 61)]
    where = folder(tmp_path / "h", *events, contact=many)
    steps = (
        "steps:\n  - split: [{weight: 1, name: a, then: [{send: cart-reminder, id: a-mail}]}, {weight: 1, name: b}]\n"
    )
    definition = check(HEAD.format("transactional") + steps, "f")
    assert isinstance(definition, Definition), definition
    found = [
        [each.contact_id for each in simulate(definition, Folder(where), Rules(salt=salt)).tally.mails]
        for salt in ("", "1", "1", "2")
    ]
    assert found[1] == found[2] != found[3]
    assert found[0] != found[1]


# -- the command


def command(*words: str) -> int:
    return run(["flow", "simulate", *words])


def test_a_file_over_a_folder_needs_no_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "h", contacts=60, days=90, seed=3, start=date(2026, 1, 1))
    files = sorted((each, each.read_bytes()) for each in (tmp_path / "h").rglob("*.jsonl"))
    flow = Path(CART).resolve()
    newer = tmp_path / "newer.yaml"
    newer.write_text(flow.read_text("utf-8").replace("wait: 1h", "wait: 4h"), "utf-8")
    monkeypatch.chdir(tmp_path)
    assert command(str(flow), "--history", "h", "--against", "newer.yaml") == 0
    said = capsys.readouterr().out
    assert "Entered" in said and "Mails in 7 days" in said and "Against version" in said
    assert command(str(flow), "--history", "h", "--against", "newer.yaml", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["entered"] > 0 and told["difference"]["moved"]
    assert sorted((each, each.read_bytes()) for each in (tmp_path / "h").rglob("*.jsonl")) == files


WRONG = {
    "event": [
        {"id": 1, "at_ms": 10**18, "name": "ping", "contact_id": 1, "data": "{}"},
        {"at_ms": "now"},
        {"at_ms": -5},
        {},
    ],
    "contact": [{"id": 1, "orders": "many"}, {"id": 1, "created_ms": 1e300}, {"id": 1, "address": 5}, {"id": [1]}],
    "subscription": [{"contact_id": {}, "list_id": 1}, {"contact_id": 1, "list_id": 1, "asked_ms": "x"}],
    "tag": [{"contact_id": 1, "tag": ["x"]}],
}


@pytest.mark.parametrize(("table", "row"), [(table, row) for table, rows in WRONG.items() for row in rows])
def test_rows_that_are_wrong_are_named_and_break_nothing(
    table: str, row: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = folder(tmp_path / "h", PING, END)
    (where / "tables" / f"{table}.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    assert command(CART, "--history", str(where)) == 2
    assert f"{table}.jsonl" in capsys.readouterr().err


def test_rows_that_are_odd_are_played_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd: list[dict[str, Any]] = [{}, {"id": 7, "zone": "Mars/Base", "fields": "[", "birthday": "never"}, {"id": None}]
    where = folder(tmp_path / "h", PING, (after(), "cart.updated", 7, {"total": "x"}), END, contact=odd)
    assert command(CART, "--history", str(where)) == 0
    assert "1 people" in capsys.readouterr().out


def test_what_can_t_be_played_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = folder(tmp_path / "good", PING)
    broken = folder(tmp_path / "broken", PING)
    with (broken / "tables" / "event.jsonl").open("a") as file:
        file.write("{no json\n")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x\n", "utf-8")
    for words, reason in (
        ((CART, "--history", str(tmp_path / "nowhere")), "is no history"),
        ((CART, "--history", str(broken)), "event.jsonl:2: is no JSON"),
        ((str(wrong), "--history", str(good)), "wrong.yaml:1"),
    ):
        assert command(*words) == 2
        assert reason in capsys.readouterr().err
