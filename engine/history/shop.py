"""A made-up shop's history: who came, what they put into carts, ordered, got, gave back and said of it, and which of the
shop's newsletters they opened, clicked or left. What else happens is in engine.history.affairs.

A queue of what comes next, in the order of time: nobody's whole life is held, so a year of a million events takes the
memory of its people alone. The same seed is the same history, octet by octet.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.history import affairs
from engine.history.dice import Dice
from engine.history.goods import CARRIERS, Counter
from engine.history.people import HOSTS, Person, make_person
from engine.history.rhythm import DAY_MS, HOUR_MS, MINUTE_MS, at_their_hour, moment, next_visit, office_hours
from engine.history.wares import SITE

LIST: Final = "news"
ISSUE_EVERY: Final = 14 * DAY_MS

Deed = Callable[["Shop", int, Person, Any], None]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a person, at this time (milliseconds since 1970 UTC)."""

    at_ms: int
    name: str
    person: Person
    data: dict[str, Any]


class Shop:
    """A shop's life for so many days from `start_ms` on."""

    def __init__(
        self, contacts: int, days: int, seed: int, start_ms: int, counter: Counter | None = None,
        hosts: Sequence[str] = HOSTS,
    ) -> None:  # fmt: skip
        """`hosts` are the domains of people's addresses."""
        self.counter = counter or Counter()
        self._end_ms = start_ms + days * DAY_MS
        self._queue: list[tuple[int, int, Deed, Person, Any]] = []
        self._count = self._orders = self._mails = 0
        self._issue_dice = Dice(seed, "issues")
        self.people = [make_person(seed, number, start_ms, days, hosts) for number in range(1, contacts + 1)]
        for person in self.people:
            self.soon(max(start_ms, person.known_ms), _arrive, person, person.known_ms > start_ms)
        self._issue = 0
        self._next_issue_ms = start_ms - start_ms % DAY_MS + 3 * DAY_MS + 9 * HOUR_MS

    def happenings(self) -> Iterator[Happening]:
        """All that happens, in the order of time. To be asked once."""
        while self._queue:
            if self._next_issue_ms <= self._queue[0][0]:
                self._send_issue()
                continue
            at_ms, _, deed, person, payload = heapq.heappop(self._queue)
            if deed is _tell:
                name, data = payload
                yield Happening(at_ms, name, person, data)
            else:
                deed(self, at_ms, person, payload)

    def soon(self, at_ms: int, deed: Deed, person: Person, payload: Any = None) -> None:
        """Something will be done then, if the history goes on for so long."""
        if at_ms < self._end_ms:
            self._count += 1
            heapq.heappush(self._queue, (at_ms, self._count, deed, person, payload))

    def tell(self, at_ms: int, event: str, person: Person, *data: Mapping[str, Any], **more: Any) -> None:
        """This will have happened then."""
        self.soon(at_ms, _tell, person, (event, {name: each for part in (*data, more) for name, each in part.items()}))

    def order_number(self) -> str:
        self._orders += 1
        return f"A-{self._orders:06}"

    def _send_issue(self) -> None:
        """A newsletter to all who want it."""
        self._issue += 1
        at_ms, self._next_issue_ms = self._next_issue_ms, self._next_issue_ms + ISSUE_EVERY
        for person in self.people:
            if person.gets_news:
                self._mails += 1
                self.soon(at_ms + MINUTE_MS + person.number * 10, _get_mail, person, (self._issue, self._mails))


def _tell(shop: Shop, at_ms: int, person: Person, payload: Any) -> None:
    """Something happens. `Shop.happenings` gives it out."""


def _arrive(shop: Shop, at_ms: int, person: Person, is_new: bool) -> None:
    dice = person.dice
    if is_new:
        shop.tell(at_ms, "contact.created", person)
    if person.wants_news and is_new:
        person.asked_ms = at_ms + int(dice.between(1, 10) * MINUTE_MS)
        shop.tell(person.asked_ms, "list.joined", person, list=LIST)
        if dice.happens(0.8):
            shop.soon(person.asked_ms + int(dice.gap(40) * MINUTE_MS), _confirm, person)
    elif person.wants_news:
        person.asked_ms = person.confirmed_ms = min(person.known_ms, at_ms)
    affairs.begin(shop, at_ms, person, is_new=is_new)
    first = at_ms + MINUTE_MS if is_new else next_visit(dice, at_ms, person.visits, person.zone)
    shop.soon(first, _visit, person)


def _confirm(shop: Shop, at_ms: int, person: Person, _: Any) -> None:
    person.confirmed_ms = at_ms
    shop.tell(at_ms, "list.confirmed", person, list=LIST)
    affairs.confirmed(shop, at_ms, person)


def _visit(shop: Shop, at_ms: int, person: Person, _: Any) -> None:
    dice = person.dice
    now = at_ms
    affairs.engaged(shop, at_ms, person)
    for _view in range(1 + int(dice.gap(0.9))):
        told = shop.counter.seen(dice, person.locale)
        shop.tell(now, "product.viewed", person, told)
        affairs.looked(shop, now, person, told["sku"])
        now += int(dice.gap(2) * MINUTE_MS)
    if dice.happens(person.carts):
        _fill_cart(shop, now, person)
    shop.soon(next_visit(dice, at_ms, person.visits, person.zone), _visit, person)


