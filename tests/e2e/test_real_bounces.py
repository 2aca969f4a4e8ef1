"""Real Postfixes take our mail and bounce it later: what comes back to us over SMTP and over LMTP.

Each Postfix is set up with the very lines that docs/inbound.md gives an administrator, the ports apart.
"""

import json
import re
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from house import Daemon
from house_postfix import Postfix
from house_process import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postfix")]

PAGE = Path(__file__).parents[2] / "docs" / "inbound.md"
WAYS = ("lmtp", "smtp")
# Mail to `late` is taken and can't be delivered afterwards: nobody lives where it is sent on to.
# However often somebody has to ask anew about a recipient that is still being looked up, Postfix does not hang up on them.
_LATE = """
address_verify_poll_delay = 1s
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
virtual_alias_maps = inline:{{ {{late@{domain} = gone@{domain}}}, {{full@{domain} = full@full.example}} }}
"""
_FULL = "transport_maps = inline:{{ {{{ours}}}, {{full.example = error:5.2.2 mailbox is over quota}} }}"


@dataclass(frozen=True)
class Town:
    daemon: Daemon
    postfixes: dict[str, Postfix]  # by the way that their bounces take to us

    def concluded(self, to: str) -> dict[str, str]:
        """What `posthouse bounce received` says of the first mail that came to this address."""
        said = self.daemon.until(lambda: [row for row in self._received() if row["to"].lower() == to.lower()])
        return said[0]

    def _received(self) -> list[dict[str, str]]:
        done = self.daemon.command("bounce", "received", "--json")
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, str]] = json.loads(done.stdout)
        return rows

    def reverse_path(self, message_id: int) -> str:
        rows = self.daemon.until(
            lambda: self.daemon.rows(
                "SELECT i.forward_path FROM inbound i JOIN delivery d ON d.id = i.delivery_id WHERE d.message_id = ?",
                message_id,
            )
        )
        return str(rows[0][0])


def documented(way: str, port: int) -> str:
    """The lines of the manual for this way, with another port."""
    blocks = re.findall(r"```main\.cf\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    lines, smtp = blocks[0], blocks[1]
    if way == "smtp":
        lines = re.sub(r"transport_maps = .*\n", smtp, lines)
    assert len(lines.splitlines()) == 4
    return re.sub(r"(\[127\.0\.0\.1\]:)\d+", rf"\g<1>{port}", lines)


def also_full(lines: str) -> str:
    """With another entry among the transports, as an administrator has who has one already."""
    ours = re.search(r"transport_maps = inline:\{ (.*) \}", lines)
    assert ours
    return lines.replace(ours[0], _FULL.format(ours=ours[1]))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    daemon = Daemon(tmp_path_factory.mktemp("town"))
    lmtp = free_port()
    daemon.configure({"inbound": {"listen_lmtp": [f"127.0.0.1:{lmtp}"]}})
    ports = {"lmtp": lmtp, "smtp": daemon.inbound_port}
    made = {
        way: Postfix(
            [f"ann@{way}.example"],
            more=_LATE.format(domain=f"{way}.example") + also_full(documented(way, ports[way])),
        )
        for way in WAYS
    }
    daemon.configure({"routing": {"transport": {f"{way}.example": made[way].address for way in WAYS}}})
    with made["lmtp"], made["smtp"], daemon:
        yield Town(daemon, made)


@pytest.mark.parametrize("way", WAYS)
def test_a_bounce_of_postfix_is_judged_suppresses_its_contact_and_is_shown(town: Town, way: str) -> None:
    late, ann = f"late@{way}.example", f"ann@{way}.example"
    for each in (late, ann):
        assert town.daemon.command("contact", "add", each, "--source", "fair").returncode == 0
    number = town.daemon.submit([late, ann])
    said = town.concluded(town.reverse_path(number))
    assert said["concluded"].startswith("bounce: invalid recipient, blame recipient, suppress now")
    assert said["from"] == ""
    shown = town.daemon.command("bounce", "show", str(said["id"]))
    assert f"Original-Recipient: rfc822;{late}" in shown.stdout
    assert "Diagnostic-Code: X-Postfix; unknown user" in shown.stdout
    stopped = town.daemon.rows("SELECT key, reason FROM suppression WHERE key LIKE ?", f"%@{way}.example")
    assert stopped == [(late, "hard bounce")], "the wrong contact"
    about = town.daemon.command("contact", "show", late, "--json")
    assert "hard bounce" in about.stdout


@pytest.mark.parametrize("way", WAYS)
def test_a_full_mailbox_is_judged_and_not_suppressed_at_once(town: Town, way: str) -> None:
    number = town.daemon.submit(f"full@{way}.example")
    said = town.concluded(town.reverse_path(number))
    assert said["concluded"].startswith("bounce: mailbox full, blame recipient, suppress after")
    assert town.daemon.rows("SELECT 1 FROM suppression WHERE key = ?", f"full@{way}.example") == []


@pytest.mark.parametrize("way", WAYS)
def test_postfix_refuses_for_us_what_nobody_made_and_passes_on_what_is_for_people(town: Town, way: str) -> None:
    port = int(town.postfixes[way].address.rpartition(":")[2])
    with smtplib.SMTP("127.0.0.1", port, local_hostname="peer.example", timeout=60) as smtp:
        smtp.ehlo()
        smtp.mail("somebody@peer.example")
        for wrong in ("anybody@bounce.shop.example", f"b+{'a' * 40}@bounce.shop.example", "x@elsewhere.example"):
            code = town.daemon.until(lambda wrong=wrong: (said := smtp.rcpt(wrong)[0]) != 450 and said)  # type: ignore[misc]
            assert code in (550, 554), wrong
        for right in ("postmaster", "ABUSE"):
            assert town.daemon.until(lambda right=right: smtp.rcpt(f"{right}@bounce.shop.example")[0] == 250)  # type: ignore[misc]
        assert smtp.data(b"From: somebody@peer.example\r\nSubject: by %s\r\n\r\nhello\r\n" % way.encode())[0] == 250
    for local in ("postmaster", "abuse"):
        verdicts = town.daemon.until(lambda local=local: came(town, f"{local}@bounce.shop.example", f"by {way}"))  # type: ignore[misc]
        assert verdicts == ["for a person"]


def came(town: Town, to: str, subject: str) -> list[str]:
    """What was concluded from the mails to this address with this subject."""
    rows = town.daemon.rows("SELECT verdict, content FROM inbound WHERE lower(forward_path) = ?", to)
    return [verdict for verdict, content in rows if f"Subject: {subject}\r\n".encode() in bytes(content)]
