"""Notices (RFC 3461): of success where no host further on will send them, of delay, and none with `dsn = off`."""

from datetime import timedelta
from typing import Any

import pytest
from clock import NOON, FakeChance, FakeClock
from mail_shop import Place, open_store

from deliverability.address import Address
from deliverability.bounces.dsn import read_report
from deliverability.bounces.notice import Action
from deliverability.headers import format_date
from mta.ports import Tx, from_ms, to_ms
from mta.queue import claiming, expiring, leasing, queue, settling
from mta.queue.delivery import Event, State, Stream
from mta.queue.leasing import Host
from mta.queue.notices import Notices
from mta.queue.queue import Hand, NewMessage, Recipient, Settlement
from mta.queue.settings import QueueSettings

ANN = Address("ann", "example.org")


def notices_after(
    place: Place, event: Event, *, notify: set[str], dsn: bool = True, hop_knows_dsn: bool = False,
    reverse_path: str = "a@shop.example",
) -> list[bytes]:  # fmt: skip
    """What was written to the submitter when a delivery ended so."""
    store, clock = open_store(place), FakeClock()
    notices = Notices("mail.shop.example", QueueSettings(), clock, FakeChance())

    def work(tx: Tx) -> list[bytes]:
        owner = leasing.register(tx, "carrier-1", 1, Host("boot"), NOON)
        message = NewMessage(
            reverse_path, (Recipient(ANN, frozenset(notify)),), b"Subject: hi\r\n\r\nbody\r\n", Stream.TRANSACTIONAL,
            "submission", dsn=dsn, ret="FULL", envid="QQ314",
        )  # fmt: skip
        queue.enqueue(tx, message, NOON, QueueSettings())
        (taken,) = claiming.claim(tx, ANN.domain, 1, owner, NOON + timedelta(seconds=1), lambda *_: {}).taken
        assert settling.mark_dot(tx, taken.delivery_id, owner)
        reply = "250 2.0.0 ok" if event is Event.ACCEPTED else "550 5.1.1 no such user"
        came = Settlement(
            taken.delivery_id, State.AT_THE_DOT, event, reply, "dot", 0, hop_knows_dsn=hop_knows_dsn
        )  # fmt: skip
        settled = settling.settle(tx, taken, came, owner, NOON)
        assert settled is not None
        notices.write(tx, [settled])
        rows = tx.query("SELECT b.content FROM body b JOIN message m ON m.id = b.message_id WHERE m.origin = 'dsn'")
        return [row[0] for row in rows]

    return store.write_now(work)


def test_a_success_that_was_asked_for_is_told_where_the_next_hop_cannot(place: Place) -> None:
    (written,) = notices_after(place, Event.ACCEPTED, notify={"SUCCESS", "FAILURE"})
    report = read_report(written)
    assert report is not None
    (told,) = report.recipients
    assert (told.action, str(told.status)) == ("relayed", "2.0.0")
    assert b"Subject: Relayed mail\r\n" in written and b"Original-Envelope-Id: QQ314" in written
    assert b"body" not in written, "RET is about failures"


@pytest.mark.parametrize(
    ("notify", "hop_knows_dsn", "reverse_path"),
    [
        ({"SUCCESS"}, True, "a@shop.example"),
        (set(), False, "a@shop.example"),
        ({"FAILURE"}, False, "a@shop.example"),
        ({"NEVER"}, False, "a@shop.example"),
        ({"SUCCESS"}, False, ""),
    ],
)
def test_nobody_is_told_who_did_not_ask_or_will_hear_from_the_next_hop(
    place: Place, notify: set[str], hop_knows_dsn: bool, reverse_path: str
) -> None:
    told = notices_after(place, Event.ACCEPTED, notify=notify, hop_knows_dsn=hop_knows_dsn, reverse_path=reverse_path)
    assert told == []


@pytest.mark.parametrize(
    ("notify", "dsn", "count"),
    [(set(), True, 1), ({"FAILURE"}, True, 1), ({"SUCCESS"}, True, 0), ({"NEVER"}, True, 0), (set(), False, 0),
     ({"FAILURE"}, False, 0)],
)  # fmt: skip
def test_a_failure_is_told_unless_notify_or_the_credential_says_not(
    place: Place, notify: set[str], dsn: bool, count: int
) -> None:
    assert len(notices_after(place, Event.REJECTED, notify=notify, dsn=dsn)) == count


def test_a_credential_without_dsns_hears_of_no_success_either(place: Place) -> None:
    assert notices_after(place, Event.ACCEPTED, notify={"SUCCESS"}, dsn=False) == []


def test_what_is_claimed_as_it_is_accepted_knows_its_submitter_s_wish_too(place: Place) -> None:
    def work(tx: Tx) -> list[bool]:
        owner = leasing.register(tx, "carrier-1", 1, Host("boot"), NOON)
        hand = Hand(owner, frozenset({ANN.domain}), lambda *_: {})
        told = []
        for dsn in (True, False):
            message = NewMessage("a@b.example", (Recipient(ANN),), b"", Stream.TRANSACTIONAL, "submission", dsn=dsn)
            told += [each.dsn for each in queue.enqueue(tx, message, NOON, QueueSettings(), hand).claimed]
        return told

    assert open_store(place).write_now(work) == [True, False]


