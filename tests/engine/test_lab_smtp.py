"""Every mood of the lab's hosts, met by smtplib or a bare socket as a sender would meet it."""

import shutil
import smtplib
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from lab_thread import LabThread

from engine.lab.moods import load

ADDRESS = {name: host.address for name, host in load().host.items()}
MAIL = b"Subject: hello\r\nMessage-ID: <1@shop.example>\r\n\r\n.dot\r\n"
SENDER = "b@shop.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One lab's certificate for all tests of this file: making one costs more than a test."""
    state = tmp_path_factory.mktemp("certificate")
    with LabThread(state):
        return state


@pytest.fixture
def lab(tmp_path: Path, certificate: Path) -> Iterator[LabThread]:
    for name in ("ca.pem", "hosts.pem"):
        shutil.copy(certificate / name, tmp_path)
    with LabThread(tmp_path) as lab:
        yield lab


def connect(lab: LabThread, host: str) -> smtplib.SMTP:
    return smtplib.SMTP(ADDRESS[host], lab.smtp_port, local_hostname="mail.shop.example", timeout=60)


def bare(lab: LabThread, host: str) -> socket.socket:
    return socket.create_connection((ADDRESS[host], lab.smtp_port), timeout=60)


def reply_to_rcpt(lab: LabThread, rcpt: str, host: str = "shop", sender: str = SENDER) -> tuple[int, str]:
    with connect(lab, host) as smtp:
        smtp.ehlo()
        smtp.mail(sender)
        code, text = smtp.rcpt(rcpt)
        return code, text.decode()


def talk_to_data(lab: LabThread, rcpt: str, host: str = "shop") -> socket.socket:
    """A bare connection with MAIL and RCPT granted."""
    peer = bare(lab, host)
    stream = peer.makefile("rb")
    stream.readline()
    for command in (b"HELO me", b"MAIL FROM:<b@shop.example>", b"RCPT TO:<%s>" % rcpt.encode()):
        peer.sendall(command + b"\r\n")
        assert stream.readline().startswith(b"250")
    return peer


def is_reset(peer: socket.socket) -> bool:
    try:
        return peer.recv(100) == b""
    except ConnectionResetError:
        return True


def is_silent(lab: LabThread, peer: socket.socket) -> bool:
    """The lab noted that it stalls, then greeted another peer, and still has said nothing to this one."""
    lab.wait_for(lambda _: any(refusal.reply == "stall" for refusal in lab.refused()))
    with bare(lab, "mailru") as other:
        other.recv(100)
    peer.setblocking(False)
    try:
        peer.recv(100)
    except BlockingIOError:
        return True
    return False


# ---- Accepting


def test_a_mail_is_kept_with_its_envelope_before_its_250(lab: LabThread) -> None:
    with connect(lab, "shop") as smtp:
        smtp.sendmail(SENDER, ["ann@shop.lab", "bob@other.lab"], MAIL)
        (mail,) = lab.kept()
    assert mail.raw == MAIL
    assert (mail.host, mail.mail_from, mail.rcpt_to) == ("shop", SENDER, ("ann@shop.lab", "bob@other.lab"))
    assert (mail.ehlo, mail.message_id, mail.tls, mail.answered) == ("mail.shop.example", "<1@shop.example>", "", True)
    assert (mail.client, mail.faults, mail.session, mail.nth) == ("127.0.0.1", (), 1, 1)


def test_every_host_greets_with_its_own_name(lab: LabThread) -> None:
    with bare(lab, "mailru") as peer:
        assert peer.recv(100) == b"220 mxs.mail.ru ESMTP\r\n"


def test_connections_and_the_mails_in_them_are_numbered(lab: LabThread) -> None:
    for _ in range(2):
        with connect(lab, "shop") as smtp:
            smtp.sendmail(SENDER, ["ann@shop.lab"], MAIL)
            smtp.sendmail(SENDER, ["ann@shop.lab"], MAIL)
    assert [(mail.session, mail.nth) for mail in lab.kept()] == [(1, 1), (1, 2), (2, 1), (2, 2)]


# ---- One recipient's mood