def _fill_cart(shop: Shop, at_ms: int, person: Person) -> None:
    dice = person.dice
    person.cart += 1
    cart_id, now = f"c{person.number}-{person.cart}", at_ms
    found: dict[str, Any] = {}
    for _change in range(1 + int(dice.gap(0.5))):
        found = shop.counter.basket(dice, person.locale, generous=person.generous)
        shop.tell(now, "cart.updated", person, found, cart_id=cart_id, url=f"{SITE}/cart/{cart_id}")
        now += int(dice.gap(4) * MINUTE_MS)
    if dice.happens(person.buys):
        shop.soon(now + int(dice.gap(6) * MINUTE_MS), _order, person, found)
    elif dice.happens(0.12):  # they come back for it
        shop.soon(at_their_hour(dice, now + int(dice.gap(2) * DAY_MS), person.zone), _order, person, found)
    elif dice.happens(0.1):
        emptied = {"total": 0, "currency": found["currency"], "lines": []}
        shop.tell(now + int(dice.gap(3) * HOUR_MS), "cart.updated", person, emptied, cart_id=cart_id)


def _order(shop: Shop, at_ms: int, person: Person, basket: dict[str, Any]) -> None:
    dice, number = person.dice, shop.order_number()
    order = {"number": number, **basket}
    person.orders += 1
    person.spent += basket["total"]
    person.first_order_ms = person.first_order_ms or at_ms
    person.last_order_ms = at_ms
    affairs.engaged(shop, at_ms, person)
    beside = affairs.told_beside(shop, person, order)
    shop.tell(at_ms, "order.placed", person, order, beside, url=f"{SITE}/order/{number}")
    affairs.ordered(shop, at_ms, person)
    shop.tell(at_ms + int(dice.gap(3) * MINUTE_MS), "order.paid", person, order)
    if dice.happens(0.03):
        shop.tell(at_ms + int(dice.gap(5) * HOUR_MS), "order.cancelled", person, order)
    else:
        _ship(shop, office_hours(dice, at_ms, 1 + dice.below(2)), person, order)


def _ship(shop: Shop, at_ms: int, person: Person, order: dict[str, Any]) -> None:
    dice, number = person.dice, order["number"]
    carrier = dice.pick(CARRIERS)
    parcel = {"tracking_number": f"{carrier.name[0]}{number[2:]}", "carrier": carrier.name, "order": number}
    shop.tell(
        at_ms, "order.shipped", person, order, parcel, expected=moment(at_ms + carrier.days[1] * DAY_MS).isoformat()
    )
    shop.tell(at_ms + int(dice.between(1, 6) * HOUR_MS), "parcel.accepted", person, parcel)
    days = carrier.days[0] + dice.below(carrier.days[1] - carrier.days[0] + 1)
    if days > 1:
        shop.tell(at_ms + int(dice.between(8, 20) * HOUR_MS), "parcel.in_transit", person, parcel)
    arrives = office_hours(dice, at_ms, days)
    if dice.happens(carrier.failing):
        shop.tell(arrives, "parcel.failed", person, parcel)
        arrives = office_hours(dice, arrives)
    shop.tell(arrives - 2 * HOUR_MS, "parcel.out_for_delivery", person, parcel)
    shop.tell(arrives, "parcel.delivered", person, parcel)
    shop.tell(arrives + MINUTE_MS, "order.delivered", person, order)
    affairs.arrived(shop, arrives, person)
    _judge(shop, arrives, person, order)


def _judge(shop: Shop, at_ms: int, person: Person, order: dict[str, Any]) -> None:
    """What came is kept, sent back, or talked about."""
    dice = person.dice
    if dice.happens(0.06):
        shop.tell(at_ms + int(dice.between(4, 25) * DAY_MS), "order.refunded", person, order)
        return
    if dice.happens(0.09):
        rating = dice.weighted((5, 4, 3, 2, 1), (50, 25, 10, 6, 9))
        at_ms = at_their_hour(dice, at_ms + int(dice.gap(6) * DAY_MS) + HOUR_MS, person.zone)
        product = order["lines"][0]["sku"]
        shop.tell(at_ms, "review.posted", person, product=product, rating=rating, order=order["number"])


def _get_mail(shop: Shop, at_ms: int, person: Person, payload: tuple[int, int]) -> None:
    dice, (issue, message) = person.dice, payload
    if not person.gets_news:  # who left in the meantime
        return
    mail = {"message": message, "flow": "newsletter", "step": f"issue-{issue}", "template": "newsletter", "list": LIST}
    if dice.happens(0.003):
        person.is_unreachable = True
        shop.tell(at_ms, "mail.bounced", person, mail)
        return
    shop.tell(at_ms, "mail.delivered", person, mail)
    affairs.written_to(shop, at_ms, person, issue)
    if not dice.happens(person.opens):
        if dice.happens(0.0005):
            shop.soon(at_ms + int(dice.gap(5) * HOUR_MS), _leave, person, ("mail.complained", mail))
        return
    opened = at_their_hour(dice, at_ms, person.zone)
    shop.soon(opened, _read, person)
    shop.tell(opened, "mail.opened", person, mail, what="open", by="person")
    if dice.happens(0.15):
        link = {"url": f"{SITE}/news/{issue}", "link_name": "offer", "what": "click", "by": "person"}
        shop.tell(opened + int(dice.gap(2) * MINUTE_MS), "mail.clicked", person, mail, link)
    elif dice.happens(0.012):
        shop.soon(opened + int(dice.gap(1) * MINUTE_MS), _leave, person, ("mail.unsubscribed", mail))


def _read(shop: Shop, at_ms: int, person: Person, _: Any) -> None:
    affairs.engaged(shop, at_ms, person)


def _leave(shop: Shop, at_ms: int, person: Person, payload: tuple[str, dict[str, Any]]) -> None:
    name, mail = payload
    if person.left_ms is None:
        person.left_ms = at_ms
        shop.tell(at_ms, name, person, mail)
        shop.tell(at_ms, "list.left", person, list=LIST)
