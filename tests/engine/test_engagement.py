"""Engagement: what people did, kept beside the contact as it happens; levels that time alone changes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from clock import NOON
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.audience import dossier, engagement
from engine.audience.contacts import contact_facts, ensure_contact
from engine.audience.engagement import Signal, level
from engine.flow.conditions import Condition
from engine.flow.events import make_event
from engine.intake.recording import record
from engine.running import facts
from engine.running.runner import UTC_ZONE
from engine.store.groups import GroupStore

ANN, BOB = Address.parse("ann@example.org"), Address.parse("bob@example.org")
DAY = timedelta(days=1)


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    for each in (ANN, BOB):
        store.write_now(lambda tx, each=each: ensure_contact(tx, each, now=NOON))  # type: ignore[misc]
    yield store
    store.close()


def of(store: GroupStore, contact_id: int = 1) -> dict[str, Any]:
    found = store.read_now(lambda tx: contact_facts(tx, contact_id))["engagement"]
    return {name: value for name, value in found.items() if value}


def tell(store: GroupStore, name: str, days_ago: int = 0, **data: Any) -> None:
    event = make_event(name, data, at=NOON - days_ago * DAY, source="http", address=ANN)
    store.write_now(lambda tx: record(tx, event, now=NOON))


def iso(days_ago: int) -> str:
    return (NOON - days_ago * DAY).isoformat()


def test_nobody_is_engaged_at_first(store: GroupStore) -> None:
    assert of(store) == {}


def test_each_signal_is_counted_with_its_last_time(store: GroupStore) -> None:
    for signal, days in (
        (Signal.OPENED, 5),
        (Signal.CLICKED, 4),
        (Signal.CLICKED, 9),
        (Signal.REPLIED, 7),
        (Signal.VISITED, 6),
    ):
        store.write_now(lambda tx, signal=signal, days=days: engagement.note(tx, 1, signal, NOON - days * DAY))  # type: ignore[misc]
    assert of(store) == {
        "opened_at": iso(5), "clicked_at": iso(4), "replied_at": iso(7), "visited_at": iso(6), "last_at": iso(4),
        "opens": 1, "clicks": 2, "replies": 1, "visits": 1,
    }  # fmt: skip
    assert of(store, 2) == {}


def test_events_of_the_shop_are_signals(store: GroupStore) -> None:
    tell(store, "product.viewed", 3)
    tell(store, "cart.updated", 2, cart_id="C1")
    tell(store, "mail.replied", 4)
    tell(store, "order.placed", 1, number="A-1", total=5)
    tell(store, "parcel.delivered", 0)
    assert of(store) == {
        "visited_at": iso(2), "visits": 2, "replied_at": iso(4), "replies": 1, "last_at": iso(1),
    }  # fmt: skip


def test_what_is_taken_back_leaves_what_else_there_was(store: GroupStore) -> None:
    tell(store, "order.placed", 30, number="A-1", total=5)
    store.write_now(lambda tx: engagement.note(tx, 1, Signal.CLICKED, NOON))
    store.write_now(lambda tx: engagement.take_back(tx, 1, Signal.CLICKED, "mail.clicked"))
    assert of(store) == {"last_at": iso(30)}
    store.write_now(lambda tx: engagement.take_back(tx, 1, Signal.CLICKED, "mail.clicked"))
    assert of(store) == {"last_at": iso(30)}


def test_who_is_made_one_did_what_both_did(store: GroupStore) -> None:
    for contact_id, days in ((1, 5), (2, 3)):
        store.write_now(
            lambda tx, who=contact_id, days=days: engagement.note(tx, who, Signal.CLICKED, NOON - days * DAY)
        )  # type: ignore[misc]
    store.write_now(lambda tx: engagement.note(tx, 1, Signal.OPENED, NOON - 9 * DAY))
    store.write_now(lambda tx: dossier.merge(tx, 1, 2, by="dana", now=NOON))
    assert of(store, 2) == {
        "clicked_at": iso(3), "clicks": 2, "opened_at": iso(9), "opens": 1, "last_at": iso(3),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("days", "word"),
    [(None, "never"), (0, "active"), (29, "active"), (30, "warm"), (89, "warm"), (90, "cooling"), (179, "cooling"),
     (180, "dormant"), (4000, "dormant")],
)  # fmt: skip
def test_the_level_is_how_long_ago_it_was(days: int | None, word: str) -> None:
    found, score = level(None if days is None else NOON - days * DAY, NOON)
    assert (found, score) == (word, {"active": 4, "warm": 3, "cooling": 2, "dormant": 1, "never": 0}[word])


def test_flows_ask_for_it(store: GroupStore) -> None:
    tell(store, "product.viewed", 40)
    contacts = store.read_now(lambda tx: facts.read_contacts(tx, [1]))
    scope = facts.scope(contacts[1], {}, NOON, UTC_ZONE)
    for text in (
        "contact.engagement.level == 'warm'",
        "contact.engagement.score >= 3 and contact.engagement.clicks == 0",
    ):
        assert Condition.parse(text).evaluate(scope)
    assert Condition.parse("contact.engagement.score == 1").evaluate(
        facts.scope(contacts[1], {}, NOON + 300 * DAY, UTC_ZONE)
    )