@pytest.mark.parametrize(
    ("rcpt", "host", "reply"),
    [
        ("unknown@shop.lab", "shop", "550 5.1.1 <unknown@shop.lab>"),
        ("disabled@shop.lab", "shop", "550 5.2.1"),
        ("full@shop.lab", "shop", "452 4.2.2"),
        ("over-quota@shop.lab", "shop", "552 5.2.2"),
        ("reject@shop.lab", "shop", "554 5.7.1"),
        ("defer@shop.lab", "shop", "451 4.3.0"),
        ("relay@shop.lab", "shop", "454 4.7.1"),
        ("unknown@gmail.lab", "gmail", "550 5.1.1 The email account that you tried to reach does not exist"),
        ("disabled@gmail.lab", "gmail", "550 5.2.1 The email account"),
        ("full@gmail.lab", "gmail", "452 4.2.2 The email account"),
        ("unknown@outlook.lab", "outlook", "550 5.5.0 Requested action not taken"),
        ("unknown@m365.lab", "m365", "550 5.4.1 [unknown@m365.lab]"),
        ("unknown@qq.lab", "qq", "550 Mailbox not found."),
        ("full@icloud.lab", "icloud", "552 5.2.2"),
    ],
)
def test_a_mailbox_refuses_at_rcpt(lab: LabThread, rcpt: str, host: str, reply: str) -> None:
    code, text = reply_to_rcpt(lab, rcpt, host)
    assert f"{code} {text}".startswith(reply)


@pytest.mark.parametrize(
    ("rcpt", "host", "code", "text"),
    [
        ("reject-content@shop.lab", "shop", 550, "5.7.1 [127.0.0.1] Our system"),
        ("defer-content@shop.lab", "shop", 451, "4.3.0 Mail server temporarily"),
        ("unknown@yahoo.lab", "yahoo", 554, "delivery error: dd This user doesn't have"),
        ("unknown@mailru.lab", "mailru", 550, "Message was not accepted -- invalid mailbox. Local mailbox unknown@"),
    ],
)
def test_a_mailbox_refuses_after_the_dot(lab: LabThread, rcpt: str, host: str, code: int, text: str) -> None:
    with connect(lab, host) as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.sendmail(SENDER, [rcpt], MAIL)
    assert refused.value.smtp_code == code
    assert refused.value.smtp_error.startswith(text.encode())  # type: ignore[union-attr]
    assert lab.kept() == []


@pytest.mark.parametrize(("rcpt", "code"), [("reject-data@shop.lab", 554), ("defer-data@shop.lab", 451)])
def test_a_mailbox_refuses_the_data_command(lab: LabThread, rcpt: str, code: int) -> None:
    with connect(lab, "shop") as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.sendmail(SENDER, [rcpt], MAIL)
    assert refused.value.smtp_code == code


def test_a_refused_recipient_takes_nothing_from_its_neighbour(lab: LabThread) -> None:
    with connect(lab, "shop") as smtp:
        refused = smtp.sendmail(SENDER, ["unknown@shop.lab", "ann@shop.lab"], MAIL)
    assert list(refused) == ["unknown@shop.lab"]
    assert lab.kept()[0].rcpt_to == ("ann@shop.lab",)


@pytest.mark.parametrize(("rcpt", "host"), [("greylist@shop.lab", "shop"), ("ann@postfix.lab", "postfix")])
def test_greylisting_lasts_five_minutes_of_lab_time(lab: LabThread, rcpt: str, host: str) -> None:
    assert reply_to_rcpt(lab, rcpt, host)[0] == 450
    lab.clock.advance(timedelta(minutes=4))
    assert reply_to_rcpt(lab, rcpt, host)[0] == 450
    lab.clock.advance(timedelta(minutes=1))
    assert reply_to_rcpt(lab, rcpt, host)[0] == 250


def test_greylisting_goes_by_sender_and_recipient(lab: LabThread) -> None:
    assert reply_to_rcpt(lab, "greylist@shop.lab")[0] == 450
    lab.clock.advance(timedelta(minutes=6))
    assert reply_to_rcpt(lab, "greylist@shop.lab", sender="other@shop.example")[0] == 450
    assert reply_to_rcpt(lab, "greylist+2@shop.lab")[0] == 450


