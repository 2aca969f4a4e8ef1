"""What segments may speak of: each name with its type, and with the topic that says which events can change it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from engine.audience.fields import Kind
from engine.flow.vocabulary import VOCABULARY


class Type(StrEnum):
    """What an expression is worth, in words for people. A scalar may also be missing."""

    TRUTH = "true or false"
    NUMBER = "a number"
    TEXT = "a text"
    DAY = "a day"
    MOMENT = "a moment"
    ANY = "whatever an event brought"
    TAGS = "a list of tags"
    LISTS = "a record of lists"
    EVENTS = "a list of what happened"
    LINES = "a list of what was ordered"
    PLUCKED = "a list of what events hold"
    ITEMS = "a list"


SCALARS: Final = frozenset({Type.TRUTH, Type.NUMBER, Type.TEXT, Type.DAY, Type.MOMENT})
DATES: Final = frozenset({Type.DAY, Type.MOMENT})

CLOCK: Final = "clock"  # the topic of what time alone changes, for everybody at once
RFM: Final = "rfm"


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something of a contact: its type, its topic, and what it is, for the manual."""

    type: Type
    topic: str
    about: str


ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    "id": Attribute(Type.NUMBER, "id", "the contact's number"),
    "address": Attribute(Type.TEXT, "address", "as it is written to"),
    "name": Attribute(Type.TEXT, "name", "empty where it is not known"),
    "locale": Attribute(Type.TEXT, "locale", "such as he-IL; empty where it is not known"),
    "zone": Attribute(Type.TEXT, "zone", "such as Europe/Berlin; empty where it is not known"),
    "source": Attribute(Type.TEXT, "source", "how the address came to you"),
    "external_id": Attribute(Type.TEXT, "external_id", "what your shop calls them"),
    "birthday": Attribute(Type.TEXT, "birthday", "1990-03-31, --03-31 or empty"),
    "birth_month": Attribute(Type.NUMBER, "birthday", "1 to 12; missing where no birthday is known"),
    "birth_day": Attribute(Type.NUMBER, "birthday", "1 to 31"),
    "created": Attribute(Type.MOMENT, "created", "since when they are known"),
    "tags": Attribute(Type.TAGS, "tags", "ask `'gold' in contact.tags`"),
    "lists": Attribute(Type.LISTS, "lists", "ask `contact.lists.news == 'confirmed'`"),
    "orders.count": Attribute(Type.NUMBER, "orders", "orders ever"),
    "orders.total": Attribute(Type.NUMBER, "orders", "their totals added up"),
    "orders.first_at": Attribute(Type.MOMENT, "orders", "missing without an order"),
    "orders.last_at": Attribute(Type.MOMENT, "orders", "missing without an order"),
    "engagement.opened_at": Attribute(Type.MOMENT, "engagement", "when they last opened a mail; missing if never"),
    "engagement.clicked_at": Attribute(Type.MOMENT, "engagement", "when they last followed a link"),
    "engagement.replied_at": Attribute(Type.MOMENT, "engagement", "when they last answered"),
    "engagement.visited_at": Attribute(Type.MOMENT, "engagement", "when they last were in the shop"),
    "engagement.last_at": Attribute(Type.MOMENT, "engagement", "the last of these, or of their orders"),
    "engagement.opens": Attribute(Type.NUMBER, "engagement", "how often, machines left out"),
    "engagement.clicks": Attribute(Type.NUMBER, "engagement", "the same of links"),
    "engagement.replies": Attribute(Type.NUMBER, "engagement", "the same of answers"),
    "engagement.visits": Attribute(Type.NUMBER, "engagement", "the same of visits"),
    "engagement.level": Attribute(Type.TEXT, "engagement", "active, warm, cooling, dormant or never"),
    "engagement.score": Attribute(Type.NUMBER, "engagement", "the same as a number: 4 to 0"),
    "rfm.recency": Attribute(
        Type.NUMBER, RFM, "1 to 5: in which fifth of all buyers, by the last order; 5 is the best"
    ),
    "rfm.frequency": Attribute(Type.NUMBER, RFM, "the same by the number of orders"),
    "rfm.monetary": Attribute(Type.NUMBER, RFM, "the same by what they spent"),
}
RECORDS: Final = frozenset(name.partition(".")[0] for name in ATTRIBUTES if "." in name) | {"fields"}

_FIELD_TYPES: Final = {
    Kind.TEXT: Type.TEXT, Kind.NUMBER: Type.NUMBER, Kind.DATE: Type.DAY, Kind.FLAG: Type.TRUTH, Kind.CHOICE: Type.TEXT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of this installation: its declared fields, and its lists (None: any list may be named)."""

    fields: Mapping[str, Kind] = field(default_factory=dict)
    lists: frozenset[str] | None = None

    def attribute(self, path: str) -> Attribute | None:
        """What `contact.<path>` is; None where there is no such thing."""
        if path.startswith("fields.") and (kind := self.fields.get(path[7:])) is not None:
            return Attribute(_FIELD_TYPES[kind], path, "")
        if path.startswith("lists."):
            return Attribute(Type.TEXT, "lists", "")
        return ATTRIBUTES.get(path)

    def below(self, record: str) -> list[str]:
        """What stands behind `contact.<record>.`, or behind `contact.` where the record is ""."""
        if record == "fields":
            return sorted(self.fields)
        if record == "lists":
            return sorted(self.lists or ())
        if record:
            return [name[len(record) + 1 :] for name in ATTRIBUTES if name.startswith(record + ".")]
        return sorted({name.partition(".")[0] for name in ATTRIBUTES} | {"fields"})


def data_type(event: str, key: str) -> Type | None:
    """What an event's data holds under a name: as documented, ANY where nothing is said; None for a list or record."""
    if key == "at":
        return Type.MOMENT
    if key == "key":
        return Type.TEXT
    words = VOCABULARY[event].data.get(key) if event in VOCABULARY else None
    if words is None:
        return Type.ANY
    return {"text": Type.TEXT, "number": Type.NUMBER}.get(words.partition(":")[0].partition(" ")[0])
