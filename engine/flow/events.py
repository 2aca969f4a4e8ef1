"""Events: their vocabulary, and one event as a value.

An event says that something happened in a contact's affairs. The names below are documented and typed; any other
well-formed name is a custom event with whatever data it brings. Data is plain JSON within limits, so that whoever wrote
it (a shop, a mail, a stranger) can't make anything behind it slow or fail.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address
from engine.flow.spelling import near
from engine.flow.values import LARGEST

MAX_DATA: Final = 65_536  # octets of an event's data as JSON
MAX_DEPTH: Final = 10
MAX_NAME: Final = 64
MAX_KEY: Final = 200

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*")


class EventError(ValueError):
    """No event; the message says why, in words that can be shown to whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A word of the vocabulary: what it says, what its data may hold, and which of that it is about (its key)."""

    about: str
    data: Mapping[str, str]
    key: str = ""


_ORDER: Final = {
    "number": "text: the order's number",
    "total": "number: to pay, tax included",
    "currency": "text: ISO 4217",
    "lines": "list of {name, sku, quantity, price, url, image}",
    "customer": "record of {name, email}",
    "status": "text: what the shop calls its state",
    "url": "text: where the customer sees it",
    "coupons": "list of the codes that were redeemed; one alone may be the text `coupon`",
}
_PARCEL: Final = {
    "tracking_number": "text",
    "carrier": "text",
    "url": "text: where it is tracked",
    "expected": "text: when it should arrive, ISO 8601",
    "order": "text: the order's number",
}
_PRODUCT: Final = {"sku": "text", "name": "text", "price": "number", "url": "text", "image": "text"}
_MAIL: Final = {
    "message": "number: the message",
    "flow": "text: the flow that sent it",
    "step": "text: the flow's step",
    "template": "text",
    "reply": "text: what the other side said",
    "list": "text: the list that it is mail of",
    "url": "text: the link",
    "link_name": "text: what the mail's author calls it",
    "what": "text: click or open",
    "by": "text: person, machine, proxy or unsure",
    "evidence": "list of texts: why it seems to be no person's",
}
_LIST: Final = {"list": "text: the list's name"}


def _family(family: str, words: Mapping[str, str], data: Mapping[str, str], key: str = "") -> dict[str, Kind]:
    return {f"{family}.{word}": Kind(about, data, key) for word, about in words.items()}


VOCABULARY: Final[Mapping[str, Kind]] = {
    **_family(
        "contact",
        {
            "created": "somebody new is known",
            "updated": "a field of theirs changed",
            "tagged": "they have a tag that they had not",
            "untagged": "a tag of theirs is gone",
            "erased": "they are forgotten",
        },
        {"fields": "record: what changed", "tag": "text: the tag that they were given, or that was taken"},
    ),
    **_family(
        "list",
        {
            "joined": "asked to be on a list",
            "confirmed": "confirmed that they want to be on it",
            "left": "is not on it any more",
            "expired": "never confirmed it, and the time for that is over",
        },
        _LIST,
        "list",
    ),
    "list.ignored": Kind(
        "got its mail for long and did nothing with it",
        {
            **_LIST,
            "mails": "number: how many",
            "last": "text: ISO 8601, the last sign of life, or none",
            "days": "number: how long a silence is long",
        },
        "list",
    ),
    "preferences.changed": Kind(
        "chose what they want to get, and how often",
        {"pace": "text: week, fortnight, month, or empty", "locale": "text", "paused_until": "text: ISO 8601"},
    ),
    **_family(
        "segment",
        {"entered": "belongs to a segment from now on", "left": "does not belong to it any more"},
        {"segment": "text: the segment's name"},
        "segment",
    ),
    "cart.updated": Kind(
        "a cart's content changed",
        {"cart_id": "text", "total": "number", "currency": "text", "lines": _ORDER["lines"], "url": "text: the cart"},
        "cart_id",
    ),
    **_family(
        "order",
        {
            "placed": "an order was placed",
            "paid": "it was paid",
            "shipped": "it left the house",
            "delivered": "all of it arrived",
            "cancelled": "it was called off",
            "refunded": "its money went back",
        },
        _ORDER,
        "number",
    ),
    **_family(
        "parcel",
        {
            "accepted": "the carrier has it",
            "in_transit": "it is on its way",
            "out_for_delivery": "it arrives today",
            "delivered": "it arrived",
            "failed": "it could not be delivered",
        },
        _PARCEL,
        "tracking_number",
    ),
    **_family(
        "product",
        {
            "viewed": "somebody looked at it",
            "price_dropped": "it costs less",
            "back_in_stock": "it can be had again",
            "low_stock": "few are left",
        },
        _PRODUCT,
        "sku",
    ),
    **_family(
        "invoice",
        {"issued": "a bill was written", "paid": "it was paid", "overdue": "it was not paid in time, or not honoured"},
        {
            "number": "text: the bill's number, else the account's or the order's",
            "total": "number: to pay",
            "currency": "text: ISO 4217",
            "due": "text: ISO 8601",
            "about": "text: what it is for",
            "order": "text: the order's number",
            "status": "text: schema.org's word",
            "url": "text: where the customer sees it",
            "customer": "record of {name, email}",
        },
        "number",
    ),
    **_family(
        "reservation",
        {
            "confirmed": "a booking of an event is certain",
            "pending": "it waits for somebody",
            "cancelled": "it was called off",
        },
        {
            "number": "text: the booking's number",
            "title": "text: the event's name",
            "starts": "text: ISO 8601",
            "ends": "text: ISO 8601",
            "place": "text",
            "address": "text",
            "seats": "number",
            "total": "number",
            "currency": "text: ISO 4217",
            "url": "text",
            "customer": "record of {name, email}",
        },
        "number",
    ),
    "coupon.redeemed": Kind(
        "an order named a code that was given to them",
        {"code": "text", "pool": "text", "order": "text: the order's number"},
        "code",
    ),
    "review.posted": Kind(
        "somebody reviewed what they bought",
        {"product": "text", "rating": "number", "order": "text: the order's number"},
    ),
    "survey.answered": Kind(
        "somebody answered a survey",
        {"survey": "text", "answer": "number, or the choice as text", "answers": "record: answers by survey"},
        "survey",
    ),
    "referral.earned": Kind(
        "somebody whom they recommended us to confirmed", {"list": "text", "friend": "number: the newcomer"}, "list"
    ),
    "referral.joined": Kind(
        "confirmed after somebody recommended us", {"list": "text", "referrer": "number: who recommended us"}, "list"
    ),
    "subscription.renewing": Kind(
        "a paid subscription is about to renew", {"plan": "text", "renews": "text: ISO 8601", "total": "number"}, "plan"
    ),
    "inquiry.received": Kind("somebody asked a question", {"subject": "text", "text": "text"}),
    **_family(
        "mail",
        {
            "delivered": "the next hop took it (nobody may have read it)",
            "deferred": "it was put off for now",
            "bounced": "it came back for good",
            "complained": "its reader called it spam",
            "opened": "a person fetched its pictures",
            "clicked": "a person followed a link in it",
            "fetched": "a machine, a proxy, or nobody knows who fetched its pictures or followed a link",
            "replied": "its reader answered",
            "unsubscribed": "its reader wants no more of it",
        },
        _MAIL,
    ),
}

FAMILIES: Final = frozenset(name.partition(".")[0] for name in VOCABULARY)
"""The first words that are ours: a name that begins so must be in the vocabulary."""

OWN: Final = frozenset(
    {
        "consent", "contact", "coupon", "import", "list", "mail", "preferences", "referral", "segment", "suppression",
        "survey",
    }
)  # fmt: skip
"""The first words of what only Posthouse sees for itself: consent, engagement and segments follow from these events, so
nobody else can tell of one ..."""
TOLD: Final = frozenset({"mail.replied"})
"""... but of these: an answer comes to the shop's own mailbox."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `address` is whom it concerns, None for nobody (a product came back in stock)."""

    name: str
    at: datetime
    source: str  # header, markup, extractor, address, command, http, relay, engine
    data: dict[str, Any] = field(default_factory=dict)
    key: str = ""  # what it is about: the order's number, the cart
    address: Address | None = None
    contact_name: str = ""
    locale: str = ""
    idempotency_key: str | None = None  # a second event with the same one is the first, told again