def test_a_recipient_can_get_mail_too_fast(lab: LabThread) -> None:
    codes = [reply_to_rcpt(lab, "too-fast@shop.lab")[0] for _ in range(3)]
    assert codes == [250, 250, 450]
    lab.clock.advance(timedelta(minutes=1))
    assert reply_to_rcpt(lab, "too-fast@shop.lab")[0] == 250


# ---- Dropping and stalling


def test_drop_at_rcpt(lab: LabThread) -> None:
    with connect(lab, "shop") as smtp:
        smtp.ehlo()
        smtp.mail(SENDER)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.rcpt("drop@shop.lab")


def test_drop_at_data(lab: LabThread) -> None:
    with talk_to_data(lab, "drop-data@shop.lab") as peer:
        peer.sendall(b"DATA\r\n")
        assert is_reset(peer)


def test_drop_before_the_dot_keeps_nothing(lab: LabThread) -> None:
    with talk_to_data(lab, "drop-before-dot@shop.lab") as peer:
        peer.sendall(b"DATA\r\n")
        assert peer.recv(100).startswith(b"354")
        peer.sendall(b"Subject: half\r\n")
        assert is_reset(peer)
    assert lab.kept() == []
    assert [(refusal.stage, refusal.reply) for refusal in lab.refused()] == [("body", "drop")]


@pytest.mark.parametrize(("rcpt", "is_kept"), [("drop-after-dot@shop.lab", True), ("lost-after-dot@shop.lab", False)])
def test_drop_after_the_dot_leaves_the_sender_in_doubt(lab: LabThread, rcpt: str, is_kept: bool) -> None:
    with talk_to_data(lab, rcpt) as peer:
        peer.sendall(b"DATA\r\n")
        peer.recv(100)
        peer.sendall(MAIL + b".\r\n")
        assert is_reset(peer)
    assert [mail.answered for mail in lab.kept()] == ([False] if is_kept else [])


@pytest.mark.parametrize(("rcpt", "is_kept"), [("stall-dot@shop.lab", False), ("stall-after-dot@shop.lab", True)])
def test_stall_after_the_dot(lab: LabThread, rcpt: str, is_kept: bool) -> None:
    with talk_to_data(lab, rcpt) as peer:
        peer.sendall(b"DATA\r\n")
        peer.recv(100)
        peer.sendall(MAIL + b".\r\n")
        assert is_silent(lab, peer)
    assert [mail.answered for mail in lab.kept()] == ([False] if is_kept else [])


def test_stall_at_rcpt(lab: LabThread) -> None:
    with bare(lab, "shop") as peer:
        peer.sendall(b"HELO me\r\nMAIL FROM:<b@shop.example>\r\n")
        stream = peer.makefile("rb")
        assert [stream.readline()[:3] for _ in range(3)] == [b"220", b"250", b"250"]
        peer.sendall(b"RCPT TO:<stall@shop.lab>\r\n")
        assert is_silent(lab, peer)


def test_stall_at_data(lab: LabThread) -> None:
    with talk_to_data(lab, "stall-data@shop.lab") as peer:
        peer.sendall(b"DATA\r\n")
        assert is_silent(lab, peer)


def test_stall_in_the_body_reads_no_further(lab: LabThread) -> None:
    with talk_to_data(lab, "stall-body@shop.lab") as peer:
        peer.sendall(b"DATA\r\n")
        peer.recv(100)
        peer.settimeout(0.3)
        with pytest.raises(TimeoutError):  # the socket's buffers fill up, and nobody empties them
            while True:
                peer.sendall(b"x" * 1_000_000)


# ---- Whole hosts


def test_drop_at_the_greeting(lab: LabThread) -> None:
    with bare(lab, "drop-greeting") as peer:
        assert is_reset(peer)


def test_stall_at_the_greeting(lab: LabThread) -> None:
    with bare(lab, "stall-greeting") as peer:
        assert is_silent(lab, peer)


def test_stall_at_ehlo(lab: LabThread) -> None:
    with bare(lab, "stall-ehlo") as peer:
        peer.recv(100)
        peer.sendall(b"EHLO me\r\n")
        assert is_silent(lab, peer)


def test_a_greeting_that_is_not_smtp(lab: LabThread) -> None:
    with bare(lab, "garbage-greeting") as peer:
        assert peer.recv(100) == b"SSH-2.0-OpenSSH_9.6\r\n"


