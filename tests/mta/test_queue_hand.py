"""Mail that is claimed in the commit that accepts it: as safe as if it had been claimed later."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from clock import NOON
from house_books import Books, message, nobody_is_suppressed, open_books
from mail_shop import Place

from mta.ports import Tx
from mta.queue import claiming, leasing, queue, settling
from mta.queue.delivery import Event, State
from mta.queue.leasing import Host
from mta.queue.queue import Claimed, Enqueued, Hand, Settlement
from mta.queue.settings import QueueSettings

HOST = Host("boot", 0)


@pytest.fixture
def books(place: Place) -> Iterator[Books]:
    made = open_books(place)
    yield made
    made.close()


def carrier(books: Books) -> int:
    return books.write(lambda tx: leasing.register(tx, "carrier-1", 1, HOST, NOON))


def accept(
    books: Books, *to: str, owner: int, domains: Sequence[str], gate: queue.Gate = nobody_is_suppressed
) -> Enqueued:
    hand = Hand(owner, frozenset(domains), gate)
    return books.write(lambda tx: queue.enqueue(tx, message(*to), NOON, QueueSettings(), hand))


def test_only_the_hand_s_domains_are_claimed_and_the_rest_is_queued_with_a_hint(books: Books) -> None:
    owner = carrier(books)
    done = accept(books, "ann@a.example", "bob@b.example", owner=owner, domains=["a.example"])
    ann, bob = done.deliveries
    assert [each.delivery_id for each in done.claimed] == [ann]
    assert books.states() == {ann: State.IN_FLIGHT, bob: State.QUEUED}
    assert books.rows("SELECT domain FROM destination WHERE next_ms IS NOT NULL") == [("b.example",)]
    assert not books.audit().findings


def test_what_is_born_claimed_is_held_as_a_claim_would_hold_it(books: Books) -> None:
    owner = carrier(books)
    born = accept(books, "ann@a.example", owner=owner, domains=["a.example"]).claimed
    books.write(lambda tx: queue.enqueue(tx, message("ann@a.example"), NOON, QueueSettings()))
    later = books.write(lambda tx: claiming.claim(tx, "a.example", 9, owner, NOON, nobody_is_suppressed)).taken
    names = [name for name in Claimed.__slots__ if name not in ("delivery_id", "message_id")]
    assert [getattr(born[0], name) for name in names] == [getattr(later[0], name) for name in names]
    columns = "state, owner, attempts, due_ms, expires_ms, doubts, notify, orcpt, last_reply, created_ms, ended_ms"
    ours, theirs = books.rows(f"SELECT {columns} FROM delivery ORDER BY id")
    assert ours == theirs


def test_whom_the_gate_stops_is_queued_untried_and_ends_at_the_next_look(books: Books) -> None:
    owner = carrier(books)

    def no_bob(tx: Tx, claimed: Sequence[Claimed]) -> dict[int, str]:
        return {each.delivery_id: "hard bounce" for each in claimed if each.forward_path.startswith("bob")}

    done = accept(books, "ann@a.example", "bob@a.example", owner=owner, domains=["a.example"], gate=no_bob)
    ann, bob = done.deliveries
    assert [each.delivery_id for each in done.claimed] == [ann]
    assert books.rows("SELECT state, owner, attempts FROM delivery WHERE id = ?", bob) == [(0, None, 0)]
    assert books.rows("SELECT domain FROM destination WHERE next_ms IS NOT NULL") == [("a.example",)]
    ended = books.write(lambda tx: claiming.claim(tx, "a.example", 9, owner, NOON, no_bob)).ended
    assert [(each.delivery_id, each.state) for each in ended] == [(bob, State.BOUNCED)]


def test_a_carrier_that_dies_before_the_dot_leaves_it_to_others(books: Books) -> None:
    owner = carrier(books)
    (ann,) = accept(books, "ann@a.example", owner=owner, domains=["a.example"]).deliveries
    assert books.write(lambda tx: leasing.sweep(tx, owner, NOON))
    assert books.states() == {ann: State.QUEUED}
    other = carrier(books)
    taken = books.write(lambda tx: claiming.claim(tx, "a.example", 9, other, NOON, nobody_is_suppressed)).taken
    assert [(each.delivery_id, each.attempts) for each in taken] == [(ann, 2)]


def test_it_is_marked_settled_and_audited_like_any_other(books: Books) -> None:
    owner = carrier(books)
    (each,) = accept(books, "ann@a.example", owner=owner, domains=["a.example"]).claimed
    assert books.write(lambda tx: settling.mark_dot(tx, each.delivery_id, owner))
    came = Settlement(each.delivery_id, State.AT_THE_DOT, Event.ACCEPTED, "250 ok", "dot", 0)
    books.write(lambda tx: settling.settle(tx, each, came, owner, NOON + timedelta(seconds=1)))
    assert books.states() == {each.delivery_id: State.DELIVERED}
    assert not books.audit().findings
