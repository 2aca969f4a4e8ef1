"""The made-up history: the same seed is the same history, and what happens in it could happen."""

import json
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverability.address import Address
from engine.commands import run
from engine.flow.events import read_data
from engine.flow.vocabulary import VOCABULARY
from engine.history.dice import Dice
from engine.history.shop import Happening, Shop
from engine.history.writing import write

START_MS = 1_735_689_600_000  # 2025-01-01
DAY_MS = 86_400_000
SHOPS_OWN = {"account.created", "picks.chosen", "release.announced", "release.out", "trial.kept", "trial.started"}


def lives(contacts: int, days: int, seed: int) -> list[Happening]:
    return list(Shop(contacts, days, seed, START_MS).happenings())


def told(happenings: list[Happening]) -> list[tuple[int, str, int, str]]:
    return [(each.at_ms, each.name, each.person.number, json.dumps(each.data)) for each in happenings]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**40), st.integers(1, 30), st.integers(1, 90))
def test_the_same_seed_is_the_same_history(seed: int, contacts: int, days: int) -> None:
    found = told(lives(contacts, days, seed))
    assert found == told(lives(contacts, days, seed))
    assert [at_ms for at_ms, *_ in found] == sorted(at_ms for at_ms, *_ in found)
    assert all(START_MS <= at_ms < START_MS + days * DAY_MS for at_ms, *_ in found)


def test_another_seed_is_another_history() -> None:
    assert told(lives(20, 60, 1)) != told(lives(20, 60, 2))


def test_nobody_s_life_changes_because_more_people_live() -> None:
    few, many = told(lives(10, 120, 3)), told(lives(30, 120, 3))
    mine = [(at_ms, name, who) for at_ms, name, who, _ in many if who <= 10]
    assert mine == [(at_ms, name, who) for at_ms, name, who, _ in few]


def test_what_happens_is_in_the_vocabulary_or_the_recipes_own_and_within_the_limits_of_events() -> None:
    for each in lives(100, 200, 4):
        assert each.name in VOCABULARY or each.name in SHOPS_OWN
        assert read_data(each.data) == each.data


def test_orders_are_placed_before_they_are_paid_shipped_and_delivered() -> None:
    seen: dict[str, list[str]] = defaultdict(list)
    for each in lives(200, 300, 5):
        if each.name.startswith("order."):
            seen[each.data["number"]].append(each.name)
    assert len(seen) > 50
    for names in seen.values():
        assert names[0] == "order.placed"
        assert "order.delivered" not in names or names.index("order.shipped") < names.index("order.delivered")


def test_nobody_gets_a_newsletter_who_left_or_never_confirmed() -> None:
    on = {}
    for each in lives(300, 300, 6):
        who = each.person.number
        if each.name == "list.joined":
            on[who] = False
        elif each.name in ("list.confirmed", "list.left"):
            on[who] = each.name == "list.confirmed"
        elif each.name == "mail.delivered":
            assert on.get(who, True)


def test_people_have_five_languages_many_zones_and_addresses_of_their_own() -> None:
    people = Shop(500, 1, 7, START_MS).people
    assert {each.locale for each in people} == {"en", "he", "ru", "zh", "zh-Hant"}
    assert len({each.zone.key for each in people}) > 15
    assert len({Address.parse(each.address).key for each in people}) == 500


def test_dice_are_even_and_the_same_everywhere() -> None:
    dice = Dice(1, "x")
    found = [dice.below(10) for _ in range(10_000)]
    assert all(800 < found.count(each) < 1200 for each in range(10))
    assert [Dice("seed").below(1000) for _ in range(2)] == [Dice("seed").below(1000)] * 2
    assert Dice("seed").number() == 0.41962972464193815


def test_the_folder_is_the_same_octets_for_a_seed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, contacts=40, days=60, seed=9, start=date(2025, 3, 1))
    files = sorted(each.relative_to(tmp_path / "a") for each in (tmp_path / "a").rglob("*.json*"))
    assert len(files) == 5
    for each in files:
        assert (tmp_path / "a" / each).read_bytes() == (tmp_path / "b" / each).read_bytes()


def test_the_command_writes_a_folder_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["history", "generate", "--out", str(tmp_path / "h"), "--contacts", "20", "--days", "30"]
    assert run(words) == 0
    assert "20  contact" in capsys.readouterr().out
    rows = (tmp_path / "h" / "tables" / "contact.jsonl").read_text("utf-8").splitlines()
    assert len(rows) == 20 and json.loads(rows[0])["id"] == 1
    assert run(words) == 2
    assert "is there already" in capsys.readouterr().err
