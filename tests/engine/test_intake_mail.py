"""A submitted mail, examined for events before it is accepted."""

import base64
import json
import quopri
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import Place, open_store

from deliverability.address import Address
from deliverability.rawmail import without
from engine.intake.mail import Examined, examine, shows_marker, with_answer
from engine.intake.recording import record_mail
from engine.intake.wants import read_mail
from engine.store.groups import GroupStore
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, enqueue, remark
from mta.queue.settings import QueueSettings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANN = Address.parse("Ann@example.org")
BOB = Address.parse("bob@example.org")
ORDER = Path("tests/data/structured/order-placed.json").read_text(encoding="utf-8")


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


def mail(*fields: str, body: str = "hello") -> bytes:
    return "\r\n".join(("Message-ID: <1@shop.example>", *fields, "", body, "")).encode()


def examined(*fields: str, body: str = "hello") -> Examined:
    return examine(mail(*fields, body=body), [ANN, BOB], NOON)


def html_mail(cte: str) -> bytes:
    html = f'<html><script type="application/ld+json">{ORDER}</script><p>Thanks!</p></html>'.encode()
    octets = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring, "8bit": bytes}[cte](html)
    head = f"Message-ID: <1@shop.example>\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: {cte}\r\n\r\n"
    return head.encode() + octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_an_event_in_the_header_happens_to_the_first_recipient() -> None:
    (event,) = examined("X-Posthouse-Event: order.placed", 'X-Posthouse-Data: {"number": "A-1", "total": 20}').events
    assert (event.name, event.key, event.source, event.address) == ("order.placed", "A-1", "header", ANN)
    assert event.data == {"number": "A-1", "total": 20} and event.at == NOON


def test_data_may_be_folded_and_may_be_written_in_encoded_words() -> None:
    folded = 'X-Posthouse-Data: {"number":\r\n "A-1",\r\n "customer": {"name": "Ann"}}'
    (event,) = examined("X-Posthouse-Event: order.placed", folded).events
    assert event.data["number"] == "A-1" and event.contact_name == "Ann"
    word = base64.b64encode('{"name": "שלום"}'.encode()).decode()
    (event,) = examined("X-Posthouse-Event: custom", f"X-Posthouse-Data: =?utf-8?B?{word}?=").events
    assert event.data == {"name": "שלום"}


def test_all_our_fields_are_named_to_be_taken_out() -> None:
    content = mail("X-Posthouse-Event: custom", "x-posthouse-oops: 1", "Subject: hi")
    stripped = without(content, examine(content, [ANN], NOON).strip)
    assert b"osthouse" not in stripped and b"Subject: hi" in stripped
    assert examined("Subject: hi").strip == ()


def test_the_other_fields_are_read() -> None:
    found = examined("X-Posthouse-Expires: 10m", "X-Posthouse-Stream: marketing", "Content-Language: he, en")
    assert (found.expires_after, found.stream, found.locale) == (timedelta(minutes=10), Stream.MARKETING, "he")
    assert found.deliver and found.troubles == ()


def test_a_mail_that_is_kept_back_is_delivered_after_all_when_its_event_cant_be_read() -> None:
    assert not examined("X-Posthouse-Event: order.placed", "X-Posthouse-Deliver: no").deliver
    assert examined("X-Posthouse-Event: order.placed", "X-Posthouse-Data: {", "X-Posthouse-Deliver: no").deliver
    assert examined("X-Posthouse-Deliver: no").deliver


@pytest.mark.parametrize(
    ("field", "trouble"),
    [
        ("X-Posthouse-Evnt: order.placed", 'X-Posthouse-Evnt is not known (did you mean "X-Posthouse-Event"?)'),
        ("X-Posthouse-Event: Order Placed", "X-Posthouse-Event: 'Order Placed' is no event name"),
        ("X-Posthouse-Event: mail.opened", 'X-Posthouse-Event: "mail.opened" is for Posthouse alone to make'),
        ("X-Posthouse-Event: order.plcaed", 'X-Posthouse-Event: no such event (did you mean "order.placed"?)'),
        ("X-Posthouse-Event: list.confirmed\r\nX-Posthouse-Deliver: no", '"list.confirmed" is for Posthouse alone'),
        ("X-Posthouse-Deliver: perhaps", "X-Posthouse-Deliver: yes or no is expected"),
        ("X-Posthouse-Expires: 5 dyas", 'X-Posthouse-Expires: "5 dyas" is not a duration'),
        ("X-Posthouse-Expires: 90 days", "from 1s to 30 days"),
        ("X-Posthouse-Stream: bulk", "transactional or marketing"),
        ("X-Posthouse-Data: {}", "without X-Posthouse-Event"),
        ("X-Posthouse-Key: a\r\nX-Posthouse-Key: b", "stands there twice"),
        ("X-Posthouse-Event: x\r\nX-Posthouse-Data: " + "x" * 40000, "longer than 32768 octets"),
        ("Subject: a\r\n" * 2000 + "X-Posthouse-Event: x", "more than 1000 fields"),
    ],
)
def test_what_cant_be_understood_is_said_and_the_mail_goes_on(field: str, trouble: str) -> None:
    found = examined(field)
    assert found.deliver and any(trouble in each for each in found.troubles), found.troubles
    assert found.strip


