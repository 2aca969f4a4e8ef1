"""Against programs that others wrote: swaks hands over, Postfix takes and refuses, OpenDKIM and dkimpy verify.

One Postfix and one Posthouse for all tests here; each test has recipients of its own.
"""

import email
import email.policy
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from smtplib import SMTPResponseException

import dkim
import pytest
from house import Daemon, hand_over, letter
from house_opendkim import OpenDkim
from house_postfix import Postfix

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postfix"), pytest.mark.peer("opendkim")]

MAILBOXES = ("ann", "bob", "carol", "dan", "eve", "shop", "writer", "jörg")
BOTH_GOOD = [("ed25519-sha256", True), ("rsa-sha256", True)]


@dataclass(frozen=True)
class Town:
    daemon: Daemon
    postfix: Postfix
    keys: Mapping[str, str]  # the records that `posthouse domain add` says to publish: name and text

    def mail_for(self, to: str) -> bytes:
        """The first mail in this mailbox, as soon as it is there."""
        marked = f"Delivered-To: {to}\r\n".encode()
        return self.daemon.until(lambda: next((mail for mail in self.postfix.mails() if marked in mail), None)) or b""

    def verified(self, mail: bytes) -> list[tuple[str, bool]]:
        """What dkimpy says: each signature's algorithm, and whether it is good."""
        signed = mail[mail.index(b"DKIM-Signature:") :]  # what the receiving host put on top was not there to be signed
        records = {f"{name}.".encode(): text.encode() for name, text in self.keys.items()}
        algorithms = [str(each).split("a=")[1].split(";")[0] for each in parsed(mail).get_all("DKIM-Signature", [])]
        return [(algorithm, _is_good(signed, place, records)) for place, algorithm in enumerate(algorithms)]


def _is_good(mail: bytes, place: int, records: Mapping[bytes, bytes]) -> bool:
    try:
        return bool(dkim.DKIM(mail).verify(place, dnsfunc=lambda name, **_: records.get(name)))
    except dkim.DKIMException:
        return False


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    daemon = Daemon(folder)
    made = daemon.command("domain", "add", "shop.example", "--json")
    assert made.returncode == 0, made.stderr
    keys = {row["name"]: row["value"] for row in json.loads(made.stdout) if "._domainkey." in row["name"]}
    accepts = [f"{local}@hop.example" for local in MAILBOXES]
    with OpenDkim(folder, keys) as verifier, Postfix(accepts, verifier.milter) as postfix:
        daemon.configure({"routing": {"transport": {"*": postfix.address}}})
        with daemon:
            yield Town(daemon, postfix, keys)


def parsed(mail: bytes) -> EmailMessage:
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def verdicts(mail: bytes) -> list[str]:
    """What OpenDKIM says of each signature."""
    results = " ".join(parsed(mail).get_all("Authentication-Results", []))
    return [part.split()[0] for part in results.split(";") if part.strip().startswith("dkim=")]


def test_a_mail_arrives_at_postfix_over_tls_with_signatures_that_opendkim_and_dkimpy_accept(town: Town) -> None:
    number = town.daemon.submit("ann@hop.example", body="Good morning.")
    mail = town.mail_for("ann@hop.example")
    assert town.verified(mail) == BOTH_GOOD
    assert verdicts(mail) == ["dkim=pass", "dkim=pass"]
    town.daemon.until(lambda: town.daemon.state_of(number) == "delivered")
    [(tls, reply)] = town.daemon.rows(
        "SELECT tls, reply FROM attempt WHERE delivery_id = (SELECT id FROM delivery WHERE message_id = ?)", number
    )
    assert tls.startswith("TLSv1.3")
    assert reply.startswith("250 2.0.0 Ok: queued as ")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("dots", ".\r\n..\r\n.leading\r\n. \r\n\r\nend"),
        ("white space", "  a \t b\t \r\n\r\n\r\n \r\n\r\n"),
        ("no body", ""),
        ("no line end", "x" * 900),
        ("a From line", "From here on\r\n>From there\r\n"),
        ("not ASCII", "שלום · Привет · 你好 · naïve\r\n"),
    ],
)
def test_no_body_breaks_the_signatures_on_the_way_through_postfix(town: Town, name: str, body: str) -> None:
    head = f"From: Blue Teapot <hello@shop.example>\r\nTo: bob@hop.example\r\nSubject: =?utf-8?q?{name.encode().hex()}?=\r\n"
    content = f"{head}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nX-Odd:\r\n\tfolded\r\n\r\n{body}"
    with town.daemon.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("app@shop.example", ["BODY=8BITMIME"])
        smtp.rcpt("bob@hop.example")
        assert smtp.data(content.encode())[0] == 250
    marked = name.encode().hex().encode()
    mail = town.daemon.until(lambda: next((each for each in town.postfix.mails() if marked in each), None)) or b""
    assert town.verified(mail) == BOTH_GOOD
    assert verdicts(mail) == ["dkim=pass", "dkim=pass"]


