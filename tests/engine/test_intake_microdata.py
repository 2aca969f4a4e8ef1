"""Microdata says what JSON-LD says; invoices and bookings; hostile HTML is bounded before it is read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from engine.flow.events import read_data
from engine.flow.vocabulary import VOCABULARY
from engine.intake.bookings import INVOICE_STATES, RESERVATION_STATES
from engine.intake.html import DEEPEST, TOO_DEEP, tree_of
from engine.intake.microdata import NODES, items_of
from engine.intake.schema import events_in
from engine.intake.structured import read_structured

EXAMPLES = Path("tests/data/structured/schema-org")


def mail(html: str) -> bytes:
    return b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()


def told(html: str) -> list[dict[str, Any]]:
    read = read_structured(mail(html))
    assert read["left_out"] == []
    found: list[dict[str, Any]] = read["events"]
    return found


def section(name: str, which: str) -> str:
    """One of an example's ways to say it."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    return re.split(r"^(?:PRE-MARKUP|RDFA|JSON):$", text.partition(f"{which}:\n")[2], flags=re.M)[0]


@pytest.mark.parametrize(("name", "events"), [("eg-0374.txt", 1), ("eg-0375.txt", 1), ("eg-0376.txt", 0)])
def test_an_example_of_schema_org_says_the_same_in_both_ways(name: str, events: int) -> None:
    microdata, script = told(section(name, "MICRODATA")), told(section(name, "JSON"))
    assert len(microdata) == len(script) == events  # the order has no number, so it is about nothing
    same = ("total", "currency", "status", "shop", "customer", "order")
    for one, other in zip(microdata, script, strict=True):
        assert one["name"] == other["name"]
        assert [one["data"].get(each) for each in same] == [other["data"].get(each) for each in same]


def test_an_invoice_says_what_is_due_and_when() -> None:
    assert told(section("eg-0374.txt", "MICRODATA")) == [
        {
            "name": "invoice.issued",
            "data": {
                "number": "xxxx-xxxx-xxxx-1234", "total": 200, "currency": "USD", "due": "2015-01-30",
                "about": "January 2015 Visa", "status": "paymentdue", "shop": "ACME Bank",
                "url": "http://acmebank.com/invoice.pdf", "customer": {"name": "Jane Doe"},
            },
        }
    ]  # fmt: skip


def test_a_paid_invoice_is_about_its_order_where_it_has_no_number() -> None:
    (event,) = told(section("eg-0375.txt", "MICRODATA"))
    assert (event["name"], event["data"]["number"], event["data"]["order"]) == ("invoice.paid", "123ABC", "123ABC")


BOOKING = {
    "@context": "http://schema.org", "@type": "EventReservation", "reservationNumber": "E123456789",
    "reservationStatus": "http://schema.org/ReservationConfirmed", "underName": {"@type": "Person", "name": "John Smith"},
    "reservationFor": {
        "@type": "Event", "name": "Foo Fighters Concert", "startDate": "2027-03-06T19:30:00-08:00",
        "location": {
            "@type": "Place", "name": "AT&T Park",
            "address": {"@type": "PostalAddress", "streetAddress": "24 Willie Mays Plaza", "addressLocality": "San Francisco"},
        },
    },
    "numSeats": "2", "totalPrice": "120.00", "priceCurrency": "USD",
}  # fmt: skip


def test_a_booking_says_what_where_and_when() -> None:
    assert list(events_in(BOOKING)) == [
        {
            "name": "reservation.confirmed",
            "data": {
                "number": "E123456789", "title": "Foo Fighters Concert", "starts": "2027-03-06T19:30:00-08:00",
                "place": "AT&T Park", "address": "24 Willie Mays Plaza, San Francisco", "seats": 2, "total": 120,
                "currency": "USD", "customer": {"name": "John Smith"},
            },
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "name"),
    [("Reservation", None), ("ReservationCancelled", "reservation.cancelled"), ("Confirmed", "reservation.confirmed")],
)
def test_the_bookings_state_says_which_event_it_is(status: str, name: str | None) -> None:
    found = [event["name"] for event in events_in({**BOOKING, "reservationStatus": f"http://schema.org/{status}"})]
    assert found == ([name] if name else [])


def test_every_event_that_mark_up_tells_of_is_in_the_vocabulary() -> None:
    assert {*INVOICE_STATES.values(), *RESERVATION_STATES.values()} <= set(VOCABULARY)


ORDER_MICRODATA = """
<div itemscope itemtype="http://schema.org/Order">
  <div itemprop="merchant" itemscope itemtype="http://schema.org/Organization"><meta itemprop="name" content="Amazon.com"/></div>
  <meta itemprop="orderNumber" content="123-4567890"/><meta itemprop="priceCurrency" content="USD"/>
  <meta itemprop="price" content="539.00"/><link itemprop="orderStatus" href="http://schema.org/OrderStatus/Processing"/>
  <div itemprop="acceptedOffer" itemscope itemtype="http://schema.org/Offer">
    <div itemprop="itemOffered" itemscope itemtype="http://schema.org/Product">
      <b itemprop="name">Samsung  Chromebook</b><img itemprop="image" src="https://shop.example/c.jpg"/></div>
    <meta itemprop="price" content="249.99"/>
    <div itemprop="eligibleQuantity" itemscope><meta itemprop="value" content="1"/></div>
  </div>
  <a itemprop="url" href="https://shop.example/o/1">see</a>
</div>"""


