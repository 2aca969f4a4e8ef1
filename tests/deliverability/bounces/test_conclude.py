"""What mail that came back means, by its kinds."""

import pytest

from deliverability.bounces.classify import Suppress
from deliverability.bounces.conclude import Kind, conclude
from deliverability.bounces.judging import Finding


def letter(
    words: str, *, subject: str = "failure notice", sender: str = "MAILER-DAEMON@mx.example", more: str = ""
) -> bytes:
    return f"From: {sender}\nTo: bounce@shop.example\nSubject: {subject}\n{more}\n{words}\n".encode()


def only(content: bytes) -> Finding:
    [finding] = conclude(content).recipients
    return finding


QMAIL = """Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ann@example.org>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 no such user
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

To: <bob@example.org>
"""

EXIM = """This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ann@example.org
    SMTP error from remote mail server after RCPT TO:<ann@example.org>:
    host mx.example.org [192.0.2.1]: 550 User unknown
  bob@example.net
    host mx.example.net [192.0.2.2]
    SMTP error from remote mail server after end of data:
    554 5.7.1 Message rejected as spam

------ This is a copy of the message, including all the headers. ------
"""

EXCHANGE = """Your message

  To:      boss@example.org
  Subject: Hello

did not reach the following recipient(s):

ann@example.org on Thu, 29 Apr 2007 16:51:51 -0500
    The recipient name is not recognized
"""

NOTES = """------- Failure Reasons  --------

User not listed in public Name & Address Book
ann@example.org

------- Returned Message --------
"""


@pytest.mark.parametrize(
    ("words", "address", "hard"),
    [
        (QMAIL, "ann@example.org", True),
        (EXCHANGE, "ann@example.org", True),
        (NOTES, "ann@example.org", True),
        ("Unknown user: ann@example.org\n\nOriginal message follows.\n\nTo: bob@example.org", "ann@example.org", True),
        ("User's mailbox is full: <ann@example.org>\nUnable to deliver mail.", "ann@example.org", False),
        (
            "Unable to deliver message to the following address(es).\n\n<ann@example.org>:\n554 delivery error: dd This user "
            "doesn't have a example.org account (ann@example.org) [0]",
            "ann@example.org",
            False,
        ),
    ],
)
def test_letters_of_many_systems_are_read(words: str, address: str, hard: bool) -> None:
    finding = only(letter(words))
    assert (finding.address, finding.hard) == (address, hard)


def test_each_recipient_gets_what_is_said_beside_its_own_name() -> None:
    ann, bob = conclude(letter(EXIM, subject="Mail delivery failed: returning message to sender")).recipients
    assert (ann.address, ann.klass, ann.hard) == ("ann@example.org", "invalid recipient", True)
    assert (bob.address, bob.klass, bob.hard, str(bob.status)) == ("bob@example.net", "spam", False, "5.7.1")
    assert bob.blame == "content"


def test_an_unknown_user_after_the_content_was_seen_is_not_held_against_the_mailbox_at_once() -> None:
    words = EXIM.replace("after RCPT TO:<ann@example.org>", "after end of data").partition("  bob@")[0]
    finding = only(letter(words))
    assert (finding.klass, finding.hard, finding.suppress) == ("invalid recipient", False, Suppress.AFTER)


def test_the_words_of_an_address_are_not_what_is_said_of_it() -> None:
    words = "<later@example.org>: host mx.example.org said: 550 5.1.1 <later@example.org>: User unknown (RCPT TO)"
    finding = only(letter(words))
    assert (finding.klass, finding.hard, finding.suppress) == ("invalid recipient", True, Suppress.NOW)


def test_a_server_that_says_for_now_is_not_held_against_the_mailbox_and_an_address_says_nothing() -> None:
    words = "I wasn't able to deliver your message to:\n\n<{0}>:\n550 5.1.1 <{0}>: User unknown{1}\n"
    assert only(letter(words.format("later-temporary@example.org", ""))).hard
    assert not only(letter(words.format("ann@example.org", ", try again later"))).hard


def test_a_full_mailbox_beside_an_unknown_user_is_believed_first() -> None:
    words = (
        "Your message to <ann@example.org> was rejected:\nmailbox is full\n\n<ann@example.org>: 550 5.1.1 User unknown"
    )
    assert not only(letter(words)).hard


