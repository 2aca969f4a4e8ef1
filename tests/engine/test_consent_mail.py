"""The confirmation mail: queued with the asking, and its link leads back to that asking."""

from datetime import timedelta

import pytest
from clock import NOON
from mail_shop import BASE, OCTETS, Place, make_composer, make_list, open_store

from deliverability.address import Address
from engine.audience import subscriptions
from engine.audience.consent import Answer
from engine.audience.list_settings import ListSettings
from engine.audience.tokens import BadToken, Purpose
from engine.sending.confirmations import Confirmations
from mta.ports import to_ms
from mta.queue.settings import QueueSettings

GOOD_FOR = ListSettings().expire_after
ANN = Address.parse("ann@example.org")


def test_the_mail_is_queued_in_the_same_commit_and_its_link_names_the_asking(place: Place) -> None:
    store, composer = open_store(place), make_composer()
    store.write_now(make_list)
    ask = Confirmations(composer, QueueSettings(), OCTETS, NOON)
    asked = store.write_now(
        lambda tx: subscriptions.subscribe(
            tx, "tea", ANN, answer=Answer("yes", salt=b"s"), ask=ask, name="Cheap Pills", now=NOON
        )
    )
    row = store.read_now(
        lambda tx: tx.one(
            "SELECT m.origin, m.stream, m.reverse_path, b.content, d.forward_path, s.template, s.contact_id FROM message m"
            " JOIN body b ON b.message_id = m.id JOIN delivery d ON d.message_id = m.id JOIN sending s ON s.message_id = m.id"
            " WHERE m.id = ?",
            (asked.message_id,),
        )
    )
    assert row is not None
    assert row[:3] + row[4:] == ("confirmation", 0, "hello@shop.example", "ann@example.org", "confirm", 1)
    token = _token(row[3])
    assert composer.tokens.read(Purpose.CONFIRM, token, NOON + GOOD_FOR) == (1, 1, to_ms(NOON))
    with pytest.raises(BadToken):
        composer.tokens.read(Purpose.CONFIRM, token, NOON + GOOD_FOR + timedelta(seconds=1))
    assert b"Pills" not in row[3]
    store.close()


def _token(content: bytes) -> str:
    text = content.decode().replace("=\r\n", "")
    return text.split(f"{BASE}/confirm/")[1].split()[0]
