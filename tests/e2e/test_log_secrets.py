"""Secrets are planted wherever a daemon takes one, right and wrong, and none of them is in its log at any level, in the
journal of acts, or in the names of its processes."""

import base64
import contextlib
import http.client
import json
import os
import pwd
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from house import Daemon
from house_process import session as processes
from house_sink import Sink
from tls_door import authority, issue

from engine.control.client import ControlError
from engine.control.protocol.journal import Acts

pytestmark = pytest.mark.e2e

HOST = "mail.shop.example"
WRONG = "planted-wrong-password"
IN_URL = "planted-in-the-database-url"
IN_LINK = "plantedtokenofalink"
BEARER = "ph_plantedplantedplantedplanted2345"
BODY = "planted words of a mail"
DATA = "planted data of an event"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("secrets")
    issue(folder)
    door = {
        "tls_certificate": str(folder / "chain.pem"), "tls_key": str(folder / "key.pem"), "auth_delay": "1 ms", "networks": [],
    }  # fmt: skip
    with (
        Sink(folder) as sink,
        Daemon(folder, next_hop=sink.address, settings={"submission": door}, log_level="DEBUG") as made,
    ):
        yield made


def made(daemon: Daemon, what: str, name: str, key: str) -> str:
    """The secret of a new credential or token, which is shown once."""
    done = daemon.command(what, "add", name, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)[key])


@contextlib.contextmanager
def session(daemon: Daemon) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    with smtplib.SMTP("127.0.0.1", daemon.submission_port, timeout=60) as smtp:
        smtp._host = HOST  # type: ignore[attr-defined]
        smtp.starttls(context=context)
        smtp.ehlo()
        yield smtp


def ask(daemon: Daemon, method: str, path: str, body: str = "", **headers: str) -> int:
    asking = http.client.HTTPConnection("127.0.0.1", daemon.web_port, timeout=60)
    with contextlib.closing(asking):
        asking.request(method, path, body, {"Content-Type": "application/json"} | headers)
        return asking.getresponse().status


def plant(daemon: Daemon) -> list[str]:
    """Everything that is secret, put where it belongs and where it does not."""
    password, token = made(daemon, "credential", "shop", "password"), made(daemon, "token", "shop", "token")
    with session(daemon) as smtp:
        smtp.login("shop", password)
        smtp.sendmail(
            "hello@shop.example", ["ann@hop.example"], f"From: hello@shop.example\r\nSubject: x\r\n\r\n{BODY}\r\n"
        )
    with session(daemon) as smtp:
        smtp.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0shop\0{WRONG}".encode()).decode())
        smtp.docmd("AUTH", f"PLAIN {WRONG}")  # no base64
        smtp.docmd(WRONG)  # a password where a command was due
    assert ask(daemon, "POST", "/v1/events", "{}", Authorization=f"Bearer {BEARER}") == 401
    event = {"name": "club.met", "address": "ann@hop.example", "data": {"note": DATA}}
    assert ask(daemon, "POST", "/v1/events", json.dumps(event), Authorization=f"Bearer {token}") < 300
    for path in (f"/confirm/{IN_LINK}", f"/unsubscribe/{IN_LINK}", f"/c/{IN_LINK}", f"/{IN_LINK}?x={quote(WRONG)}"):
        assert ask(daemon, "GET", path) == 404
    daemon.act("events", name="club.met", address="ann@hop.example", data={"note": DATA})
    with pytest.raises(ControlError):
        daemon.act("note", text="x", password=WRONG)
    return [password, token]


def reload_with_a_fault(daemon: Daemon) -> None:
    """A configuration with the password of a database, that can't be taken: all faults are logged."""
    text = daemon.config_path.read_text("utf-8")
    daemon.config_path.write_text(
        f'{text}\n[database]\nurl = "postgresql://posthouse:{IN_URL}@db.example/posthouse"\npath = "other.db"\n',
        "utf-8",
    )
    daemon.act("reload")
    daemon.logged("not reloaded, the old configuration stays")
    daemon.config_path.write_text(text, "utf-8")


def forms(secret: str) -> set[str]:
    """How a secret may look in a line."""
    octets = secret.encode()
    return {
        secret,
        quote(secret),
        octets.hex(),
        *(base64.b64encode(b"\0" * skip + octets).decode()[4:-4] for skip in range(3)),
    }


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):  # it ended meanwhile
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    return ""


def test_an_act_is_in_the_journal_with_whom_the_kernel_names(daemon: Daemon) -> None:
    daemon.act("note", text="looked at the disk", about="disk")
    [row] = daemon.control.get(Acts, "/v1/acts", {"about": "disk"}).rows
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (row.user, row.what, row.done) == (user, "note", "looked at the disk")
    assert daemon.logged("command", act="note", by=user)


def test_no_secret_is_in_the_log_in_the_acts_or_in_the_names_of_processes(daemon: Daemon) -> None:
    own = plant(daemon)
    reload_with_a_fault(daemon)
    daemon.until_idle()
    commands = "".join(map(command_line, sorted(processes(daemon.pid))))
    acts = daemon.command("acts", "--json", "--limit", "500").stdout
    assert daemon.stop() == 0  # then all that it says is said
    assert daemon.log.so_far("delivered") and daemon.log.so_far("not authenticated")
    secret = (daemon.state / "secret").read_bytes()
    said = "\n".join((daemon.log_tail(100_000), commands, acts))
    assert "club.met" in said or "events" in said  # it was there to be seen
    for each in (*own, WRONG, IN_URL, IN_LINK, BEARER, BODY, DATA):
        assert not [form for form in forms(each) if form in said], each
    assert secret.hex() not in said and base64.b64encode(secret).decode() not in said
