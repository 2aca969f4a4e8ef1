"""Delivery status notifications, read and written."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.address import Address
from deliverability.bounces.classify import Suppress, classify
from deliverability.bounces.dsn import Fate, Notice, RecipientReport, Report, read_report, write_delay, write_failure
from deliverability.reply import EnhancedStatus, Reply

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
ORIGINAL = b"From: ann@shop.example\r\nMessage-ID: <1@shop.example>\r\nSubject: hi\r\n\r\n--bound\r\nbody\r\n"


def report_of(status: str, *, media_type: str = "message/delivery-status", encoding: str = "7bit") -> Report:
    content = (
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nSorry.\r\n'
        f"--b\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{status}\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1@shop.example>\r\n--b--\r\n"
    )
    report = read_report(content.encode())
    assert report == read_report(content.replace("\r\n", "\n").encode()) or report is None or "\n" in str(report)
    assert report is not None
    return report


def only(report: Report) -> RecipientReport:
    [recipient] = report.recipients
    return recipient


def test_a_report_says_who_failed_and_why() -> None:
    report = report_of(
        "Reporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: 41\r\n\r\n"
        "Original-Recipient: rfc822;Ann@example.org\r\nFinal-Recipient: rfc822; <ann@inner.example.org>\r\n"
        "Action: failed\r\nStatus: 5.1.1 (bad mailbox)\r\nRemote-MTA: dns; inner.example.org\r\n"
        "Diagnostic-Code: smtp; 550-5.1.1 no such\r\n 550 5.1.1 user here\r\n"
    )
    assert (report.reporting_mta, report.envelope_id) == ("mx.example", "41")
    assert report.returned_header == b"Message-ID: <1@shop.example>"
    recipient = only(report)
    assert (recipient.original_recipient, recipient.final_recipient) == ("Ann@example.org", "ann@inner.example.org")
    assert recipient.is_failure
    assert recipient.reply == Reply(550, EnhancedStatus(5, 1, 1), ("no such user here",))


@pytest.mark.parametrize(
    "status",
    [
        "Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        "Final-Recipient: rfc822; b@x.example\r\nAction: failed\r\nStatus: 5.2.2\r\n",
        # no blank line at all
        "Reporting-MTA: dns; a\r\nFinal-Recipient: rfc822; a@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Final-Recipient: rfc822; b@x.example\r\nAction: failed\r\nStatus: 5.2.2\r\n",
        # blank lines everywhere
        "\r\n\r\nReporting-MTA: dns; a\r\n\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\n\r\nAction: failed\r\n\r\n"
        "Status: 5.1.1\r\n\r\n\r\nFinal-Recipient: rfc822; b@x.example\r\n\r\nAction: failed\r\nStatus: 5.2.2\r\n",
        # the action first
        "Reporting-MTA: dns; a\r\n\r\nAction: failed\r\nFinal-Recipient: rfc822; a@x.example\r\nStatus: 5.1.1\r\n\r\n"
        "Action: FAILED (for good)\r\nFinal-Recipient: rfc822; b@x.example\r\nStatus: 5.2.2\r\n",
    ],
)
def test_groups_are_told_apart_however_the_blank_lines_fall(status: str) -> None:
    report = report_of(status)
    assert [(r.final_recipient, r.action, str(r.status)) for r in report.recipients] == [
        ("a@x.example", "failed", "5.1.1"),
        ("b@x.example", "failed", "5.2.2"),
    ]


def test_an_encoded_status_part_is_decoded() -> None:
    report = report_of("RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAeC5leGFtcGxlDQpBY3Rpb246IGZhaWxlZA0K", encoding="base64")
    assert only(report).final_recipient == "a@x.example"


@pytest.mark.parametrize("address", ["utf-8; jörg@x.example", "utf-8; j\\x{F6}rg@x.example"])
def test_an_address_beyond_ascii_is_read_in_both_forms(address: str) -> None:
    report = report_of(f"Final-Recipient: {address}\r\nAction: failed\r\n", media_type="message/global-delivery-status")
    assert only(report).final_recipient == "jörg@x.example"


def test_a_status_without_a_reply_gives_one_and_a_delay_is_no_failure() -> None:
    delayed = only(report_of("Final-Recipient: rfc822; a@x.example\r\nAction: delayed\r\nStatus: 4.4.7\r\n"))
    assert not delayed.is_failure
    assert delayed.reply == Reply(450, EnhancedStatus(4, 4, 7), ("",))


def test_what_a_report_says_of_success_is_no_failure() -> None:
    relayed = only(report_of("Final-Recipient: rfc822; a@x.example\r\nAction: relayed\r\nStatus: 2.1.9\r\n"))
    assert not relayed.is_failure
    assert relayed.reply is None


def test_controls_in_a_report_do_not_reach_the_operator() -> None:
    recipient = only(
        report_of(
            "Final-Recipient: rfc822; a\x1b[2J@x.example\r\nAction: failed\r\nDiagnostic-Code: x; \x1b]0;\x07\r\n"
        )
    )
    assert str(recipient).isprintable()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"Subject: hi\r\n\r\nDelivery failed", b"Content-Type: message/delivery-status\r\n\r\n"]
)
def test_what_is_no_report_is_none(content: bytes) -> None:
    assert read_report(content) is None


_PIECES = [
    b"--b\r\n",
    b"--b--",
    b"\r\n",
    b"Content-Type: message/delivery-status\r\n\r\n",
    b"Action: failed\r\n",
    b"Status: 5.1.1\r\n",
]
_PIECES += [
    b"Final-Recipient: rfc822; a@x\r\n",
    b"Diagnostic-Code: smtp; 550 no\r\n",
    b" folded\r\n",
    b"\xff",
    b":",
    b"\\x{110000}",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=30).map(b"".join))
def test_any_octets_are_read_without_trouble(octets: bytes) -> None:
    report = read_report(b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" + octets)
    for recipient in report.recipients if report else ():
        assert recipient.reply is None or recipient.reply.is_positive or classify(recipient.reply, "")


def test_a_flood_of_recipients_is_cut() -> None:
    assert len(report_of("Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\n\r\n" * 1_000).recipients) == 200


def notice(*fates: Fate, content: bytes = ORIGINAL, ret: str | None = None, envid: str | None = None) -> Notice:
    return Notice(
        reporting_mta="mail.shop.example",
        sender=Address.parse("postmaster@mail.shop.example"),
        to=Address.parse("ann@shop.example"),
        fates=fates,
        content=content,
        message_id="<2@mail.shop.example>",
        boundary="bound",
        now=NOW,
        arrived=NOW - timedelta(days=5),
        envid=envid,
        ret=ret,
    )


REFUSED = Fate(
    Address.parse("bob@example.org"),
    Reply.parse("550 5.1.1 no such user"),
    orcpt="rfc822;Bob@example.org",
    remote_mta="mx.example.org",
    last_attempt=NOW,
)


def test_a_failure_that_we_write_is_read_back_the_same() -> None:
    report = read_report(write_failure(notice(REFUSED, envid="QQ314")))
    assert report is not None
    assert (report.reporting_mta, report.envelope_id) == ("mail.shop.example", "QQ314")
    recipient = only(report)
    assert (recipient.final_recipient, recipient.original_recipient) == ("bob@example.org", "Bob@example.org")
    assert (recipient.action, recipient.remote_mta, recipient.reply) == ("failed", "mx.example.org", REFUSED.reply)
    assert recipient.reply
    assert classify(recipient.reply, "").suppress is Suppress.NOW
    assert report.returned_header == ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n"


def test_a_foreign_reader_sees_three_parts_of_the_right_kinds() -> None:
    message = message_from_bytes(write_failure(notice(REFUSED)), policy=policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<1@shop.example>"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert not message.defects


def test_the_whole_message_comes_back_only_when_asked_for_and_never_with_a_delay() -> None:
    assert b"\r\n\r\n" + ORIGINAL in write_failure(notice(REFUSED, ret="FULL"))
    assert b"body" not in write_failure(notice(REFUSED, ret="HDRS"))
    assert b"body" not in write_delay(notice(REFUSED, ret="FULL"), NOW + timedelta(days=1))


def test_a_boundary_that_the_message_holds_is_not_used() -> None:
    written = write_failure(notice(REFUSED, ret="FULL"))
    assert b'boundary="bound="' in written
    assert read_report(written) is not None


def test_a_delay_says_how_long_it_will_be_tried() -> None:
    late = Fate(Address.parse("bob@example.org"), status=EnhancedStatus(4, 4, 1))
    written = write_delay(notice(late), NOW + timedelta(days=1))
    assert b"Action: delayed\r\nStatus: 4.4.1\r\nWill-Retry-Until: Mon, 23 Nov 2026 01:02:03 +0000\r\n" in written


def test_an_expired_delivery_without_a_reply_has_a_status_of_its_action() -> None:
    report = read_report(write_failure(notice(Fate(Address.parse("bob@example.org")))))
    assert report is not None
    assert only(report).status == EnhancedStatus(5, 0, 0)


def test_an_address_beyond_ascii_makes_a_global_report_that_is_ascii_itself() -> None:
    written = write_failure(
        notice(
            Fate(Address.parse("jörg@example.org"), Reply.parse("550 5.1.1 niemand da: ö")),
            content="Subject: ü\r\n\r\n".encode(),
        )
    )
    assert written.isascii()
    assert b"message/global-delivery-status" in written
    assert b"message/global-headers" in written
    report = read_report(written)
    assert report is not None
    assert only(report).final_recipient == "jörg@example.org"
    assert report.returned_header == "Subject: ü\r\n".encode()


def test_the_same_notice_gives_the_same_octets_with_crlf_only() -> None:
    written = write_failure(notice(REFUSED))
    assert written == write_failure(notice(REFUSED))
    assert written.count(b"\r") == written.count(b"\n") == written.count(b"\r\n")


@given(st.text(max_size=200), st.text(max_size=50), st.text(max_size=50))
def test_a_strangers_words_cannot_add_a_field(text: str, remote: str, orcpt: str) -> None:
    fate = Fate(Address.parse("bob@example.org"), Reply(550, None, (text,)), remote_mta=remote, orcpt=orcpt)
    written = write_failure(notice(fate, envid=text))
    assert written.count(b"\r") == written.count(b"\n") == written.count(b"\r\n")
    report = read_report(written)
    assert report is not None
    assert only(report).final_recipient == "bob@example.org"
    assert only(report).action == "failed"
    assert max(map(len, written.split(b"\r\n"))) <= 998