def test_a_delay_suppresses_nobody() -> None:
    words = (
        "A message that you sent has not yet been delivered to one or more of its recipients after 24 hours.\n"
        "The address to which the message has not yet been delivered is:\n\n  ann@example.org\n"
        "    host mx.example.org [192.0.2.1]: 550 5.1.1 no such user\n\nDelivery attempts will continue for some time.\n"
    )
    found = conclude(letter(words, subject="Warning: message delayed 24 hours"))
    assert found.kind is Kind.DELAY
    assert found.recipients[0].suppress is Suppress.NEVER


def test_a_report_inside_a_forwarded_message_is_found() -> None:
    report = (
        "From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        "Final-Recipient: rfc822; ann@example.org\nAction: failed\nStatus: 5.1.1\n--b--\n"
    )
    content = (
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nsee below\n--a\n"
        f"Content-Type: message/rfc822\n\n{report}\n--a--\n"
    )
    assert only(content.encode()).address == "ann@example.org"


def test_a_report_whose_boundary_was_lost_is_still_a_report() -> None:
    content = (
        "From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=lost\n\n"
        "--found/mx.example\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        "Final-Recipient: rfc822; ann@example.org\nAction: failed\nStatus: 5.2.2\n\n--found/mx.example--\n"
    )
    assert only(content.encode()).klass == "mailbox full"


@pytest.mark.parametrize(
    ("subject", "more"),
    [
        ("Automatic reply: Hello", ""),
        ("Re: Hello", "X-Autoreply: yes\n"),
        ("Abwesenheitsnotiz: Hallo", ""),
        ("自动回复: 你好", ""),
        ("Автоответ: привет", ""),
        ("תשובה", "Auto-Submitted: auto-replied\n"),
    ],
)
def test_away_notes_are_neither_bounce_nor_answer(subject: str, more: str) -> None:
    words = "I am away. If it can't be delivered to ann@example.org, write to bob@example.org."
    found = conclude(letter(words, subject=subject, sender="Ann <ann@example.org>", more=more))
    assert (found.kind, found.recipients) == (Kind.AUTO_REPLY, ())


@pytest.mark.parametrize(
    "words", ["Thanks, it arrived!", "My parcel failed to reach me, please write to ann@example.org"]
)
def test_a_persons_answer_is_neither(words: str) -> None:
    assert conclude(letter(words, subject="Re: your order", sender="Ann <ann@example.org>")).kind is Kind.OTHER


MARSHAL = """Your message:
   From: x@y.example
Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    ann@example.org

Original Sender:  <x@y.example>
"""
INTERSCAN = """Sent <<< RCPT TO:<ann@example.org>
Received >>> 550 5.1.1 user unknown
Unable to deliver message to <ann@example.org>
"""
JAMES = """Failed recipient(s):
ann@example.org

Error message:
550 5.1.1 - no such user

Message details:
  MAIL FROM: x@y.example
  RCPT TO: ann@example.org
"""
COURIER = """                 UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<ann@example.org>:
>>> RCPT TO:<ann@example.org>
<<< 550 5.1.1 User Unknown
"""
TENCENT = """收件人（Recipient）: ann@example.org
退信原因 Mailbox not found.  The recipient does not exist
"""


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Undeliverable Mail", MARSHAL),
        ("Mail could not be delivered", INTERSCAN),
        ("Re: hi", JAMES),
        ("NOTICE: mail delivery status.", COURIER),
        ("系统退信", TENCENT),
    ],
)
def test_systems_that_no_corpus_here_holds_are_read_by_the_same_ways(subject: str, words: str) -> None:
    finding = only(letter(words, subject=subject))
    assert (finding.address, finding.hard) == ("ann@example.org", True)


@pytest.mark.parametrize(
    ("sender", "subject", "words"),
    [
        ("Ann <ann@example.org>", "Re: your delivery failed to arrive",
         "My order was not delivered, please send it to bob@example.org."),
        ("Support <postmaster@firm.example>", "Re: mail delivery question",
         "We looked at your question. Please contact bob@firm.example about delivery problems."),
    ],
)  # fmt: skip
def test_people_write_of_failed_deliveries_too(sender: str, subject: str, words: str) -> None:
    assert conclude(letter(words, subject=subject, sender=sender)).kind is Kind.OTHER


