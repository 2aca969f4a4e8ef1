"""A whole Posthouse for a test: the real daemon, in processes of its own, on loopback, with a folder of its own.

    with Daemon(tmp_path, next_hop=sink.address) as daemon:
        number = daemon.submit("ann@example.org")
        daemon.until(lambda: daemon.state_of(number) == "delivered")

It is told what systemd tells a service (NOTIFY_SOCKET says when it is ready), and ended by process id, whatever happens.
Nothing sleeps: `until` asks again when the log says something, and at the latest after a twentieth of a second.
"""

import json
import os
import select
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import tomli_w
from house_commands import run_command
from house_log import Log
from house_process import PATIENCE, free_port, kill, kill_session, session, wait_session_ended
from house_warm import WarmProcess, begin

import engine
from engine.control.client import Control
from engine.control.protocol.acts import Done
from engine.control.protocol.house import Overview
from engine.store.groups import GroupStore
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.queue.audit import Audit, audit
from mta.queue.delivery import State

T = TypeVar("T")

SHOP = Path(__file__).parents[1] / "data" / "shop"  # our own templates: the brand
COME_AGAIN = 451
_AGAIN = 0.05
_HOUR_MS = 3_600_000
_CODE = str(Path(engine.__file__).resolve().parents[1])
# What systemd does for a unit with sockets: the descriptors from 3 on, and the environment (sd_listen_fds(3)).
_ACTIVATE = """
import fcntl, os, sys
given = [int(each) for each in sys.argv[1].split(",")]
high = [fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in given]
for place, each in enumerate(high, 3):
    os.dup2(each, place)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": sys.argv[2]}
os.execv(sys.argv[3], sys.argv[3:])
"""


class DaemonTrouble(AssertionError):
    """The daemon did not do what the test waited for; the text ends with its last log lines."""


