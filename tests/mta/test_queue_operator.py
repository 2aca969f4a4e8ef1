"""What an operator does to deliveries by hand."""

from datetime import timedelta

from clock import NOON
from house_books import Books, message, nobody_is_suppressed, open_books
from mail_shop import Place

from mta.ports import to_ms
from mta.queue import cancelling, claiming, leasing, operating, queue
from mta.queue.audit import audit
from mta.queue.delivery import State
from mta.queue.operating import Batch, By
from mta.queue.queue import Enqueued
from mta.queue.settings import QueueSettings

HOST = leasing.Host("this boot", 1_000)
ANN = By("ann", "a test")


def enqueued(books: Books, *to: str) -> Enqueued:
    return books.write(lambda tx: queue.enqueue(tx, message(*to), NOON, QueueSettings()))


def carrier(books: Books) -> int:
    return books.write(lambda tx: leasing.register(tx, "carrier-1", 1, HOST, NOON))


def claimed(books: Books, owner: int, domain: str) -> list[str]:
    found = books.write(lambda tx: claiming.claim(tx, domain, 10, owner, NOON, nobody_is_suppressed))
    return [each.forward_path for each in found.taken]


def test_what_is_held_stays_until_it_is_let_go_and_then_is_due_at_once(place: Place) -> None:
    books = open_books(place)
    (delivery,) = enqueued(books, "ann@example.org").deliveries
    owner = carrier(books)
    assert books.write(lambda tx: operating.hold(tx, [delivery], ANN, NOON)) == 1
    assert books.states()[delivery] is State.HELD
    assert claimed(books, owner, "example.org") == []
    assert books.write(lambda tx: operating.let_go(tx, [delivery], ANN, NOON)) == ["example.org"]
    assert books.states()[delivery] is State.QUEUED
    assert claimed(books, owner, "example.org") == ["ann@example.org"]


def test_what_is_let_go_as_before_waits_for_its_own_time_and_its_domain_is_looked_at_then(place: Place) -> None:
    books = open_books(place)
    late, due = enqueued(books, "ann@late.example", "bob@due.example").deliveries
    later = NOON + timedelta(hours=1)
    retry = "UPDATE delivery SET due_ms = ? WHERE id = ?"
    books.write(lambda tx: tx.execute(retry, (to_ms(later), late)))
    books.write(lambda tx: tx.execute("UPDATE destination SET next_ms = NULL"))
    books.write(lambda tx: operating.hold(tx, [late, due], ANN, NOON))
    let = books.write(lambda tx: operating.let_go(tx, [late, due], ANN, NOON + MINUTE, as_before=True))
    assert let == ["late.example", "due.example"]
    owner = carrier(books)
    assert claimed(books, owner, "late.example") == []
    assert claimed(books, owner, "due.example") == ["bob@due.example"]
    assert books.rows("SELECT next_ms FROM destination WHERE domain = 'late.example'") == [(to_ms(later),)]
    assert books.audit().balances


def test_what_a_carrier_has_in_its_hands_is_left_alone(place: Place) -> None:
    books = open_books(place)
    taken = enqueued(books, "ann@example.org")
    claimed(books, carrier(books), "example.org")
    assert books.write(lambda tx: operating.hold(tx, taken.deliveries, ANN, NOON)) == 0
    assert books.write(lambda tx: operating.cancel(tx, taken.deliveries, ANN, NOON)) == 0
    assert books.write(lambda tx: operating.let_go(tx, taken.deliveries, ANN, NOON)) == []
    assert books.write(lambda tx: operating.redirect(tx, taken.deliveries, "hop.example:25", ANN, NOON)) == []
    assert books.rows("SELECT * FROM intervention") == []


def test_what_is_redirected_is_claimed_for_its_hop_and_taken_back_goes_its_own_way(place: Place) -> None:
    books = open_books(place)
    taken = enqueued(books, "ann@example.org", '"a@b"@example.org')
    owner = carrier(books)
    way = books.write(lambda tx: operating.redirect(tx, taken.deliveries[:1], "hop.example:25", ANN, NOON))
    assert way == [">hop.example:25"]
    assert books.write(lambda tx: operating.redirect(tx, taken.deliveries[:1], "hop.example:25", ANN, NOON)) == []
    assert claimed(books, owner, "example.org") == ['"a@b"@example.org']
    assert books.write(lambda tx: operating.redirect(tx, taken.deliveries, "", ANN, NOON)) == ["example.org"]
    assert claimed(books, owner, ">hop.example:25") == []
    assert claimed(books, owner, "example.org") == ["ann@example.org"]


def test_what_is_redirected_to_two_hops_leaves_by_the_later(place: Place) -> None:
    books = open_books(place)
    taken = enqueued(books, "ann@example.org")
    books.write(lambda tx: operating.redirect(tx, taken.deliveries, "one.example:25", ANN, NOON))
    books.write(lambda tx: operating.redirect(tx, taken.deliveries, "two.example:25", ANN, NOON))
    owner = carrier(books)
    assert claimed(books, owner, ">one.example:25") == []
    assert claimed(books, owner, ">two.example:25") == ["ann@example.org"]