def test_a_554_greeting_leaves_only_quit(lab: LabThread) -> None:
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        connect(lab, "closed-greeting")
    assert refused.value.smtp_code == 554
    with bare(lab, "closed-greeting") as peer:
        stream = peer.makefile("rb")
        assert [stream.readline()[:4] for _ in range(4)] == [b"554-", b"554-", b"554-", b"554 "]
        peer.sendall(b"EHLO me\r\nQUIT\r\n")
        assert [stream.readline()[:3] for _ in range(2)] == [b"503", b"221"]


def test_a_421_greeting_hangs_up(lab: LabThread) -> None:
    with bare(lab, "busy-greeting") as peer:
        assert peer.makefile("rb").read().startswith(b"421 4.3.2 mx.busy-greeting.lab")


def test_a_host_that_knows_only_helo(lab: LabThread) -> None:
    with connect(lab, "no-ehlo") as smtp:
        assert smtp.ehlo()[0] == 502
        assert smtp.helo()[0] == 250
        smtp.sendmail(SENDER, ["ann@no-ehlo.lab"], MAIL)
    assert lab.kept()[0].host == "no-ehlo"


@pytest.mark.parametrize(
    ("host", "code", "text"),
    [
        ("reject-mail", 550, b"5.1.8 <b@shop.example>"),
        ("defer-mail", 451, b"4.3.0"),
        ("listed", 550, b"5.7.1 Unfortunately, messages from [127.0.0.1]"),
    ],
)
def test_a_host_refuses_every_mail(lab: LabThread, host: str, code: int, text: bytes) -> None:
    with connect(lab, host) as smtp:
        smtp.ehlo()
        reply = smtp.mail(SENDER)
    assert reply[0] == code and reply[1].startswith(text)


def test_drop_at_mail(lab: LabThread) -> None:
    with connect(lab, "drop-mail") as smtp:
        smtp.ehlo()
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.mail(SENDER)


def test_stall_at_mail(lab: LabThread) -> None:
    with bare(lab, "stall-mail") as peer:
        peer.recv(100)
        peer.sendall(b"HELO me\r\n")
        peer.recv(100)
        peer.sendall(b"MAIL FROM:<b@shop.example>\r\n")
        assert is_silent(lab, peer)


@pytest.mark.parametrize(
    ("host", "limit", "reply"),
    [
        ("busy", 60, b"421 4.7.0 mx.busy.lab Too many messages from 127.0.0.1"),
        ("yahoo", 100, b"421 4.7.0 [TSS04] Messages from 127.0.0.1 temporarily deferred"),
        ("gmail", 300, b"421-4.7.28 [127.0.0.1] Our system has detected an unusual rate"),
        ("outlook", 200, b"451 4.7.650 The mail server [127.0.0.1] has been temporarily rate limited"),
        ("qq", 30, b"550 Connection frequency limited"),
    ],
)
def test_a_rate_is_counted_by_the_minute_of_lab_time(lab: LabThread, host: str, limit: int, reply: bytes) -> None:
    def mail_replies(count: int) -> list[bytes]:
        replies = []
        while len(replies) < count:
            with bare(lab, host) as peer:
                stream = peer.makefile("rb")
                stream.readline()
                batch = min(10, count - len(replies))  # under Yahoo's twenty a session
                peer.sendall(b"HELO me\r\n" + b"MAIL FROM:<b@shop.example>\r\nRSET\r\n" * batch)
                stream.readline()
                for _ in range(batch):
                    replies.append(stream.readline())
                    stream.readline()
        return replies

    assert all(answer.startswith(b"250") for answer in mail_replies(limit))
    (over,) = mail_replies(1)
    assert over.startswith(reply)
    lab.clock.advance(timedelta(seconds=61))
    assert mail_replies(1)[0].startswith(b"250")


def test_yahoo_hangs_up_after_twenty_mails_without_a_word(lab: LabThread) -> None:
    with connect(lab, "yahoo") as smtp:
        for _ in range(20):
            smtp.sendmail(SENDER, ["ann@yahoo.lab"], MAIL)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.sendmail(SENDER, ["ann@yahoo.lab"], MAIL)
    assert len(lab.kept()) == 20


