"""A year of the sample shop, laid into a lab's database: its people, what it sells, and all that happened.

What is made up (engine.history) is written as it would have been when it happened: contacts, the list with its consents in
the ledger, orders, parcels, bounces, complaints and farewells by the functions that write them in the house, each with the
time of its own day. Nobody is written to for it: flows look at what happens from now on.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from deliverability.address import Address
from engine.audience import engagement, lists, unconfirmed
from engine.audience.contacts import Change, change, ensure_contact
from engine.audience.subscriptions import Asking
from engine.audience.suppression import Reason, suppress
from engine.catalogue import pairs, products
from engine.catalogue.pairs import Standing
from engine.flow.events import Event, natural_key
from engine.history.goods import Counter
from engine.history.people import Person
from engine.history.shop import LIST, Happening, Shop
from engine.history.wares import wares
from engine.intake.recording import record
from engine.scene import past
from engine.store.groups import GroupStore
from mta.ports import Tx, from_ms, to_ms

T = TypeVar("T")

HOSTS: Final = ("shop.lab", "gmail.lab", "outlook.lab", "yahoo.lab", "mailru.lab", "qq.lab", "icloud.lab")
_BATCH: Final = 1000  # happenings in one transaction: nothing else writes meanwhile
_PINNED: Final = 20  # pairs that a person has a word on
_SOURCE: Final = "made"
_FEW_LETTERS: Final = frozenset({"quarterly"})  # who wants four letters a year: one in ...
_ONE_IN: Final = 25
_LONG_BEFORE: Final = timedelta(days=1000)
_EVENT: Final = "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,?,?,?,?,?,1)"
_COUNTED: Final = ("order.placed", "order.shipped", "parcel.")  # what more than a row follows from
_SUPPRESSING: Final = {"mail.bounced": Reason.HARD_BOUNCE, "mail.complained": Reason.COMPLAINT}


@dataclass(frozen=True, slots=True)
class Laid:
    """How much there is now."""

    people: int
    products: int
    orders: int
    events: int


class NotEmpty(ValueError):
    """There is somebody in this database already; the words say so."""


def lay(store: GroupStore, *, contacts: int, days: int, seed: int, now: datetime, pictures: str) -> Laid:
    """Write the days before today (by UTC). `pictures` is the beginning of the addresses of the products' pictures. NotEmpty."""
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
    shop = Shop(contacts, days, seed, to_ms(start), Counter(pictures), HOSTS)
    year = _Year(seed)
    store.write_now(lambda tx: _open(tx, pictures, start))
    for part in _parts(iter([each for each in shop.people if each.known_ms <= to_ms(start)])):
        store.write_now(lambda tx, part=part: year.know(tx, part))  # type: ignore[misc]
    for happened in _parts(shop.happenings()):
        store.write_now(lambda tx, happened=happened: year.live(tx, happened))  # type: ignore[misc]
    return store.read_now(_count)


def _parts(things: Iterator[T]) -> Iterator[list[T]]:
    while part := list(islice(things, _BATCH)):
        yield part


def _open(tx: Tx, pictures: str, start: datetime) -> None:
    """What the shop sells, and its list."""
    if tx.one("SELECT 1 FROM contact LIMIT 1") or tx.one("SELECT 1 FROM event LIMIT 1"):
        raise NotEmpty("this database knows people already: the sample shop's year goes into an empty one")
    told = [products.read_product(each.as_product(pictures)) for each in wares()]
    for at in range(0, len(told), products.PART):
        products.store(tx, told[at : at + products.PART], start)
    for ware in wares()[:_PINNED]:
        pairs.set_standing(tx, ware.sku, ware.goes_with[0], Standing.PINNED)
    lists.create(tx, LIST, title=past.TITLE, purpose=past.PURPOSE, now=start - _LONG_BEFORE)


def _count(tx: Tx) -> Laid:
    sql = "SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM product), (SELECT sum(orders) FROM contact),"
    row = tx.one(f"{sql} (SELECT count(*) FROM event)")
    assert row is not None
    return Laid(*map(int, row))


