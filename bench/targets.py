"""What is measured: servers that listen on loopback, queue on disk, sign with one RSA-2048 key and relay to one port."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.cells import DOMAIN, SELECTOR, Cell
from bench.processes import tree
from bench.sinks import SYSTEM_PATH, free_port, wait_for_smtp

UNSIGNED_SESSIONS: Final = 50  # where a peer that does not sign is measured too
ROOT: Final = Path(__file__).parent.parent
ENVIRONMENT: Final = {**os.environ, "PATH": SYSTEM_PATH}


class Target(ABC):
    """A server in a folder of its own, used by `with`. `key` is the PEM file that it signs with."""

    name = ""
    is_signing = True

    def __init__(self, folder: Path, key: Path, next_hop: int) -> None:
        self.folder, self.key, self.next_hop = folder, key, next_hop
        self.port = free_port()
        self._started: list[subprocess.Popen[bytes]] = []

    @classmethod
    def missing(cls) -> str:
        """What must be installed first, in words that say how; "" when nothing."""
        return ""

    @classmethod
    def takes(cls, cell: Cell) -> bool:
        """Whether it is measured with this cell."""
        return cls.is_signing or cell.sessions == UNSIGNED_SESSIONS

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        try:
            self.start()
            wait_for_smtp(self.port)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> None:
        """Bring the server up; it takes mail on `port` when this returns."""

    def stop(self) -> None:
        for each in self._started:
            each.terminate()
        for each in self._started:
            try:
                each.wait(40)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()

    def roots(self) -> list[int]:
        """The processes below which all of the server's are."""
        return [each.pid for each in self._started]

    def pids(self) -> list[int]:
        return tree(self.roots())

    def spawn(self, words: Sequence[str | Path]) -> None:
        with (self.folder / "stdio.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=ENVIRONMENT)
            )


class Posthouse(Target):
    """This tree, started for real, with its settings as they are shipped."""

    name = "posthouse"
    level = "INFO"
    more = ""  # settings that stand before the first section
    more_of_submission = ""  # more lines of that section

    def start(self) -> None:
        self.config.write_text(
            f'hostname = "mta.{DOMAIN}"\n{self.more}[daemon]\nstate_dir = "state"\n[submission]\n'
            f'listen = ["127.0.0.1:{self.port}"]\n{self.more_of_submission}[web]\n'
            f'listen = ["127.0.0.1:{free_port()}"]\n[bounces]\n'
            f'domain = "bounce.{DOMAIN}"\n[mail]\nfrom = "News <news@{DOMAIN}>"\n'
            f'[routing]\npermit = ["127.0.0.0/8"]\n{self.routes()}'
        )
        self._command("domain", "add", DOMAIN, "--key", self.key, "--selector", SELECTOR, "--config", self.config)
        self.seed()
        self.serve()

    def serve(self) -> None:
        """Start the daemon, for the first time or again."""
        self.spawned = time.monotonic()
        self.spawn(
            [sys.executable, "-m", "engine", "serve", "--config", self.config, "--log-format", "json", "--log-level",
             self.level]
        )  # fmt: skip

    def bury(self, pids: Sequence[int]) -> None:
        """Wait until the daemon that was killed, and these processes of its, are no more."""
        for each in self._started:
            each.wait(40)
        self._started.clear()
        end = time.monotonic() + 40
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            if time.monotonic() > end:
                raise TimeoutError("a carrier outlives its front office")
            time.sleep(0.005)

    @property
    def config(self) -> Path:
        return self.folder / "posthouse.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def routes(self) -> str:
        """Settings of [routing]: where mail goes."""
        return f'smart_host = "127.0.0.1:{self.next_hop}"\n'

    def seed(self) -> None:
        """Put into the store what is to be there when it starts."""

    def _command(self, *words: str | Path) -> None:
        subprocess.run([sys.executable, "-m", "tui.cli", *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


class PosthouseQuiet(Posthouse):
    """The same with its log at WARNING: what the log costs."""

    name = "posthouse-quiet"
    level = "WARNING"


class Postfix(Target):
    """Postfix near its defaults, without a signature."""

    name = "postfix"
    is_signing = False
    programs: tuple[str, ...] = ("postfix", "smtp-source", "smtp-sink")

    @classmethod
    def missing(cls) -> str:
        absent = [each for each in cls.programs if not shutil.which(each, path=SYSTEM_PATH)]
        if absent:
            return f"{', '.join(absent)} not found: apt-get install postfix opendkim (in Debian, smtp-source is in postfix)"
        return "" if os.geteuid() == 0 else "Postfix starts its processes as other users: run the bench as root"

    def start(self) -> None:
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        settings = {
            "compatibility_level": "3.6", "queue_directory": self.folder / "spool",
            "data_directory": self.folder / "data", "mail_owner": "postfix", "setgid_group": "postdrop",
            "myhostname": f"mta.{DOMAIN}", "mydestination": "", "alias_maps": "", "local_recipient_maps": "",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
            "smtpd_relay_restrictions": "permit_mynetworks, reject", "relayhost": f"[127.0.0.1]:{self.next_hop}",
            "smtputf8_enable": "no", "smtp_tls_security_level": "none", "smtpd_tls_security_level": "none",
            "maillog_file": self.folder / "mail.log", "maillog_file_prefixes": self.folder,
        } | self.extras()  # fmt: skip
        (self.folder / "etc" / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        (self.folder / "etc" / "master.cf").write_text(_MASTER.format(port=self.port))
        self._postfix("start")

    def extras(self) -> dict[str, object]:
        """What this variant adds to main.cf."""
        return {}

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._postfix("stop")
        super().stop()

    def roots(self) -> list[int]:
        master = int((self.folder / "spool" / "pid" / "master.pid").read_text())
        return [master, *super().roots()]

    def _postfix(self, what: str) -> None:
        subprocess.run(
            ["postfix", "-c", self.folder / "etc", what], check=True, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=60, env=ENVIRONMENT,
        )  # fmt: skip


class PostfixDkim(Postfix):
    """Postfix with OpenDKIM as its milter, over a Unix socket: over TCP the dialogue waits for delayed ACKs."""

    name = "postfix-dkim"
    is_signing = True
    programs = (*Postfix.programs, "opendkim")

    def extras(self) -> dict[str, object]:
        milter = f"{self.folder}/milter"
        (self.folder / "opendkim.conf").write_text(
            f"Syslog no\nMode s\nDomain {DOMAIN}\nSelector {SELECTOR}\nKeyFile {self.key}\n"
            "Canonicalization relaxed/relaxed\nSignatureAlgorithm rsa-sha256\nRequireSafeKeys no\nUMask 000\n"
            f"Socket local:{milter}\n"
        )
        self.spawn(["opendkim", "-f", "-x", self.folder / "opendkim.conf"])
        return {"smtpd_milters": f"unix:{milter}", "milter_protocol": "6", "milter_default_action": "tempfail"}


_MASTER: Final = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

TARGETS: Final = {each.name: each for each in (PostfixDkim, Postfix, Posthouse, PosthouseQuiet)}


def end_politely() -> None:
    """Let SIGTERM run the `with` blocks, which stop the servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