def test_a_flaky_host_puts_some_off_by_the_dice_it_was_given(lab: LabThread) -> None:
    with connect(lab, "flaky") as smtp:
        smtp.ehlo()
        codes = []
        for _ in range(200):
            codes.append(smtp.mail(SENDER)[0])
            smtp.rset()
    assert 5 < codes.count(451) < 40


def test_a_host_without_extensions_refuses_their_parameters(lab: LabThread) -> None:
    with connect(lab, "ascii") as smtp:
        smtp.ehlo()
        assert set(smtp.esmtp_features) == {"starttls"}
        assert smtp.docmd("MAIL", "FROM:<b@shop.example> BODY=8BITMIME")[0] == 555


def test_a_slow_host_replies_in_the_end(tmp_path: Path, certificate: Path) -> None:
    (tmp_path / "moods.toml").write_text('[host.slow]\ndelay = "1 ms"\n')
    for name in ("ca.pem", "hosts.pem"):
        shutil.copy(certificate / name, tmp_path)
    with LabThread(tmp_path) as lab, connect(lab, "slow") as smtp:
        smtp.starttls()
        smtp.sendmail(SENDER, ["ann@slow.lab"], MAIL)
        assert len(lab.kept()) == 1


def test_a_reply_that_is_delayed_comes_after_the_mail_was_kept(lab: LabThread) -> None:
    (lab.state / "moods.toml").write_text('[mood.slow]\ndelay = "1 h"\n')
    with talk_to_data(lab, "slow@shop.lab") as peer:
        peer.sendall(b"DATA\r\n")
        peer.recv(100)
        peer.sendall(MAIL + b".\r\n")
        (mail,) = lab.wait_for(lambda mails: len(mails) == 1)
        assert mail.answered
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(100)


def test_moods_that_are_changed_act_from_the_next_connection(lab: LabThread) -> None:
    with connect(lab, "shop") as before:
        (lab.state / "moods.toml").write_text('[host.shop]\nmoods = ["defer-mail"]\n')
        with connect(lab, "shop") as after:
            after.ehlo()
            assert after.mail(SENDER)[0] == 451
        before.ehlo()
        assert before.mail(SENDER)[0] == 250


def test_moods_that_are_spoilt_change_nothing(lab: LabThread) -> None:
    (lab.state / "moods.toml").write_text("[host.shop")
    with connect(lab, "shop") as smtp:
        assert smtp.sendmail(SENDER, ["ann@shop.lab"], MAIL) == {}


# ---- TLS


def test_starttls_with_a_certificate_that_the_labs_ca_vouches_for(lab: LabThread) -> None:
    context = ssl.create_default_context(cafile=str(lab.state / "ca.pem"))
    with connect(lab, "gmail") as smtp:
        smtp._host = "gmail-smtp-in.l.google.com"  # type: ignore[attr-defined]  # no public way to say the name
        smtp.starttls(context=context)
        smtp.ehlo()
        assert not smtp.has_extn("starttls")
        smtp.sendmail(SENDER, ["ann@gmail.lab"], MAIL)
    assert lab.kept()[0].tls == "TLSv1.3"


def test_a_host_without_starttls(lab: LabThread) -> None:
    with connect(lab, "no-tls") as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("starttls")
        assert smtp.docmd("STARTTLS")[0] == 502


def test_a_host_that_refuses_starttls(lab: LabThread) -> None:
    with connect(lab, "refused-tls") as smtp:
        smtp.ehlo()
        assert smtp.has_extn("starttls")
        assert smtp.docmd("STARTTLS")[0] == 454


def test_a_host_whose_handshake_is_noise(lab: LabThread) -> None:
    with connect(lab, "broken-tls") as smtp:
        with pytest.raises((ssl.SSLError, OSError)):
            smtp.starttls()
        smtp.close()


def test_a_client_that_gives_up_the_handshake_costs_nothing(lab: LabThread) -> None:
    with bare(lab, "shop") as peer:
        peer.recv(100)
        peer.sendall(b"EHLO me\r\n")
        peer.recv(1000)
        peer.sendall(b"STARTTLS\r\n")
        peer.recv(100)
        peer.sendall(b"no handshake\r\n")
        peer.makefile("rb").read()  # an alert or nothing, and the end
    with connect(lab, "shop") as smtp:
        assert smtp.noop()[0] == 250
