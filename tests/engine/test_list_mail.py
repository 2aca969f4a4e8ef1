"""Mail of a list that waits in the queue: whoever leaves the list, or all of them, meanwhile is not written to."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from clock import NOON
from house_books import Books, message, open_books
from mail_shop import Asker, Place, make_list

from deliverability.address import Address
from engine.audience import subscriptions
from engine.audience.consent import ALL_LISTS, Answer
from engine.audience.suppression import Reason, Scope, suppress
from engine.sending.permission import gate, may_send
from mta.ports import Tx, to_ms
from mta.queue import claiming, leasing, queue
from mta.queue.delivery import State, Stream
from mta.queue.queue import NewMessage
from mta.queue.settings import QueueSettings

MANY = 10_000
TEA, COFFEE = 1, 2
SETTINGS = QueueSettings()
LEAVE = Answer("one-click", salt=b"s")


@pytest.fixture
def books(place: Place) -> Iterator[Books]:
    books = open_books(place)
    for name in ("tea", "coffee"):
        books.write(partial(make_list, name=name))
    yield books
    assert books.audit().balances
    books.close()


def address(number: int) -> str:
    return f"reader{number}@a.example"


def let_them_confirm(tx: Tx, count: int, list_id: int = TEA) -> None:
    tx.executemany(
        "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms) VALUES (?,?,'','','','{}',0)"
        " ON CONFLICT (key) DO NOTHING",
        [(address(number), address(number)) for number in range(1, count + 1)],
    )
    tx.execute(
        "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms)"
        " SELECT id, ?, 'confirmed', 'form', 0, 0 FROM contact",
        (list_id,),
    )


def mail_of(list_id: int, to: str, origin: str = "flow", stream: Stream = Stream.MARKETING) -> NewMessage:
    return replace(message(to, stream=stream, origin=origin), list_id=list_id)


def enqueue(books: Books, *mails: NewMessage) -> None:
    def work(tx: Tx) -> None:
        for each in mails:
            queue.enqueue(tx, each, NOON, SETTINGS)

    books.write(work)


def claim_all(books: Books) -> list[str]:
    """Everybody that mail would now go out to."""
    owner = books.write(lambda tx: leasing.register(tx, "carrier", 1, leasing.Host(*tx.lease_time()), NOON))
    written: list[str] = []
    while True:
        claim = books.write(lambda tx: claiming.claim(tx, "a.example", 100, owner, NOON, gate))
        written += [each.forward_path for each in claim.taken]
        if claim.is_drained:
            return written


def test_of_ten_thousand_queued_the_one_at_the_tail_who_unsubscribes_is_not_written_to(books: Books) -> None:
    books.write(lambda tx: let_them_confirm(tx, MANY))
    enqueue(books, *(mail_of(TEA, address(number)) for number in range(1, MANY + 1)))
    assert books.rows("SELECT count(*) FROM delivery WHERE state = 0") == [(MANY,)]
    assert books.write(lambda tx: subscriptions.unsubscribe(tx, MANY, TEA, answer=LEAVE, now=NOON))
    written = claim_all(books)
    assert len(written) == MANY - 1
    assert address(MANY) not in written
    assert books.rows("SELECT state, ended_by FROM delivery WHERE forward_path = ?", address(MANY)) == [
        (int(State.CANCELLED), "suppression: left the list")
    ]


@pytest.mark.parametrize(
    ("list_id", "left", "why"),
    [
        (TEA, TEA, "left the list"),
        (TEA, COFFEE, None),
        (TEA, ALL_LISTS, "unsubscribe"),
        (ALL_LISTS, TEA, None),
        (ALL_LISTS, ALL_LISTS, "unsubscribe"),
    ],
)
def test_leaving_stops_what_it_says_and_nothing_else(books: Books, list_id: int, left: int, why: str | None) -> None:
    for each in (TEA, COFFEE):
        books.write(partial(let_them_confirm, count=1, list_id=each))
    enqueue(books, mail_of(list_id, address(1)))
    books.write(lambda tx: subscriptions.unsubscribe(tx, 1, left, answer=LEAVE, now=NOON))
    assert claim_all(books) == ([] if why else [address(1)])
    assert books.write(lambda tx: may_send(tx, address(1), Stream.MARKETING, list_id)) == (why or "")


def test_mail_of_no_list_goes_to_nobody_who_is_on_none_any_more(books: Books) -> None:
    books.write(lambda tx: let_them_confirm(tx, 1))
    enqueue(books, mail_of(ALL_LISTS, address(1)))
    books.write(lambda tx: subscriptions.unsubscribe(tx, 1, TEA, answer=LEAVE, now=NOON))
    assert claim_all(books) == []


def test_a_suppression_of_one_list_stops_its_queued_mail_only(books: Books) -> None:
    for each in (TEA, COFFEE):
        books.write(partial(let_them_confirm, count=1, list_id=each))
    enqueue(books, mail_of(TEA, address(1)), mail_of(COFFEE, address(1)))
    books.write(lambda tx: suppress(tx, address(1), Reason.MANUAL, scope=Scope.MARKETING, list_id=TEA, now=NOON))
    assert claim_all(books) == [address(1)]
    assert books.rows("SELECT m.list_id, d.state FROM delivery d JOIN message m ON m.id = d.message_id ORDER BY 1") == [
        (TEA, int(State.CANCELLED)), (COFFEE, int(State.IN_FLIGHT)),
    ]  # fmt: skip


def test_somebody_who_was_forgotten_gets_nothing_that_waits(books: Books) -> None:
    from engine.audience import dossier

    books.write(lambda tx: let_them_confirm(tx, 1))
    enqueue(books, mail_of(TEA, address(1)))
    books.write(lambda tx: dossier.erase(tx, 1, address(1), salt=b"salt", now=NOON))
    assert claim_all(books) == []


def test_an_application_may_write_of_a_list_to_people_we_do_not_know_but_not_to_who_left(books: Books) -> None:
    books.write(lambda tx: let_them_confirm(tx, 1))
    books.write(lambda tx: subscriptions.unsubscribe(tx, 1, TEA, answer=LEAVE, now=NOON))
    enqueue(books, mail_of(TEA, address(1), "submission"), mail_of(TEA, "stranger@a.example", "submission"))
    enqueue(books, mail_of(ALL_LISTS, address(1), "submission"))
    assert sorted(claim_all(books)) == [address(1), "stranger@a.example"]
    [(state, reply)] = books.rows("SELECT state, last_reply FROM delivery WHERE id = 1")
    assert (state, reply) == (int(State.BOUNCED), "550 5.7.1 suppressed: left the list")


def test_orders_are_still_confirmed_to_who_left_everything(books: Books) -> None:
    books.write(lambda tx: let_them_confirm(tx, 1))
    books.write(lambda tx: subscriptions.unsubscribe(tx, 1, ALL_LISTS, answer=LEAVE, now=NOON))
    enqueue(books, mail_of(ALL_LISTS, address(1), stream=Stream.TRANSACTIONAL))
    assert claim_all(books) == [address(1)]


def test_who_comes_back_before_it_leaves_is_written_to(books: Books) -> None:
    books.write(lambda tx: let_them_confirm(tx, 1))
    enqueue(books, mail_of(TEA, address(1)))
    books.write(lambda tx: subscriptions.unsubscribe(tx, 1, TEA, answer=LEAVE, now=NOON))
    books.write(lambda tx: tx.execute("UPDATE list SET confirmation = 'single'"))
    back = Address.parse(address(1))
    books.write(lambda tx: subscriptions.subscribe(tx, "tea", back, answer=LEAVE, ask=Asker(), now=NOON))
    assert books.rows("SELECT state, asked_ms FROM subscription") == [("confirmed", to_ms(NOON))]
    assert claim_all(books) == [address(1)]