def feedback(fields: str, returned: str = "To: ann@example.org") -> bytes:
    return (
        "From: fbl@provider.example\nTo: fbl@shop.example\nSubject: complaint\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nA complaint.\n"
        f"--b\nContent-Type: message/feedback-report\n\n{fields}\n--b\nContent-Type: message/rfc822\n\n{returned}\n\nhi\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("kind", "suppress"),
    [
        ("abuse", Suppress.NOW),
        ("fraud", Suppress.NOW),
        ("opt-out", Suppress.NOW),
        ("not-spam", Suppress.NEVER),
        ("auth-failure", Suppress.NEVER),
        ("virus", Suppress.NEVER),
        ("other", Suppress.NEVER),
    ],
)
def test_only_what_a_reader_asked_for_stops_the_mail(kind: str, suppress: Suppress) -> None:
    found = conclude(feedback(f"Feedback-Type: {kind}\nVersion: 1\nOriginal-Rcpt-To: <ann@example.org>"))
    assert (found.kind, found.feedback) == (Kind.COMPLAINT, kind)
    assert [(each.address, each.suppress, each.hard) for each in found.recipients] == [
        ("ann@example.org", suppress, None)
    ]


def test_a_complaint_without_a_name_is_a_complaint_all_the_same() -> None:
    found = conclude(feedback("Feedback-Type: abuse\nRedacted-Address: redacted", returned="To: undisclosed"))
    assert [(each.address, each.suppress) for each in found.recipients] == [("", Suppress.NOW)]


def test_an_unknown_type_of_complaint_is_other() -> None:
    assert conclude(feedback("Feedback-Type: x-new-thing")).feedback == "other"


def test_the_old_loop_of_hotmail_is_read() -> None:
    content = (
        "From: staff@hotmail.com\nSubject: complaint about message from 192.0.2.1\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: ann@hotmail.example\nSubject: hi\n\nhi\n--b--\n"
    )
    found = conclude(content.encode())
    assert (found.kind, found.feedback, found.recipients[0].address) == (Kind.COMPLAINT, "abuse", "ann@hotmail.example")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 10_000,
        b"From: MAILER-DAEMON\n\n" + b"<a@b.example>: 550 no\n" * 20_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 5_000,
        b"Subject: =?utf-8?b?" + b"A" * 100_000 + b"?=\n\nundeliverable",
        b"From: MAILER-DAEMON\nSubject: failure\n\n" + b"(" * 100_000 + b"a@b.example",
        b"From: MAILER-DAEMON\nSubject: failure\n\n" + b"a" * 200_000 + b"@" + b"b" * 200_000,
        b"From: MAILER-DAEMON\nContent-Type: text/html\n\n" + b"<style " * 50_000 + b"<a@b.example> failed",
        b"From: x\n\n" + b"error mail could not " * 30_000,
        b"From: MAILER-DAEMON\n\n" + b"550 " * 100_000,
        b"From: MAILER-DAEMON\nSubject: failure\n\n" + b"\n".join(b"user%d@x.example" % n for n in range(20_000)),
        b"From: MAILER-DAEMON\nSubject: failure\n\nMessage failed to reach \xff\xfe\x1b[31m<ann@example.org>\x1b]0;x\x07",
    ],
)
def test_nothing_hostile_is_more_than_a_finding(content: bytes) -> None:
    found = conclude(content)
    assert found.kind in Kind
    assert len(found.recipients) <= 200
    assert all("\x1b" not in each.said + each.address for each in found.recipients)


def test_a_person_who_asks_about_a_bounce_writes_none() -> None:
    asked = (
        b"From: ann@b.example\nTo: me@x.example\nSubject: Re: Undelivered Mail Returned to Sender\nReferences: <1@x>\n\n"
        b"The following address failed:\n\n  joe@x.example\n    550 user unknown\n\nCan you help?\n"
    )
    assert conclude(asked).kind is Kind.OTHER
