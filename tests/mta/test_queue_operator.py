"""What an operator does to deliveries by hand."""

from clock import NOON
from house_books import message, open_books
from mail_shop import Place

from mta.queue import queue
from mta.queue.delivery import State
from mta.queue.settings import QueueSettings

HOST = queue.Host("this boot", 1_000)


def test_what_is_held_stays_until_it_is_let_go_and_then_is_due_at_once(place: Place) -> None:
    books = open_books(place)
    taken = books.write(lambda tx: queue.enqueue(tx, message("ann@example.org"), NOON, QueueSettings()))
    (delivery,) = taken.deliveries
    owner = books.write(lambda tx: queue.register(tx, "carrier-1", 1, HOST, NOON))
    assert books.write(lambda tx: queue.hold(tx, [delivery])) == 1
    assert books.states()[delivery] is State.HELD
    assert books.write(lambda tx: queue.claim(tx, "example.org", 10, owner, NOON, lambda tx, found: {})).taken == ()
    assert books.write(lambda tx: queue.let_go(tx, [delivery], NOON)) == ["example.org"]
    assert books.states()[delivery] is State.QUEUED
    assert len(books.write(lambda tx: queue.claim(tx, "example.org", 10, owner, NOON, lambda tx, found: {})).taken) == 1


def test_what_a_carrier_has_in_its_hands_is_neither_held_nor_cancelled(place: Place) -> None:
    books = open_books(place)
    taken = books.write(lambda tx: queue.enqueue(tx, message("ann@example.org"), NOON, QueueSettings()))
    owner = books.write(lambda tx: queue.register(tx, "carrier-1", 1, HOST, NOON))
    books.write(lambda tx: queue.claim(tx, "example.org", 10, owner, NOON, lambda tx, found: {}))
    assert books.write(lambda tx: queue.hold(tx, taken.deliveries)) == 0
    assert books.write(lambda tx: queue.cancel(tx, taken.deliveries, "ann: a test", NOON)) == 0
    assert books.write(lambda tx: queue.let_go(tx, taken.deliveries, NOON)) == []
