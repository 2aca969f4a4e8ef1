"""What comes back after a host accepted: a second lab stands where the daemon's inbound listener would."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_process import free_port
from lab_thread import LabThread

from engine.lab.keep import KeptMail

VERP = "b+41c9.k7f2@bounce.shop.example"
MAIL = b"Subject: hello\r\nMessage-ID: <1@shop.example>\r\n\r\nbody\r\n"


@pytest.fixture
def inbound(tmp_path: Path) -> Iterator[LabThread]:
    with LabThread(tmp_path / "inbound") as inbound:
        yield inbound


@pytest.fixture
def lab(tmp_path: Path, inbound: LabThread) -> Iterator[LabThread]:
    with LabThread(tmp_path / "lab", inbound=f"127.0.0.10:{inbound.smtp_port}") as lab:
        yield lab


def send(lab: LabThread, rcpts: list[str], sender: str = VERP, mail: list[str] | None = None, host: int = 10) -> None:
    with smtplib.SMTP(f"127.0.0.{host}", lab.smtp_port, timeout=60) as smtp:
        smtp.ehlo()
        smtp.mail(sender, mail or [])
        for rcpt in rcpts:
            smtp.docmd("RCPT", f"TO:{rcpt}")
        smtp.data(MAIL)


def one(inbound: LabThread) -> KeptMail:
    (mail,) = inbound.wait_for(lambda mails: len(mails) == 1)
    return mail


def status(mail: KeptMail) -> list[dict[str, str]]:
    """The field groups of the machine-readable part, as another parser reads them."""
    report = mail.message.get_payload(1)
    return [dict(group.items()) for group in report.get_payload()]  # type: ignore[union-attr]


def test_a_bounce_comes_later_from_the_null_reverse_path_to_the_verp_address(
    lab: LabThread, inbound: LabThread
) -> None:
    send(lab, ["<later-bounce@anything.lab>"])
    bounce = one(inbound)
    assert (bounce.mail_from, bounce.rcpt_to) == ("", (VERP,))
    assert lab.kept()[0].answered
    assert bounce.faults == ()


def test_it_is_a_delivery_status_notification(lab: LabThread, inbound: LabThread) -> None:
    send(lab, ["<later-bounce@anything.lab>"])
    bounce = one(inbound)
    assert bounce.message.get_content_type() == "multipart/report"
    assert bounce.message.get_param("report-type") == "delivery-status"
    assert bounce.message["From"].addresses[0].addr_spec == "MAILER-DAEMON@mx.lab"
    of_message, of_recipient = status(bounce)
    assert of_message["Reporting-MTA"] == "dns; mx.lab"
    assert of_recipient["Final-Recipient"] == "rfc822; later-bounce@anything.lab"
    assert (of_recipient["Action"], of_recipient["Status"]) == ("failed", "5.1.1")
    assert of_recipient["Diagnostic-Code"].startswith("smtp; 550 5.1.1 <later-bounce@anything.lab>")
    assert b"Message-ID: <1@shop.example>" in bounce.raw
    assert b"body" not in bounce.raw.split(b"text/rfc822-headers")[1]


def test_only_the_recipient_with_the_mood_bounces(lab: LabThread, inbound: LabThread) -> None:
    send(lab, ["<ann@shop.lab>", "<later-full@shop.lab>"])
    (of_recipient,) = status(one(inbound))[1:]
    assert of_recipient["Final-Recipient"] == "rfc822; later-full@shop.lab"
    assert of_recipient["Status"] == "5.2.2"


def test_a_host_can_bounce_whatever_it_accepted(lab: LabThread, inbound: LabThread) -> None:
    send(lab, ["<ann@bouncing.lab>"], host=18)
    assert status(one(inbound))[1]["Final-Recipient"] == "rfc822; ann@bouncing.lab"


def test_dsn_parameters_come_back(lab: LabThread, inbound: LabThread) -> None:
    (lab.state / "moods.toml").write_text('[host.postfix]\nmoods = ["later-bounce"]\n')
    rcpt = "<ann@postfix.lab> NOTIFY=FAILURE ORCPT=rfc822;ann+2Bx@old.example"
    send(lab, [rcpt], mail=["RET=FULL", "ENVID=id+3D7"], host=9)
    bounce = one(inbound)
    of_message, of_recipient = status(bounce)
    assert of_message["Original-Envelope-Id"] == "id=7"
    assert of_recipient["Original-Recipient"] == "rfc822;ann+x@old.example"
    assert bounce.message.get_payload(2).get_content_type() == "message/rfc822"  # type: ignore[union-attr]


def test_notify_never_is_obeyed(lab: LabThread, inbound: LabThread) -> None:
    (lab.state / "moods.toml").write_text('[host.postfix]\nmoods = ["later-bounce"]\n')
    send(lab, ["<ann@postfix.lab> NOTIFY=NEVER", "<bob@postfix.lab>"], host=9)
    assert status(one(inbound))[1]["Final-Recipient"] == "rfc822; bob@postfix.lab"


def test_an_address_that_needs_utf8_is_reported_in_utf8(lab: LabThread, inbound: LabThread) -> None:
    send(lab, ["<later-bounce+דנה@shop.lab>"], mail=["SMTPUTF8"])
    bounce = one(inbound)
    assert b"message/global-delivery-status" in bounce.raw
    assert "Final-Recipient: utf-8; later-bounce+דנה@shop.lab".encode() in bounce.raw
    assert bounce.faults == ()


def test_nothing_is_sent_about_a_null_reverse_path(lab: LabThread, inbound: LabThread) -> None:
    send(lab, ["<later-bounce@shop.lab>"], sender="")
    send(lab, ["<later-bounce+second@shop.lab>"])
    assert b"later-bounce+second" in one(inbound).raw


def test_a_complaint_is_a_feedback_report_with_the_whole_mail(lab: LabThread, inbound: LabThread) -> None:
    send(lab, ["<complain@yahoo.lab>"])
    complaint = one(inbound)
    assert complaint.message.get_param("report-type") == "feedback-report"
    assert b"Feedback-Type: abuse\r\n" in complaint.raw
    assert f"Original-Mail-From: <{VERP}>\r\n".encode() in complaint.raw
    assert b"Original-Rcpt-To: <complain@yahoo.lab>\r\n" in complaint.raw
    assert complaint.message.get_payload(2).get_payload(0)["Subject"] == "hello"  # type: ignore[union-attr,index]


def test_an_auto_reply_says_that_it_is_one(lab: LabThread, inbound: LabThread) -> None:
    send(lab, ["<vacation@shop.lab>"])
    reply = one(inbound)
    assert (reply.mail_from, reply.rcpt_to) == ("", (VERP,))
    assert reply.message["Auto-Submitted"] == "auto-replied"
    assert reply.message["In-Reply-To"] == "<1@shop.example>"


def test_a_listener_that_is_away_gets_its_bounce_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.lab.courier._PAUSE", 0.05)
    monkeypatch.setattr("engine.lab.courier._TRIES", 1000)
    port = free_port()
    with LabThread(tmp_path / "lab", inbound=f"127.0.0.10:{port}") as lab:
        send(lab, ["<later-bounce@shop.lab>"])
        with LabThread(tmp_path / "inbound", smtp_port=port) as inbound:
            assert one(inbound).rcpt_to == (VERP,)
