"""What comes back to the daemon: who is believed, what follows, and that nothing is lost."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOON, FakeChance, FakeClock
from mail_shop import SECRET, Place, open_store

from deliverability.address import Address
from deliverability.bounces.classify import adopt
from deliverability.bounces.own import propose, read_rules
from engine.audience.suppression import is_suppressed
from engine.config import parse
from engine.control.views import message_life
from engine.house import House
from engine.intake import kept
from engine.intake.returns import read_return
from engine.returning import MOST_READ, Returns
from mta.inbound.returns import ReturnsPolicy
from mta.inbound.transaction import Peer, Transaction
from mta.ports import Tx
from mta.queue import queue
from mta.queue.delivery import State, Stream
from mta.queue.queue import NewMessage, Recipient

ANN = Address("ann", "example.org")
DOMAIN = "bounce.shop.example"
PEER = Peer("192.0.2.1", 25)
ORIGINAL = b"From: hello@shop.example\r\nSubject: hi\r\n\r\nhi\r\n"


class ReadHere:
    """A parser without a process of its own."""

    async def read(self, kind: str, content: bytes) -> dict[str, Any]:
        return {"read": read_return(content)}


class Town:
    """A house with one delivery to Ann, and its door for what comes back."""

    def __init__(self, folder: Path, place: Place) -> None:
        (folder / "secret").write_bytes(SECRET)
        config = parse(
            f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{folder}"\n[bounces]\ndomain = "{DOMAIN}"\n'
        )
        self.clock = FakeClock()
        self.house = House.build(config, open_store(place, self.clock), self.clock, FakeChance())
        message = NewMessage("a@shop.example", (Recipient(ANN),), ORIGINAL, Stream.MARKETING, "submission")
        enqueued = self.house.store.write_now(lambda tx: queue.enqueue(tx, message, NOON, config.queue))
        self.reverse_path = self.house.tokens.make(enqueued.deliveries[0], NOON.date(), DOMAIN)
        self.door = Returns(self.house, ReadHere(), lambda: None)  # type: ignore[arg-type]

    async def comes(self, content: str, to: str = "", sender: str = "") -> str:
        """Hand a mail in; what was concluded."""
        forward = Address.parse(to or self.reverse_path)
        transaction = Transaction(sender, PEER, "mx.example", is_extended=True)
        reply = await self.door.accept(transaction.ended((Recipient(forward),), content.replace("\n", "\r\n").encode()))
        assert reply.is_positive
        row = self.house.store.read_now(
            lambda tx: tx.one("SELECT verdict, content FROM inbound ORDER BY id DESC LIMIT 1")
        )
        assert row is not None
        assert bytes(row[1]) == content.replace("\n", "\r\n").encode()  # kept, byte for byte
        return str(row[0])

    def suppressed(self, stream: Stream) -> str:
        def look(tx: Tx) -> str:
            return is_suppressed(tx, [ANN.key], stream).get(ANN.key, "")

        return self.house.store.read_now(look)


@pytest.fixture
def town(tmp_path: Path, place: Place) -> Iterator[Town]:
    town = Town(tmp_path, place)
    yield town
    town.house.store.close()


def letter(reason: str) -> str:
    return (
        "From: MAILER-DAEMON@mx.example\nTo: x@y.example\nSubject: failure notice\n\n"
        f"I wasn't able to deliver your message to the following addresses.\n\n<ann@example.org>:\n{reason}\n\n"
        "--- Below this line is a copy of the message.\n\nTo: ann@example.org\n"
    )


def complaint(kind: str, reverse_path: str) -> str:
    return (
        "From: fbl@provider.example\nSubject: complaint\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n"
        f"Content-Type: message/feedback-report\n\nFeedback-Type: {kind}\nOriginal-Rcpt-To: redacted\n\n--b\n"
        f"Content-Type: message/rfc822\n\nReturn-Path: <{reverse_path.upper()}>\nSubject: hi\n\nhi\n--b--\n"
    )


async def test_what_came_back_stands_in_the_life_of_its_message(town: Town) -> None:
    verdict = await town.comes(letter("Remote host said: 550 5.1.1 no such user"))
    life = town.house.store.read_now(lambda tx: message_life(tx, 1, town.house.clock.now(), Path()))
    assert life is not None
    (moment,) = (each for each in life.moments if each.what == "came back")
    assert moment.text == f"about ann@example.org: {verdict} (`posthouse bounce show 1`)"


async def test_a_letter_at_a_valid_token_suppresses_as_a_report_does(town: Town) -> None:
    verdict = await town.comes(letter("Remote host said: 550 5.1.1 no such user"))
    assert verdict.startswith("bounce: invalid recipient, blame recipient, suppress now: 550 5.1.1 no such user")
    assert town.suppressed(Stream.TRANSACTIONAL) == "hard bounce"


async def test_a_full_mailbox_does_not(town: Town) -> None:
    assert (await town.comes(letter("552 5.2.2 mailbox full"))).startswith("bounce: mailbox full")
    assert town.suppressed(Stream.MARKETING) == ""


@pytest.mark.parametrize("to", [f"postmaster@{DOMAIN}", f"b+{'a' * 40}@{DOMAIN}"])
async def test_without_a_valid_token_a_bounce_is_kept_and_nothing_follows(town: Town, to: str) -> None:
    assert await town.comes(letter("550 5.1.1 no such user"), to) == "for a person"
    assert town.suppressed(Stream.MARKETING) == ""


async def test_a_complaint_is_traced_by_our_own_reverse_path_though_it_names_nobody(town: Town) -> None:
    content = complaint("abuse", town.reverse_path)
    verdict = await town.comes(content, f"complaints@{DOMAIN}")
    assert verdict == "complaint: abuse, about delivery 1, suppress now"
    assert town.suppressed(Stream.MARKETING) == "complaint"
    assert town.suppressed(Stream.TRANSACTIONAL) == ""


@pytest.mark.parametrize(
    ("version", "kind", "heeded"),
    [(3, "Spam", True), (4, "spam", True), (4, "phishing", True), (4, "port_scan", False)],
)
async def test_a_complaint_in_xarf_is_traced_through_its_sample(
    town: Town, version: int, kind: str, heeded: bool
) -> None:
    sample = base64.b64encode(f"Return-Path: <{town.reverse_path}>\r\nSubject: hi\r\n\r\nhi\r\n".encode()).decode()
    document: dict[str, Any] = {
        3: {"Version": "3", "ReporterInfo": {}, "Report": {"ReportType": kind, "Samples": [{"Payload": sample}]}},
        4: {"xarf_version": "4.0.0", "type": kind, "evidence": [{"payload": sample}]},
    }[version]
    head = "From: fbl@provider.example\nSubject: report\nContent-Type: application/json\n"
    await town.comes(f"{head}\n{json.dumps(document)}\n", f"complaints@{DOMAIN}")
    assert town.suppressed(Stream.MARKETING) == ("complaint" if heeded else "")


@pytest.mark.parametrize("text", ["[" * 5000, '{"xarf_version": {}}', '{"Report": 1, "ReporterInfo": 2}', '"x"', "{"])
async def test_json_that_is_no_xarf_complains_of_nobody(town: Town, text: str) -> None:
    head = "From: fbl@provider.example\nSubject: report\nContent-Type: application/json\n"
    await town.comes(f"{head}\n{text}\n", f"complaints@{DOMAIN}")
    assert town.suppressed(Stream.MARKETING) == ""


FULL, GONE = "552 5.2.2 mailbox full", "550 5.1.1 no such user"


async def test_our_own_session_s_reply_counts_more_than_a_report(town: Town) -> None:
    def bounced(tx: Tx) -> None:
        tx.execute("UPDATE delivery SET state = ?, last_reply = ?", (int(State.BOUNCED), FULL))

    town.house.store.write_now(bounced)
    assert await town.comes(letter(f"Remote host said: {GONE}")) == f"told already: {GONE}"
    assert town.suppressed(Stream.MARKETING) == ""


async def test_the_first_report_of_a_delivery_counts_more_than_any_later_one(town: Town) -> None:
    await town.comes(letter(f"Remote host said: {FULL}"))
    assert await town.comes(letter(f"Remote host said: {GONE}")) == f"told already: {GONE}"
    assert town.suppressed(Stream.MARKETING) == ""


async def test_a_bounce_and_a_complaint_of_one_delivery_both_count(town: Town) -> None:
    await town.comes(letter(f"Remote host said: {FULL}"))
    await town.comes(complaint("abuse", town.reverse_path), f"complaints@{DOMAIN}")
    assert town.suppressed(Stream.MARKETING) == "complaint"


async def test_a_report_with_a_valid_token_counts_and_the_same_words_without_one_do_not(town: Town) -> None:
    words = letter(f"Remote host said: {GONE}")
    assert await town.comes(words, f"postmaster@{DOMAIN}") == "for a person"
    assert town.suppressed(Stream.MARKETING) == ""
    await town.comes(words, town.reverse_path.upper())
    assert town.suppressed(Stream.MARKETING) == "hard bounce"


def report(*rows: tuple[str, str, str]) -> str:
    told = "\n".join(
        f"Final-Recipient: rfc822; {who}\nAction: {what}\nStatus: {status}\n" for who, what, status in rows
    )
    return (
        "From: MAILER-DAEMON@mx.example\nTo: x@y.example\nSubject: Undelivered\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n--B\nContent-Type: text/plain\n\n'
        f"It failed.\n--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n{told}\n--B--\n"
    )


async def test_a_strangers_failure_beside_our_recipient_s_delivery_is_not_held_against_ours(town: Town) -> None:
    mail = report(("list@else.example", "failed", "5.1.1"), ("ann@example.org", "delivered", "2.0.0"))
    assert (await town.comes(mail)).startswith("success: delivered")
    assert town.suppressed(Stream.MARKETING) == ""


@pytest.mark.parametrize(
    ("who", "sender", "then"),
    [
        ("ann@example.org", "", "suppress now"),
        ("ann@mail.example.org", "", "suppress now"),
        ("ann", "", "suppress now"),
        ("bea@example.org", "", "suppress after"),  # whom an alias passes it on to
        ("ann@else.example", "", "suppress after"),  # where she has it forwarded
        ("ann@example.org", "mailer-daemon@mx.example", "suppress after"),  # RFC 3464 section 2: a report has no sender
    ],
)
async def test_a_report_is_believed_at_once_only_about_our_recipient(
    town: Town, who: str, sender: str, then: str
) -> None:
    assert then in await town.comes(report((who, "failed", "5.1.1")), sender=sender)
    assert (town.suppressed(Stream.MARKETING) == "hard bounce") is (then == "suppress now")


async def test_a_report_that_a_person_passes_on_suppresses_nobody(town: Town) -> None:
    inner = report(("ann@example.org", "failed", "5.1.1"))
    mail = (
        "From: Ann <ann@example.org>\nSubject: what is this?\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=Q\n\n"
        f"--Q\nContent-Type: text/plain\n\nI got this.\n--Q\nContent-Type: message/rfc822\n\n{inner}\n--Q--\n"
    )
    assert (await town.comes(mail, sender="ann@example.org")).startswith("for a person: ")
    assert town.suppressed(Stream.MARKETING) == ""


async def test_a_complaint_that_comes_late_counts(town: Town) -> None:
    town.clock.advance(timedelta(days=400))
    await town.comes(complaint("abuse", town.reverse_path), f"complaints@{DOMAIN}")
    assert town.suppressed(Stream.MARKETING) == "complaint"


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other"])
async def test_other_types_of_feedback_stop_nothing(town: Town, kind: str) -> None:
    verdict = await town.comes(complaint(kind, town.reverse_path), f"complaints@{DOMAIN}")
    assert verdict == f"complaint: {kind}, about delivery 1: nothing follows"
    assert town.suppressed(Stream.MARKETING) == ""


async def test_a_forged_trace_stops_nothing(town: Town) -> None:
    verdict = await town.comes(complaint("abuse", f"b+{'q' * 40}@{DOMAIN}"), f"complaints@{DOMAIN}")
    assert verdict == "complaint: abuse, about no delivery of ours that it proves"
    assert town.suppressed(Stream.MARKETING) == ""


async def test_an_away_note_is_neither_bounce_nor_answer(town: Town) -> None:
    note = "From: Ann <ann@example.org>\nSubject: Automatic reply: hi\nAuto-Submitted: auto-replied\n\nI am away.\n"
    assert await town.comes(note) == "automatic reply: nothing follows"
    assert town.suppressed(Stream.MARKETING) == ""


async def test_a_rule_of_ones_own_judges_what_comes_back(town: Town) -> None:
    reply = "550 5.7.1 Our oracle knows nobody of that name"
    adopt(read_rules(propose(reply, "invalid recipient", "oracle")))
    try:
        verdict = await town.comes(letter(f"Remote host said after RCPT TO: {reply}"))
    finally:
        adopt(())
    assert verdict.startswith("bounce: invalid recipient, blame recipient, suppress now")


@pytest.mark.parametrize(
    ("local", "domain", "taken"),
    [
        ("complaints", DOMAIN, True),
        ("DMARC-Reports", DOMAIN, True),
        ("tls-reports", DOMAIN, True),
        ("tls-reports", "mail.shop.example", False),
        ("tls-reports", "elsewhere.example", False),
        ("anybody", DOMAIN, False),
        ("complaints%elsewhere.example", DOMAIN, False),
    ],
)
async def test_reports_have_addresses_of_their_own(town: Town, local: str, domain: str, taken: bool) -> None:
    policy = ReturnsPolicy(DOMAIN, "mail.shop.example", lambda _: False, town.door.accept)
    transaction = Transaction("", PEER, "mx.example", is_extended=True)
    assert (await policy.check_recipient(transaction, Address(local, domain)) is None) is taken


DMARC = (Path(__file__).parents[1] / "data" / "corpora" / "mox" / "data" / "dmarc" / "yahoo.eml").read_bytes()
TLS = (Path(__file__).parents[1] / "data" / "corpora" / "mox" / "data" / "tls" / "example.eml").read_bytes()


async def test_a_report_is_kept_once_with_its_senders_and_nothing_follows(town: Town) -> None:
    mail = DMARC.decode().replace("\r\n", "\n")
    assert (
        await town.comes(mail, f"dmarc-reports@{DOMAIN}")
        == "dmarc-aggregate of Yahoo! Inc. about ueber.net: 1, of which 0 failed"
    )
    assert (
        await town.comes(mail, f"dmarc-reports@{DOMAIN}")
        == "dmarc-aggregate of Yahoo! Inc. about ueber.net: known already"
    )
    tls = await town.comes(TLS.decode().replace("\r\n", "\n"), f"tls-reports@{DOMAIN}")
    assert tls == "tls-rpt of Google Inc. about test.xmox.nl: 3, of which 0 failed"

    def kept(tx: Tx) -> tuple[Any, ...]:
        return tx.query("SELECT kind, total FROM received_report ORDER BY id"), tx.query(
            "SELECT count FROM reported_sender"
        )

    reports, senders = town.house.store.read_now(kept)
    assert [tuple(row) for row in reports] == [("dmarc-aggregate", 1), ("tls-rpt", 3)]
    assert [tuple(row) for row in senders] == [(1,)]
    assert town.suppressed(Stream.MARKETING) == ""


async def test_a_report_that_can_not_be_read_is_kept_as_a_mail_and_said(town: Town) -> None:
    bad = (
        "From: r@big.example\nSubject: Report\nContent-Type: application/xml\n\n"
        "<?xml version='1.0'?><feedback><oops></feedback>\n"
    )
    assert (await town.comes(bad, f"dmarc-reports@{DOMAIN}")).startswith(
        "report that can't be read: it is not well-formed"
    )


async def test_what_came_back_is_let_go_of_after_its_time(town: Town) -> None:
    await town.comes("From: a@b.example\nSubject: old\n\nx\n", f"postmaster@{DOMAIN}")
    await town.comes(DMARC.decode().replace("\r\n", "\n"), f"dmarc-reports@{DOMAIN}")
    town.clock.advance(timedelta(days=10))
    await town.comes("From: a@b.example\nSubject: new\n\nx\n", f"postmaster@{DOMAIN}")
    before = town.clock.now() - timedelta(days=5)

    def let_go(tx: Tx) -> tuple[bool, int, bool, list[int]]:
        had = kept.has_old(tx, before)
        dropped = kept.drop_old(tx, before)
        tables = ("inbound", "received_report", "reported_sender")
        counts = [tx.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables]
        return had, dropped, kept.has_old(tx, before), counts

    assert town.house.store.write_now(let_go) == (True, 3, False, [1, 0, 0])


async def test_of_a_bounce_that_returns_a_large_mail_whole_the_head_is_read_and_all_is_kept(town: Town) -> None:
    large = letter("550 5.1.1 no such user") + "y" * (MOST_READ + 1) + "\n"
    assert "suppress now" in await town.comes(large)
