"""A clock that is set is noticed; one that runs, or that a lab moves, is not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from clock import NOON, FakeChance, SettableClock
from mail_shop import Place, open_store

from deliverability.address import Address
from deliverability.bounces.classify import classify
from deliverability.reply import Reply
from deliverability.settings import RetrySettings
from deliverability.shaping.share import Report
from engine.clock_watch import ClockWatch, behind, pull_back, pull_back_now
from engine.conductor import Conductor
from engine.config import Config
from mta.maillog import clock_set
from mta.ports import Tx, to_ms
from mta.queue import stepped
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings

YEARS = timedelta(days=3652)


@pytest.mark.parametrize("by", [YEARS, -YEARS, timedelta(minutes=5), timedelta(hours=-1)])
def test_a_clock_that_is_set_is_told_of_once(by: timedelta) -> None:
    clock = SettableClock()
    watch = ClockWatch(clock, timedelta)
    clock.advance(timedelta(days=3))
    assert not watch.look()
    clock.set(by)
    clock.advance(timedelta(seconds=5))
    assert watch.look() == by
    assert not watch.look()


def test_small_steps_are_left_to_ntp_until_they_add_up() -> None:
    clock = SettableClock()
    watch = ClockWatch(clock, timedelta)
    clock.set(timedelta(minutes=3))
    assert not watch.look()
    clock.set(timedelta(minutes=3))
    assert watch.look() == timedelta(minutes=6)


def test_a_lab_that_moves_its_own_clock_sets_none() -> None:
    clock, moved = SettableClock(), timedelta(0)
    watch = ClockWatch(clock, lambda: moved)
    moved = YEARS
    clock.set(YEARS)
    assert not watch.look()


def test_a_start_before_the_newest_mail_is_noticed(place: Place) -> None:
    clock = SettableClock()
    store = open_store(place, clock)
    assert not store.read_now(lambda tx: behind(tx, clock.now())), "an empty one says nothing"
    mail = NewMessage("", (Recipient(Address.parse("ann@example.org")),), b"\r\n", Stream.TRANSACTIONAL, "submission")
    for at in (NOON - 2 * YEARS, NOON):
        store.write_now(lambda tx, at=at: enqueue(tx, mail, at, QueueSettings()))  # type: ignore[misc]
    assert not store.read_now(lambda tx: behind(tx, NOON - timedelta(minutes=4)))
    assert store.read_now(lambda tx: behind(tx, NOON - YEARS)) == YEARS
    store.close()


@pytest.mark.parametrize("by", [timedelta(hours=6), timedelta(days=90), YEARS], ids=["hours", "days", "years"])
async def test_mail_that_was_written_under_a_time_that_was_set_back_goes_now(place: Place, by: timedelta) -> None:
    """And lives as long as it was given. A site that rested, and what was suspended, rest no longer than they were to."""
    clock, retry = SettableClock(), RetrySettings()
    store = open_store(place, clock)
    right, was = NOON, NOON + by
    mail = NewMessage("", (Recipient(Address.parse("ann@example.org")),), b"\r\n", Stream.TRANSACTIONAL, "submission")
    for at in (right, was):
        store.write_now(lambda tx, at=at: enqueue(tx, mail, at, QueueSettings()))  # type: ignore[misc]
    later = to_ms(was + timedelta(hours=4))
    before = store.read_now(lambda tx: tx.query("SELECT expires_ms FROM delivery ORDER BY id"))

    def defer(tx: Tx) -> None:
        tx.execute("UPDATE delivery SET due_ms = ?", (later,))
        tx.execute("UPDATE destination SET next_ms = ?", (later,))
        tx.execute(
            "INSERT INTO site (name, retry_ms, failures, last_reply, changed_ms) VALUES ('s', ?, 1, '', 0)", (later,)
        )
        suspended = (to_ms(was + timedelta(hours=1)), to_ms(was))
        tx.execute("INSERT INTO suspension VALUES ('site', 's', ?, 'olga', 'they asked', ?)", suspended)

    store.write_now(defer)
    clock.set(timedelta(hours=1))  # NOON and an hour is the right time
    now = clock.now()
    await pull_back(store, now, retry)
    seen = store.read_now(lambda tx: tx.query("SELECT due_ms, created_ms, expires_ms FROM delivery ORDER BY id"))
    lives = to_ms(now) - to_ms(was)
    assert seen == [
        (to_ms(now), to_ms(right), before[0][0]),
        (to_ms(now), to_ms(now), before[1][0] + lives),
    ]
    assert store.read_now(lambda tx: tx.query("SELECT next_ms FROM destination")) == [(to_ms(now),)]
    assert store.read_now(lambda tx: tx.query("SELECT retry_ms FROM site")) == [(to_ms(now),)]
    until = store.read_now(lambda tx: tx.query("SELECT until_ms, at_ms FROM suspension"))
    assert until == [(to_ms(now + timedelta(hours=1)), to_ms(now))]
    store.close()


async def test_mail_of_an_hour_to_come_goes_now_though_no_back_off_is_so_short(place: Place) -> None:
    """A machine whose hardware clock keeps local time begins an hour or two ahead, until NTP has set it."""
    store = open_store(place, SettableClock())
    mail = NewMessage("", (Recipient(Address.parse("ann@example.org")),), b"\r\n", Stream.TRANSACTIONAL, "submission")
    ahead = NOON + timedelta(hours=1)
    store.write_now(lambda tx: enqueue(tx, mail, ahead, QueueSettings()))
    lives = store.read_now(lambda tx: tx.query("SELECT expires_ms - created_ms FROM delivery"))[0][0]
    await pull_back(store, NOON, RetrySettings())
    seen = store.read_now(lambda tx: tx.query("SELECT due_ms, created_ms, expires_ms - created_ms FROM delivery"))
    assert seen == [(to_ms(NOON), to_ms(NOON), lives)]
    assert store.read_now(lambda tx: tx.query("SELECT next_ms FROM destination")) == [(to_ms(NOON),)]
    store.close()


async def test_what_a_machine_whose_clock_is_ahead_accepts_meanwhile_holds_nobody_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(place, SettableClock())
    mail = NewMessage("", (Recipient(Address.parse("ann@example.org")),), b"\r\n", Stream.TRANSACTIONAL, "submission")
    store.write_now(lambda tx: enqueue(tx, mail, NOON + timedelta(hours=1), QueueSettings()))
    pull, rounds = stepped.pull_back, 0

    def while_others_accept(tx: Tx, upto: int, now: datetime, retry: RetrySettings) -> bool:
        nonlocal rounds
        rounds += 1
        assert rounds < 10
        enqueue(tx, mail, NOON + timedelta(hours=1), QueueSettings())
        return pull(tx, upto, now, retry)

    monkeypatch.setattr(stepped, "pull_back", while_others_accept)
    pull_back_now(store, NOON, RetrySettings())
    store.close()


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_site_that_was_slowed_in_a_time_to_come_rests_no_longer_than_it_was_to(
    place: Place, *, is_restarted: bool
) -> None:
    clock = SettableClock()
    store = open_store(place, clock)

    async def conductor() -> Conductor:
        made = Conductor(
            store, clock, FakeChance(1), Config(hostname="mail.shop.example"), lambda carrier, **said: None,
            lambda tx, domain, since: 0, lambda: None,
        )  # fmt: skip
        await made.start()
        return made

    def report(**said: Any) -> dict[str, Any]:
        return {"sites": [Report("mx.example.org", hosts=("mx.example.org",), **said).to_dict()]}

    clock.set(YEARS)
    first = await conductor()
    said = classify(Reply.parse("421 4.7.0 mx.example.org Too many messages from 192.0.2.1, slow down"), "mail")
    too_much = (str(said.klass), str(said.blame), said.slow_down, said.rule, "421 slow down")
    await first.hear(1, report(complaints=(too_much,)))
    await first.save()
    (book,) = first.books_of("mx.example.org")
    pause = book.paused_until() - clock.now().timestamp()
    assert pause > 0
    clock.set(-YEARS)
    if is_restarted:
        first = await conductor()
        await first.hear(1, report())
    else:
        first.heed_clock()
    (book,) = first.books_of("mx.example.org")
    assert book.paused_until() - clock.now().timestamp() == pytest.approx(pause)
    store.close()


async def test_what_waits_for_its_back_off_goes_on_waiting(place: Place) -> None:
    store = open_store(place, SettableClock())
    mail = NewMessage("", (Recipient(Address.parse("ann@example.org")),), b"\r\n", Stream.TRANSACTIONAL, "submission")
    store.write_now(lambda tx: enqueue(tx, mail, NOON, QueueSettings()))
    due = to_ms(NOON + timedelta(hours=5))
    store.write_now(lambda tx: tx.execute("UPDATE delivery SET due_ms = ?", (due,)))
    await pull_back(store, NOON, RetrySettings())
    assert store.read_now(lambda tx: tx.query("SELECT due_ms FROM delivery")) == [(due,)]
    store.close()


def test_what_it_means_depends_on_the_way(caplog: pytest.LogCaptureFixture) -> None:
    clock_set(YEARS)
    clock_set(-YEARS)
    forward, back = (record.__dict__["why"] for record in caplog.records)
    assert "comes at once" in forward and "is tried now" in back and "timedatectl" in forward
