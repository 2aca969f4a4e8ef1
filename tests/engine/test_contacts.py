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
    Change,
    ContactError,
    UnknownContact,
    change,
    contact_facts,
    count_order,
    ensure_contact,
    find_contact,
    tidy_locale,
    tidy_name,
    tidy_zone,
)
from engine.audience.fields import Field, Kind, declare
from engine.audience.tags import pin_many
from engine.store.groups import GroupStore
from mta.ports import Tx

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
    assert facts["orders"] == {
        "count": 4, "total": 50.5, "first_at": NOON.isoformat(), "last_at": (NOON + timedelta(days=3)).isoformat(),
    }  # fmt: skip
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("total", ["1e999999", "NaN", "Infinity", None, [], {"a": 1}, True, 1e12, 1e308])
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
    assert [tidy_zone(each) for each in ("Asia/Jerusalem", "../../etc/passwd", "Mars/Base", "/etc", "", "a/" * 5000)] == [
        "Asia/Jerusalem", "", "", "", "", "",
    ]  # fmt: skip


def _order(tx: Tx, contact_id: int, data: dict[str, object], day: int) -> None:
    count_order(tx, contact_id, data, NOON + timedelta(days=day))


# -- what an operator or an import says


def _change(store: GroupStore, **told: object) -> dict[str, object]:
    contact_id = store.write_now(lambda tx: ensure_contact(tx, ANN, now=NOON))
    store.write_now(lambda tx: change(tx, contact_id, Change(**told), NOON))  # type: ignore[arg-type]
    return store.read_now(lambda tx: contact_facts(tx, contact_id))


def test_what_an_operator_says_overwrites_and_an_empty_value_takes_away(store: GroupStore) -> None:
    store.write_now(lambda tx: declare(tx, Field("size", Kind.NUMBER), NOON))
    facts = _change(store, name="Ann", birthday="1990-03-31", external_id="C-7", fields={"size": "38"}, tags={"Gold "})
    assert (facts["name"], facts["birthday"], facts["external_id"]) == ("Ann", "1990-03-31", "C-7")
    assert (facts["fields"], facts["tags"]) == ({"size": 38}, ["gold"])
    facts = _change(store, name="", birthday="--02-29", external_id="", fields={"size": ""}, untags={"GOLD"})
    assert (facts["name"], facts["birthday"], facts["external_id"]) == ("", "--02-29", "")
    assert (facts["fields"], facts["tags"]) == ({}, [])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"birthday": "31.3.1990"}, "is no birthday"),
        ({"birthday": "1990-02-30"}, "is no birthday"),
        ({"birthday": "--02-30"}, "is no birthday"),
        ({"locale": "english please"}, "is no locale"),
        ({"zone": "Mars/Base"}, "is no zone"),
        ({"tags": {"a,b"}}, "is no tag"),
        ({"tags": {""}}, "is no tag"),
        ({"fields": {"size": "3"}}, "there is no field"),
    ],
)
def test_what_can_not_be_so_is_refused_whole(store: GroupStore, told: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _change(store, name="Changed", **told)
    assert store.read_now(lambda tx: contact_facts(tx, 1))["name"] == ""


def test_two_contacts_never_have_one_external_id(store: GroupStore) -> None:
    _change(store, external_id="C-7")
    other = store.write_now(lambda tx: ensure_contact(tx, Address.parse("bob@example.org"), now=NOON))
    with pytest.raises(ContactError, match=r"ann@example\.org has the external id C-7"):
        store.write_now(lambda tx: change(tx, other, Change(external_id="C-7"), NOON))


def told(store: GroupStore) -> list[tuple[str, str]]:
    rows = store.read_now(
        lambda tx: tx.query("SELECT name, data FROM event WHERE name LIKE 'contact.%tagged' ORDER BY id")
    )
    return [(name, json.loads(data)["tag"]) for name, data in rows]


def test_a_tag_that_comes_or_goes_is_an_event_once(store: GroupStore) -> None:
    contact_id = store.write_now(lambda tx: ensure_contact(tx, ANN, now=NOON))

    def say(**words: frozenset[str]) -> None:
        store.write_now(lambda tx: change(tx, contact_id, Change(**words), NOON))  # type: ignore[arg-type]

    say(tags=frozenset({"VIP", "vip", "gold"}))
    say(tags=frozenset({"vip"}), untags=frozenset({"silver"}))
    assert told(store) == [("contact.tagged", "gold"), ("contact.tagged", "vip")]
    assert len(store.read_now(lambda tx: tx.query("SELECT 1 FROM event WHERE name = 'contact.updated'"))) == 1
    say(untags=frozenset({"gold"}))
    assert told(store)[2:] == [("contact.untagged", "gold")]


def test_many_tags_at_once_are_told_of_where_they_are_new(store: GroupStore) -> None:
    contact_id = store.write_now(lambda tx: ensure_contact(tx, ANN, now=NOON))
    store.write_now(lambda tx: change(tx, contact_id, Change(tags=frozenset({"old"})), NOON))
    pairs = [(contact_id, "old"), (contact_id, "new"), (contact_id, "new"), (contact_id + 1, "old")]
    store.write_now(lambda tx: pin_many(tx, pairs, NOON, known=[contact_id]))
    assert told(store)[1:] == [("contact.tagged", "new"), ("contact.tagged", "old")]
    assert store.read_now(lambda tx: contact_facts(tx, contact_id))["tags"] == ["new", "old"]