def delay_notices(
    place: Place, *, notify: set[str] = frozenset(), stream: Stream = Stream.TRANSACTIONAL, reply: str = "",
    reverse_path: str = "a@shop.example", dsn: bool = True,
) -> list[bytes]:  # fmt: skip
    """What was written to the submitter when a delivery was found late."""
    store, clock = open_store(place), FakeClock()
    notices = Notices("mail.shop.example", QueueSettings(), clock, FakeChance())

    def work(tx: Tx) -> list[bytes]:
        message = NewMessage(
            reverse_path, (Recipient(ANN, frozenset(notify)),), b"Subject: hi\r\n\r\nbody\r\n", stream, "submission",
            dsn=dsn, ret="FULL",
        )  # fmt: skip
        queue.enqueue(tx, message, NOON, QueueSettings())
        tx.execute("UPDATE delivery SET last_reply = ?", (reply,))
        ((each, expires_ms),) = expiring.late(tx, 0, to_ms(NOON)).deliveries
        notices.report_all(tx, [each], Action.DELAYED, from_ms(expires_ms))
        rows = tx.query("SELECT b.content FROM body b JOIN message m ON m.id = b.message_id WHERE m.origin = 'dsn'")
        return [row[0] for row in rows]

    return store.write_now(work)


def test_a_delay_is_told_with_the_last_reply_and_until_when_it_is_tried(place: Place) -> None:
    (written,) = delay_notices(place, reply="451 4.3.0 busy")
    report = read_report(written)
    assert report is not None
    (told,) = report.recipients
    assert (told.action, str(told.status)) == ("delayed", "4.3.0")
    assert b"Will-Retry-Until: " + format_date(NOON + QueueSettings().expire_transactional).encode() in written
    assert b"Subject: Delayed mail\r\n" in written and b"body" not in written


def test_a_delay_without_a_reply_has_a_status_of_its_class(place: Place) -> None:
    report = read_report(delay_notices(place)[0])
    assert report is not None and str(report.recipients[0].status) == "4.0.0"


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"notify": {"DELAY"}}, 1),
        ({"notify": {"FAILURE"}}, 0),
        ({"notify": {"NEVER"}}, 0),
        ({"stream": Stream.MARKETING}, 0),
        ({"stream": Stream.MARKETING, "notify": {"DELAY", "FAILURE"}}, 1),
        ({"reverse_path": ""}, 0),
        ({"dsn": False}, 0),
    ],
)
def test_who_is_told_of_a_delay(place: Place, options: dict[str, Any], count: int) -> None:
    assert len(delay_notices(place, **options)) == count


def test_mail_that_was_never_tried_expires_with_what_its_site_said_and_no_date_of_an_attempt(place: Place) -> None:
    store, clock = open_store(place), FakeClock()
    notices = Notices("mail.shop.example", QueueSettings(), clock, FakeChance())

    def expire(tx: Tx) -> tuple[str, bytes]:
        tx.execute("INSERT INTO site (name, retry_ms, failures, last_reply, changed_ms)"
                   " VALUES ('mx.example.org',0,1,'451 4.4.1 connection refused',0)")  # fmt: skip
        tx.execute("UPDATE destination SET site = 'mx.example.org' WHERE domain = ?", (ANN.domain,))
        ended = expiring.expire(tx, NOON + timedelta(days=30))
        notices.write(tx, ended)
        [row] = tx.query("SELECT b.content FROM body b JOIN message m ON m.id = b.message_id WHERE m.origin = 'dsn'")
        return ended[0].reply, row[0]

    message = NewMessage(
        "a@shop.example", (Recipient(ANN),), b"Subject: hi\r\n\r\n", Stream.TRANSACTIONAL, "submission"
    )
    store.write_now(lambda tx: queue.enqueue(tx, message, NOON, QueueSettings()))
    reply, written = store.write_now(expire)
    assert reply == "451 4.4.1 never tried itself; its site said last: connection refused"
    assert f"Diagnostic-Code: smtp; {reply}".encode() in written and b"Status: 5.4.7" in written
    assert b"Last-Attempt-Date" not in written and b"Remote-MTA" not in written


def test_recipients_of_one_message_that_fail_together_are_told_of_in_one_notice(place: Place) -> None:
    store, clock = open_store(place), FakeClock()
    notices = Notices("mail.shop.example", QueueSettings(), clock, FakeChance())
    quiet = Recipient(Address("dan", "example.org"), frozenset({"NEVER"}))
    for people in ((ANN, Address("bob", "example.net"), Address("cat", "example.org")), (ANN,)):
        message = NewMessage(
            "app@shop.example",
            (*map(Recipient, people), quiet),
            b"Subject: x\r\n\r\n",
            Stream.TRANSACTIONAL,
            "submission",
        )
        store.write_now(lambda tx, message=message: queue.enqueue(tx, message, NOON, QueueSettings()))

    def expire(tx: Tx) -> list[bytes]:
        notices.write(tx, expiring.expire(tx, NOON + timedelta(days=30)))
        rows = tx.query("SELECT b.content FROM body b JOIN message m ON m.id = b.message_id WHERE m.origin = 'dsn'")
        return [bytes(row[0]) for row in rows]

    told = [read_report(each) for each in store.write_now(expire)]
    assert [len(each.recipients) for each in told if each is not None] == [3, 1]
