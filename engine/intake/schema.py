"""schema.org objects as events: Order, ParcelDelivery, Invoice and EventReservation, as shops write them into their mails
for Gmail and others.

An object of any other type, or one that does not tell what it is about (an order's number, a parcel's, an invoice's, a
booking's), is nothing to us.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from engine.intake.bookings import invoice, reservation
from engine.intake.plain import (
    Found,
    amount,
    as_text,
    inner,
    last_word,
    listed,
    person,
    record,
    rounded,
    web_link,
    without_gaps,
)

LINES: Final = 200  # of an order
OBJECTS: Final = 100  # of a mail

ORDER_STATES: Final = {
    "orderpaymentdue": "order.placed",
    "orderprocessing": "order.placed",
    "orderpickupavailable": "order.shipped",
    "orderintransit": "order.shipped",
    "orderdelivered": "order.delivered",
    "ordercancelled": "order.cancelled",
    "orderreturned": "order.refunded",
}
PARCEL_STATES: Final = {
    "orderprocessing": "parcel.accepted",
    "orderintransit": "parcel.in_transit",
    "orderpickupavailable": "parcel.out_for_delivery",
    "orderdelivered": "parcel.delivered",
    "orderproblem": "parcel.failed",
    "orderreturned": "parcel.failed",
}


def events_in(document: Any) -> Iterator[Found]:
    """The events that one JSON-LD document tells, each {"name": an event's name, "data": its data}."""
    for thing in _objects(document):
        kinds = _kinds(thing)
        if "order" in kinds:
            yield from _order(thing)
        elif "parceldelivery" in kinds:
            yield from _parcel(thing)
        elif "invoice" in kinds:
            yield from invoice(thing)
        elif "eventreservation" in kinds:
            yield from reservation(thing)


def _objects(document: Any) -> Iterator[Mapping[str, Any]]:
    """The top-level objects: the document, its items when it is a list, and what is in @graph."""
    queue, seen = [document], 0
    while queue and seen < OBJECTS:
        thing = queue.pop(0)
        seen += 1
        if isinstance(thing, list):
            queue.extend(thing[:OBJECTS])
        elif isinstance(thing, dict):
            yield thing
            graph = thing.get("@graph")
            queue.extend(graph[:OBJECTS] if isinstance(graph, list) else [])


def _kinds(thing: Mapping[str, Any]) -> set[str]:
    return {last_word(each) for each in listed(thing.get("@type")) if isinstance(each, str)}


# -- Order (https://schema.org/Order)


def _order(thing: Mapping[str, Any]) -> Iterator[Found]:
    number = as_text(thing.get("orderNumber"))
    if not number:
        return
    state = last_word(as_text(thing.get("orderStatus")) or "OrderProcessing")
    name = ORDER_STATES.get(state) or ORDER_STATES.get(f"order{state}")
    if name is None:
        return
    lines = [_line(each) for each in [*listed(thing.get("acceptedOffer")), *listed(thing.get("orderedItem"))][:LINES]]
    total, currency = _total(thing, lines)
    data = {
        "number": number,
        "total": total,
        "currency": currency,
        "lines": [without_gaps(line) for line in lines if line],
        "customer": person(thing.get("customer")),
        "status": state,
        "url": web_link(thing.get("url")) or web_link(thing.get("orderUrl")),
        "shop": as_text(record(thing.get("merchant") or thing.get("seller") or thing.get("broker")).get("name")),
        "tracking_number": as_text(record(thing.get("orderDelivery")).get("trackingNumber")),
    }
    yield {"name": name, "data": without_gaps(data)}


def _line(offer: Any) -> Found:
    """One line of an order, out of an Offer, an OrderItem or a Product."""
    outer = record(offer)
    product = record(outer.get("itemOffered") or outer.get("orderedItem") or outer)
    priced = record(outer.get("priceSpecification") or product.get("offers"))
    whole = record(priced.get("eligibleQuantity")).get("value")
    told = outer.get("orderQuantity", record(outer.get("eligibleQuantity")).get("value", whole))
    quantity, price = amount(inner(told)) or 1, amount(outer.get("price", priced.get("price")))
    if price and whole is not None and quantity > 0:
        price = rounded(
            Decimal(str(price)) / Decimal(str(quantity))
        )  # the price of all of them, as WooCommerce writes it
    return {
        "name": as_text(product.get("name") or outer.get("name")),
        "sku": as_text(
            product.get("sku") or product.get("productID") or outer.get("orderItemNumber") or outer.get("sku")
        ),
        "quantity": quantity,
        "price": price,
        "currency": as_text(outer.get("priceCurrency") or priced.get("priceCurrency")),
        "url": web_link(product.get("url") or outer.get("url")),
        "image": web_link(product.get("image")),
    }


def _total(thing: Mapping[str, Any], lines: list[Found]) -> tuple[int | float | None, str | None]:
    """What the order says it costs; else what its lines come to. With the currency."""
    due = record(thing.get("totalPaymentDue") or record(thing.get("partOfInvoice")).get("totalPaymentDue"))
    currency = as_text(thing.get("priceCurrency") or due.get("priceCurrency") or due.get("currency"))
    for told in (thing.get("price"), thing.get("totalPrice"), due.get("price"), due.get("value")):
        if (price := amount(told)) is not None:
            return price, currency or next((line["currency"] for line in lines if line["currency"]), None)
    if not lines or any(line["price"] is None for line in lines):
        return None, currency
    total = sum((Decimal(str(line["price"])) * Decimal(str(line["quantity"])) for line in lines), Decimal(0))
    return rounded(total), currency or lines[0]["currency"]


# -- ParcelDelivery (https://schema.org/ParcelDelivery)


def _parcel(thing: Mapping[str, Any]) -> Iterator[Found]:
    order = record(thing.get("partOfOrder"))
    number, tracking = as_text(order.get("orderNumber")), as_text(thing.get("trackingNumber"))
    if not number and not tracking:
        return
    state = last_word(_state(thing.get("deliveryStatus")) or as_text(order.get("orderStatus")) or "OrderInTransit")
    data = {
        "tracking_number": tracking,
        "carrier": as_text(record(thing.get("carrier") or thing.get("provider")).get("name")),
        "url": web_link(thing.get("trackingUrl")),
        "expected": as_text(thing.get("expectedArrivalUntil") or thing.get("expectedArrivalFrom")),
        "order": number,
        "lines": [without_gaps(_line(each)) for each in listed(thing.get("itemShipped"))[:LINES] if record(each)],
    }
    yield {
        "name": PARCEL_STATES.get(state) or PARCEL_STATES.get(f"order{state}", "parcel.in_transit"),
        "data": without_gaps(data),
    }


def _state(status: Any) -> str | None:
    """A DeliveryEvent's name, or the last one's."""
    last = (listed(status) or [None])[-1]
    return as_text(last) or as_text(record(last).get("name")) or None