def test_an_order_in_microdata_is_read_through_its_nested_objects() -> None:
    (event,) = told(ORDER_MICRODATA)
    assert event["name"] == "order.placed"
    assert event["data"] == {
        "number": "123-4567890", "total": 539, "currency": "USD", "shop": "Amazon.com", "status": "processing",
        "url": "https://shop.example/o/1",
        "lines": [{"name": "Samsung Chromebook", "quantity": 1, "price": 249.99, "image": "https://shop.example/c.jpg"}],
    }  # fmt: skip


def test_what_a_mail_tells_in_both_ways_is_one_event_in_the_words_of_json_ld() -> None:
    script = {"@type": "Order", "orderNumber": "123-4567890", "price": 540}
    html = f'{ORDER_MICRODATA}<script type="application/ld+json">{json.dumps(script)}</script>'
    assert [event["data"]["total"] for event in told(html)] == [540]


def test_a_woocommerce_line_whose_price_is_of_all_its_pieces_is_told_by_the_piece() -> None:
    offer = {
        "@type": "Offer", "price": "40.00", "priceCurrency": "EUR",
        "priceSpecification": {"price": "40.00", "priceCurrency": "EUR", "eligibleQuantity": {"value": 2}},
        "itemOffered": {"@type": "Product", "name": "Cap", "sku": "cap-1"},
    }  # fmt: skip
    document = {
        "@type": "Order",
        "orderNumber": 21,
        "orderStatus": "https:\\/\\/schema.org\\/OrderProcessing".replace("\\", ""),
    }
    (event,) = events_in({**document, "acceptedOffer": [offer], "price": "44.90", "priceCurrency": "EUR"})
    assert event["data"]["lines"] == [{"name": "Cap", "sku": "cap-1", "quantity": 2, "price": 20, "currency": "EUR"}]


def test_a_property_may_stand_elsewhere_in_the_mail() -> None:
    html = '<p itemscope itemref="x" itemtype="http://schema.org/Thing"></p><div id=x><b itemprop=name>far</b></div>'
    assert items_of(LexborHTMLParser(html)) == ([{"@type": ["http://schema.org/Thing"], "name": "far"}], "")


@pytest.mark.parametrize(
    "unit", ["<div>", "<b itemprop=a>", "<div></x>", "<div><table><tr><td></div>", "<a href=x>", "<p><font a=1>"]
)
def test_html_that_is_nested_too_deeply_is_left_alone(unit: str) -> None:
    read = read_structured(mail("schema.org" + unit * 20_000))
    assert read == {"events": [], "left_out": [TOO_DEEP]}


def test_html_of_many_flat_elements_is_not_deep() -> None:
    assert tree_of("<p>one<br><li>two<td>" * 3 * DEEPEST + "<div>a</div>" * 3 * DEEPEST) is not None


def test_more_microdata_than_is_read_is_said() -> None:
    read = read_structured(mail("<i itemscope></i>" * (NODES + 1)))
    assert read["left_out"] == [f"the mail has more than {NODES} elements of microdata"]


PIECES = st.sampled_from([
    "<div itemscope>", "</div>", "<i itemprop=a>", "</i>", '<p itemscope itemtype="http://schema.org/Order">', "x", "&lt;",
    '<meta itemprop=orderNumber content="1">', '<b itemprop="orderNumber name" itemscope itemref="q q2">', "<b id=q itemprop=z>",
    "<script type=application/ld+json>", "</script>", '{"@type":"Invoice","accountId":["1"],"totalPaymentDue":[7]}', "[", "]",
    '<span itemprop=acceptedOffer itemscope><span itemprop=price>1e9', "<template>", "<svg>", "<table>", "\x00", "é",
])  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_html_tells_events_whose_data_is_fit_to_keep(html: str) -> None:
    for event in read_structured(mail(html))["events"]:
        assert event["name"] in VOCABULARY and read_data(event["data"]) == event["data"]


THINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["reservationFor", "location", "address", "name", "price", "value", "totalPaymentDue", "x"]), inner
    ),
    max_leaves=20,
)  # fmt: skip
NAMES = (
    "accountId",
    "reservationNumber",
    "totalPaymentDue",
    "reservationFor",
    "referencesOrder",
    "customer",
    "numSeats",
)


@given(st.sampled_from(["Invoice", "EventReservation"]), st.fixed_dictionaries(dict.fromkeys(NAMES, THINGS)))
def test_any_invoice_and_any_booking_is_read_or_is_none(kind: str, thing: dict[str, Any]) -> None:
    for event in events_in({"@type": kind, **thing}):
        assert read_data(event["data"]) == event["data"]
