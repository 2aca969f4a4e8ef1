"""What becomes of a message, by what the other side does: the lab's hosts, over real SMTP and DNS.

One lab and one Posthouse for all tests here; each has recipients of its own, and time only goes forward.
"""

import smtplib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from house import hand_over, letter
from house_lab import WRITER, LabTown, lab_town

from deliverability.headers import format_date
from engine.control.client import ControlError
from mta.ports import from_ms
from mta.queue.delivery import State

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("fates")) as town:
        yield town
        assert town.daemon.audit().balances


def end_of(town: LabTown, number: int) -> str:
    """The state that a message's one delivery ended in."""
    return town.daemon.until(lambda: (word := town.daemon.state_of(number)) in ENDS and word)


ENDS = {state.word for state in State if state.is_end}


def notice(town: LabTown, about: str) -> str:
    """The text of the notice that came to the writer about this recipient."""
    found = town.daemon.until(
        lambda: [mail for mail in town.lab.kept() if WRITER in mail.rcpt_to and about in mail.text]
    )
    assert found[0].mail_from == "", "a notice has the null reverse-path (RFC 3464 section 2)"
    return found[0].raw.decode()


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("ann@nullmx.lab", "5.1.10"),  # RFC 7505
        ("ann@nxdomain.lab", "5.1.2"),
        ("ann@nomx.lab", "5.1.2"),
        ("ann@lostmx.lab", "5.4.4"),
        ("unknown.one@shop.lab", "5.1.1"),
        ("disabled.one@shop.lab", "5.2.1"),
        ("unknown.one@mailru.lab", ""),  # said after the dot, without an enhanced code
    ],
)
def test_what_can_never_arrive_bounces_at_once_and_the_writer_is_told(town: LabTown, to: str, status: str) -> None:
    number = town.submit(to)
    assert end_of(town, number) == "bounced"
    told = notice(town, to)
    assert f"Final-Recipient: rfc822; {to}" in told
    assert f"Status: {status}" in told
    assert "Action: failed" in told
    assert "[]" not in town.daemon.command("message", str(number)).stdout, "no host was asked"


@pytest.mark.parametrize(
    "to", ["ann@servfail.lab", "ann@dead.lab", "ann@defer-mail.lab", "defer@shop.lab", "full@shop.lab"]
)
def test_what_may_still_arrive_waits_and_nobody_is_suppressed(town: LabTown, to: str) -> None:
    number = town.submit(to)
    town.daemon.until(
        lambda: town.daemon.rows(
            "SELECT 1 FROM delivery d LEFT JOIN destination t ON t.domain = d.domain LEFT JOIN site s ON s.name = t.site"
            " WHERE d.message_id = ? AND d.state = 0 AND (d.last_reply <> '' OR s.failures > 0)",
            number,
        )
    )
    assert town.is_suppressed(to) == []


@pytest.mark.parametrize("to", ["ann@multi.lab", "ann@implicit.lab", "ann@alias.lab", "ann@broken6.lab", "ann@ascii.lab",
                                "ann@no-tls.lab", "ann@refused-tls.lab", "ann@broken-tls.lab", "ann@yahoo.lab"])  # fmt: skip
def test_an_odd_host_still_gets_its_mail_in_perfect_octets(town: LabTown, to: str) -> None:
    town.submit(to, body=".dots\n..and more\n" + "x" * 900)
    mail = town.mail_for(to)
    assert mail.faults == ()
    assert "\n.dots" in "\n" + mail.text.replace("\r\n", "\n")


def test_a_greylisted_mail_arrives_when_its_time_has_come(town: LabTown) -> None:
    number = town.submit("greylist.one@shop.lab")
    town.daemon.until(
        lambda: town.daemon.rows(
            "SELECT 1 FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
            " WHERE d.message_id = ? AND a.reply LIKE '450%reylist%'", number,
        )
    )  # fmt: skip
    assert town.daemon.state_of(number) == "queued"
    town.daemon.advance("11 min")
    town.mail_for("greylist.one@shop.lab")
    assert end_of(town, number) == "delivered"
    outcomes = town.daemon.rows(
        "SELECT outcome FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE message_id = ? ORDER BY a.id",
        number,
    )
    assert outcomes == [("deferred",), ("delivered",)]


