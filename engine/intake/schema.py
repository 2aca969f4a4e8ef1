"""schema.org objects as events: Order and ParcelDelivery, as shops write them into their mails for Gmail and others.

An object of any other type, or one that tells no order number, is nothing to us. Every text is cleaned and cut, a link
is only kept when it is http or https, an amount only when it is a plain decimal number.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from deliverability.text import clean

LINES: Final = 200  # of an order
OBJECTS: Final = 100  # of a mail
_TEXT: Final = 500  # characters
_URL: Final = re.compile(r"https?://[!-~\x80-\U0010ffff]{1,2000}", re.I)
_AMOUNT: Final = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?", re.ASCII)
_MONEY: Final = re.compile(r"[^\d-]*(-?\d(?:[\d.,'’\s]*\d)?)[^\d]*")  # one number, and a currency before or after it
_MONEY_LONGEST: Final = 60  # characters
_GROUPS: Final = re.compile(r"['’\s]")

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

Found = dict[str, Any]  # {"name": an event's name, "data": its data}


def events_in(document: Any) -> Iterator[Found]:
    """The events that one JSON-LD document tells."""
    for thing in _objects(document):
        kinds = _kinds(thing)
        if "order" in kinds:
            yield from _order(thing)
        elif "parceldelivery" in kinds:
            yield from _parcel(thing)


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
    return {_last(each) for each in _listed(thing.get("@type")) if isinstance(each, str)}


def _last(name: str) -> str:
    """OrderInTransit out of "https://schema.org/OrderInTransit", in lower case."""
    return re.split(r"[/#:]", name.strip()[:200])[-1].lower()


# -- Order (https://schema.org/Order)


def _order(thing: Mapping[str, Any]) -> Iterator[Found]:
    number = _text(thing.get("orderNumber"))
    if not number:
        return
    state = _last(_text(thing.get("orderStatus")) or "OrderProcessing")
    name = ORDER_STATES.get(state)
    if name is None:
        return
    lines = [_line(each) for each in [*_listed(thing.get("acceptedOffer")), *_listed(thing.get("orderedItem"))][:LINES]]
    total, currency = _total(thing, lines)
    data = {
        "number": number,
        "total": total,
        "currency": currency,
        "lines": [_without_gaps(line) for line in lines if line],
        "customer": _person(thing.get("customer")),
        "status": state,
        "url": _url(thing.get("url")) or _url(thing.get("orderUrl")),
        "shop": _text(_record(thing.get("merchant") or thing.get("seller") or thing.get("broker")).get("name")),
        "tracking_number": _text(_record(thing.get("orderDelivery")).get("trackingNumber")),
    }
    yield {"name": name, "data": _without_gaps(data)}


def _line(offer: Any) -> Found:
    """One line of an order, out of an Offer, an OrderItem or a Product."""
    outer = _record(offer)
    product = _record(outer.get("itemOffered") or outer.get("orderedItem") or outer)
    priced = _record(outer.get("priceSpecification") or product.get("offers"))
    quantity = outer.get("orderQuantity", _record(outer.get("eligibleQuantity")).get("value"))
    return {
        "name": _text(product.get("name") or outer.get("name")),
        "sku": _text(product.get("sku") or product.get("productID") or outer.get("sku")),
        "quantity": _amount(_value(quantity)) or 1,
        "price": _amount(outer.get("price", priced.get("price"))),
        "currency": _text(outer.get("priceCurrency") or priced.get("priceCurrency")),
        "url": _url(product.get("url") or outer.get("url")),
        "image": _url(product.get("image")),
    }


def _total(thing: Mapping[str, Any], lines: list[Found]) -> tuple[int | float | None, str | None]:
    """What the order says it costs; else what its lines come to. With the currency."""
    due = _record(thing.get("totalPaymentDue") or _record(thing.get("partOfInvoice")).get("totalPaymentDue"))
    currency = _text(thing.get("priceCurrency") or due.get("priceCurrency") or due.get("currency"))
    for told in (thing.get("price"), thing.get("totalPrice"), due.get("price"), due.get("value")):
        if (amount := _amount(told)) is not None:
            return amount, currency or next((line["currency"] for line in lines if line["currency"]), None)
    if not lines or any(line["price"] is None for line in lines):
        return None, currency
    total = sum((Decimal(str(line["price"])) * Decimal(str(line["quantity"])) for line in lines), Decimal(0))
    return _number(total), currency or lines[0]["currency"]


# -- ParcelDelivery (https://schema.org/ParcelDelivery)


def _parcel(thing: Mapping[str, Any]) -> Iterator[Found]:
    order = _record(thing.get("partOfOrder"))
    number, tracking = _text(order.get("orderNumber")), _text(thing.get("trackingNumber"))
    if not number and not tracking:
        return
    state = _last(_state(thing.get("deliveryStatus")) or _text(order.get("orderStatus")) or "OrderInTransit")
    data = {
        "tracking_number": tracking,
        "carrier": _text(_record(thing.get("carrier") or thing.get("provider")).get("name")),
        "url": _url(thing.get("trackingUrl")),
        "expected": _text(thing.get("expectedArrivalUntil") or thing.get("expectedArrivalFrom")),
        "order": number,
        "lines": [_without_gaps(_line(each)) for each in _listed(thing.get("itemShipped"))[:LINES] if _record(each)],
    }
    yield {"name": PARCEL_STATES.get(state, "parcel.in_transit"), "data": _without_gaps(data)}


def _state(status: Any) -> str | None:
    """A DeliveryEvent's name, or the last one's."""
    last = (_listed(status) or [None])[-1]
    return _text(last) or _text(_record(last).get("name")) or None


# -- values


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _record(value: Any) -> Mapping[str, Any]:
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else {}


def _value(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and abs(value) >= 10**30:
        return None
    return clean(str(value)[: _TEXT * 4]).strip()[:_TEXT] or None


def _url(value: Any) -> str | None:
    first = value[0] if isinstance(value, list) and value else value
    link = first.get("url") if isinstance(first, dict) else first
    return link if isinstance(link, str) and len(link) <= 2008 and _URL.fullmatch(link) and link.isprintable() else None


def _amount(value: Any) -> int | float | None:
    """A price: a JSON number, or a text such as "19.99", "1,299.00", "19,99 €"."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = _written_amount(value) if isinstance(value, str) else repr(value)
    try:
        return _number(Decimal(text)) if _AMOUNT.fullmatch(text) else None
    except InvalidOperation:
        return None


def _written_amount(text: str) -> str:
    """The one number in `text`; "" for none, or for more than one (a power of ten is none of ours)."""
    found = _MONEY.fullmatch(text) if len(text) <= _MONEY_LONGEST else None
    return _with_a_point(_GROUPS.sub("", found[1])) if found else ""


def _with_a_point(text: str) -> str:
    """The last of , and . is the decimal one, unless it is a comma before three digits."""
    head, mark, tail = max(text.rpartition(","), text.rpartition("."), key=lambda cut: len(cut[0]))
    if not mark or (mark == "," and len(tail) == 3):
        return text.replace(",", "")
    return head.replace(",", "").replace(".", "") + "." + tail


def _number(value: Decimal) -> int | float:
    rounded = round(value, 2)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


def _person(value: Any) -> Found | None:
    person = _record(value)
    found = _without_gaps({"name": _text(person.get("name")), "email": _text(person.get("email"))})
    return found or None


def _without_gaps(data: Mapping[str, Any]) -> Found:
    return {name: value for name, value in data.items() if value is not None}