def make_event(
    name: str,
    data: str | bytes | dict[str, Any],
    *,
    at: datetime,
    source: str,
    key: str = "",
    address: Address | None = None,
    contact_name: str = "",
    locale: str = "",
    idempotency_key: str | None = None,
) -> Event:
    """An event out of foreign parts. EventError when the name or the data won't do, or only Posthouse makes such.

    Without a key the vocabulary's own is taken out of the data (an order's number, a cart's id).
    """
    name = check_told(name)
    plain = read_data(data)
    return Event(
        name=name,
        at=at,
        source=source,
        data=plain,
        key=(key or natural_key(name, plain))[:MAX_KEY],
        address=address,
        contact_name=contact_name,
        locale=locale,
        idempotency_key=idempotency_key,
    )


def check_name(name: str) -> str:
    """The name, when it is well formed. EventError otherwise."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        shown = name[:MAX_NAME].encode("ascii", "backslashreplace").decode()
        raise EventError(f"{shown!r} is no event name (small letters, digits, - and _, parts joined by dots)")
    return name


def check_known(name: str) -> str:
    """The name, when it is well formed and, where its first word is one of ours, in the vocabulary. EventError otherwise,
    with the nearest right word: a misspelt name would be an event that nothing ever looks at."""
    family = check_name(name).partition(".")[0]
    if family in FAMILIES and name not in VOCABULARY:
        known = ", ".join(each for each in VOCABULARY if each.partition(".")[0] == family)
        raise EventError(f"no such event{near(name, VOCABULARY)}; there are {known}")
    return name


def check_told(name: str) -> str:
    """The same, when somebody else than Posthouse may tell of it. EventError otherwise."""
    family = check_name(name).partition(".")[0]
    if family in OWN and name not in TOLD:
        raise EventError(f'"{name}" is for Posthouse alone to make: no name of yours begins with "{family}."')
    return check_known(name)


def natural_key(name: str, data: Mapping[str, Any]) -> str:
    """What the vocabulary says this kind of event is about, as text; "" where the data does not tell."""
    kind = VOCABULARY.get(name)
    found = data.get(kind.key) if kind and kind.key else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def idempotency(*parts: str) -> str:
    """A key that is the same for the same parts, and for no others."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def read_data(data: str | bytes | dict[str, Any]) -> dict[str, Any]:
    """A JSON object within the limits, from its text or already read. EventError says what is wrong with it."""
    if isinstance(data, str | bytes):
        data = _read_json(data)
    if not isinstance(data, dict):
        raise EventError('the data is no JSON object, such as {"number": "A-1"}')
    _check(data, 0)
    if len(json.dumps(data, ensure_ascii=False).encode()) > MAX_DATA:
        raise EventError(f"the data is larger than {MAX_DATA} octets")
    return data


