"""Contacts: one for each mailbox, and what conditions and templates see of them."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from clock import NOON
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.audience.contacts import (
    NAME_MAX,
    UnknownContact,
    contact_facts,
    ensure_contact,
    find_contact,
    tidy_locale,
    tidy_name,
    tidy_zone,
)
from engine.store.groups import GroupStore
from mta.ports import Tx, to_ms

ANN = Address.parse("ann@example.org")


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


def test_two_spellings_of_one_mailbox_are_one_contact(store: GroupStore) -> None:
    first = store.write_now(lambda tx: ensure_contact(tx, ANN, now=NOON))
    second = store.write_now(lambda tx: ensure_contact(tx, Address.parse("Ann@EXAMPLE.org"), now=NOON))
    assert first == second


def test_a_new_contact_is_an_event_and_a_known_one_is_none(store: GroupStore) -> None:
    for _ in range(2):
        store.write_now(lambda tx: ensure_contact(tx, ANN, now=NOON))
    rows = store.read_now(lambda tx: tx.query("SELECT name, contact_id, source, matched FROM event"))
    assert rows == [("contact.created", 1, "engine", 0)]


def test_what_is_told_later_fills_what_was_empty_and_overwrites_nothing(store: GroupStore) -> None:
    store.write_now(lambda tx: ensure_contact(tx, ANN, name="Ann", now=NOON))
    store.write_now(lambda tx: ensure_contact(tx, ANN, name="Mallory", locale="he_IL", zone="Asia/Jerusalem", now=NOON))
    facts = store.read_now(lambda tx: contact_facts(tx, 1))
    assert (facts["name"], facts["locale"], facts["zone"]) == ("Ann", "he-IL", "Asia/Jerusalem")


def test_facts_are_plain_and_hold_tags_and_orders(store: GroupStore) -> None:
    def work(tx: Tx) -> int:
        contact_id = ensure_contact(tx, ANN, name="Ann", now=NOON)
        for tag in ("warm", "gold"):
            tx.execute("INSERT INTO tag (contact_id, tag, at_ms) VALUES (?,?,0)", (contact_id, tag))
        for day, total in enumerate((20, "30.5", "no number", True)):
            _order(tx, contact_id, {"total": total}, day)
        return contact_id

    contact_id = store.write_now(work)
    facts = store.read_now(lambda tx: contact_facts(tx, contact_id))
    assert facts["tags"] == ["gold", "warm"]
    assert facts["orders"] == {"count": 4, "total": 50.5, "last_at": (NOON + timedelta(days=3)).isoformat()}
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("total", ["1e999999", "NaN", "Infinity", None, [], {"a": 1}])
def test_an_absurd_total_counts_as_nothing(store: GroupStore, total: object) -> None:
    def work(tx: Tx) -> int:
        contact_id = ensure_contact(tx, ANN, now=NOON)
        _order(tx, contact_id, {"total": total}, 0)
        return contact_id

    contact_id = store.write_now(work)
    assert store.read_now(lambda tx: contact_facts(tx, contact_id))["orders"]["total"] == 0


def test_nobody_has_no_facts(store: GroupStore) -> None:
    assert store.read_now(lambda tx: find_contact(tx, ANN)) is None
    with pytest.raises(UnknownContact):
        store.read_now(lambda tx: contact_facts(tx, 12))


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("  Ann \t Archer\r\nBcc: x@y.example ", "Ann Archer Bcc: x@y.example"),
        ("Ann\u2028Archer", "Ann Archer"),
        ("\u200fנועה\u200e לוי\u202e", "נועה לוי"),
        ("x" * 500, "x" * NAME_MAX),
        ("\x1b]0;owned\x07Ann", "?]0;owned?Ann"),
    ],
)
def test_a_name_is_kept_on_one_line_without_controls(told: str, kept: str) -> None:
    assert tidy_name(told) == kept


def test_what_is_no_locale_or_zone_is_ignored() -> None:
    assert [tidy_locale(each) for each in ("en_GB", "zh-Hant-TW", "../../etc", "e", "en;q=1")] == [
        "en-GB", "zh-Hant-TW", "", "", "",
    ]  # fmt: skip
    assert [tidy_zone(each) for each in ("Asia/Jerusalem", "../../etc/passwd", "Mars/Base", "/etc", "")] == [
        "Asia/Jerusalem", "", "", "", "",
    ]  # fmt: skip


def _order(tx: Tx, contact_id: int, data: dict[str, object], day: int) -> None:
    tx.execute(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES ('order.placed',?,'',?,'http',?,1)",
        (contact_id, json.dumps(data), to_ms(NOON + timedelta(days=day))),
    )
