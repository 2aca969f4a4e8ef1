"""The figures of lists are what counting would find, whatever is done and by whom."""

from collections.abc import Iterator
from random import Random

import pytest
from clock import NOON
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.audience import dossier, figures, lists, subscriptions
from engine.audience.consent import ALL_LISTS, Answer
from engine.audience.contacts import ensure_contact
from engine.store.groups import GroupStore
from mta.ports import Tx

ANSWER = Answer(source="site", wording="Yes.", salt=bytes(32))


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


def counted(tx: Tx, list_id: int) -> dict[str, int]:
    return dict(tx.query("SELECT state, count(*) FROM subscription WHERE list_id = ? GROUP BY state", (list_id,)))


def test_figures_are_what_counting_finds_whatever_is_done(store: GroupStore) -> None:
    random = Random(7)
    ids = store.write_now(
        lambda tx: [lists.create(tx, name, title=name, confirmation="single", now=NOON).id for name in ("tea", "news")]
    )

    def act(tx: Tx) -> None:
        address = Address.parse(f"p{random.randrange(12)}@example.org")
        contact_id = ensure_contact(tx, address, now=NOON)
        which = random.randrange(6)
        if which < 3:
            with figures.kept(tx, [contact_id], [contact_id]):
                tx.execute(
                    "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms) VALUES (?,?,'confirmed','',0)"
                    " ON CONFLICT (contact_id, list_id) DO NOTHING",
                    (contact_id, random.choice(ids)),
                )
        elif which == 3:
            subscriptions.unsubscribe(tx, contact_id, random.choice((*ids, ALL_LISTS)), answer=ANSWER, now=NOON)
        elif which == 4:
            dossier.erase(tx, contact_id, address.key, salt=b"0" * 32, now=NOON)
        else:
            other = ensure_contact(tx, Address.parse("p0@example.org"), now=NOON)
            if other != contact_id:
                dossier.merge(tx, contact_id, other, by="me", now=NOON)

    for _ in range(150):
        store.write_now(act)
        for each in ids:
            assert store.read_now(lambda tx, each=each: lists.counts(tx, each) == counted(tx, each))  # type: ignore[misc]
