"""Today's figures, counted forward, are what counting everything would find; and what was counted is not looked at again."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

import pytest
from clock import NOON
from mail_shop import Place, open_store

from engine.control.today import SETTLES_MS, DayCount, Today
from engine.store.groups import GroupStore
from mta.ports import Tx, to_ms
from mta.queue.delivery import State

SETTLED = timedelta(milliseconds=SETTLES_MS + 1)


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


def happen(tx: Tx, at: datetime, state: State = State.DELIVERED, *, deferred: bool = False) -> None:
    """A message comes and ends as this, at that moment; an attempt before it was put off, or none was."""
    at_ms = to_ms(at)
    message = tx.insert(
        "INSERT INTO message (reverse_path, stream, origin, subject, header_from, message_id, size, needs_utf8, has_8bit,"
        " credential, recipients, received_ms) VALUES ('',1,'submission','','','',1,0,0,'',1,?)",
        (at_ms,),
    )
    delivery = tx.insert(
        "INSERT INTO delivery (message_id, forward_path, domain, stream, state, due_ms, expires_ms, attempts, doubts,"
        " notify, last_reply, created_ms, ended_ms) VALUES (?,'a@b.example','b.example',1,?,0,0,1,0,'','',?,?)",
        (message, int(state), at_ms, at_ms),
    )
    tx.execute(
        "INSERT INTO attempt (delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, tls)"
        " VALUES (?,?,1,'','','dot',?,'','')",
        (delivery, at_ms, "deferred" if deferred else "delivered"),
    )


def count(store: GroupStore, day: DayCount, now: datetime) -> Today:
    return store.read_now(lambda tx: day.count(tx, now))


def test_counting_forward_finds_what_counting_all_does(store: GroupStore) -> None:
    dice, day, now = Random(7), DayCount(), NOON - timedelta(hours=30)
    for _ in range(60):
        now += timedelta(seconds=dice.choice((1, 5, 20, 900, 4000)))
        ends = [dice.choice((State.DELIVERED, State.BOUNCED, State.EXPIRED)) for _ in range(dice.randrange(4))]
        for each in ends:
            at, is_deferred = now, dice.random() < 0.5
            store.write_now(lambda tx, at=at, each=each, late=is_deferred: happen(tx, at, each, deferred=late))  # type: ignore[misc]
        assert count(store, day, now) == count(store, DayCount(), now)


def test_a_day_begins_at_midnight_and_an_hour_falls_out_after_a_day(store: GroupStore) -> None:
    day = DayCount()
    store.write_now(lambda tx: happen(tx, NOON, deferred=True))
    found = count(store, day, NOON)
    assert (found.accepted, found.ended, found.deferred) == (1, {State.DELIVERED: 1}, 1)
    assert (found.hours[State.DELIVERED][-1], found.delivered_minutes[-1], found.deferred_hours[-1]) == (1, 1, 1)
    found = count(store, day, NOON + timedelta(hours=12))  # midnight
    assert (found.accepted, found.ended, found.deferred) == (0, {State.DELIVERED: 0}, 0)
    assert (found.hours[State.DELIVERED][11], found.deferred_hours[11], sum(found.delivered_minutes)) == (1, 1, 0)
    assert count(store, day, NOON + timedelta(hours=24)).hours == {}


def test_what_was_counted_is_not_looked_at_again_until_the_next_full_hour(store: GroupStore) -> None:
    day = DayCount()
    store.write_now(lambda tx: happen(tx, NOON, deferred=True))
    count(store, day, NOON + SETTLED)
    store.write_now(lambda tx: [tx.execute(f"DELETE FROM {each}") for each in ("attempt", "delivery", "message")])
    remembered = count(store, day, NOON + 2 * SETTLED)
    assert (remembered.accepted, remembered.ended, remembered.deferred) == (1, {State.DELIVERED: 1}, 1)
    anew = count(store, day, NOON + timedelta(hours=1))
    assert (anew.accepted, anew.ended, anew.deferred) == (0, {}, 0)


def test_what_is_written_a_little_late_counts(store: GroupStore) -> None:
    day = DayCount()
    count(store, day, NOON + timedelta(seconds=10))
    store.write_now(lambda tx: happen(tx, NOON))
    assert count(store, day, NOON + timedelta(seconds=11)).ended == {State.DELIVERED: 1}
