"""schema.org objects as events."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.events import read_data
from engine.intake.schema import events_in

DATA = Path("tests/data/structured")


def told(document: Any) -> list[dict[str, Any]]:
    return list(events_in(document))


def sample(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def test_an_order_is_placed_with_its_lines_and_its_total() -> None:
    assert told(sample("order-placed.json")) == [
        {
            "name": "order.placed",
            "data": {
                "number": "TS-4711", "total": 49.8, "currency": "EUR", "status": "orderprocessing",
                "shop": "Tea & Sons", "url": "https://shop.example/orders/TS-4711",
                "customer": {"name": "Ann Example", "email": "Ann@Example.org"},
                "lines": [
                    {
                        "name": "Assam, 250 g", "sku": "ASM-250", "quantity": 2, "price": 19.9, "currency": "EUR",
                        "url": "https://shop.example/p/asm-250", "image": "https://shop.example/i/asm.jpg",
                    },
                    {"name": "Strainer", "sku": "STR-1", "quantity": 1, "price": 10, "currency": "EUR"},
                ],
            },
        }
    ]  # fmt: skip


def test_a_link_that_is_no_web_address_is_dropped() -> None:
    assert "javascript" not in json.dumps(told(sample("order-placed.json")))


def test_a_parcel_tells_where_it_is_and_which_order_it_holds() -> None:
    assert told(sample("parcel.json")) == [
        {
            "name": "parcel.in_transit",
            "data": {
                "tracking_number": "PC123456789", "carrier": "Post Coach", "order": "TS-4711",
                "url": "https://coach.example/t/PC123456789", "expected": "2026-03-05T18:00:00+01:00",
                "lines": [{"name": "Assam, 250 g", "sku": "ASM-250", "quantity": 1}],
            },
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("http://schema.org/OrderProcessing", "order.placed"),
        ("https://schema.org/OrderPaymentDue", "order.placed"),
        ("OrderInTransit", "order.shipped"),
        ("schema:OrderDelivered", "order.delivered"),
        ("https://schema.org/OrderCancelled/", None),
        ("https://schema.org/OrderCancelled", "order.cancelled"),
        ("https://schema.org/OrderReturned", "order.refunded"),
        ("https://schema.org/OrderProblem", None),
        ("nonsense", None),
    ],
)
def test_the_orders_state_says_which_event_it_is(status: str, name: str | None) -> None:
    found = told({"@type": "Order", "orderNumber": "1", "orderStatus": status})
    assert [event["name"] for event in found] == ([name] if name else [])


def test_an_order_without_a_number_is_no_event() -> None:
    assert told({"@type": "Order", "price": 3}) == []
    assert told({"@type": "ParcelDelivery", "carrier": {"name": "x"}}) == []


def test_an_order_that_tells_no_total_costs_what_its_lines_cost() -> None:
    items = [
        {"@type": "OrderItem", "orderQuantity": 3, "orderedItem": {"@type": "Product", "name": "a"}, "price": "0.10"}
    ]
    (event,) = told({"@graph": [{"@type": "Order", "orderNumber": 7, "orderedItem": items}]})
    assert (event["data"]["total"], event["data"]["number"]) == (0.3, "7")


def test_an_orders_total_may_stand_in_its_invoice() -> None:
    due = {"@type": "PriceSpecification", "price": 12, "priceCurrency": "CHF"}
    (event,) = told({"@type": "Order", "orderNumber": "1", "partOfInvoice": {"totalPaymentDue": due}})
    assert (event["data"]["total"], event["data"]["currency"]) == (12, "CHF")


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (19.9, 19.9), ("19.90", 19.9), ("19,90 €", 19.9), ("$1,299.00", 1299), ("1.299,00", 1299), ("1,299", 1299),
        ("1.299", 1.3), ("12.345.678,90", 12345678.9), (1e30, None), ("free", None), (True, None), ("٣", None),
        ("1e5", None), ("1e99999999", None), ("199 EUR or 2", None), ("--5", None), ("EUR -5", -5), ("Rs.500", 500),
        ("1 299,00 €", 1299), ("CHF 1'299.50", 1299.5), ("12.– Fr.", 12), ("9" * 60, None), ("9" * 61, None),
        (None, None), ({"value": 3}, None),
    ],
)  # fmt: skip
def test_an_amount_is_read_however_it_is_written(written: Any, amount: float | None) -> None:
    (event,) = told({"@type": "Order", "orderNumber": "1", "price": written})
    assert event["data"].get("total") == amount


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["Order", "19.90", "https://x.example/"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["@type", "@graph", "orderNumber", "price", "acceptedOffer", "orderedItem", "customer", "itemOffered", "name",
             "partOfOrder", "trackingNumber", "deliveryStatus", "orderStatus", "eligibleQuantity", "value", "image", "url"]
        ),
        inner, max_size=6,
    ),
    max_leaves=15,
)  # fmt: skip


@given(JSON, st.sampled_from(["Order", "ParcelDelivery", ["x", "http://schema.org/Order"]]))
def test_any_document_tells_events_whose_data_is_fit_to_keep(document: Any, kind: Any) -> None:
    if isinstance(document, dict):
        document["@type"] = kind
        document.setdefault("orderNumber", "1")
    for event in told(document):
        assert read_data(event["data"]) == event["data"]
