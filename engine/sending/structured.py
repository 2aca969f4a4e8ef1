"""What a mail is about, for programs: schema.org's Order, ParcelDelivery and EventReservation as JSON-LD, in the head of
its HTML. Gmail, Outlook and Yahoo show orders and parcels from it. Nothing stands there that the mail does not say.

What stands in a <script> ends at the first "</script", whatever JSON thinks of it, so every <, > and & is written as its
number (JSON, RFC 8259 section 7).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

_SCHEMA: Final = "http://schema.org"  # as Gmail's reference writes it
_ORDER_STATUS: Final = {
    "placed": "OrderProcessing", "paid": "OrderProcessing", "shipped": "OrderInTransit", "delivered": "OrderDelivered",
    "cancelled": "OrderCancelled", "refunded": "OrderReturned",
}  # fmt: skip
_BOOKING_STATUS: Final = {"confirmed": "Confirmed", "pending": "Pending", "cancelled": "Cancelled"}
_ESCAPED: Final = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


def script(thing: Mapping[str, Any]) -> str:
    """The element; "" for nothing."""
    told = _without_nothing({"@context": _SCHEMA, **thing})
    text = json.dumps(told, ensure_ascii=False).translate(_ESCAPED)
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


def reservation(data: Mapping[str, Any], shop: Mapping[str, Any], who: str, status: str) -> dict[str, Any]:
    """A seat at an event. `status`: confirmed, pending or cancelled."""
    return {
        "@type": "EventReservation", "reservationNumber": _text(data.get("number")),
        "reservationStatus": f"{_SCHEMA}/{_BOOKING_STATUS.get(status, 'Confirmed')}",
        "underName": {"@type": "Person", "name": who} if who else None, "url": data.get("url"),
        "reservationFor": {
            "@type": "Event", "name": data.get("title"), "startDate": _moment(data.get("starts")),
            "endDate": _moment(data.get("ends")), "organizer": _organization(shop.get("name")),
            "location": {"@type": "Place", "name": data.get("place"), "address": data.get("address")},
        },
    }  # fmt: skip


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


def _without_nothing(value: Any) -> Any:
    """Without what is not known; an object that says nothing but its type is not known."""
    if isinstance(value, list):
        return [_without_nothing(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    kept = {name: _without_nothing(each) for name, each in value.items()}
    return {name: each for name, each in kept.items() if not _is_nothing(each)}


def _is_nothing(value: Any) -> bool:
    return value in (None, "", [], {}) or (isinstance(value, dict) and value.keys() == {"@type"})
