"""What a mail is about, for programs: schema.org's Order, ParcelDelivery, EventReservation, Event and DiscountOffer as
JSON-LD, in the head of its HTML. Gmail, Outlook and Yahoo show orders and parcels from it; Gmail shows the code, its last day
and the sender's picture beside a mail in its tab of promotions (developers.google.com/workspace/gmail/promotab/reference).
Nothing stands there that the mail does not say.

What stands in a <script> ends at the first "</script", whatever JSON thinks of it, so every <, > and & is written as its
number (JSON, RFC 8259 section 7).
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final

_SCHEMA: Final = "http://schema.org"  # as Gmail's reference writes it
_ORDER_STATUS: Final = {
    "placed": "OrderProcessing", "paid": "OrderProcessing", "shipped": "OrderInTransit", "delivered": "OrderDelivered",
    "cancelled": "OrderCancelled", "refunded": "OrderReturned",
}  # fmt: skip
_BOOKING_STATUS: Final = {"confirmed": "Confirmed", "pending": "Pending", "cancelled": "Cancelled"}
_UNSAFE: Final = frozenset("<>&\u2028\u2029")
_ESCAPED: Final = {ord(each): f"\\u{ord(each):04x}" for each in _UNSAFE}
_TYPE_ALONE: Final = {"@type"}
_ADDRESSES: Final = frozenset({"url", "trackingUrl", "image", "logo"})
_FOLLOWED: Final = ("https://", "http://")  # what an address may begin with: whoever reads these data may follow it
_encode: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode  # a tree, which `plain` copied


def script(*things: dict[str, Any]) -> str:
    """The element, with one object or a list of several; "" where none says more than its type."""
    known = [{"@context": _SCHEMA, **each} for each in map(_known, things) if each.keys() != _TYPE_ALONE]
    if not known:
        return ""
    text = _encode(known if len(things) > 1 else known[0])
    if not _UNSAFE.isdisjoint(text):
        text = text.translate(_ESCAPED)
    return f'<script type="application/ld+json">{text}</script>'


def order(data: Mapping[str, Any], shop: Mapping[str, Any], lines: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """An order. `lines` as `order_lines` gives them; `status` is an event's word: placed, paid, shipped ..."""
    currency = data.get("currency")
    return {
        "@type": "Order", "merchant": _organization(shop.get("name")), "orderNumber": _text(data.get("number")),
        "orderStatus": f"{_SCHEMA}/{_ORDER_STATUS.get(status, 'OrderProcessing')}", "priceCurrency": currency,
        "price": _text(data.get("total")), "url": data.get("url"),
        "acceptedOffer": [_offer(each, currency) for each in lines],
    }  # fmt: skip


def parcel(data: Mapping[str, Any], shop: Mapping[str, Any]) -> dict[str, Any]:
    """A parcel on its way."""
    return {
        "@type": "ParcelDelivery", "trackingNumber": _text(data.get("tracking_number")), "trackingUrl": data.get("url"),
        "carrier": _organization(data.get("carrier")), "expectedArrivalUntil": _moment(data.get("expected")),
        "partOfOrder": {"@type": "Order", "orderNumber": _text(data.get("order")),
                        "merchant": _organization(shop.get("name"))},
    }  # fmt: skip


def reservation(data: dict[str, Any], shop: Mapping[str, Any], who: str, status: str) -> dict[str, Any]:
    """A seat at an event. `status`: confirmed, pending or cancelled."""
    return {
        "@type": "EventReservation", "reservationNumber": _text(data.get("number")),
        "reservationStatus": f"{_SCHEMA}/{_BOOKING_STATUS.get(status, 'Confirmed')}",
        "underName": {"@type": "Person", "name": who} if who else None, "url": data.get("url"),
        "reservationFor": occasion(data | {"url": None}, shop),
    }  # fmt: skip


def occasion(data: Mapping[str, Any], shop: Mapping[str, Any]) -> dict[str, Any]:
    """An event that somebody is invited to."""
    return {
        "@type": "Event", "name": data.get("title"), "startDate": _moment(data.get("starts")),
        "endDate": _moment(data.get("ends")), "url": data.get("url"), "organizer": _organization(shop.get("name")),
        "location": {"@type": "Place", "name": data.get("place"), "address": data.get("address")},
    }  # fmt: skip


def promotion(coupon: Mapping[str, Any], logo: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A code that the mail brings, until the end of its last day, and the sender's picture."""
    return (
        {"@type": "Organization", "logo": _text(logo)},
        {
            "@type": "DiscountOffer",
            "discountCode": _text(coupon.get("code")),
            "availabilityEnds": _end(coupon.get("expires")),
        },
    )


def _end(value: Any) -> str:
    """The last moment of a day, as ISO 8601; a moment as it is; "" for what is neither."""
    try:
        return datetime.combine(date.fromisoformat(str(value)), time(23, 59, 59)).isoformat()
    except ValueError:
        return _moment(value)


def _offer(line: Mapping[str, Any], currency: Any) -> dict[str, Any]:
    return {
        "@type": "Offer", "price": _text(line["price"]), "priceCurrency": currency,
        "itemOffered": {"@type": "Product", "name": line["name"], "url": line["url"], "image": line["image"]},
        "eligibleQuantity": {"@type": "QuantitativeValue", "value": line["quantity"]},
    }  # fmt: skip


def _organization(name: Any) -> dict[str, Any] | None:
    return {"@type": "Organization", "name": _text(name)} if name else None


def _moment(value: Any) -> str:
    """ISO 8601, or "" for what is none: half a date would be worse than no date."""
    try:
        return datetime.fromisoformat(str(value)).isoformat() if value else ""
    except ValueError:
        return ""


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list | bool) else str(value)


def _known(thing: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known, or leads nowhere; an object that says nothing but its type is not known."""
    kept: dict[str, Any] = {}
    for name, value in thing.items():
        if name in _ADDRESSES and not str(value).startswith(_FOLLOWED):
            continue
        if type(value) is dict:
            value = _known(value)
            if value.keys() == _TYPE_ALONE:
                continue
        elif type(value) is list:
            value = [_known(each) if type(each) is dict else each for each in value]
        if value or value == 0:
            kept[name] = value
    return kept
