"""A domain's keys changed while mail is under way, and how that mail is taken: the real daemon in the lab, with real DNS,
verified by dkimpy over that DNS and by OpenDKIM."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dkim
import dns.resolver
import pytest
from house import hand_over, letter
from house_lab import LabTown, lab_town
from house_process import PATIENCE

from engine.control.protocol.reputation import ReputationAnswer
from engine.lab import zones
from engine.lab.keep import KeptMail

pytestmark = pytest.mark.e2e

DOMAIN = "shop.example"
SENDER = "hello@shop.example"
_FAR_OFF = 4e9


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    settings = {"reputation": {"least": 20}, "dkim": {"rotate_every": "180 days"}, "shaping": {"guard_share": 0.9}}
    with lab_town(tmp_path_factory.mktemp("keys"), settings) as town:
        yield town


def domain(town: LabTown, *words: str, code: int = 0) -> Any:
    done = town.daemon.command("domain", *words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def states(town: LabTown) -> dict[str, str]:
    return dict(town.daemon.rows("SELECT selector, state FROM dkim_key WHERE domain = ?", DOMAIN))


def publish(town: LabTown, records: list[dict[str, str]]) -> dict[str, str]:
    """Type the records of keys into the zone; they by name."""
    found = {each["name"]: each["value"] for each in records if "._domainkey." in each["name"]}
    for name, value in found.items():
        zones.publish(town.lab.state, name, "TXT", value)
    return found


def send(town: LabTown, to: str, sender: str = SENDER) -> KeptMail:
    before = sum(to in mail.rcpt_to for mail in town.lab.kept())
    town.daemon.submit(to, letter(to, sender=sender), sender=sender)
    return town.mails_for(to, before + 1)[-1]


def selectors_of(mail: KeptMail) -> set[str]:
    fields = mail.message.get_all("DKIM-Signature", [])
    return {
        tag.partition("=")[2] for each in fields for tag in str(each).replace(" ", "").split(";") if tag[:2] == "s="
    }


def verifies(town: LabTown, mail: KeptMail) -> bool:
    """By dkimpy, with keys from the lab's name server."""
    address, _, port = town.lab.dns_address.rpartition(":")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [address], int(port), PATIENCE

    def text(name: Any, **_: Any) -> bytes | None:
        try:
            return b"".join(resolver.resolve(name.decode(), "TXT")[0].strings)
        except dns.resolver.NXDOMAIN:
            return None

    verifier = dkim.DKIM(mail.raw)
    # It looks at the machine's clock, which the lab has left: a signature of tomorrow is none to it.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dkim, "time", SimpleNamespace(time=lambda: _FAR_OFF))
        return len(selectors_of(mail)) == 2 and all(verifier.verify(number, dnsfunc=text) for number in range(2))


def test_keys_are_changed_while_mail_is_under_way_and_all_of_it_verifies(town: LabTown) -> None:
    daemon = town.daemon
    records = domain(town, "add", DOMAIN, "--selector", "old")
    assert {each["name"] for each in records} >= {"_dmarc.shop.example", "bounce.shop.example", "mail.shop.example"}
    first = publish(town, records)
    daemon.until(lambda: [each["shown"] for each in domain(town, "check", DOMAIN)] == [True, True])
    before = send(town, "one@shop.lab")
    assert selectors_of(before) == {"oldr", "olde"} and verifies(town, before)

    daemon.advance("181 days")
    daemon.until(lambda: sorted(states(town).values()) == ["active", "active", "new", "new"])
    daemon.until(lambda: any("publish what" in each.text for each in daemon.overview().alerts))
    queued = daemon.submit("greylist@shop.lab", letter("greylist@shop.lab"), sender=SENDER)
    daemon.until(lambda: daemon.rows("SELECT attempts FROM delivery WHERE message_id = ?", queued)[0][0] == 1)
    while_new = send(town, "two@shop.lab")
    assert selectors_of(while_new) == {"oldr", "olde"} and verifies(town, while_new)

    publish(town, domain(town, "rotate", DOMAIN))
    daemon.advance("61 min")
    seen = daemon.until(lambda: now if "new" not in (now := states(town)).values() else {})
    assert seen["oldr"] == "active", "what is seen signs when the records from before are forgotten everywhere"
    assert verifies(town, send(town, "three@shop.lab"))
    daemon.advance("1 min")
    daemon.until(lambda: states(town)["oldr"] == "retiring")
    late = town.mail_for("greylist@shop.lab")
    after = daemon.until(lambda: [each for each in [send(town, "four@shop.lab")] if "oldr" not in selectors_of(each)])[
        0
    ]
    for mail in (before, while_new, late, after):
        assert verifies(town, mail), f"{mail.subject}: signed with {selectors_of(mail)}"

    daemon.advance("9 days")
    daemon.until(lambda: states(town).get("oldr", "gone") == "gone")
    daemon.until(lambda: not list((daemon.state / "keys").glob("*.old?.pem")))
    for name in first:
        zones.publish(town.lab.state, name, "TXT")
    daemon.advance("7 h")
    daemon.until(lambda: "oldr" not in states(town))
    assert verifies(town, send(town, "five@shop.lab"))
    daemon.logged("key", state="gone")
    assert {each["state"] for each in daemon.logged("key")} == {"published", "active", "retiring", "gone"}


@pytest.mark.peer("opendkim")
def test_opendkim_verifies_what_a_new_domain_signs(town: LabTown, tmp_path: Path) -> None:
    found = publish(town, domain(town, "add", "other.example"))
    mail = send(town, "peer@shop.lab", "hello@other.example")
    (tmp_path / "keys").write_text("".join(f"{name} {value}\n" for name, value in found.items()))
    (tmp_path / "conf").write_text(f"Mode v\nTestPublicKeys {tmp_path}/keys\nSyslog no\nClockDrift 99999999\n")
    (tmp_path / "mail").write_bytes(mail.raw.replace(b"\r\n", b"\n"))
    program = shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin") or "opendkim"
    done = subprocess.run(
        [program, "-x", tmp_path / "conf", "-t", tmp_path / "mail"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout + done.stderr


def test_how_mail_is_taken_is_shown_and_a_bad_list_raises_an_alarm(town: LabTown) -> None:
    daemon = town.daemon
    with daemon.smtp() as smtp:
        for number in range(24):
            to = f"reader{number}@gmail.lab" if number < 20 else f"unknown+{number}@gmail.lab"
            hand_over(smtp, SENDER, [to], letter(to))
    daemon.until(lambda: daemon.open_count() == 0)
    daemon.advance("10 s")
    daemon.until(
        lambda: (
            daemon.rows("SELECT sum(count) FROM reputation_day WHERE provider = 'gmail' AND what = 'sent'")[0][0] == 24
        )
    )
    daemon.advance("2 min")
    daemon.logged("reputation alarm", rule="hard bounces", level="alarm")
    assert any("hard bounces (" in each.text and "no such user" not in each.text for each in daemon.overview().alerts)
    found = daemon.control.get(ReputationAnswer, "/v1/reputation", {"about": "gmail"})
    assert (found.total.sent, found.total.accepted, found.total.hard, found.total.tls) == (24, 20, 4, 1.0)
    assert found.said[0].klass == "invalid recipient" and found.said[0].reply.startswith("550 5.1.1 The email account")
    shown = daemon.command("reputation", "gmail", "--days", "7")
    assert shown.returncode == 0 and "provider gmail, 7 days: index" in shown.stdout