def test_a_signature_does_not_survive_a_changed_word_or_a_field_that_was_added(town: Town) -> None:
    town.daemon.submit("carol@hop.example", body="Pay to account 12.")
    mail = town.mail_for("carol@hop.example")
    assert town.verified(mail) == BOTH_GOOD
    for old, new in (
        (b"account 12", b"account 66"),
        (b"\r\nSubject:", b"\r\nSubject: Bait\r\nSubject:"),
        (b"\r\nMIME-Version:", b"\r\nList-Unsubscribe: <https://evil.example>\r\nMIME-Version:"),
    ):
        assert old in mail
        assert [good for _, good in town.verified(mail.replace(old, new))] == [False, False]


@pytest.mark.peer("swaks")
@pytest.mark.parametrize("manner", [[], ["--pipeline"]], ids=["plain", "pipelined"])
def test_swaks_is_served_as_any_application(town: Town, manner: list[str]) -> None:
    done = subprocess.run(
        [
            shutil.which("swaks") or "swaks", "--server", "127.0.0.1", "--port", str(town.daemon.submission_port),
            "--helo", "app.shop.example", "--from", "hello@shop.example", "--to", "dan@hop.example",
            "--header", f"Subject: swaks {len(manner)}", "--body", "A line.\n.a dot\n", *manner,
        ],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<-  250 2.0.0 queued as " in done.stdout
    subject = f"Subject: swaks {len(manner)}\r\n".encode()
    mail = town.daemon.until(lambda: next((each for each in town.postfix.mails() if subject in each), None)) or b""
    assert b"\r\n.a dot\r\n" in mail
    assert town.verified(mail) == BOTH_GOOD


def test_an_unknown_user_bounces_is_suppressed_and_refused_and_the_sender_is_told(town: Town) -> None:
    daemon = town.daemon
    number = daemon.submit(["nobody@hop.example", "eve@hop.example"], sender="writer@hop.example", subject="For two")
    daemon.until(lambda: daemon.state_of(number, "nobody%") == "bounced")
    daemon.until(lambda: daemon.state_of(number, "eve%") == "delivered")
    assert daemon.rows("SELECT key, reason FROM suppression") == [("nobody@hop.example", "hard bounce")]

    told = parsed(town.mail_for("writer@hop.example"))
    assert told["Return-Path"] == "<>"
    assert told.get_content_type() == "multipart/report"
    text, status, original = told.iter_parts()
    assert "nobody@hop.example" in text.get_content()
    assert "eve@hop.example" not in text.get_content()
    about = list(status.iter_parts())[1]
    assert (about["Action"], about["Status"]) == ("failed", "5.1.1")
    assert "User unknown in virtual mailbox table" in about["Diagnostic-Code"]
    assert "For two" in original.as_string()

    with pytest.raises(SMTPResponseException) as refused:
        daemon.submit("nobody@hop.example", sender="writer@hop.example")
    assert refused.value.smtp_code == 550
    assert b"5.1.1" in refused.value.smtp_error
    assert b"posthouse suppression lift nobody@hop.example" in refused.value.smtp_error
    assert daemon.rows("SELECT forward_path, reason FROM refusal") == [("nobody@hop.example", "hard bounce")]

    lifted = daemon.command("suppression", "lift", "nobody@hop.example", "--why", "they are back")
    assert lifted.returncode == 0, lifted.stderr
    assert daemon.submit("nobody@hop.example", sender="") > number  # a null reverse-path: nobody is told this time


def test_an_address_that_is_not_ascii_arrives_by_smtputf8(town: Town) -> None:
    with town.daemon.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("app@shop.example", ["SMTPUTF8", "BODY=8BITMIME"])
        smtp.command_encoding = "utf-8"
        assert smtp.rcpt("jörg@hop.example")[0] == 250
        content = letter("x@hop.example").replace(b"To: x@hop.example", "To: jörg@hop.example".encode())
        assert smtp.data(content)[0] == 250
    mail = town.mail_for("jörg@hop.example")
    assert town.verified(mail) == BOTH_GOOD


def test_many_on_one_connection_all_arrive(town: Town) -> None:
    with town.daemon.smtp() as smtp:
        for number in range(30):
            hand_over(smtp, "app@shop.example", ["shop@hop.example"], letter("shop@hop.example", subject=f"n{number}"))
    arrived = town.daemon.until(
        lambda: (mails := [each for each in town.postfix.mails() if b"Delivered-To: shop@" in each])[29:] and mails
    )
    assert sorted(str(parsed(each)["Subject"]) for each in arrived) == sorted(f"n{number}" for number in range(30))
