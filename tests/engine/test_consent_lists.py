"""Double opt-in: asked, confirmed, left; what is proven, and what is refused."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from clock import NOON
from mail_shop import Asker, Place, make_list, open_store

from deliverability.address import Address
from engine.audience import consent, lists, subscriptions
from engine.audience.asking import ASKED_ENOUGH
from engine.audience.consent import ALL_LISTS, Act, Answer, Shown
from engine.audience.lists import ListError
from engine.audience.subscriptions import Asked, Asking, SubscriptionState
from engine.audience.suppression import Reason, is_suppressed, suppress
from engine.store.groups import GroupStore
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream

T = TypeVar("T")
ANN = Address.parse("ann@example.org")
FORM = Answer("Yes, send me the letters.", "en", "form", "192.0.2.7", "Browser/1", salt=b"form")
BUTTON = Answer("Please confirm. [Yes]", "en", "web", "192.0.2.8", "Browser/2", salt=b"button")
DAY = timedelta(days=1)


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    store.write_now(make_list)
    yield store
    store.close()


@pytest.fixture
def asker() -> Asker:
    return Asker()


def ask(store: GroupStore, asker: Asker, now: datetime = NOON, name: str = "tea", address: Address = ANN) -> Asked:
    return store.write_now(lambda tx: subscriptions.subscribe(tx, name, address, answer=FORM, ask=asker, now=now))


def confirm(store: GroupStore, asker: Asker, now: datetime = NOON, at: int = -1) -> bool:
    asking = asker.asked[at]
    who = (asking.contact["id"], asking.mailing_list.id, asking.asked_ms)
    return store.write_now(lambda tx: subscriptions.confirm(tx, *who, answer=BUTTON, now=now)) is not None


def leave(store: GroupStore, list_id: int = 1, now: datetime = NOON) -> bool:
    return store.write_now(lambda tx: subscriptions.unsubscribe(tx, 1, list_id, answer=BUTTON, now=now))


def state(store: GroupStore, list_id: int = 1) -> str:
    found = store.read_now(lambda tx: subscriptions.subscription(tx, 1, list_id))
    return found.state if found else "none"


def acts(store: GroupStore) -> list[tuple[str, str, str]]:
    rows = store.read_now(lambda tx: consent.history(tx, 1))
    return [(each.link.act, each.told["source"], each.told["wording"]) for each in rows]


def events(store: GroupStore) -> list[str]:
    rows = store.read_now(lambda tx: tx.query("SELECT name FROM event ORDER BY id"))
    return [name for (name,) in rows if name != "contact.created"]


def test_asking_writes_the_subscription_the_proof_and_the_mail_together(store: GroupStore, asker: Asker) -> None:
    asked = ask(store, asker)
    assert asked == Asked(1, 1, message_id=901)
    assert state(store) == SubscriptionState.UNCONFIRMED
    entry = store.read_now(lambda tx: consent.history(tx, 1))[0]
    assert (entry.link.act, entry.message_id) == (Act.ASKED, 901)
    assert entry.told == {
        "address": "ann@example.org", "list": "tea", "purpose": entry.told["purpose"], "wording": "Yes, send me the letters.",
        "locale": "en", "source": "form", "ip": "192.0.2.7", "agent": "Browser/1",
        "mail": {"message_id": "<901@shop.example>", "subject": "Please confirm", "text": "Press the button."},
    }  # fmt: skip
    assert asker.asked[0].contact["address"] == "ann@example.org"


def test_when_the_mail_cannot_be_written_nobody_was_asked(store: GroupStore) -> None:
    class Fails(Asker):
        def __call__(self, tx: Tx, asking: Asking) -> Shown:
            raise RuntimeError("no template")

    with pytest.raises(RuntimeError):
        ask(store, Fails())
    assert state(store) == "none"
    assert acts(store) == []


def test_the_button_confirms_once_however_often_it_is_pressed(store: GroupStore, asker: Asker) -> None:
    ask(store, asker)
    assert [confirm(store, asker), confirm(store, asker, NOON + DAY)] == [True, True]
    assert state(store) == SubscriptionState.CONFIRMED
    assert acts(store) == [("asked", "form", FORM.wording), ("confirmed", "web", BUTTON.wording)]
    assert events(store) == ["list.joined", "list.confirmed"]


def test_somebody_on_the_list_is_not_asked_again(store: GroupStore, asker: Asker) -> None:
    ask(store, asker)
    confirm(store, asker)
    assert ask(store, asker, NOON + DAY) == Asked(1, 1, already=True)
    assert len(asker.asked) == 1


def test_an_address_is_asked_twice_a_day_and_no_more_over_all_lists(store: GroupStore, asker: Asker) -> None:
    store.write_now(lambda tx: make_list(tx, "coffee"))
    answers = [ask(store, asker, NOON + timedelta(hours=each), ("tea", "coffee")[each % 2]) for each in range(4)]
    assert [each.refused for each in answers] == ["", "", ASKED_ENOUGH, ASKED_ENOUGH]
    assert len(asker.asked) == 2
    assert ask(store, asker, NOON + timedelta(hours=24, minutes=1)).refused == ""


def test_the_first_mails_link_still_works_after_a_second_mail(store: GroupStore, asker: Asker) -> None:
    ask(store, asker)
    ask(store, asker, NOON + timedelta(hours=1))
    assert confirm(store, asker, at=0)


def test_a_link_from_before_leaving_does_not_confirm_a_later_asking(store: GroupStore, asker: Asker) -> None:
    ask(store, asker)
    leave(store)
    assert not confirm(store, asker, at=0)
    ask(store, asker, NOON + DAY)
    assert not confirm(store, asker, NOON + DAY, at=0)
    assert confirm(store, asker, NOON + DAY, at=1)


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.PAUSED])
def test_a_suppressed_address_is_refused_with_the_reason(store: GroupStore, asker: Asker, reason: Reason) -> None:
    store.write_now(lambda tx: suppress(tx, ANN.key, reason, now=NOON))
    assert ask(store, asker).refused == reason
    assert (state(store), asker.asked) == ("none", [])


def test_confirming_does_not_revive_who_complained_meanwhile(store: GroupStore, asker: Asker) -> None:
    ask(store, asker)
    store.write_now(lambda tx: suppress(tx, ANN.key, Reason.COMPLAINT, now=NOON))
    assert not confirm(store, asker)
    assert state(store) == SubscriptionState.UNCONFIRMED


def test_a_single_opt_in_list_believes_at_once_and_keeps_the_wording(store: GroupStore, asker: Asker) -> None:
    store.write_now(lambda tx: make_list(tx, "shop-news", "single"))
    assert ask(store, asker, name="shop-news") == Asked(1, 2)
    assert state(store, 2) == SubscriptionState.CONFIRMED
    assert [each[0] for each in acts(store)] == ["asked", "confirmed"]
    assert asker.asked == []


def test_leaving_a_list_ends_that_one_only_and_suppresses_nothing(store: GroupStore, asker: Asker) -> None:
    ask(store, asker)
    confirm(store, asker)
    assert [leave(store), leave(store)] == [True, False]
    assert state(store) == SubscriptionState.UNSUBSCRIBED
    assert [each[0] for each in acts(store)] == ["asked", "confirmed", "withdrawn"]
    assert store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.MARKETING)) == {}


def test_leaving_everything_suppresses_marketing_and_leaves_transactional_mail_alone(
    store: GroupStore, asker: Asker
) -> None:
    ask(store, asker)
    assert [leave(store, ALL_LISTS), leave(store, ALL_LISTS)] == [True, False]
    assert store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.MARKETING)) == {ANN.key: "unsubscribe"}
    assert store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.TRANSACTIONAL)) == {}
    assert events(store) == ["list.joined", "list.left", "mail.unsubscribed"]


def test_an_empty_wording_is_the_lists_purpose(store: GroupStore, asker: Asker) -> None:
    store.write_now(
        lambda tx: subscriptions.subscribe(tx, "tea", ANN, answer=Answer("", salt=b"s"), ask=asker, now=NOON)
    )
    assert acts(store) == [("asked", "command", "One letter a month.")]


@pytest.mark.parametrize("name", ["", "Tea", "tea letters", "../tea", "tea\n", "x" * 70])
def test_a_list_is_named_in_small_letters_digits_and_hyphens(store: GroupStore, name: str) -> None:
    with pytest.raises(ListError, match="no list name"):
        store.write_now(lambda tx: lists.create(tx, name, title="", now=NOON))


def test_a_list_is_made_once_and_must_be_there(store: GroupStore, asker: Asker) -> None:
    with pytest.raises(ListError, match="already"):
        store.write_now(make_list)
    with pytest.raises(ListError, match="no list coffee"):
        ask(store, asker, name="coffee")
    with pytest.raises(ListError, match='"double" or "single"'):
        store.write_now(lambda tx: make_list(tx, "cocoa", "triple"))


def test_confirming_what_is_not_there_answers_no(store: GroupStore, asker: Asker) -> None:
    ask(store, asker)
    for ids in ((1, 9, to_ms(NOON)), (9, 1, to_ms(NOON)), (1, 1, to_ms(NOON) + 1)):
        assert _confirm(store, *ids) is None


def _confirm(store: GroupStore, contact_id: int, list_id: int, asked_ms: int) -> lists.MailingList | None:
    return store.write_now(lambda tx: subscriptions.confirm(tx, contact_id, list_id, asked_ms, answer=BUTTON, now=NOON))
