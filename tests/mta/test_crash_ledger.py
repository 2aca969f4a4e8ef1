"""The crash ledger: what was in doubt, why, and how it was settled."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from clock import NOON
from house_books import Books, message, nobody_is_suppressed, open_books
from mail_shop import Place

from deliverability.settings import RetrySettings
from mta.ports import to_ms
from mta.queue import claiming, doubting, leasing, ledger, queue, settling
from mta.queue.delivery import Event, State, Stream
from mta.queue.leasing import Host
from mta.queue.ledger import Tally
from mta.queue.queue import Claimed, Settlement
from mta.queue.settings import QueueSettings

SETTINGS = QueueSettings()


@pytest.fixture
def books(place: Place) -> Iterator[Books]:
    books = open_books(place)
    yield books
    books.close()


def at_the_dot(books: Books, to: str, owner: int, stream: Stream = Stream.TRANSACTIONAL) -> Claimed:
    domain = to.partition("@")[2]
    books.write(lambda tx: queue.enqueue(tx, message(to, stream=stream), NOON, SETTINGS))
    (taken,) = books.write(lambda tx: claiming.claim(tx, domain, 1, owner, NOON, nobody_is_suppressed)).taken
    assert books.write(lambda tx: settling.mark_dot(tx, taken.delivery_id, owner))
    return taken


def settle(books: Books, settings: QueueSettings = SETTINGS) -> list[Event]:
    return [each.event for each in books.write(lambda tx: doubting.resolve_doubts(tx, NOON, settings, RetrySettings()))]


def test_each_doubt_is_listed_with_its_cause_and_its_end_the_newest_first(books: Books) -> None:
    owner = books.write(lambda tx: leasing.register(tx, "carrier-1", 1, Host("boot"), NOON))
    lost = at_the_dot(books, "ann@a.example", owner)
    came = Settlement(lost.delivery_id, State.AT_THE_DOT, Event.ANSWER_LOST, "", "dot", to_ms(NOON))
    books.write(lambda tx: settling.settle(tx, lost, came, owner, NOON))
    at_the_dot(books, "bob@b.example", owner)
    at_the_dot(books, "eve@c.example", owner, Stream.MARKETING)
    later = NOON + timedelta(minutes=1)
    assert books.write(lambda tx: leasing.sweep(tx, owner, later))
    found = books.write(lambda tx: ledger.doubts(tx, only_open=True))
    assert [(each.forward_path, each.why, each.settled, each.state) for each in found[::-1]] == [
        ("ann@a.example", "answer lost", None, State.IN_DOUBT),
        ("bob@b.example", "orphaned", None, State.IN_DOUBT),
        ("eve@c.example", "orphaned", None, State.IN_DOUBT),
    ]
    assert books.write(ledger.tally) == Tally(3, 3, {"answer lost": 1, "orphaned": 2}, {})

    assert settle(books) == [Event.RESENT, Event.RESENT, Event.ASSUMED]
    assert books.write(lambda tx: ledger.doubts(tx, only_open=True)) == []
    newest, *_ = books.write(lambda tx: ledger.doubts(tx, limit=1))
    assert (newest.stream, newest.settled, newest.state) == (Stream.MARKETING, "assumed delivered", State.DELIVERED)
    (before, *_) = books.write(lambda tx: ledger.doubts(tx, before_id=newest.id, limit=1))
    assert (before.forward_path, before.settled, before.state) == ("bob@b.example", "resent", State.QUEUED)
    ends = {"assumed delivered": 1, "resent": 2}
    assert books.write(ledger.tally) == Tally(3, 0, {"answer lost": 1, "orphaned": 2}, ends)
    assert books.write(lambda tx: ledger.tally(tx, to_ms(later))).total == 2


def test_what_was_in_doubt_too_often_is_held_and_stays_on_record(books: Books) -> None:
    settings = QueueSettings(resend_at_most=0)
    owner = books.write(lambda tx: leasing.register(tx, "carrier-1", 1, Host("boot"), NOON))
    at_the_dot(books, "ann@a.example", owner)
    books.write(lambda tx: leasing.sweep(tx, owner, NOON))
    assert settle(books, settings) == [Event.HELD_BACK]
    (found,) = books.write(lambda tx: ledger.doubts(tx))
    assert (found.settled, found.state) == ("held back", State.HELD)
    assert books.audit().doubts == Tally(1, 0, {"orphaned": 1}, {"held back": 1})