def test_a_lost_answer_is_on_record_and_resent_with_the_same_octets_until_a_person_must_decide(town: LabTown) -> None:
    number = town.submit("drop-after-dot.one@shop.lab")
    for copy in range(1, 5):  # the first, and resend_at_most = 3
        mails = town.mails_for("drop-after-dot.one@shop.lab", copy)
        town.daemon.until(
            lambda copy=copy: (
                town.daemon.rows(
                    "SELECT count(*) FROM doubt b JOIN delivery d ON d.id = b.delivery_id WHERE message_id = ? AND settled > ''",
                    number,
                )
                == [(copy,)]
            )
        )
        town.daemon.advance("11 min")
    assert town.daemon.state_of(number) == "held"
    assert len(mails) == 4
    assert len({mail.raw for mail in mails}) == 1, "the copies differ"
    settled = town.daemon.rows(
        "SELECT why, settled FROM doubt b JOIN delivery d ON d.id = b.delivery_id WHERE message_id = ? ORDER BY b.id",
        number,
    )
    assert settled == [("answer lost", "resent")] * 3 + [("answer lost", "held back")]


def test_a_lost_answer_about_marketing_mail_is_assumed_to_be_yes(town: LabTown) -> None:
    number = town.submit("drop-after-dot.two@shop.lab", X_Posthouse_Stream="marketing")
    assert end_of(town, number) == "delivered"
    assert len(town.mails_for("drop-after-dot.two@shop.lab")) == 1
    assert town.daemon.rows(
        "SELECT settled FROM doubt b JOIN delivery d ON d.id = b.delivery_id WHERE message_id = ?", number
    ) == [("assumed delivered",)]


def test_what_waited_too_long_expires_and_the_writer_is_told_so(town: LabTown) -> None:
    number = town.submit("defer.one@shop.lab", X_Posthouse_Expires="2h")
    town.daemon.until(
        lambda: town.daemon.rows("SELECT 1 FROM delivery WHERE message_id = ? AND last_reply <> ''", number)
    )
    town.daemon.advance("2h 1m")
    assert end_of(town, number) == "expired"
    told = notice(town, "defer.one@shop.lab")
    assert "Status: 5.4.7" in told and "Diagnostic-Code: smtp; 45" in told and "Remote-MTA: dns; " in told
    [tried] = town.daemon.rows("SELECT max(a.at_ms) FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
                               " WHERE d.message_id = ?", number)  # fmt: skip
    assert f"Last-Attempt-Date: {format_date(from_ms(tried[0]))}" in told
    assert town.is_suppressed("defer.one@shop.lab") == []


def test_a_bounce_that_comes_later_suppresses_tells_the_writer_and_stops_what_is_queued(town: LabTown) -> None:
    to = "later-bounce.one@greylist.lab"
    first = town.submit(to, subject="first")
    town.daemon.until(
        lambda: town.daemon.rows("SELECT 1 FROM delivery WHERE message_id = ? AND last_reply <> ''", first)
    )
    town.daemon.advance("5 min")
    second = town.submit(to, subject="second")
    town.daemon.until(
        lambda: town.daemon.rows("SELECT 1 FROM delivery WHERE message_id = ? AND last_reply <> ''", second)
    )
    town.daemon.advance("6 min")  # the first one's retry is due, the second one's not yet

    town.daemon.until(lambda: town.is_suppressed(to))
    town.daemon.until(
        lambda: town.daemon.state_of(first) == "delivered"
    )  # the bounce may be quicker than our own commit
    assert town.is_suppressed(to) == [("hard bounce", "all")]
    assert "Status: 5.1.1" in notice(town, to)
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        town.submit(to)
    assert refused.value.smtp_code == 550
    assert town.daemon.rows("SELECT reason FROM refusal WHERE forward_path = ?", to) == [("hard bounce",)]

    assert town.daemon.state_of(second) == "queued"
    town.daemon.advance("10 min")
    assert end_of(town, second) == "bounced"
    [(why,)] = town.daemon.rows("SELECT last_reply FROM delivery WHERE message_id = ?", second)
    assert "suppressed: hard bounce" in why


