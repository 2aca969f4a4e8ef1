"""What an expression reads: the topics that can change it, and what time alone can."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from engine.audience.engagement import SIGNALS
from engine.flow import expression as tree
from engine.flow.happened import Happened
from engine.segments.vocabulary import CLOCK, RFM

_ALL: Final = frozenset({"contact.created", "contact.merged"})  # events after which anything may be different


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of time, back from now, in which an event is looked for. Whoever has one leaves it by itself."""

    event: str
    length: timedelta

    @property
    def length_ms(self) -> int:
        return self.length // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Reads:
    """`topics`: attributes of the contact, and `event:NAME`. `data`: the events whose data is looked into."""

    topics: frozenset[str]
    windows: frozenset[Window]
    events: frozenset[str]
    data: frozenset[str]

    @property
    def is_of_all(self) -> bool:
        """Whether it can change for everybody at once: by the hour, or by what others bought."""
        return bool(self.topics & {CLOCK, RFM})


def reads_of(root: tree.Node) -> Reads:
    topics: set[str] = set()
    windows: set[Window] = set()
    events: set[str] = set()
    data: set[str] = set()
    stack: list[tree.Node] = [root]
    while stack:
        node = stack.pop()
        match node:
            case Happened():
                events.add(node.event)
                if node.length is not None:
                    windows.add(Window(node.event, node.length))
                if node.line:
                    data.add(node.event)
            case tree.Lookup():
                topics.add(_topic(node))
                if str(node) in ("contact.engagement.level", "contact.engagement.score"):
                    topics.add(CLOCK)
                continue
            case tree.Name(name="today" | "now"):
                topics.add(CLOCK)
            case tree.Call(arguments=(Happened(event=event), *rest)) if rest:
                data.add(event)
        stack.extend(node.parts())
    return Reads(
        frozenset(topics | {f"event:{each}" for each in events}), frozenset(windows), frozenset(events), frozenset(data)
    )


def touched(event: str, data: dict[str, Any]) -> frozenset[str] | None:
    """The topics that an event may have changed for its contact; None: anything."""
    if event in _ALL:
        return None
    topics = {f"event:{event}"}
    if event == "contact.updated" and isinstance(data.get("fields"), dict):
        topics |= data["fields"].keys()
    if event.startswith("list."):
        topics.add("lists")
    if event == "order.placed":
        topics |= {"orders", RFM}
    if event in SIGNALS:
        topics.add("engagement")
    if event == "mail.fetched":  # it may have been taken for a person's before
        topics |= {"engagement", "event:mail.clicked", "event:mail.opened"}
    return frozenset(topics)


def _topic(node: tree.Lookup) -> str:
    parts: list[str] = []
    at: tree.Node = node
    while isinstance(at, tree.Lookup):
        parts.insert(0, str(at.key))
        at = at.base
    match parts:
        case ["fields", name, *_]:
            return f"fields.{name}"
        case ["birth_month" | "birth_day"]:
            return "birthday"
    return parts[0]