@pytest.mark.parametrize("cte", ["8bit", "quoted-printable", "base64"])
def test_a_marker_is_seen_through_every_transfer_encoding(cte: str) -> None:
    content = html_mail(cte)
    found = examine(content, [ANN], NOON)
    assert found.wants
    found = with_answer(found, {"read": read_mail(found.wants.request(content))}, NOON)
    (event,) = found.events
    assert (event.name, event.source, event.key) == ("order.placed", "markup", "TS-4711")
    assert (event.contact_name, event.data["total"]) == ("Ann Example", 49.8)


def test_a_mail_without_a_marker_is_not_entered() -> None:
    plain = base64.encodebytes(b"<p>hello</p>" * 100).replace(b"\n", b"\r\n")
    assert not shows_marker(b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + plain)
    assert not shows_marker(mail("Content-Type: text/html", body="<p>hi</p>"))


@given(st.binary(max_size=40), st.sampled_from([b"application/ld+json", b"http://schema.org/"]), st.integers(40, 76))
def test_a_marker_is_seen_in_base64_wherever_it_falls(before: bytes, mark: bytes, width: int) -> None:
    letters = base64.b64encode(before + mark + before)
    lines = b"\r\n".join(letters[at : at + width] for at in range(0, len(letters), width))
    assert shows_marker(b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines)


def test_what_the_header_says_comes_before_what_the_html_says() -> None:
    content = html_mail("8bit").replace(b"Content-Type", b"X-Posthouse-Event: order.placed\r\nContent-Type", 1)
    found = examine(content, [ANN], NOON)
    found = with_answer(found, {"read": read_mail(found.wants.request(content))}, NOON)
    assert [event.source for event in found.events] == ["header"]


def test_a_parser_that_gave_up_is_a_trouble_and_no_more() -> None:
    found = with_answer(examined(), {"unread": "took more than 2 s of work"}, NOON)
    assert found.events == () and found.troubles == ("structured data unread: took more than 2 s of work",)


def test_nobody_whose_address_is_made_to_look_like_another_is_written_down_for_a_mail() -> None:
    odd = Address.parse("раypal@аpple.com")
    content = mail("X-Posthouse-Event: order.placed", "X-Posthouse-Deliver: no", body="schema.org")
    found = examine(content, [odd], NOON)
    found = with_answer(
        found, {"read": {"events": [{"name": "parcel.delivered", "data": {}, "source": "markup"}]}}, NOON
    )
    assert found.deliver and found.events == ()
    assert len(found.troubles) == 2 and all("made to look like those of another" in each for each in found.troubles)


def test_the_name_of_somebody_else_is_not_the_recipients() -> None:
    data = json.dumps({"customer": {"name": "Eve", "email": "eve@example.org"}})
    (event,) = examined("X-Posthouse-Event: order.placed", f"X-Posthouse-Data: {data}").events
    assert event.contact_name == ""


def test_a_mail_handed_over_twice_is_one_event(store: GroupStore) -> None:
    found = examined("X-Posthouse-Event: order.placed", 'X-Posthouse-Data: {"number": "A-1"}')
    first = store.write_now(lambda tx: record_mail(tx, found, now=NOON, message_id=1))
    again = store.write_now(lambda tx: record_mail(tx, found, now=NOON, message_id=2))
    assert first == [] and [(event.name, event.key) for event in again] == [("order.placed", "A-1")]
    row = store.read_now(
        lambda tx: tx.one("SELECT name, key, source, message_id, matched FROM event WHERE name = 'order.placed'")
    )
    assert row == ("order.placed", "A-1", "header", 1, 0)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f"X-Posthouse-Event: {text}\r\n\r\n".encode()))
def test_any_mail_can_be_examined(content: bytes) -> None:
    found = examine(content, [ANN], NOON)
    assert all(event.address == ANN for event in found.events)


def test_a_line_may_be_noted_at_a_message_that_was_taken_on(store: GroupStore) -> None:
    message = NewMessage("", (), b"x", Stream.TRANSACTIONAL, "submission")
    number = store.write_now(lambda tx: enqueue(tx, message, NOON, QueueSettings())).message_id
    for line in ("known already: parcel.delivered 1", "known already: parcel.delivered 2"):
        store.write_now(lambda tx, line=line: remark(tx, number, line))  # type: ignore[misc]
    noted = store.read_now(lambda tx: tx.one("SELECT remarks FROM message WHERE id = ?", (number,)))
    assert noted == ("known already: parcel.delivered 1\nknown already: parcel.delivered 2",)