def _read_json(text: str | bytes) -> Any:
    if len(text) > MAX_DATA:
        raise EventError(f"the data is larger than {MAX_DATA} octets")
    try:
        return json.loads(text or "{}", parse_constant=_no_number)
    except RecursionError:
        raise EventError(f"the data is nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as err:
        raise EventError(f"the data is no JSON: {err.msg} at line {err.lineno}, column {err.colno}") from None
    except ValueError as err:  # not UTF-8, or a number of thousands of digits
        raise EventError(f"the data is no JSON: {str(err)[:80]}") from None


def _no_number(word: str) -> Any:
    raise EventError(f"the data holds {word}, which is no JSON")


def _check(thing: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EventError(f"the data is nested deeper than {MAX_DEPTH} levels")
    match thing:
        case dict():
            for name, value in thing.items():
                _check_text(name)
                _check(value, depth + 1)
        case list():
            for value in thing:
                _check(value, depth + 1)
        case str():
            _check_text(thing)
        case bool() | None:
            pass
        case int() if not -LARGEST <= thing <= LARGEST:
            raise EventError("the data holds a whole number that is too large")
        case float() if thing != thing or thing in (float("inf"), float("-inf")):
            raise EventError("the data holds a number that is none")
        case int() | float():
            pass
        case _:
            raise EventError(f"the data holds a {type(thing).__name__}, which is no JSON")


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise EventError("the data has a name that is no text")
    if not text.isascii() or "\x00" in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise EventError("the data holds half of a surrogate pair") from None
        if "\x00" in text:
            raise EventError("the data holds a NUL")
