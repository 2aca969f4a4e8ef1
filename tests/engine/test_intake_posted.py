"""The events address: a body of JSON is events; whoever writes something else hears why, or is only kept."""

import json
from typing import Any

import pytest
from clock import NOON
from hypothesis import given
from hypothesis import strategies as st

from deliverability.address import Address
from engine.intake.extractors.book import Book
from engine.intake.extractors.model import Extractor
from engine.intake.extractors.reading import read_extractor
from engine.intake.mail import Examined, Intake, examine, with_answer
from engine.intake.wants import MOST_EVENTS, read_body, read_mail
from engine.parser import BUSY

OURS, ANN = Address.parse("Events@mail.shop.example"), Address.parse("ann@example.org")
INTAKE = Intake(OURS.key)


def posted(body: Any, *fields: str, to: tuple[Address, ...] = (OURS,)) -> Examined:
    text = body if isinstance(body, str) else json.dumps(body)
    content = "\r\n".join(("Message-ID: <1@shop.example>", *fields, "", text, "")).encode()
    examined = examine(content, to, NOON, INTAKE)
    return with_answer(examined, {"read": read_mail(examined.wants.request(content))}, NOON)


def test_a_body_of_json_is_one_event_or_several_of_whom_they_name() -> None:
    (event,) = posted({"name": "order.placed", "address": "Ann@example.org", "data": {"number": "A-1"}}).events
    assert (event.name, event.source, event.key) == ("order.placed", "address", "A-1")
    assert event.address == Address.parse("Ann@example.org")
    several = posted([{"name": "product.viewed", "address": "ann@example.org", "data": {"sku": "t"}}] * 2).events
    assert len({event.idempotency_key for event in several}) == 2, "two events of one mail are two"
    again = posted([{"name": "product.viewed", "address": "ann@example.org", "data": {"sku": "t"}}] * 2).events
    assert [event.idempotency_key for event in again] == [event.idempotency_key for event in several]


def test_a_body_in_base64_as_json_is_read_too() -> None:
    body = "eyJuYW1lIjogIm9yZGVyLnBsYWNlZCJ9"
    assert (
        posted(body, "Content-Type: application/json", "Content-Transfer-Encoding: base64").events[0].name
        == "order.placed"
    )


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("{", "the body is no JSON: Expecting property name"),
        ([{"data": {}}], "has no name"),
        ({"name": "mail.opened"}, "is for Posthouse alone to make"),
        ({"name": "order.plcaed"}, 'no such event (did you mean "order.placed"?)'),
        ({"name": "order.placed", "adress": "a@b.example"}, 'did you mean "address"?'),
        ({"name": "order.placed", "address": 7}, "address: a text of at most 200 characters is expected"),
        ({"name": "order.placed", "address": "nobody"}, "nobody"),
        ({"name": "order.placed", "data": [1]}, "data: a JSON object is expected"),
        ([{"name": "a.b"}] * (MOST_EVENTS + 1), f"more than {MOST_EVENTS} events"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_wrong_with_a_body_is_said(body: Any, trouble: str) -> None:
    assert any(trouble in each for each in posted(body).troubles)


def test_a_courier_who_writes_no_json_is_no_trouble() -> None:
    found = posted("Dear customer, your parcel is on its way.")
    assert found.events == () and found.troubles == () and found.no_event == ""


def test_only_a_mail_that_is_meant_as_events_for_us_alone_is_refused_for_telling_none() -> None:
    assert posted("{").no_event.startswith("the body is no JSON")
    assert posted("{", to=(OURS, ANN)).no_event == "", "it is somebody's mail"
    unknown = (
        "name: a\nmatch: {to: events@mail.shop.example}\nevent: {read: {text: '.*'}, when: {xyz: parcel.delivered}}\n"
    )
    made = read_extractor(unknown, "a.yaml")
    assert isinstance(made, Extractor)
    examined = examine(b"\r\nDear customer", [OURS], NOON, Intake(OURS.key, Book((made,))))
    found = with_answer(examined, {"read": read_mail(examined.wants.request(b"\r\nDear customer"))}, NOON)
    assert found.troubles == ("the extractor a knows no event for what the mail says",) and found.no_event == ""
    assert with_answer(examined, {"unread": BUSY}, NOON).no_event == "structured data unread: the parser is busy"


def test_a_mail_to_a_person_too_is_theirs_and_its_body_is_read() -> None:
    found = posted({"name": "a.b"}, "X-Posthouse-Event: cart.updated", to=(OURS, ANN))
    assert found.contact == ANN
    assert [(event.name, event.address) for event in found.events] == [("cart.updated", ANN), ("a.b", None)]


def test_without_an_events_address_no_body_is_read() -> None:
    examined = examine(b'\r\n{"name": "a.b"}', [OURS], NOON)
    assert not examined.wants


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
        lambda each: json.dumps(each).encode()
    )
)
def test_any_body_is_events_or_none(body: bytes) -> None:
    content = b"Message-ID: <1@a.example>\r\n\r\n" + body
    examined = examine(content, [OURS], NOON, INTAKE)
    with_answer(examined, {"read": read_mail(examined.wants.request(content))}, NOON)
    assert set(read_body(content)) == {"events", "left_out", "is_posted"}