def test_every_change_is_kept_with_its_name_and_reason(place: Place) -> None:
    books = open_books(place)
    (delivery,) = enqueued(books, "ann@example.org").deliveries
    books.write(lambda tx: operating.hold(tx, [delivery], By("ann", "look first"), NOON))
    books.write(lambda tx: operating.let_go(tx, [delivery], By("bob", ""), NOON))
    books.write(lambda tx: operating.redirect(tx, [delivery], "hop.example:25", By("bob", "their MX is down"), NOON))
    books.write(lambda tx: operating.cancel(tx, [delivery], By("ann", "wrong list"), NOON))
    done = books.write(lambda tx: operating.interventions(tx, 1))
    assert [(act, name, why) for _, act, name, why, _ in done] == [
        ("held", "ann", "look first"), ("released", "bob", ""),
        ("redirected to hop.example:25", "bob", "their MX is down"), ("cancelled", "ann", "wrong list"),
    ]  # fmt: skip
    assert books.rows("SELECT ended_by FROM delivery") == [("ann: wrong list",)]
    assert books.audit().balances


MINUTE = timedelta(minutes=1)


def test_what_is_cancelled_with_a_grace_is_held_and_ends_when_that_is_over_in_the_name_of_who_did_it(
    place: Place,
) -> None:
    books = open_books(place)
    queued, held, loose = enqueued(books, "ann@example.org", "bob@example.org", "cy@example.org").deliveries
    books.write(lambda tx: operating.hold(tx, [held], ANN, NOON))
    assert books.write(lambda tx: cancelling.put_off(tx, [queued, held], ANN, NOON + MINUTE, NOON)) == 2
    assert books.write(lambda tx: cancelling.put_off(tx, [queued], ANN, NOON + 5 * MINUTE, NOON)) == 0
    assert books.states() == {queued: State.HELD, held: State.HELD, loose: State.QUEUED}
    assert not books.write(lambda tx: cancelling.has_due(tx, NOON))
    assert books.write(lambda tx: cancelling.has_due(tx, NOON + MINUTE))
    books.write(lambda tx: cancelling.end_due(tx, NOON + MINUTE))
    assert books.states() == {queued: State.CANCELLED, held: State.CANCELLED, loose: State.QUEUED}
    assert books.rows("SELECT DISTINCT ended_by FROM delivery WHERE state = 13") == [("ann: a test",)]
    assert books.rows("SELECT * FROM cancellation") == []


def test_a_cancellation_is_undone_within_its_grace_and_leaves_each_as_it_was(place: Place) -> None:
    books = open_books(place)
    queued, held = enqueued(books, "ann@example.org", "bob@example.org").deliveries
    books.write(lambda tx: operating.hold(tx, [held], ANN, NOON))
    books.write(lambda tx: cancelling.put_off(tx, [queued, held], ANN, NOON + MINUTE, NOON))
    assert books.write(lambda tx: cancelling.spare(tx, [queued, held], ANN, NOON)) == ["example.org", "example.org"]
    assert books.states() == {queued: State.QUEUED, held: State.HELD}
    assert books.write(lambda tx: cancelling.spare(tx, [queued, held], ANN, NOON)) == []
    books.write(lambda tx: cancelling.end_due(tx, NOON + MINUTE))
    assert books.states() == {queued: State.QUEUED, held: State.HELD}
    assert books.write(lambda tx: audit(tx, lambda: NOON)).balances


def test_what_is_released_within_its_grace_is_not_cancelled_after_all(place: Place) -> None:
    books = open_books(place)
    (delivery,) = enqueued(books, "ann@example.org").deliveries
    books.write(lambda tx: cancelling.put_off(tx, [delivery], ANN, NOON + MINUTE, NOON))
    assert books.write(lambda tx: cancelling.ends_at(tx, delivery)) == to_ms(NOON + MINUTE)
    books.write(lambda tx: operating.let_go(tx, [delivery], ANN, NOON))
    assert books.write(lambda tx: cancelling.ends_at(tx, delivery)) is None
    books.write(lambda tx: operating.hold(tx, [delivery], ANN, NOON))
    books.write(lambda tx: cancelling.end_due(tx, NOON + MINUTE))
    assert books.states() == {delivery: State.HELD}


def test_all_that_one_command_did_is_found_again(place: Place) -> None:
    books = open_books(place)
    mine = enqueued(books, *(f"p{number}@example.org" for number in range(5))).deliveries
    others = enqueued(books, "ann@example.org").deliveries
    books.write(lambda tx: operating.hold(tx, others, ANN, NOON))
    first = books.write(operating.last_note) + 1
    books.write(lambda tx: operating.hold(tx, mine, ANN, NOON + MINUTE))
    batch = Batch(first, books.write(operating.last_note), to_ms(NOON + MINUTE))
    found, after = books.write(lambda tx: operating.touched(tx, batch, 0, 3))
    rest, end = books.write(lambda tx: operating.touched(tx, batch, after or 0, 3))
    assert (found + rest, end) == (list(mine), None)


def test_single_deliveries_are_tried_now(place: Place) -> None:
    books = open_books(place)
    queued, held = enqueued(books, "ann@example.org", "bob@example.org").deliveries
    books.write(lambda tx: operating.hold(tx, [held], ANN, NOON))
    (other,) = enqueued(books, "cy@example.org").deliveries
    assert books.write(lambda tx: operating.try_now(tx, [queued, held, 999], ANN, NOON)) == ["example.org"]
    rows = books.rows("SELECT id FROM delivery WHERE state = 0 ORDER BY due_ms")
    assert rows == [(queued,), (other,)]
