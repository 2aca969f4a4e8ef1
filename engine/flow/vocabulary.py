"""The vocabulary of events: each name that is documented, what it says, and what its data may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


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
