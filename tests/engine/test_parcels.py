"""Parcels: each status of a courier counts once, in whatever order and however often it is told."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from clock import NOON
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.audience import dossier
from engine.catalogue.parcels import RANK, REST, Known, is_news, key_of
from engine.flow.events import make_event
from engine.intake.recording import record
from engine.store.groups import GroupStore
from mta.ports import to_ms

ANN = "ann@example.org"
NUMBER = {"tracking_number": "PC 123-456"}


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


def tell(store: GroupStore, name: str, data: dict[str, Any], address: str = ANN, at: datetime = NOON) -> bool:
    """Tell of an event; whether it is one."""
    whose = Address.parse(address) if address else None
    event = make_event(name, dict(data), at=at, source="http", address=whose)
    return store.write_now(lambda tx: record(tx, event, now=at)) is not None


def test_late_and_double_words_of_a_courier_are_no_events(store: GroupStore) -> None:
    words = ["accepted", "accepted", "out_for_delivery", "in_transit", "delivered", "in_transit", "delivered", "failed"]
    news = [word for word in words if tell(store, f"parcel.{word}", NUMBER)]
    assert news == ["accepted", "out_for_delivery", "delivered"]
    rows = store.read_now(lambda tx: tx.query("SELECT name FROM event WHERE name LIKE 'parcel.%' ORDER BY id"))
    assert [name for (name,) in rows] == ["parcel.accepted", "parcel.out_for_delivery", "parcel.delivered"]


def test_a_parcel_that_failed_may_go_out_again_and_fail_again(store: GroupStore) -> None:
    def told(word: str, after: timedelta) -> bool:
        return tell(store, f"parcel.{word}", NUMBER, at=NOON + after)

    hour = timedelta(hours=1)
    assert told("out_for_delivery", 0 * hour) and told("failed", 5 * hour)
    assert not told("out_for_delivery", 6 * hour), "the first one, told again"
    assert told("out_for_delivery", 24 * hour) and told("failed", 28 * hour) and told("delivered", 50 * hour)


def test_one_number_is_one_parcel_however_it_is_written_and_others_are_others(store: GroupStore) -> None:
    assert tell(store, "parcel.accepted", {"tracking_number": "PC123456"})
    assert not tell(store, "parcel.accepted", {"tracking_number": "pc 123 456"})
    assert tell(store, "parcel.accepted", {"tracking_number": "PC123457"})
    assert tell(store, "parcel.accepted", {"order": "PC123456"})
    assert tell(store, "parcel.accepted", {}) and tell(store, "parcel.accepted", {}), "about no parcel that is known"


def test_a_courier_who_tells_no_address_means_whoever_the_parcel_was_announced_for(store: GroupStore) -> None:
    tell(store, "order.shipped", {"number": "A-1", **NUMBER})
    assert tell(store, "parcel.delivered", {"tracking_number": "PC123456"}, address="")
    sql = "SELECT c.address FROM event e JOIN contact c ON c.id = e.contact_id WHERE e.name = 'parcel.delivered'"
    assert store.read_now(lambda tx: tx.query(sql)) == [(ANN,)]
    assert tell(store, "parcel.delivered", {"tracking_number": "unknown"}, address="")


def test_whoever_is_erased_leaves_no_parcel(store: GroupStore) -> None:
    tell(store, "parcel.delivered", NUMBER)
    row = store.read_now(lambda tx: tx.one("SELECT contact_id FROM parcel"))
    assert row is not None
    assert store.read_now(lambda tx: dossier.export(tx, row[0]))["parcels"][0]["number"] == "t:PC123456"
    store.write_now(lambda tx: dossier.erase(tx, row[0], ANN, salt=b"s" * 16, now=NOON))
    assert store.read_now(lambda tx: tx.query("SELECT 1 FROM parcel")) == []


WORDS = st.sampled_from([word for word in RANK if word])


@given(st.lists(st.tuples(WORDS, st.integers(0, 60)), max_size=40))
def test_in_whatever_order_they_come_no_word_but_another_attempt_counts_twice(told: list[tuple[str, int]]) -> None:
    known, at, counted = Known(1, "", None), NOON, []
    for word, hours in told:
        at += timedelta(hours=hours)
        if is_news(known, word, at):
            counted.append(word)
            known = Known(1, word, to_ms(at) if word == "out_for_delivery" else known.out_ms)
    once = [word for word in counted if word not in ("out_for_delivery", "failed")]
    assert len(once) == len(set(once)) and "delivered" not in counted[:-1]
    assert all(b == "failed" or RANK[b] > RANK[a] or a == "failed" for a, b in pairwise(counted))
    assert timedelta() < REST


@given(
    st.dictionaries(
        st.sampled_from(["tracking_number", "order"]), st.none() | st.integers() | st.text() | st.lists(st.text())
    )
)
def test_whatever_a_number_is_it_is_a_key_or_none(data: dict[str, Any]) -> None:
    assert len(key_of(data)) <= 102
