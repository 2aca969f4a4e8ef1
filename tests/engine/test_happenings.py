"""What happened, in pages: nothing twice, nothing lost, in the order in which it was written down, whatever is asked for."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from clock import FakeClock
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.acts import keeping
from engine.audience.suppression import Reason, suppress
from engine.control import happenings
from engine.control.happenings import Wanted
from engine.control.protocol.journal import Happened
from engine.flow.events import make_event
from engine.intake.recording import record
from engine.store.groups import GroupStore
from mta.ports import Tx

ANN, BOB = "ann@example.org", "bob@example.org"


class Book:
    """A store in which a second passes with each thing that happens."""

    def __init__(self, place: Place) -> None:
        self.clock = FakeClock()
        self.store: GroupStore = open_store(place, self.clock)

    def event(self, name: str, address: str = ANN, ago: timedelta = timedelta()) -> None:
        self.clock.advance(timedelta(seconds=1))
        event = make_event(
            name,
            {},
            at=self.clock.now() - ago,
            source="command",
            address=Address.parse(address),
            contact_name="",
            key="k",
        )
        self.store.write_now(lambda tx: record(tx, event, now=self.clock.now()))

    def stop(self, address: str) -> None:
        self.clock.advance(timedelta(seconds=1))
        now = self.clock.now()
        self.store.write_now(lambda tx: suppress(tx, address, Reason.MANUAL, evidence="asked", now=now))

    def act(self, path: str) -> None:
        self.clock.advance(timedelta(seconds=1))
        now = self.clock.now()

        def work(tx: Tx) -> None:
            number = keeping.begin(tx, path, user="olga", operator="olga", about="", told="{}", now=now)
            keeping.complete(tx, number, f"{path} was done", now)

        self.store.write_now(work)

    def walk(self, wanted: Wanted = Wanted(), limit: int = 3) -> list[Happened]:  # noqa: B008
        """All pages."""
        found: list[Happened] = []
        after: dict[str, int] = {}
        for _ in range(200):
            rows, after = self.store.read_now(lambda tx, after=after: happenings.page(tx, wanted, limit, after))  # type: ignore[misc]
            found += rows
            if not after:
                return found
        raise AssertionError("the pages have no end")


@pytest.fixture
def book(place: Place) -> Iterator[Book]:
    made = Book(place)
    yield made
    made.store.close()


def fill(book: Book) -> None:
    for number in range(7):
        book.event("shop.visited", BOB if number % 3 else ANN)
        if number % 2:
            book.stop(f"p{number}@example.org")
        if number % 3 == 0:
            book.act("queue/hold")


def test_pages_show_everything_once_and_the_newest_first(book: Book) -> None:
    fill(book)
    found = book.walk()
    assert [each.at_ms for each in found] == sorted((each.at_ms for each in found), reverse=True)
    kinds = [each.kind for each in found]
    assert (kinds.count("shop.visited"), kinds.count("suppressed"), kinds.count("operator")) == (7, 3, 3)
    assert len({(each.at_ms, each.kind, each.text) for each in found}) == len(found)
    newest = book.store.read_now(lambda tx: happenings.newest(tx, 5))
    assert [each.text for each in newest] == [each.text for each in found[:5]]


@pytest.mark.parametrize("looked_at", [1, 2, 5])
def test_a_filter_finds_the_same_however_few_rows_a_page_looks_at(
    book: Book, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(book)
    monkeypatch.setattr(happenings, "LOOKED_AT", looked_at)
    of_bob = book.walk(Wanted(person=BOB))
    assert {each.person for each in of_bob} == {BOB}
    assert [each.kind for each in of_bob].count("shop.visited") == 4
    assert [each.kind for each in book.walk(Wanted(kind="suppressed"))] == ["suppressed"] * 3
    assert [each.kind for each in book.walk(Wanted(text="queue/hold"))] == ["operator"] * 3
    assert len(book.walk(Wanted(kind="shop"), limit=2)) == 7
    assert book.walk(Wanted(text="100%_")) == []


def test_words_and_people_are_found_whatever_their_case_in_every_script(book: Book) -> None:
    book.event("shop.visited", "Анна@example.org")
    book.event("shop.visited")
    now = book.clock.now()
    book.store.write_now(lambda tx: suppress(tx, ANN, Reason.MANUAL, evidence="ПРОСИЛ по телефону", now=now))
    assert [each.kind for each in book.walk(Wanted(text="просил"))] == ["suppressed"]
    assert len(book.walk(Wanted(person="анна@example.org", kind="shop"))) == 1
    assert len(book.walk(Wanted(text="анна@", kind="shop"))) == 1


def test_an_event_of_long_ago_stands_where_it_was_written_down(book: Book) -> None:
    book.event("shop.visited")
    book.event("shop.noted", ago=timedelta(days=90))
    book.act("reload")
    assert [each.kind for each in book.walk(limit=1) if "contact" not in each.kind] == [
        "operator", "shop.noted", "shop.visited",
    ]  # fmt: skip
