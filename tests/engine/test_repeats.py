"""Bounces that count when they repeat: over weeks of the clock, with nothing arriving between them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import FakeChance, FakeClock
from mail_shop import SECRET, Place, open_store

from deliverability.address import Address
from engine.audience import repeats
from engine.audience.suppression import is_suppressed
from engine.config import parse
from engine.house import House
from engine.intake.returns import read_return
from engine.store.groups import GroupStore
from mta.ports import Tx
from mta.queue import expiring, queue
from mta.queue.delivery import Event, State, Stream
from mta.queue.queue import NewMessage, Recipient, Settled

ANN = Address("Ann", "example.org")
FULL = "552 5.2.2 mailbox full"
DISABLED = "550 5.2.1 this account is disabled"
DOUBTED = "550 5.7.1 User unknown"
SETTINGS = """
[bounces]
domain = "bounce.shop.example"
[bounces.later]
mailbox_full = { times = 3, over = "14 days", marketing_only = true }
disabled = { times = 2, over = "7 days" }
doubted = { times = 0 }
"""


class Weeks:
    """A house, and mail to Ann that bounces or arrives, as weeks pass."""

    def __init__(self, folder: Path, place: Place) -> None:
        (folder / "secret").write_bytes(SECRET)
        config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{folder}"\n{SETTINGS}')
        self.clock = FakeClock()
        self.store: GroupStore = open_store(place, self.clock)
        self.house = House.build(config, self.store, self.clock, FakeChance())

    def mail(self) -> Settled:
        """One more mail to Ann."""
        message = NewMessage("a@shop.example", (Recipient(ANN),), b"x\r\n", Stream.MARKETING, "submission")

        def work(tx: Tx) -> Settled | None:
            enqueued = queue.enqueue(tx, message, self.clock.now(), self.house.config.queue)
            return expiring.find(tx, enqueued.deliveries[0])

        found = self.store.write_now(work)
        assert found is not None
        return found

    def fares(self, reply: str, state: State = State.BOUNCED, each: Settled | None = None) -> Settled:
        """A mail that ends so in our own session."""
        told = _with(each or self.mail(), reply=reply, state=state, stage="rcpt", event=Event.REJECTED)
        self.store.write_now(lambda tx: self.house.follow(tx, [told]))
        return told

    def arrives(self) -> Settled:
        return self.fares("250 2.0.0 ok", State.DELIVERED)

    def returns(self, each: Settled, reply: str) -> str:
        """A mail that was taken comes back."""
        report = read_return(
            b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\nContent-Type: multipart/report;"
            b" report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
            b"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ann@example.org\nAction: failed\n"
            b"Diagnostic-Code: smtp; " + reply.encode() + b"\n\n--b--\n"
        )

        def work(tx: Tx) -> str:
            said = self.house.bounced_later(tx, each, report)
            columns = "(reverse_path, forward_path, content, verdict, delivery_id, at_ms)"
            tx.insert(f"INSERT INTO inbound {columns} VALUES ('','',?,?,?,0)", (b"", said, each.delivery_id))
            return said

        return self.store.write_now(work)

    def pass_(self, days: float) -> None:
        self.clock.advance(timedelta(days=days))

    def stopped(self, stream: Stream = Stream.MARKETING) -> bool:
        return self.store.read_now(lambda tx: ANN.key in is_suppressed(tx, [ANN.key], stream))

    def counted(self) -> int:
        [(count,)] = self.store.read_now(lambda tx: tx.query("SELECT count(*) FROM repeated_bounce"))
        return int(count)


def _with(each: Settled, **changes: Any) -> Settled:
    from dataclasses import replace

    return replace(each, **changes)


@pytest.fixture
def weeks(tmp_path: Path, place: Place) -> Iterator[Weeks]:
    weeks = Weeks(tmp_path, place)
    yield weeks
    weeks.store.close()


def test_a_full_mailbox_stops_marketing_after_enough_times_over_enough_days(weeks: Weeks) -> None:
    for _ in range(2):
        weeks.fares(FULL)
        weeks.pass_(7)
        assert not weeks.stopped()
    weeks.fares(FULL)
    assert weeks.stopped()
    assert not weeks.stopped(Stream.TRANSACTIONAL)
    assert weeks.counted() == 0


def test_enough_times_within_a_day_are_not_enough(weeks: Weeks) -> None:
    for _ in range(10):
        weeks.fares(FULL)
    assert not weeks.stopped()
    weeks.pass_(14)
    weeks.fares(FULL)
    assert weeks.stopped()


def test_what_arrives_between_begins_the_count_anew(weeks: Weeks) -> None:
    for _ in range(4):
        weeks.fares(FULL)
        weeks.pass_(7)
        weeks.fares(FULL)
        weeks.pass_(7)
        weeks.arrives()
    assert not weeks.stopped()
    assert weeks.counted() == 0


def test_mail_that_is_taken_and_returned_each_time_counts_although_it_was_taken(weeks: Weeks) -> None:
    for last in (
        "1 of 3 times and 0 of 14 days",
        "2 of 3 times and 7 of 14 days",
        "3 of 3 times and 14 of 14 days: now",
    ):
        assert not weeks.stopped()
        taken = weeks.arrives()
        weeks.pass_(0.1)
        assert weeks.returns(taken, FULL) == f"bounce: mailbox full, blame recipient, suppress after {last}: {FULL}"
        weeks.pass_(6.9)
    assert weeks.stopped()


def test_mail_that_comes_back_before_we_noted_that_it_was_taken_counts_too(weeks: Weeks) -> None:
    for last in ("1 of 3 times", "2 of 3 times", "3 of 3 times"):
        mail = weeks.mail()
        assert last in weeks.returns(mail, FULL)
        weeks.fares("250 2.0.0 ok", State.DELIVERED, mail)
        weeks.pass_(8)
    assert weeks.stopped()


def test_mail_that_was_taken_and_never_returned_has_arrived(weeks: Weeks) -> None:
    for _ in range(2):
        weeks.returns(weeks.arrives(), FULL)
        weeks.pass_(7)
    weeks.arrives()
    weeks.pass_(2)
    assert "1 of 3 times" in weeks.returns(weeks.arrives(), FULL)


def test_each_class_has_a_count_of_its_own_and_its_own_rule(weeks: Weeks) -> None:
    weeks.fares(FULL)
    weeks.fares(DISABLED)
    weeks.pass_(7)
    assert not weeks.stopped(Stream.TRANSACTIONAL)
    weeks.fares(DISABLED)
    assert weeks.stopped(Stream.TRANSACTIONAL)


def test_nought_times_never_stop(weeks: Weeks) -> None:
    for _ in range(20):
        assert "suppress after is off" in weeks.returns(weeks.mail(), f"host said at end of DATA: {DOUBTED}")
        weeks.pass_(7)
    assert not weeks.stopped(Stream.TRANSACTIONAL)
    assert weeks.counted() == 0


def test_a_mailbox_that_is_full_until_the_mail_expires_counts_too(weeks: Weeks) -> None:
    for _ in range(3):
        weeks.fares("452 4.2.2 mailbox full", State.EXPIRED)
        weeks.pass_(7)
    assert weeks.stopped()


def test_what_expired_before_anybody_answered_counts_nothing(weeks: Weeks) -> None:
    weeks.fares("", State.EXPIRED)
    weeks.fares("connection timed out", State.EXPIRED)
    assert weeks.counted() == 0


def test_an_old_count_is_let_go_of(weeks: Weeks) -> None:
    weeks.fares(FULL)
    weeks.pass_(10)

    def work(tx: Tx) -> tuple[bool, bool]:
        before = weeks.clock.now() - timedelta(days=5)
        had = repeats.has_old(tx, before)
        repeats.drop_old(tx, before)
        return had, repeats.has_old(tx, before)

    assert weeks.store.write_now(work) == (True, False)
    assert weeks.counted() == 0
