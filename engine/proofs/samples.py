"""Made readers and made events, for previews and checks: in each language that has some, else those of English."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

SHOP: Final = "https://shop.example"
"""Where what is made up leads, unless a proof says where a shop really is."""
_DAY: Final = "2026-03-12T18:00:00+00:00"
_LATER: Final = "2026-03-12T20:30:00+00:00"
_LONG_NAME: Final = 3  # times a thing's name stands in the longest one
_MANY: Final = 8  # lines of the longest order
_SHIPPING: Final = 4.9


def moved(facts: Any, home: str) -> Any:
    """The same facts, whose links lead to another shop than ours."""
    if isinstance(facts, str):
        return facts.replace(SHOP, home)
    if isinstance(facts, list):
        return [moved(each, home) for each in facts]
    return {key: moved(each, home) for key, each in facts.items()} if isinstance(facts, dict) else facts


class Reader(StrEnum):
    """Who a mail is tried on."""

    USUAL = "usual"
    LONGEST = "longest"  # everything that can be long is
    EMPTIEST = "emptiest"  # an address, and nothing else is known


def person(tag: str, reader: Reader = Reader.USUAL) -> dict[str, Any]:
    """A contact's facts, as templates see them."""
    told = _told(tag)
    locale = told["locale"] if tag in _all() else tag
    empty: dict[str, Any] = {
        "id": 7, "address": "ann@example.org", "locale": locale, "zone": "", "name": "", "tags": [], "lists": {},
        "segments": [], "fields": {}, "orders": {"count": 0, "total": 0, "last_at": None}, "birthday": "",
        "external_id": "", "source": "", "engagement": {"level": "new", "last_at": None}, "consent": None,
    }  # fmt: skip
    if reader is Reader.EMPTIEST:
        return empty
    return {
        **empty, "name": told["longest" if reader is Reader.LONGEST else "name"], "zone": told["zone"],
        "orders": {"count": 3, "total": 184.5, "last_at": "2026-02-20T10:00:00+00:00"}, "birthday": "--03-12",
        "source": "form", "engagement": {"level": "active", "last_at": "2026-02-28T10:00:00+00:00"},
    }  # fmt: skip


def facts(tag: str, event: str, sample: Mapping[str, Any], reader: Reader = Reader.USUAL) -> dict[str, Any]:
    """What a mail that is begun by this event gets beside its reader; `sample` is laid over the event's data."""
    told = _told(tag)
    data = {**event_data(tag, event, reader), **sample}
    return {
        "event": data, "trigger": data, "expires": "2026-03-19T12:00:00+00:00", "offered": goods(tag, reader),
        "list": {"id": 1, "name": "tea", "title": told["list"], "purpose": told["purpose"]},
    }  # fmt: skip


def goods(tag: str, reader: Reader = Reader.USUAL) -> list[dict[str, Any]]:
    """Four things of the catalogue."""
    told = _told(tag)
    times = _LONG_NAME if reader is Reader.LONGEST else 1
    return [
        {"sku": sku, "name": " ".join([name] * times), "price": price, "currency": told["currency"], "stock": 12,
         "url": f"{SHOP}/p/{sku}", "image": f"{SHOP}/img/{sku}.jpg"}
        for name, price, sku in told["goods"]
    ]  # fmt: skip


def event_data(tag: str, event: str, reader: Reader = Reader.USUAL) -> dict[str, Any]:
    """The data of such an event; empty for one that is not in the vocabulary."""
    told, family = _told(tag), event.partition(".")[0]
    makers = {
        "order": _order, "cart": _cart, "parcel": _parcel, "product": _product, "reservation": _reservation,
        "subscription": _subscription, "invoice": _invoice,
    }  # fmt: skip
    if family in makers:
        made = makers[family](tag, told, reader)
        # A price that was is known of what has become cheaper, and of nothing else.
        return {**made, "was": round(made["price"] * 1.25, 2)} if event == "product.price_dropped" else made
    told_of: dict[str, dict[str, Any]] = {
        "list": {"list": "tea", "mails": 12, "days": 180},
        "survey": {"survey": "nps", "answer": 9},
        "review": {"product": "T-1", "rating": 5, "order": "BT-1042"},
        "referral": {"list": "tea", "friend": 8, "referrer": 7},
        "coupon": {"code": "SPRING-7Q2K", "pool": "spring", "order": "BT-1042"},
        "inquiry": {"subject": told["event"], "text": told["text"]},
        "segment": {"segment": "gold"},
    }
    return told_of.get(family, {})


def _order(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    many = reader is Reader.LONGEST
    number = "BT-2026-000000104288-INTERNATIONAL" if many else "BT-1042"
    placed = _lines(tag, told, reader)
    return {
        **placed, "number": number, "url": f"{SHOP}/orders/1042", "status": "paid", "shipping": _SHIPPING,
        "total": round(placed["total"] + _SHIPPING, 2),
    }  # fmt: skip


def _cart(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    return {"cart_id": "c-1042", "url": f"{SHOP}/cart/1042", **_lines(tag, told, reader)}


def _lines(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    many = reader is Reader.LONGEST
    things = (goods(tag, reader) * _MANY)[: _MANY if many else 2]
    lines = [
        {"name": each["name"], "sku": each["sku"], "quantity": 99 if many else at, "price": each["price"],
         "url": each["url"]}
        for at, each in enumerate(things, 1)
    ]  # fmt: skip
    total = round(sum(each["price"] * each["quantity"] for each in lines), 2)
    return {"lines": lines, "total": total, "currency": told["currency"]}


def _parcel(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    return {
        "tracking_number": "JD 0146 0000 0112 7421", "carrier": told["carrier"], "url": f"{SHOP}/track/0146",
        "expected": _DAY, "order": "BT-1042",
    }  # fmt: skip


def _product(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    thing = goods(tag, reader)[0]
    return {**thing, "stock": 3}


def _reservation(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    return {
        "number": "R-77", "title": told["event"], "starts": _DAY, "ends": _LATER, "place": told["place"],
        "address": told["street"], "seats": 2, "total": 0, "currency": told["currency"], "url": f"{SHOP}/events/77",
    }  # fmt: skip


def _subscription(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    return {"plan": told["plan"], "renews": _DAY, "total": told["goods"][1][1], "currency": told["currency"],
            "url": f"{SHOP}/subscription"}  # fmt: skip


def _invoice(tag: str, told: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    return {"number": "I-2026-31", "total": told["goods"][0][1], "currency": told["currency"], "due": _DAY,
            "about": told["plan"], "order": "BT-1042", "url": f"{SHOP}/bills/31"}  # fmt: skip


def _told(tag: str) -> dict[str, Any]:
    known = _all()
    return known.get(tag) or known["en"]


@cache
def _all() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("engine.proofs").joinpath("samples.toml").read_text(encoding="utf-8"))
