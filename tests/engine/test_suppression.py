"""Suppression: the reason decides what it stops; lifting leaves a trace; the queue asks before mail leaves."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

import pytest
from clock import NOON
from mail_shop import Asker, Place, make_list, open_store

from deliverability.address import Address
from engine.audience import subscriptions
from engine.audience.consent import Answer
from engine.audience.suppression import (
    Reason,
    Scope,
    expire,
    has_expired,
    is_suppressed,
    lift,
    record_refusal,
    suppress,
)
from engine.sending.permission import gate, may_send
from engine.sending.refusals import Refusal
from engine.store.groups import GroupStore
from mta.ports import to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import Claimed

KEY = "ann@example.org"
TRANSACTIONAL, MARKETING = Stream.TRANSACTIONAL, Stream.MARKETING


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


def stopped(store: GroupStore, stream: Stream) -> Mapping[str, str]:
    return store.read_now(lambda tx: is_suppressed(tx, [KEY, "bob@example.org"], stream))


@pytest.mark.parametrize(
    ("reason", "transactional"),
    [
        (Reason.HARD_BOUNCE, {KEY: "hard bounce"}),
        (Reason.COMPLAINT, {}),
        (Reason.UNSUBSCRIBE, {}),
        (Reason.MANUAL, {KEY: "manual"}),
    ],
)
def test_the_reason_decides_which_stream_it_stops(
    store: GroupStore, reason: Reason, transactional: Mapping[str, str]
) -> None:
    assert store.write_now(lambda tx: suppress(tx, KEY, reason, now=NOON))
    assert stopped(store, MARKETING) == {KEY: reason}
    assert stopped(store, TRANSACTIONAL) == transactional


def test_the_strongest_of_several_reasons_is_told(store: GroupStore) -> None:
    for reason in (Reason.MANUAL, Reason.UNSUBSCRIBE, Reason.HARD_BOUNCE):
        store.write_now(partial(suppress, key=KEY, reason=reason, now=NOON))
    assert stopped(store, MARKETING) == {KEY: "hard bounce"}


def test_the_first_evidence_stays_and_a_wider_scope_widens(store: GroupStore) -> None:
    def again(scope: Scope | None, evidence: str) -> bool:
        return store.write_now(
            lambda tx: suppress(tx, KEY, Reason.MANUAL, scope=scope, evidence=evidence, delivery_id=4, now=NOON)
        )

    assert [again(Scope.MARKETING, "asked by phone\x1b[2J"), again(Scope.ALL, "second")] == [True, False]
    assert store.read_now(lambda tx: tx.query("SELECT scope, evidence, delivery_id FROM suppression")) == [
        ("all", "asked by phone?[2J", 4)
    ]
    assert again(Scope.MARKETING, "third") is False
    assert stopped(store, TRANSACTIONAL) == {KEY: "manual"}


def test_lifting_says_what_it_lifted_and_who_did_it_and_why(store: GroupStore) -> None:
    for reason in (Reason.HARD_BOUNCE, Reason.COMPLAINT):
        store.write_now(partial(suppress, key=KEY, reason=reason, now=NOON))
    lifted = store.write_now(lambda tx: lift(tx, KEY, by="dana", why="the mailbox is back", now=NOON))
    reasons = [each["reason"] for each in lifted]
    assert reasons == ["complaint", "hard bounce"]
    assert stopped(store, MARKETING) == {}
    name, data = store.read_now(lambda tx: tx.query("SELECT name, data FROM event"))[0]
    assert name == "suppression.lifted"
    assert json.loads(data) == {"key": KEY, "reasons": reasons, "by": "dana", "why": "the mailbox is back"}
    assert store.write_now(lambda tx: lift(tx, KEY, by="dana", why="again", now=NOON)) == []


def test_ten_thousand_keys_are_asked_about_at_once(store: GroupStore) -> None:
    keys = [f"user{each}@example.org" for each in range(10_000)]
    store.write_now(lambda tx: suppress(tx, keys[9_999], Reason.MANUAL, now=NOON))
    assert store.read_now(lambda tx: is_suppressed(tx, keys, MARKETING)) == {keys[9_999]: "manual"}


def test_the_queue_is_told_who_was_suppressed_while_waiting(store: GroupStore) -> None:
    store.write_now(lambda tx: suppress(tx, KEY, Reason.UNSUBSCRIBE, now=NOON))
    store.write_now(lambda tx: suppress(tx, "gone@example.org", Reason.HARD_BOUNCE, now=NOON))
    waiting = [
        _claimed(1, "Ann@example.org", MARKETING), _claimed(2, "ann@example.org", TRANSACTIONAL),
        _claimed(3, "gone@example.org", TRANSACTIONAL), _claimed(4, "bob@example.org", MARKETING),
    ]  # fmt: skip
    assert store.read_now(lambda tx: gate(tx, waiting)) == {
        1: "unsubscribe", 3: "hard bounce", 4: "no confirmed subscription",
    }  # fmt: skip


def test_a_refusal_is_recorded(store: GroupStore) -> None:
    store.write_now(lambda tx: record_refusal(tx, "ann@example.org", "hard bounce", "shop", NOON))
    assert store.read_now(lambda tx: tx.query("SELECT forward_path, reason, credential FROM refusal")) == [
        ("ann@example.org", "hard bounce", "shop")
    ]


def test_marketing_needs_a_confirmed_subscription_and_transactional_mail_does_not(store: GroupStore) -> None:
    asker = Asker()
    store.write_now(make_list)
    store.write_now(
        lambda tx: subscriptions.subscribe(
            tx, "tea", Address.parse(KEY), answer=Answer("yes", salt=b"s"), ask=asker, now=NOON
        )
    )
    assert _may(store, TRANSACTIONAL) == ""
    assert _may(store, MARKETING) == Refusal.NO_CONSENT
    asked_ms = asker.asked[0].asked_ms
    store.write_now(lambda tx: subscriptions.confirm(tx, 1, 1, asked_ms, answer=Answer("yes", salt=b"s"), now=NOON))
    assert _may(store, MARKETING) == ""
    store.write_now(lambda tx: suppress(tx, KEY, Reason.COMPLAINT, now=NOON))
    assert _may(store, MARKETING) == Refusal.COMPLAINT
    assert _may(store, TRANSACTIONAL) == ""


def test_every_reason_of_suppression_is_a_word_of_the_arbiter() -> None:
    assert {str(each) for each in Reason} < {str(each) for each in Refusal}


def _may(store: GroupStore, stream: Stream) -> str:
    return store.read_now(lambda tx: may_send(tx, KEY, stream))


def _claimed(delivery_id: int, forward_path: str, stream: Stream) -> Claimed:
    return Claimed(
        delivery_id=delivery_id, message_id=1, forward_path=forward_path, domain="example.org", stream=stream, attempts=1,
        created_ms=0, expires_ms=0, notify="", orcpt=None, reverse_path="", header_from="", origin="flow", size=1,
        needs_utf8=False, has_8bit=False, envid=None, ret=None,
    )  # fmt: skip


# -- of one list, for a time


def test_a_suppression_of_one_list_stops_that_list_only(store: GroupStore) -> None:
    store.write_now(lambda tx: suppress(tx, KEY, Reason.MANUAL, scope=Scope.MARKETING, list_id=7, now=NOON))
    assert stopped(store, MARKETING) == {}
    for list_id, found in ((7, {KEY: "manual"}), (8, {}), (0, {})):
        assert store.read_now(lambda tx, which=list_id: is_suppressed(tx, [KEY], MARKETING, which)) == found


def test_a_list_that_an_address_is_suppressed_for_never_asks_it(store: GroupStore) -> None:
    asker = Asker()
    store.write_now(make_list)
    store.write_now(lambda tx: make_list(tx, "coffee"))
    store.write_now(lambda tx: suppress(tx, KEY, Reason.MANUAL, scope=Scope.MARKETING, list_id=1, now=NOON))

    def ask(name: str) -> str:
        form = Answer("yes", salt=b"s")
        to = Address.parse(KEY)
        return store.write_now(
            lambda tx: subscriptions.subscribe(tx, name, to, answer=form, ask=asker, now=NOON)
        ).refused

    assert [ask("tea"), ask("coffee")] == ["manual", ""]


def test_a_suppression_with_an_end_ends_then_and_leaves_an_event(store: GroupStore) -> None:
    end = NOON + timedelta(days=30)
    store.write_now(lambda tx: suppress(tx, KEY, Reason.MANUAL, until=end, source="dana", now=NOON))
    store.write_now(lambda tx: suppress(tx, "bob@example.org", Reason.MANUAL, now=NOON))

    def expired(now: datetime) -> tuple[bool, int]:
        return store.read_now(lambda tx: has_expired(tx, now)), store.write_now(lambda tx: expire(tx, now))

    assert expired(end - timedelta(seconds=1)) == (False, 0)
    assert stopped(store, TRANSACTIONAL) == {KEY: "manual", "bob@example.org": "manual"}
    assert expired(end) == (True, 1)
    assert stopped(store, TRANSACTIONAL) == {"bob@example.org": "manual"}
    [(data,)] = store.read_now(lambda tx: tx.query("SELECT data FROM event WHERE name = 'suppression.lifted'"))
    assert json.loads(data)["why"] == "its time was over"


@pytest.mark.parametrize(("first", "again", "kept"), [(30, 60, 60), (30, 10, 30), (30, None, None), (None, 30, None)])
def test_a_later_end_puts_it_off_and_none_makes_it_last(
    store: GroupStore, first: int | None, again: int | None, kept: int | None
) -> None:
    for days in (first, again):
        until = NOON + timedelta(days=days) if days else None
        store.write_now(lambda tx, until=until: suppress(tx, KEY, Reason.MANUAL, until=until, now=NOON))
    [(expires_ms,)] = store.read_now(lambda tx: tx.query("SELECT expires_ms FROM suppression"))
    assert expires_ms == (to_ms(NOON + timedelta(days=kept)) if kept else None)