class _Year:
    """What happens, as it is written. `_ids` are the contacts by the person's number."""

    def __init__(self, seed: int) -> None:
        self._salt = f"made up from the seed {seed}".encode()
        self._ids: dict[int, int] = {}
        self._list_id = 0
        self._plain: list[tuple[Any, ...]] = []  # events that wait to be written, in their order
        self._writers: dict[str, Callable[[Tx, Happening, datetime], None]] = {
            "contact.created": lambda tx, each, at: self._meet(tx, each.person, at),
            "list.joined": lambda tx, each, at: self._join(tx, each.person, at),
            "list.confirmed": lambda tx, each, at: self._confirm(tx, each.person, at),
            "list.left": self._leave,
        }

    def know(self, tx: Tx, people: Iterable[Person]) -> None:
        """Those who were known before the first day."""
        seen = past.last_event(tx)
        for person in people:
            at = from_ms(person.known_ms)
            self._meet(tx, person, at)
            if person.wants_news:
                self._join(tx, person, at)
                self._confirm(tx, person, at)
        past.look_past(tx, seen)

    def live(self, tx: Tx, happened: Sequence[Happening]) -> None:
        """Some of what happened, in the order of time."""
        seen, begins = past.last_event(tx), from_ms(happened[0].at_ms)
        while unconfirmed.has_due(tx, begins):
            unconfirmed.settle(tx, begins, _remind_nobody, self._salt)
        for each in happened:
            at = from_ms(each.at_ms)
            if each.name in self._writers or each.name in _SUPPRESSING or each.name.startswith(_COUNTED):
                self._write_plain(tx)
                self._writers.get(each.name, self._note)(tx, each, at)
            else:
                self._tell(tx, each, at)
        self._write_plain(tx)
        past.look_past(tx, seen)

    def _meet(self, tx: Tx, person: Person, at: datetime) -> None:
        address = Address.parse(person.address)
        contact_id = ensure_contact(
            tx, address, name=person.name, locale=person.locale, zone=person.zone.key, now=at
        )  # fmt: skip
        tags = _FEW_LETTERS if person.number % _ONE_IN == 0 else frozenset[str]()
        change(tx, contact_id, Change(birthday=person.birthday, source=_SOURCE, tags=tags), at)
        self._ids[person.number] = contact_id

    def _join(self, tx: Tx, person: Person, at: datetime) -> None:
        past.ask(tx, LIST, Address.parse(person.address), locale=person.locale, salt=self._salt, at=at)

    def _confirm(self, tx: Tx, person: Person, at: datetime) -> None:
        past.confirm(tx, self._ids[person.number], self._news(tx), locale=person.locale, salt=self._salt, at=at)

    def _leave(self, tx: Tx, each: Happening, at: datetime) -> None:
        person = each.person
        past.leave(tx, self._ids[person.number], self._news(tx), locale=person.locale, salt=self._salt, at=at)

    def _note(self, tx: Tx, each: Happening, at: datetime) -> None:
        address = Address.parse(each.person.address)
        if (reason := _SUPPRESSING.get(each.name)) is not None:
            suppress(tx, address.key, reason, evidence="made up", source=_SOURCE, now=at)
        event = Event(each.name, at, _SOURCE, each.data, natural_key(each.name, each.data), address)
        record(tx, event, now=at)

    def _tell(self, tx: Tx, each: Happening, at: datetime) -> None:
        """What nothing follows from but that somebody was seen: looks, carts, mails and most else."""
        contact_id = self._ids[each.person.number]
        data = json.dumps(each.data, ensure_ascii=False)
        self._plain.append((each.name, contact_id, natural_key(each.name, each.data), data, _SOURCE, each.at_ms))
        if (signal := engagement.SIGNALS.get(each.name)) is not None:
            engagement.note(tx, contact_id, signal, at)

    def _write_plain(self, tx: Tx) -> None:
        if self._plain:
            tx.executemany(_EVENT, self._plain)
            self._plain.clear()

    def _news(self, tx: Tx) -> int:
        if not self._list_id:
            mailing_list = lists.get(tx, LIST)
            assert mailing_list is not None
            self._list_id = mailing_list.id
        return self._list_id


def _remind_nobody(tx: Tx, asking: Asking) -> None:
    """No reminder was sent."""
