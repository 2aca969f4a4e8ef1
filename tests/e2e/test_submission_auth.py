"""Passwords and TLS at the door of a real daemon, knocked at by swaks: who comes in, who does not, and what holds then."""

import json
import os
import shutil
import smtplib
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from house import Daemon, letter
from house_process import free_port
from house_sink import Sink
from tls_door import authority, issue

pytestmark = [pytest.mark.e2e, pytest.mark.peer("swaks")]

HOST = "mail.shop.example"


@dataclass(frozen=True)
class Office:
    daemon: Daemon
    tls_port: int
    folder: Path

    def credential(self, *words: str) -> str:
        """A new credential's password."""
        made = self.daemon.command("credential", "add", *words, "--json")
        assert made.returncode == 0, made.stderr
        password: str = json.loads(made.stdout)["password"]
        return password

    def swaks(self, *words: str, at_once: bool = False) -> subprocess.CompletedProcess[str]:
        port = self.tls_port if at_once else self.daemon.submission_port
        return subprocess.run(
            [
                shutil.which("swaks") or "swaks", "--server", "127.0.0.1", "--port", str(port), "--helo", "app.shop.example",
                "--to", "ann@hop.example", "--tls-verify", "--tls-ca-path", str(self.folder / "ca.pem"),
                *words,
            ],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def smtp(self, name: str, password: str) -> smtplib.SMTP:
        """A client that has shown its password."""
        context = ssl.create_default_context()
        authority().configure_trust(context)
        smtp = smtplib.SMTP("127.0.0.1", self.daemon.submission_port, timeout=60)
        smtp._host = HOST  # type: ignore[attr-defined]
        smtp.starttls(context=context)
        smtp.login(name, password)
        return smtp


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Nobody may send without a password here: no network is trusted."""
    folder, tls_port = tmp_path_factory.mktemp("office"), free_port()
    issue(folder)
    authority().cert_pem.write_to_path(str(folder / "ca.pem"))
    with Sink(folder) as sink:
        daemon = Daemon(folder, next_hop=sink.address, settings={"submission": {
            "networks": [], "listen_tls": [f"127.0.0.1:{tls_port}"], "tls_certificate": str(folder / "chain.pem"),
            "tls_key": str(folder / "key.pem"), "auth_delay": "1 ms",
        }})  # fmt: skip
        with daemon:
            yield Office(daemon, tls_port, folder)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("at_once", [False, True], ids=["STARTTLS", "TLS at once"])
def test_swaks_sends_with_its_password(office: Office, mechanism: str, at_once: bool) -> None:
    name = f"swaks-{mechanism.lower()}-{at_once:d}"
    password = office.credential(name)
    tls = ["--tlsc"] if at_once else ["--tls"]
    done = office.swaks(
        *tls, "--auth", mechanism, "--auth-user", name, "--auth-password", password, "--from", "a@shop.example",
        at_once=at_once,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "235 2.7.0" in done.stdout and "250 2.0.0 queued as" in done.stdout
    [(number,)] = office.daemon.rows("SELECT id FROM message WHERE credential = ?", name)
    office.daemon.until(lambda: office.daemon.state_of(number) == "delivered")
    [(content,)] = office.daemon.rows("SELECT content FROM body WHERE message_id = ?", number)
    assert b"with ESMTPSA;" in content.split(b"\r\n\r\n")[0]


def test_without_a_password_or_with_a_wrong_one_nothing_is_sent(office: Office) -> None:
    office.credential("guarded")
    before = office.daemon.rows("SELECT count(*) FROM message")
    assert "530 5.7.0" in office.swaks("--tls", "--from", "a@shop.example").stdout
    assert "530 5.7.0" in office.swaks("--from", "a@shop.example").stdout
    words = ("--auth", "PLAIN", "--auth-user", "guarded", "--auth-password")
    assert "535 5.7.8" in office.swaks("--tls", *words, "wrong", "--from", "a@shop.example").stdout
    done = office.swaks(*words, "wrong", "--from", "a@shop.example")  # in clear it is not even offered
    assert done.returncode != 0 and "AUTH PLAIN" not in done.stdout.replace("~> ", "")
    assert office.daemon.rows("SELECT count(*) FROM message") == before


def test_the_log_and_the_table_hold_no_password(office: Office) -> None:
    password = office.credential("quiet")
    with office.smtp("quiet", password):
        pass
    office.daemon.logged("authenticated", credential="quiet")
    assert password not in office.daemon.log_tail(10_000)
    [(kept,)] = office.daemon.rows("SELECT hash FROM credential WHERE name = 'quiet'")
    assert kept.startswith("$argon2id$") and password not in kept
    assert password not in office.daemon.command("credential", "list", "--json").stdout


def test_a_credential_keeps_to_its_domains(office: Office) -> None:
    password = office.credential("tea", "--from-domain", "shop.example", "--from-domain", "tea.example")
    with office.smtp("tea", password) as smtp:
        assert smtp.mail("a@evil.example")[0] == 553
        for sender, code in (
            ("a@shop.example", 250), ("Tea <a@tea.example>", 250), ("a@evil.example", 550), ("a@sub.shop.example", 550),
            ('"a@shop.example" <a@evil.example>', 550), ("a@shop.example, b@evil.example", 550), ("", 550),
        ):  # fmt: skip
            smtp.rset()
            smtp.mail("a@shop.example")
            smtp.rcpt("ann@hop.example")
            head = f"From: {sender}\r\n" if sender else ""
            assert smtp.data(f"{head}Subject: x\r\n\r\nHello\r\n".encode())[0] == code, sender


def test_a_credential_s_stream_holds_whatever_its_mail_says(office: Office) -> None:
    password = office.credential("letters", "--stream", "marketing")
    with office.smtp("letters", password) as smtp:
        smtp.sendmail("a@shop.example", "ann@hop.example", letter("ann@hop.example", subject="of letters"))
        with pytest.raises(smtplib.SMTPDataError) as refused:
            content = letter("ann@hop.example", X_Posthouse_Stream="transactional")
            smtp.sendmail("a@shop.example", "ann@hop.example", content)
    assert refused.value.smtp_code == 550
    assert office.daemon.rows("SELECT stream FROM message WHERE credential = 'letters'") == [(1,)]


def test_a_rate_holds_over_all_carriers_and_counts_deliveries(office: Office) -> None:
    password = office.credential("slow", "--rate", "3/min")
    codes = []
    began = time.monotonic()
    for _ in range(5):
        with office.smtp("slow", password) as smtp:
            smtp.mail("a@shop.example")
            smtp.rcpt("ann@hop.example")
            codes.append(smtp.data(b"Subject: x\r\n\r\nHello\r\n")[0])
    filled = int((time.monotonic() - began) / 20)  # meanwhile: one more each twenty seconds
    assert codes[:3] == [250, 250, 250] and set(codes) <= {250, 450}
    assert codes.count(250) <= 3 + filled
    with office.smtp("slow", password) as smtp:
        smtp.mail("a@shop.example")
        for number in range(4):
            smtp.rcpt(f"r{number}@hop.example")
        assert smtp.data(b"Subject: x\r\n\r\nHello\r\n")[0] == 550  # not even a whole minute's allowance would do


def test_a_size_limit_of_its_own_is_told_and_kept(office: Office) -> None:
    password = office.credential("small", "--max-size", "100KiB")
    with office.smtp("small", password) as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features["size"] == "102400"
        assert smtp.mail("a@shop.example", ["SIZE=102401"])[0] == 552


def test_a_removed_credential_is_refused_also_on_an_open_connection(office: Office) -> None:
    password = office.credential("leaver")
    with office.smtp("leaver", password) as smtp:
        assert office.daemon.command("credential", "remove", "leaver").returncode == 0
        smtp.mail("a@shop.example")
        smtp.rcpt("ann@hop.example")
        assert smtp.data(b"Subject: x\r\n\r\nHello\r\n")[0] == 530
    with pytest.raises(smtplib.SMTPAuthenticationError):
        office.smtp("leaver", password)


def test_a_new_password_replaces_the_old_one_at_once(office: Office) -> None:
    old = office.credential("changer")
    office.smtp("changer", old).close()
    made = office.daemon.command("credential", "password", "changer", "--json")
    office.smtp("changer", json.loads(made.stdout)["password"]).close()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        office.smtp("changer", old)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "Big Name"), "is no name"),
        (("add", "x", "--rate", "fast"), "is no rate"),
        (("add", "x", "--rate", "0"), "is no rate"),
        (("add", "x", "--stream", "bulk"), "is no stream"),
        (("add", "x", "--max-size", "huge"), "is not a size"),
        (("add", "x", "--from-domain", "a b"), "is not a domain"),
        (("remove", "nobody"), "there is no credential nobody"),
        (("password", "nobody"), "there is no credential nobody"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(office: Office, words: tuple[str, ...], said: str) -> None:
    done = office.daemon.command("credential", *words)
    assert done.returncode in (1, 2) and said in done.stderr and done.stdout == ""


def test_a_name_is_given_once(office: Office) -> None:
    office.credential("once")
    done = office.daemon.command("credential", "add", "once")
    assert done.returncode == 1 and "there is a credential once already" in done.stderr


def test_a_renewed_certificate_is_shown_without_a_reload(office: Office) -> None:
    def shown() -> str:
        return ssl.get_server_certificate(("127.0.0.1", office.tls_port))

    before = shown()
    issue(office.folder)
    assert shown() != before


def test_failures_are_reported_unless_the_credential_says_not(tmp_path: Path) -> None:
    issue(tmp_path)
    daemon = Daemon(tmp_path, settings={
        "submission": {"tls_certificate": str(tmp_path / "chain.pem"), "tls_key": str(tmp_path / "key.pem")},
        "queue": {"expire_transactional": "1m"}, "routing": {"transport": {"*": f"127.0.0.1:{free_port()}"}},
    })  # fmt: skip
    with daemon:
        house = Office(daemon, 0, tmp_path)
        for name, *more in (("told",), ("untold", "--no-dsn")):
            with house.smtp(name, house.credential(name, *more)) as smtp:
                smtp.sendmail(f"{name}@shop.example", "ann@hop.example", letter("ann@hop.example"))
        daemon.advance("2 min")
        ended = "SELECT count(*) FROM delivery d JOIN message m ON m.id = d.message_id WHERE m.credential <> '' AND state = 12"
        daemon.until(lambda: daemon.rows(ended) == [(2,)])
        told = daemon.rows(
            "SELECT forward_path FROM delivery d JOIN message m ON m.id = d.message_id WHERE m.origin = 'dsn'"
        )
        assert told == [("told@shop.example",)]


@pytest.mark.parametrize("fault", ["gone", "no key", "only a key"])
def test_a_certificate_that_cannot_be_used_stops_the_start_with_clear_words(tmp_path: Path, fault: str) -> None:
    chain, key = issue(tmp_path)
    settings = {"tls_certificate": str(chain), "tls_key": str(key)}
    if fault == "gone":
        os.unlink(chain)
    else:
        del settings["tls_key" if fault == "no key" else "tls_certificate"]
    daemon = Daemon(tmp_path, settings={"submission": settings})
    daemon.launch()
    assert daemon.wait_exit() == 2
    assert "tls_certificate" in daemon.log_tail()
    daemon.close()