@pytest.mark.parametrize("local", ["later-full", "vacation"])
def test_what_comes_back_without_blaming_the_address_suppresses_nobody(town: LabTown, local: str) -> None:
    to = f"{local}.one@shop.lab"
    town.submit(to)
    [mail] = town.mails_for(to)
    town.daemon.until(lambda: town.daemon.rows("SELECT 1 FROM inbound WHERE forward_path = ?", mail.mail_from))
    assert town.is_suppressed(to) == []


def test_a_bounce_without_a_valid_token_is_refused_and_concludes_nothing(town: LabTown) -> None:
    to = "ann.forged@shop.lab"
    town.submit(to)
    real = town.mail_for(to).mail_from
    forged = real.replace("@", "x@", 1)
    with smtplib.SMTP("127.0.0.1", town.daemon.inbound_port, local_hostname="evil.example") as smtp:
        smtp.ehlo()
        smtp.mail("")
        assert smtp.rcpt(forged)[0] == 550
        assert smtp.rcpt("somebody@bounce.shop.example")[0] == 550
        assert smtp.rcpt("ann@elsewhere.example")[0] == 550, "an open relay"
    assert town.is_suppressed(to) == []


def test_a_report_in_a_strangers_mail_to_postmaster_suppresses_nobody(town: LabTown) -> None:
    report = (
        b"From: x@evil.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; evil.example\r\n\r\n"
        b"Final-Recipient: rfc822; victim@shop.lab\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    with smtplib.SMTP("127.0.0.1", town.daemon.inbound_port, local_hostname="evil.example") as smtp:
        smtp.ehlo()
        smtp.mail("")
        assert smtp.rcpt("postmaster@bounce.shop.example")[0] == 250
        assert smtp.data(report)[0] == 250
    assert town.is_suppressed("victim@shop.lab") == []
    assert town.daemon.rows("SELECT verdict FROM inbound WHERE forward_path LIKE 'postmaster%'") == [("for a person",)]


def test_a_held_back_or_cancelled_delivery_never_leaves(town: LabTown) -> None:
    number = town.submit("greylist.cancelled@shop.lab")
    town.daemon.until(
        lambda: town.daemon.rows("SELECT 1 FROM delivery WHERE message_id = ? AND last_reply <> ''", number)
    )
    [(delivery,)] = town.daemon.rows("SELECT id FROM delivery WHERE message_id = ?", number)
    done = town.daemon.command("queue", "cancel", str(delivery), "--why", "ordered twice")
    assert done.returncode == 0, done.stderr
    town.daemon.advance("11 min")
    after = town.submit("ann.after@shop.lab")
    assert end_of(town, after) == "delivered"
    assert town.daemon.state_of(number) == "cancelled"
    assert not [mail for mail in town.lab.kept() if "greylist.cancelled@shop.lab" in mail.rcpt_to]


def test_a_mail_with_two_authors_is_refused_in_words_before_anything_is_written(town: LabTown) -> None:
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        town.daemon.submit("ann@shop.lab", b"From: ann@shop.lab\r\nSubject: two\r\nfrom: bob@shop.lab\r\n\r\nx\r\n")
    assert (refused.value.smtp_code, refused.value.smtp_error) == (
        550, b"5.6.0 The message has more than one From: field; RFC 5322 section 3.6 allows one",
    )  # fmt: skip
    assert town.daemon.rows("SELECT id FROM message WHERE subject = 'two'") == []


@pytest.mark.parametrize("begin", [b" folded into what we add\r\n", b"\tso\r\n", b"Subject: hi\r\n: no name\r\n"])
def test_a_header_that_would_continue_a_field_of_ours_is_refused(town: LabTown, begin: bytes) -> None:
    with town.daemon.smtp() as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.sendmail(WRITER, ["ann@shop.lab"], begin + b"From: a@shop.lab\r\n\r\nhi\r\n")
    assert refused.value.smtp_code == 550 and refused.value.smtp_error.startswith(b"5.6.0")


@pytest.mark.parametrize("to", ["postmaster", "Abuse@mail.shop.example"])
def test_names_of_this_host_that_nobody_reads_are_refused_at_once(town: LabTown, to: str) -> None:
    with town.daemon.smtp() as smtp:
        smtp.ehlo()
        smtp.mail(WRITER)
        code, words = smtp.docmd(f"RCPT TO:<{to}>")
    assert (code, words[:5]) == (550, b"5.1.1")


def test_one_message_to_many_is_one_delivery_each_with_a_fate_of_its_own(town: LabTown) -> None:
    fates = {"many.ann@shop.lab": "delivered", "unknown.many@shop.lab": "bounced", "greylist.many@shop.lab": "queued"}
    with town.daemon.smtp() as smtp:
        number = hand_over(smtp, WRITER, list(fates), letter("many.ann@shop.lab"))
    town.daemon.until(lambda: fates == {to: town.daemon.state_of(number, to) for to in fates})
    [mail] = town.mails_for("many.ann@shop.lab")
    assert mail.rcpt_to == ("many.ann@shop.lab",)
    assert mail.mail_from.endswith("@bounce.shop.example")


def test_an_operator_stops_mail_to_an_address_for_a_time_also_what_is_queued(town: LabTown) -> None:
    to = "greylist.stopped@shop.lab"
    number = town.submit(to)
    town.daemon.until(
        lambda: town.daemon.rows("SELECT 1 FROM delivery WHERE message_id = ? AND last_reply <> ''", number)
    )
    done = town.daemon.command("suppression", "add", to, "--why", "asked by phone", "--for", "30 min")
    assert done.returncode == 0 and "until" in done.stdout, done.stderr
    with pytest.raises(smtplib.SMTPResponseException, match="suppressed: manual"):
        town.submit(to)
    town.daemon.advance("11 min")
    assert end_of(town, number) == "bounced"
    town.daemon.advance("20 min")
    town.daemon.until(lambda: not town.is_suppressed(to))
    assert town.submit(to)


def test_the_writer_is_told_of_a_delay_once_and_the_mail_goes_on_waiting(town: LabTown) -> None:
    number = town.submit("defer.late@shop.lab")
    town.daemon.until(
        lambda: town.daemon.rows("SELECT 1 FROM delivery WHERE message_id = ? AND last_reply <> ''", number)
    )
    town.daemon.advance("4h 1m")
    told = notice(town, "defer.late@shop.lab")
    assert "Action: delayed" in told and "Status: 4.3.0" in told and "Will-Retry-Until:" in told
    town.daemon.advance("1h")
    after = town.submit("ann.after-delay@shop.lab")
    assert end_of(town, after) == "delivered"
    assert len([mail for mail in town.lab.kept() if WRITER in mail.rcpt_to and "defer.late@" in mail.text]) == 1
    assert town.daemon.state_of(number) not in ENDS


def test_the_clock_only_goes_forward(town: LabTown) -> None:
    before = town.daemon.overview()
    town.daemon.advance("1h")
    after = town.daemon.overview()
    assert timedelta(milliseconds=after.now_ms - before.now_ms) >= timedelta(hours=1)
    assert after.lab_offset_s == before.lab_offset_s + 3600
    with pytest.raises(ControlError, match="only goes forward"):
        town.daemon.advance("0s")
