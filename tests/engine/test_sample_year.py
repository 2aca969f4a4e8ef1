"""The sample shop's year: what stands in the database is what happened, as if the house had written it day by day."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_year import NOW, sample_year

from engine.audience import consent, unconfirmed
from engine.commands import run
from engine.history.wares import wares
from engine.lab.pictures import picture
from engine.scene.year import NotEmpty
from engine.store.groups import GroupStore
from mta.ports import to_ms

PEOPLE = 60


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GroupStore]:
    store, laid = sample_year(tmp_path_factory.mktemp("year") / "posthouse.db", contacts=PEOPLE)
    assert (laid.people, laid.products) == (PEOPLE, 200)
    yield store
    store.close()


def rows(store: GroupStore, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    return store.read_now(lambda tx: tx.query(sql, params))


def test_orders_are_counted_at_whoever_placed_them(year: GroupStore) -> None:
    told: Counter[int] = Counter()
    spent: Counter[int] = Counter()
    for contact_id, data in rows(year, "SELECT contact_id, data FROM event WHERE name = 'order.placed'"):
        told[contact_id] += 1
        spent[contact_id] += round(json.loads(data)["total"] * 100)
    kept = rows(year, "SELECT id, orders, spent FROM contact WHERE orders > 0")
    assert len(told) > 5
    assert {each: (count, spent[each]) for each, count in told.items()} == {row[0]: row[1:] for row in kept}


def test_every_confirmed_reader_has_consents_that_the_ledger_verifies(year: GroupStore) -> None:
    assert year.read_now(consent.check)[0] > 20
    confirmed = rows(year, "SELECT contact_id FROM subscription WHERE state = 'confirmed'")
    acts = rows(year, "SELECT contact_id FROM consent_fact WHERE act = 'confirmed'")
    assert {each for (each,) in confirmed} <= {each for (each,) in acts}
    assert len(confirmed) > 10
    figures = dict(rows(year, "SELECT state, people FROM list_figure WHERE people <> 0"))
    assert figures == dict(rows(year, "SELECT state, count(*) FROM subscription GROUP BY state"))


def test_nobody_is_written_to_for_what_is_past(year: GroupStore) -> None:
    assert rows(year, "SELECT count(*) FROM event WHERE matched = 0") == [(0,)]
    assert rows(year, "SELECT count(*) FROM message") == [(0,)]
    assert not year.read_now(lambda tx: unconfirmed.has_due(tx, NOW.replace(day=1)))


def test_events_are_in_the_order_of_time_and_before_today(year: GroupStore) -> None:
    times = [
        at_ms
        for (at_ms,) in rows(year, "SELECT at_ms FROM event WHERE at_ms > ? ORDER BY id", to_ms(NOW) - 300 * 86_400_000)
    ]
    assert times == sorted(times)
    assert times[-1] < to_ms(NOW.replace(hour=0, minute=0))


def test_the_shop_has_pairs_groups_stock_of_every_kind_and_pictures(year: GroupStore) -> None:
    assert rows(year, "SELECT count(*) FROM product_pair WHERE standing = 'pinned'")[0][0] > 10
    stocks = [stock for (stock,) in rows(year, "SELECT stock FROM product")]
    assert None in stocks and 0 in stocks and any(stock in range(1, 6) for stock in stocks if stock)
    assert len(rows(year, "SELECT DISTINCT kin FROM product")) == 10
    for (image,) in rows(year, "SELECT image FROM product"):
        drawn = picture(image.rpartition("/")[2].removesuffix(".png"))
        assert drawn is not None and drawn.startswith(b"\x89PNG")


def test_things_have_names_in_five_languages_and_whole_prices_where_money_is_small(year: GroupStore) -> None:
    for ware in wares():
        assert len(set(ware.names.values())) >= 4, ware.names
        assert ware.price_in("zh-Hant")[0].is_integer()
        assert set(ware.goes_with) <= {each.sku for each in wares()} - {ware.sku}


def test_whose_mail_bounced_or_who_complained_is_suppressed(tmp_path: Path) -> None:
    store, _ = sample_year(tmp_path / "more.db", contacts=400, days=120)
    told = rows(store, "SELECT c.key FROM event e JOIN contact c ON c.id = e.contact_id WHERE e.name = 'mail.bounced'")
    kept = rows(store, "SELECT key FROM suppression WHERE reason = 'hard bounce'")
    store.close()
    assert set(told) == set(kept) and kept


def test_the_same_seed_is_the_same_year_and_it_goes_into_an_empty_database_only(tmp_path: Path) -> None:
    found = []
    for name in ("one.db", "other.db"):
        store, _ = sample_year(tmp_path / name, contacts=15, days=200, seed=5)
        found.append(
            [rows(store, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("event", "contact", "consent_entry")]
        )
        store.close()
    assert found[0] == found[1]
    with pytest.raises(NotEmpty, match="knows people already"):
        sample_year(tmp_path / "one.db")


def test_the_command_lays_a_year_down_and_flows_are_simulated_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "shop"
    assert run(["lab", "shop", "--state", str(state), "--contacts", "80", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "generated, seed 1): 80 people, 200 products" in said["said"]
    flow = str(Path(__file__).parents[2] / "templates" / "flows" / "order-confirmed.yaml")
    assert run(["flow", "simulate", flow, "--since", "400d", "--config", said["config"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entered"] > 10
    (state / "stage").unlink()
    assert run(["lab", "shop", "--state", str(state)]) == 1
    assert "not from an earlier run" in capsys.readouterr().err