class Daemon:
    """One Posthouse. `settings` are laid over the harness's own, section by section."""

    def __init__(
        self,
        folder: Path,
        *,
        next_hop: str = "",
        carriers: int = 2,
        settings: Mapping[str, Any] | None = None,
        sockets: Mapping[str, socket.socket] | None = None,
        environment: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        log_level: str = "INFO",
    ) -> None:
        """`next_hop`: host:port for all mail. `sockets`: listening ones by door, handed over as systemd does.
        `environment`: what a supervisor sets beside the usual. `within`: what stands before its command."""
        self.folder = folder
        self.state = folder / "state"
        self.config_path = folder / "posthouse.toml"
        self.submission_port, self.inbound_port, self.web_port = free_port(), free_port(), free_port()
        self.settings: dict[str, Any] = {
            "hostname": "mail.shop.example",
            "daemon": {"state_dir": "state", "carriers": carriers, "drain": 10},
            "submission": {"listen": [f"127.0.0.1:{self.submission_port}"]},
            "inbound": {"listen": [f"127.0.0.1:{self.inbound_port}"]},
            "web": {"listen": [f"127.0.0.1:{self.web_port}"], "base_url": f"http://127.0.0.1:{self.web_port}"},
            "bounces": {"domain": "bounce.shop.example"},
            "routing": {"permit": ["127.0.0.0/8"]},
            "templates": str(SHOP),
            "mail": {"sender": "Blue Teapot <hello@shop.example>"},
            "lab": {"enabled": True},
            "doctor": {"patience": "2s"},  # where there is no name server to ask
        }
        if next_hop:
            self.configure({"routing": {"transport": {"*": next_hop}}})
        self.configure(settings or {})
        self.notes: list[dict[str, str]] = []  # what it told the supervisor, in order (sd_notify(3))
        self._sockets = dict(sockets or {})
        self._environment = dict(environment or {})
        self._within, self._log_level = list(within), log_level
        self._news = threading.Condition()
        self.log = Log(self._news)
        self._leader: subprocess.Popen[bytes] | WarmProcess | None = None
        self._sessions: set[int] = set()
        self._readers: list[threading.Thread] = []

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write the configuration file anew, with these laid over. It takes effect at a start or a reload."""
        self.settings = _laid_over(self.settings, settings)
        self.config_path.write_text(tomli_w.dumps(self.settings), "utf-8")
        self.config_path.chmod(0o640)  # it may hold a password

    # -- its life

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                print(self.log_tail(), file=sys.stderr)
            elif self.is_running:
                assert self.stop() == 0, self.log_tail()
        finally:
            self.close()

    def start(self) -> Self:
        """Start it, and wait until it says that it is ready, to its supervisor and in its log: what it logged before is
        read then."""
        earlier = len(self.log.so_far("ready"))
        self.launch()
        self.until(lambda: any("READY" in note for note in self.notes))
        self.logged("ready", earlier + 1)
        return self

    def launch(self) -> None:
        """Start it and do not wait."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(f"\0posthouse-test-{os.getpid()}-{free_port()}")
        name = "@" + notify.getsockname()[1:].decode()
        self.notes = []  # what an earlier start still has to say is not among them
        read_end, write_end = os.pipe()
        self.log.expect(read_end)
        # Only what a service would have: a test's own variables must not steer it.
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": _CODE, "NOTIFY_SOCKET": name, "LANG": "C.UTF-8"}
        environment |= self._environment
        try:
            self._leader = self._begin(environment, write_end)
        finally:
            os.close(write_end)
        self._sessions.add(self._leader.pid)
        self._read(self.log.follow, read_end)
        self._read(self._follow_notes, notify, _end_of(self._leader.pid), self.notes)

    def _begin(self, environment: Mapping[str, str], log: int) -> subprocess.Popen[bytes] | WarmProcess:
        words = ["serve", "--config", str(self.config_path), "--log-format", "json", "--log-level", self._log_level]
        if not self._sockets and not self._within:
            return begin("posthoused", words, cwd=self.folder, environment=environment, out=log, err=log)
        given = [each.fileno() for each in self._sockets.values()]
        serve = [*self._within, sys.executable, "-m", "engine", *words]
        if given:
            numbers = ",".join(map(str, given))
            serve = [sys.executable, "-c", _ACTIVATE, numbers, ":".join(self._sockets), *serve]
        return subprocess.Popen(
            serve, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, pass_fds=given,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """The front office's."""
        assert self._leader is not None
        return self._leader.pid

    @property
    def is_running(self) -> bool:
        """Whether the front office lives."""
        return self._leader is not None and self._leader.poll() is None

    def stop(self, patience: float = PATIENCE) -> int:
        """SIGTERM, and its exit code once all of its processes are gone."""
        self.signal(signal.SIGTERM)
        return self.wait_exit(patience)

    def wait_exit(self, patience: float = PATIENCE) -> int:
        """Its exit code once the front office and all of its processes are gone, and all that they said is read."""
        assert self._leader is not None
        try:
            code = self._leader.wait(patience)
        except subprocess.TimeoutExpired:
            raise DaemonTrouble(f"still there after {patience:g} s\n{self.log_tail()}") from None
        left = wait_session_ended(self._leader.pid, patience)
        assert not left, f"{left} of its processes are still there\n{self.log_tail()}"
        self._sessions.discard(self._leader.pid)
        self._hear_out()
        return code

    def restart(self, patience: float = PATIENCE) -> Self:
        """As a supervisor does when the main process is gone: let the others finish, end what does not, start anew."""
        assert not self.is_running
        kill(wait_session_ended(self.pid, patience))
        self._sessions.discard(self.pid)
        return self.start()

    def close(self) -> None:
        """Leave nothing behind. Harmless when called twice."""
        for leader in self._sessions:
            kill_session(leader)
        if self._leader is not None:
            self._leader.wait()
            self._hear_out()

    def _hear_out(self) -> None:
        """Read to the end what those who are gone said."""
        for thread in self._readers:
            thread.join(PATIENCE)

    def signal(self, number: signal.Signals) -> None:
        """To the front office."""
        os.kill(self.pid, number)

    # -- its processes

    def carriers(self) -> list[int]:
        """The pids of the carriers, as the daemon tells."""
        return [each.pid for each in self.overview().carriers]

    def processes(self) -> dict[str, list[int]]:
        """All pids by what they are: front office, fork server, carrier, keeper, worker."""
        alive, carriers = session(self.pid), set(self.carriers())
        forks = [each.pid for each in alive.values() if each.parent == self.pid]
        kept = [each for each in alive.values() if each.parent in forks and each.pid not in carriers]
        keepers = [each.pid for each in kept]
        return {
            "front office": [self.pid],
            "fork server": forks,
            "carrier": sorted(carriers),
            "keeper": keepers,
            "worker": [each.pid for each in alive.values() if each.parent in keepers],
        }

    def kill(self, *pids: int) -> None:
        """kill -9, and wait until they are gone."""
        kill(pids)
        if self._leader is not None and self._leader.pid in pids:
            self._leader.wait()

    def kill_all(self) -> None:
        """kill -9 to every process at once, as a power cut would."""
        kill_session(self.pid)
        if self._leader is not None:
            self._leader.wait()

    # -- asking it

    @property
    def control(self) -> Control:
        return Control(self.state / "control.sock")

    def overview(self) -> Overview:
        return self.control.get(Overview, "/v1/overview")

    def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        """What its database says, seen from outside."""
        if url := self._url:
            seen_there = store_at(url, SystemClock())
            try:
                return seen_there.read_now(lambda tx: tx.query(sql, params))
            finally:
                seen_there.close()
        seen = sqlite3.connect(f"file:{self.state / 'posthouse.db'}?mode=ro", uri=True, timeout=PATIENCE)
        try:
            return seen.execute(sql, params).fetchall()
        finally:
            seen.close()

    def act(self, path: str, **body: object) -> Done:
        """Have something done over the control socket, as the commands do."""
        return self.control.post(f"/v1/{path}", body)

    def advance(self, by: str) -> None:
        """Move the lab's clock."""
        self.act("lab/advance", by=by)

    def keep_off(self, hour: int) -> None:
        """Move the lab's clock past this full hour (UTC) where it is near, so that no test that counts by it sees it strike."""
        left_ms = (hour * _HOUR_MS - self.overview().now_ms) % (24 * _HOUR_MS)
        if left_ms < _HOUR_MS:
            self.advance(f"{left_ms // 1000 + 60} s")

    def state_of(self, message_id: int, to: str = "%") -> str:
        """The state of a message's delivery (to this forward-path, where it has several)."""
        rows = self.rows("SELECT state FROM delivery WHERE message_id = ? AND forward_path LIKE ?", message_id, to)
        assert len(rows) == 1, f"{len(rows)} deliveries of message {message_id} to {to}"
        return State(rows[0][0]).word

    def open_count(self) -> int:
        """How many deliveries have no end yet."""
        return int(self.rows("SELECT count(*) FROM delivery WHERE state < 10")[0][0])

    @property
    def _url(self) -> str:
        """Its database's address, when it is no file."""
        return str(self.settings.get("database", {}).get("url", ""))

    def audit(self) -> Audit:
        """The books, gone over from outside while it runs."""
        store: GroupStore = store_at(self._url or self.state / "posthouse.db", SystemClock()).open()
        try:
            return store.read_now(lambda tx: audit(tx, SystemClock(read_offset(tx)).now))
        finally:
            store.close()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A `posthouse` command, in a process of its own."""
        environment = os.environ | {
            "POSTHOUSE_SOCKET": str(self.state / "control.sock"),
            "POSTHOUSE_CONFIG": str(self.config_path),
        }
        return run_command(words, cwd=self.folder, environment=environment, patience=PATIENCE)

    # -- handing mail over

    def smtp(self) -> smtplib.SMTP:
        """A connection to the submission door."""
        return smtplib.SMTP("127.0.0.1", self.submission_port, local_hostname="app.shop.example", timeout=PATIENCE)

    def submit(self, to: str | Iterable[str], content: bytes | None = None, *, sender: str = "app@shop.example",
               **fields: str) -> int:  # fmt: skip
        """Hand one message over; its number from the 250. smtplib's exceptions when it is refused. Told to come again (451: it
        had to wait too long for something of ours) it does so, as a mail server would."""
        recipients = [to] if isinstance(to, str) else list(to)
        content = content or letter(recipients[0], **fields)

        def handed() -> int:
            try:
                with self.smtp() as smtp:
                    return hand_over(smtp, sender, recipients, content)
            except smtplib.SMTPResponseException as refused:
                if refused.smtp_code != COME_AGAIN:
                    raise
                return 0

        return self.until(handed)

    # -- waiting

    def until(self, question: Callable[[], T], patience: float = PATIENCE) -> T:
        """The first answer that is true. DaemonTrouble when none comes, at once when the daemon is gone."""
        deadline = time.monotonic() + patience
        while not (answer := question()):
            if not self.is_running:
                if answer := question():
                    return answer
                raise DaemonTrouble(f"the daemon ended meanwhile\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise DaemonTrouble(f"not so after {patience:g} s\n{self.log_tail()}")
            with self._news:
                self._news.wait(_AGAIN)
        return answer

    def until_idle(self, patience: float = PATIENCE) -> None:
        """Until every delivery has an end."""
        self.until(lambda: self.open_count() == 0, patience)

    def logged(self, what: str, times: int = 1, /, **facts: object) -> list[dict[str, Any]]:
        """The log lines that say this, with these facts, as soon as there are so many. For what must not be there:
        `log.so_far`."""
        return self.until(lambda: found if len(found := self.log.so_far(what, **facts)) >= times else [])

    def log_tail(self, count: int = 60) -> str:
        """The last lines of its log, of all that was written before this call."""
        return "\n".join(line.get("raw", json.dumps(line)) for line in self.log.so_far()[-count:])

    def _read(self, follow: Callable[..., None], *sources: Any) -> None:
        thread = threading.Thread(target=follow, args=sources, daemon=True)
        thread.start()
        self._readers.append(thread)

    def _follow_notes(self, notify: socket.socket, ended: int, notes: list[dict[str, str]]) -> None:
        """Until the front office has ended and its last word is read."""
        with notify:
            while notify in select.select([notify, ended], [], [])[0]:
                said = notify.recv(4096).decode()
                with self._news:
                    notes.append(dict(line.split("=", 1) for line in said.splitlines()))
                    self._news.notify_all()
        os.close(ended)


def _end_of(pid: int) -> int:
    """A descriptor that is readable as soon as this process of ours has ended; at once when it was buried already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return os.open(os.devnull, os.O_RDONLY)


def letter(to: str, *, subject: str = "Hello", body: str = "Good morning.", sender: str = "hello@shop.example",
           **fields: str) -> bytes:  # fmt: skip
    """A message as an application writes it. In names of fields an underscore stands for a hyphen."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message.as_bytes(policy=SMTP)


def hand_over(smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], content: bytes) -> int:
    """One transaction; the message's number. smtplib's exceptions when a reply refuses."""
    smtp.ehlo_or_helo_if_needed()
    for code, reply in (smtp.mail(sender), *(smtp.rcpt(each) for each in recipients)):
        if code != 250:
            raise smtplib.SMTPResponseException(code, reply)
    code, reply = smtp.data(content)
    if code != 250:
        raise smtplib.SMTPResponseException(code, reply)
    return int(reply.rsplit(b" ", 1)[1])


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    laid = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(laid.get(key), Mapping) and key != "transport"
        laid[key] = _laid_over(laid[key], value) if both else value
    return laid
