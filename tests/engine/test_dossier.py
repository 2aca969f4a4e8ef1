"""All about one person: exported, merged, erased."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from clock import NOON
from mail_shop import Asker, Place, make_list, open_store

from deliverability.address import Address
from engine.audience import consent, dossier, subscriptions
from engine.audience.consent import Answer
from engine.audience.contacts import Change, change, contact_facts, count_order, ensure_contact, find_contact
from engine.audience.suppression import Reason, is_suppressed, lift, suppress
from engine.store.groups import GroupStore
from mta.ports import Tx
from mta.queue import erasing, queue
from mta.queue.delivery import Stream
from mta.queue.operating import By
from mta.queue.queue import NewMessage, Recipient
from mta.queue.settings import QueueSettings

ANN, BOB = Address.parse("Ann@example.org"), Address.parse("bob@example.org")
FORM = Answer("Yes, send me the letters.", "en", "form", "192.0.2.7", "Browser/1", salt=b"unguessable")
CONTENT = b"Subject: hi\r\n\r\nx\r\n"
SALT = b"thirty-two unguessable octets..."


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    store.write_now(make_list)
    yield store
    store.close()


def live(store: GroupStore, who: Address, name: str, days: int = 0) -> int:
    """Somebody who confirmed a list, ordered once, and was written to."""
    asker, now = Asker(), NOON + timedelta(days=days)

    def work(tx: Tx) -> int:
        asked = subscriptions.subscribe(tx, "tea", who, answer=FORM, ask=asker, name=name, now=now)
        subscriptions.confirm(tx, asked.contact_id, 1, asker.asked[0].asked_ms, answer=FORM, now=now)
        change(tx, asked.contact_id, Change(external_id=f"id-{name}", tags=frozenset({name})), now)
        count_order(tx, asked.contact_id, {"total": 10 + days}, now)
        message = NewMessage("s@shop.example", (Recipient(who),), CONTENT, Stream.MARKETING, "flow", subject="hi")
        queued = queue.enqueue(tx, message, now, QueueSettings())
        tx.execute(
            "INSERT INTO sending (message_id, contact_id, flow, step, occurrence, template) VALUES (?,?,'f','s',1,'')",
            (queued.message_id, asked.contact_id),
        )
        return asked.contact_id

    return store.write_now(work)


def every_text(store: GroupStore) -> str:
    """All that stands in any table."""
    tables = [row[0] for row in store.read_now(lambda tx: tx.query(_TABLES[store.name.startswith("postgres")]))]
    return json.dumps(
        [store.read_now(lambda tx, each=each: tx.query(f"SELECT * FROM {each}")) for each in tables], default=str
    )


_TABLES = {
    False: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    True: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}


def test_the_export_is_plain_and_holds_everything(store: GroupStore) -> None:
    ann = live(store, ANN, "Ann")
    store.write_now(lambda tx: suppress(tx, ANN.key, Reason.COMPLAINT, evidence="a report", now=NOON))
    told = store.read_now(lambda tx: dossier.export(tx, ann))
    assert json.loads(json.dumps(told)) == told
    assert told["contact"]["address"] == "Ann@example.org" and told["contact"]["orders"]["count"] == 1
    assert [each["act"] for each in told["consent"]] == ["asked", "confirmed"]
    assert told["subscriptions"][0]["state"] == "confirmed" and told["subscriptions"][0]["asked"].startswith(
        "2026-03-02T12"
    )
    assert told["suppression"][0]["evidence"] == "a report" and told["mails"][0]["subject"] == "hi"
    assert {each["name"] for each in told["events"]} == {
        "contact.created", "contact.updated", "contact.tagged", "list.joined", "list.confirmed",
    }  # fmt: skip


def test_merging_moves_what_happened_and_no_consent(store: GroupStore) -> None:
    ann, bob = live(store, ANN, "Ann", days=5), live(store, BOB, "Bob")
    store.write_now(lambda tx: subscriptions.unsubscribe(tx, bob, 1, answer=FORM, now=NOON))
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    facts = store.read_now(lambda tx: contact_facts(tx, bob))
    assert (facts["name"], facts["tags"], facts["external_id"]) == ("Bob", ["ann", "bob"], "id-Bob")
    assert facts["orders"] == {
        "count": 2, "total": 25, "first_at": NOON.isoformat(), "last_at": (NOON + timedelta(days=5)).isoformat(),
    }  # fmt: skip
    assert store.read_now(lambda tx: find_contact(tx, ANN)) is None
    there = store.read_now(lambda tx: subscriptions.subscription(tx, bob, 1))
    assert there is not None and there.state == "unsubscribed", "a yes was said for one mailbox"
    assert store.read_now(consent.check)[:2] == (5, 0)


def test_what_was_said_for_a_merged_mailbox_is_shown_and_erased_with_the_other_and_nothing_rests_on_it(
    store: GroupStore,
) -> None:
    bob, ann = live(store, BOB, "Bob"), live(store, ANN, "Ann", days=5)
    own = store.read_now(lambda tx: consent.cited(tx, bob, 1))
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    told = store.read_now(lambda tx: consent.history(tx, bob))
    assert [each.told["address"] for each in told] == [str(BOB)] * 2 + [str(ANN)] * 2
    assert store.read_now(lambda tx: consent.cited(tx, bob, 1)) == own != told[-1].link
    erase(store, BOB)
    text = every_text(store).lower()
    assert "ann@example.org" not in text and "bob@example.org" not in text
    assert store.read_now(consent.check)[:2] == (4, 4)
    stopped = store.read_now(lambda tx: is_suppressed(tx, [ANN.key, BOB.key], Stream.MARKETING))
    assert set(stopped) == {ANN.key, BOB.key}, "no import brings either back"


def test_an_id_is_never_given_again(store: GroupStore) -> None:
    bob, ann = live(store, BOB, "Bob"), live(store, ANN, "Ann")
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    third = live(store, Address.parse("cy@example.org"), "Cy")
    assert third > ann
    erase(store, Address.parse("cy@example.org"))
    assert live(store, Address.parse("dee@example.org"), "Dee") > third


def leave(store: GroupStore, contact_id: int, list_id: int = 1) -> bool:
    return store.write_now(lambda tx: subscriptions.unsubscribe(tx, contact_id, list_id, answer=FORM, now=NOON))


def refused(store: GroupStore, who: Address) -> str:
    return store.read_now(lambda tx: is_suppressed(tx, [who.key], Stream.MARKETING, 1)).get(who.key, "")


def test_a_merged_mailbox_stays_off_the_lists_that_it_left_until_it_says_yes_itself(store: GroupStore) -> None:
    ann, bob = live(store, ANN, "Ann"), live(store, BOB, "Bob")
    leave(store, ann)
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    assert (refused(store, ANN), refused(store, BOB)) == ("unsubscribe", "")
    live(store, ANN, "Ann", days=2)
    assert refused(store, ANN) == "", "she said yes again"


@pytest.mark.parametrize("reason", [Reason.MANUAL, Reason.COMPLAINT])
def test_what_else_stops_a_merged_mailbox_is_not_lifted_by_a_yes(store: GroupStore, reason: Reason) -> None:
    ann, bob = live(store, ANN, "Ann"), live(store, BOB, "Bob")
    leave(store, ann)
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    store.write_now(lambda tx: suppress(tx, ANN.key, reason, list_id=1, now=NOON))
    asked = store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", ANN, answer=FORM, ask=Asker(), now=NOON))
    assert asked.refused == reason


def test_a_merged_contact_leaves_for_its_own_mailbox_and_is_kept_in_the_ledger(store: GroupStore) -> None:
    ann, bob, cy = live(store, ANN, "Ann"), live(store, BOB, "Bob"), live(store, Address.parse("cy@example.org"), "Cy")
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    store.write_now(lambda tx: dossier.merge(tx, bob, cy, by="dana", now=NOON))
    assert leave(store, ann) and not leave(store, ann), "twice is once"
    assert (refused(store, ANN), refused(store, BOB)) == ("unsubscribe", "")
    last = store.read_now(lambda tx: consent.history(tx, cy))[-1]
    assert (last.link.act, last.told["address"], last.told["list"]) == ("withdrawn", str(ANN), "tea")
    there = store.read_now(lambda tx: subscriptions.subscription(tx, cy, 1))
    assert there is not None and there.state == "confirmed", "what goes to the new address goes on"
    assert leave(store, bob, consent.ALL_LISTS)
    assert store.read_now(lambda tx: is_suppressed(tx, [BOB.key], Stream.MARKETING)) == {BOB.key: "unsubscribe"}
    erase(store, Address.parse("cy@example.org"))
    assert not leave(store, ann), "nothing is known of them any more"
    text = every_text(store).lower()
    assert not any(name in text for name in ("ann@", "bob@", "cy@"))


def test_a_merged_mailbox_that_came_back_leaves_as_who_it_is_now(store: GroupStore) -> None:
    ann, bob = live(store, ANN, "Ann"), live(store, BOB, "Bob")
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    again = live(store, ANN, "Anna", days=2)
    assert leave(store, ann)
    there = store.read_now(lambda tx: subscriptions.subscription(tx, again, 1))
    assert there is not None and there.state == "unsubscribed"


def test_merging_into_somebody_without_orders_keeps_theirs(store: GroupStore) -> None:
    ann = live(store, ANN, "Ann")
    bob = store.write_now(lambda tx: ensure_contact(tx, BOB, now=NOON))
    store.write_now(lambda tx: dossier.merge(tx, ann, bob, by="dana", now=NOON))
    facts = store.read_now(lambda tx: contact_facts(tx, bob))
    assert facts["external_id"] == "id-Ann" and facts["orders"]["first_at"] == NOON.isoformat()


def erase(store: GroupStore, who: Address) -> None:
    contact_id = store.read_now(lambda tx: find_contact(tx, who))
    assert contact_id is not None
    theirs = [str(each) for each in store.read_now(lambda tx: dossier.mailboxes(tx, contact_id))]
    store.write_now(lambda tx: dossier.erase(tx, contact_id, who.key, salt=SALT, now=NOON))
    _, ids = store.read_now(lambda tx: erasing.find(tx, theirs))
    store.write_now(lambda tx: erasing.blank(tx, ids, By("dana", "erased"), NOON))


def test_after_erasing_nothing_in_any_table_names_the_person(store: GroupStore) -> None:
    live(store, ANN, "Ann")
    live(store, BOB, "Bob")
    store.write_now(lambda tx: suppress(tx, ANN.key, Reason.COMPLAINT, evidence="from ann@example.org", now=NOON))
    erase(store, ANN)
    text = every_text(store).lower()
    assert "ann" not in text.replace("channel", "").replace("cancelled", "").replace("annual", "")
    assert "bob@example.org" in text
    assert store.read_now(consent.check)[:2] == (4, 2), "the chain verifies, without the facts"


def test_an_erased_address_is_still_not_written_to_and_can_be_let_back(store: GroupStore) -> None:
    live(store, ANN, "Ann")
    store.write_now(lambda tx: suppress(tx, ANN.key, Reason.HARD_BOUNCE, now=NOON))
    live(store, BOB, "Bob")
    erase(store, ANN)
    erase(store, BOB)

    def stops(who: Address, stream: Stream) -> dict[str, str]:
        return store.read_now(lambda tx: is_suppressed(tx, [who.key, "else@example.org"], stream))

    assert stops(ANN, Stream.TRANSACTIONAL) == {ANN.key: "erased"}, "the mailbox was not there: that still holds"
    assert stops(BOB, Stream.TRANSACTIONAL) == {}
    assert stops(BOB, Stream.MARKETING) == {BOB.key: "erased"}
    [lifted] = store.write_now(lambda tx: lift(tx, BOB.key, by="dana", why="asked", now=NOON))
    assert lifted["reason"] == "erased"
    assert stops(BOB, Stream.MARKETING) == {}


def test_what_still_waits_is_cancelled_and_what_ended_keeps_its_place_in_the_books(store: GroupStore) -> None:
    live(store, ANN, "Ann")
    erase(store, ANN)
    rows: list[tuple[Any, ...]] = store.read_now(
        lambda tx: tx.query("SELECT forward_path, domain, state, ended_by FROM delivery")
    )
    assert rows == [("erased@example.org", "example.org", 13, "dana: erased")]
