"""What happened to a contact, as segments ask for it: `events('cart.updated', '30d')`, `orders('365d')`, `clicked()`.

Each is a list of records, the oldest first: what the event's data holds as text, number or truth, with `at` (the
moment) and `key`. A window reaches back from now for exactly so long: a day in it has twenty-four hours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from engine.flow.civil import Span
from engine.flow.values import Value


@dataclass(frozen=True, slots=True)
class Source:
    """A word that asks: of which event ("" is told), and, of the orders' lines, under which name."""

    event: str
    about: str
    line: str = ""


SOURCES: Final[Mapping[str, Source]] = {
    "events": Source("", "the events of a name, such as events('cart.updated', '30d')"),
    "orders": Source("order.placed", "the orders that were placed"),
    "products": Source("order.placed", "the SKUs that were ordered; stands behind `in`", "sku"),
    "categories": Source("order.placed", "the categories of what was ordered; stands behind `in`", "category"),
    "delivered": Source("mail.delivered", "mails of ours that the next hop took"),
    "opened": Source("mail.opened", "mails whose pictures a person fetched"),
    "clicked": Source("mail.clicked", "links that a person followed"),
    "replied": Source("mail.replied", "answers to our mail"),
}


@dataclass(frozen=True, slots=True)
class Happened:
    """A list of what happened. `line` asks for what the orders' lines hold under that name, instead of the orders."""

    word: str
    event: str
    within: Span | None = None
    line: str = ""

    @property
    def length(self) -> timedelta | None:
        """How far back from now the window reaches."""
        return None if self.within is None else self.within.exact + timedelta(days=self.within.days)

    def evaluate(self, scope: Mapping[str, object]) -> Value:
        happened, now = scope.get("happened"), scope.get("now")
        found: list[dict[str, Any]] = happened.get(self.event, []) if isinstance(happened, Mapping) else []
        if self.length is not None and isinstance(now, datetime):
            since = now - self.length
            found = [each for each in found if each["at"] > since]
        if not self.line:
            return found
        return [line[self.line] for each in found for line in each.get("lines", ()) if self.line in line]

    def parts(self) -> tuple[()]:
        return ()

    def __str__(self) -> str:
        told = [repr(self.event)] if self.word == "events" else []
        return f"{self.word}({', '.join([*told, *([repr(str(self.within))] if self.within else [])])})"
