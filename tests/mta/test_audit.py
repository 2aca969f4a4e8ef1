"""The audit balances on honest books, and finds every way in which they could be false."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from clock import NOON, FakeClock
from house_books import Books, message, nobody_is_suppressed, open_books
from mail_shop import Place

from deliverability.settings import RetrySettings
from mta.ports import to_ms
from mta.queue import claiming, doubting, leasing, queue, settling
from mta.queue.audit import audit
from mta.queue.delivery import Event, State
from mta.queue.leasing import Host
from mta.queue.queue import Claimed, Settlement
from mta.queue.settings import QueueSettings

SETTINGS = QueueSettings()


@pytest.fixture
def books(place: Place) -> Iterator[Books]:
    """Four deliveries: one delivered (1), one queued (2), one in a carrier's hands (3), one at the dot (4)."""
    made = open_books(place)
    to = ("one@a.example", "two@b.example", "three@c.example", "four@d.example")
    made.write(lambda tx: queue.enqueue(tx, message(*to), NOON, SETTINGS))
    owner = a_carrier(made)
    settle(made, claim(made, "a.example", owner), owner, State.AT_THE_DOT, Event.ACCEPTED)
    claim(made, "c.example", owner)
    claim(made, "d.example", owner)
    made.write(lambda tx: settling.mark_dot(tx, 4, owner))
    yield made
    made.close()


def a_carrier(books: Books) -> int:
    return books.write(lambda tx: leasing.register(tx, "carrier", 1, Host("boot"), NOON))


def claim(books: Books, domain: str, owner: int) -> Claimed:
    return books.write(lambda tx: claiming.claim(tx, domain, 1, owner, NOON, nobody_is_suppressed)).taken[0]


def settle(books: Books, each: Claimed, owner: int, state: State, event: Event) -> bool:
    """Whether it was still this owner's to settle."""
    if state is State.AT_THE_DOT:
        books.write(lambda tx: settling.mark_dot(tx, each.delivery_id, owner))
    came = Settlement(each.delivery_id, state, event, "250 ok", "dot", to_ms(NOON))
    return books.write(lambda tx: settling.settle(tx, each, came, owner, NOON)) is not None


def findings(books: Books) -> list[tuple[str, tuple[int, ...]]]:
    return [(each.what, each.ids) for each in books.audit().findings]


def test_honest_books_balance_and_are_counted(books: Books) -> None:
    found = books.audit()
    assert found.balances
    assert (found.messages, found.accepted, found.doubts.total) == (1, 4, 0)
    assert found.states == {"queued": 1, "in flight": 1, "at the dot": 1, "delivered": 1}


@pytest.mark.parametrize(
    ("spoil", "what", "ids"),
    [
        ("DELETE FROM delivery WHERE id = 2", "a message with more or fewer deliveries than it had recipients", (1,)),
        ("UPDATE delivery SET state = 7 WHERE id = 2", "a delivery in a state that does not exist", (2,)),
        ("UPDATE delivery SET ended_ms = NULL WHERE id = 1", "an ended delivery without the time of its end", (1,)),
        (
            "UPDATE delivery SET ended_ms = 1 WHERE id = 2",
            "a delivery that has not ended, with the time of an end",
            (2,),
        ),
        ("UPDATE delivery SET owner = NULL WHERE id = 3", "a claimed delivery that nobody owns", (3,)),
        ("UPDATE delivery SET state = 0 WHERE id = 4", "an owned delivery that is not claimed", (4,)),
        ("UPDATE carrier SET lease_until_ms = 0", "a claimed delivery whose owner is done with", (3, 4)),
        ("DELETE FROM carrier", "a claimed delivery whose owner is done with", (3, 4)),
        ("DELETE FROM body", "a delivery still to be made whose message has no octets", (2, 3, 4)),
        (
            "DELETE FROM attempt",
            "a delivered one that no reply says was delivered, and no doubt was settled so",
            (1,),
        ),
        (
            "INSERT INTO attempt (id, delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, tls)"
            " SELECT 99, delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, tls FROM attempt",
            "one delivered twice without a doubt on record",
            (1,),
        ),
        (
            "UPDATE destination SET next_ms = NULL WHERE domain = 'b.example'",
            "a queued delivery that no destination's hint will ever lead to",
            (2,),
        ),
        (
            "UPDATE destination SET next_ms = next_ms + 1000 WHERE domain = 'b.example'",
            "a queued delivery that no destination's hint will ever lead to",
            (2,),
        ),
        (
            "UPDATE delivery SET state = 3, owner = NULL WHERE id = 4",
            "a delivery in doubt that is not on record as such",
            (4,),
        ),
    ],
)
def test_a_false_book_is_found_and_named(books: Books, spoil: str, what: str, ids: tuple[int, ...]) -> None:
    books.write(lambda tx: tx.execute(spoil))
    assert (what, ids) in findings(books)
    assert not books.audit().balances


def test_an_answer_that_came_after_the_lease_was_lost_is_kept_and_is_no_finding(books: Books) -> None:
    """A carrier that was stopped in its dialogue: its delivery was in doubt and resent, and both copies were taken."""
    ghost, heir = a_carrier(books), a_carrier(books)
    each = claim(books, "b.example", ghost)
    books.write(lambda tx: settling.mark_dot(tx, each.delivery_id, ghost))
    books.write(lambda tx: leasing.sweep(tx, ghost, NOON))
    assert not settle(books, each, ghost, State.AT_THE_DOT, Event.ACCEPTED)
    books.write(lambda tx: doubting.resolve_doubts(tx, NOON, SETTINGS, RetrySettings()))
    assert settle(books, claim(books, "b.example", heir), heir, State.AT_THE_DOT, Event.ACCEPTED)
    assert books.states()[each.delivery_id] is State.DELIVERED
    assert books.rows(
        "SELECT count(*) FROM attempt WHERE delivery_id = ? AND outcome = 'delivered'", each.delivery_id
    ) == [(2,)]
    assert findings(books) == []


def test_a_site_that_waits_is_no_finding(books: Books) -> None:
    books.write(lambda tx: tx.execute("UPDATE delivery SET due_ms = due_ms + 5000 WHERE id = 2"))
    books.write(lambda tx: tx.execute("UPDATE destination SET next_ms = next_ms + 5000 WHERE domain = 'b.example'"))
    assert books.audit(NOON).balances
    assert books.audit(NOON + timedelta(days=1)).balances


def test_a_sweep_just_before_the_snapshot_is_no_finding(books: Books) -> None:
    """It hints at its own time. The audit's is a later one, or the hint would seem to wait for something."""
    clock, [(owner,)] = FakeClock(), books.rows("SELECT owner FROM delivery WHERE id = 3")

    class LateSnapshot:
        def __getattr__(self, name: str) -> Any:
            if clock.now() == NOON:
                clock.advance(timedelta(seconds=10))
                books.write(lambda tx: leasing.sweep(tx, owner, clock.now()))
            return getattr(books._tx(), name)

    assert audit(LateSnapshot(), clock.now).balances
