"""A real Exim as the next hop: Debian's, unpacked into build/exim (fetch_exim.sh), on loopback, in a folder of its own.

    with Exim(accepts=["ann@hop.example"]) as exim:
        Daemon(..., next_hop=exim.address)
        exim.mails()            # what it delivered, as octets

It offers STARTTLS, PIPELINING, CHUNKING and 8BITMIME, checks recipients, and takes at most `recipients` in a transaction.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
from house_process import PATIENCE, free_port, session, wait_connectable, wait_ended

ROOT = Path(__file__).resolve().parents[2] / "build" / "exim"
PROGRAM = ROOT / "usr" / "sbin" / "exim4"
_CONFIGURATION = """
primary_hostname = exim.hop.example
exim_path = {folder}/exim
keep_environment =
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
exim_user = {uid}
exim_group = {gid}
never_users =
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
recipients_max = {recipients}
recipients_max_reject = false
tls_advertise_hosts = *
tls_certificate = {folder}/host.pem
tls_privatekey = {folder}/host.pem
acl_smtp_rcpt = acl_rcpt
host_lookup =
rfc1413_query_timeout = 0s
timezone = UTC

begin acl
acl_rcpt:
  accept recipients = {accepts}
  deny message = no such user

begin routers
all:
  driver = accept
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  directory = {folder}/mailboxes
  maildir_format
  create_directory = false
  user = {uid}
  group = {gid}
  envelope_to_add
"""


class Exim:
    def __init__(self, accepts: Iterable[str], recipients: int = 100) -> None:
        self._accepts, self._recipients = tuple(accepts), recipients
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        assert os.geteuid() == 0, "Exim changes its user, so this needs root"
        self.folder = Path(tempfile.mkdtemp(prefix="posthouse-exim-"))
        self.folder.chmod(0o755)
        self._furnish()
        self._process = subprocess.Popen(
            [str(self.folder / "exim"), "-C", str(self.folder / "exim.conf"), "-bdf", "-q1m"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            wait_connectable(self._port, self._process)
        except AssertionError:
            self._process.kill()
            print(self._process.communicate()[0].decode("utf-8", "replace"), file=sys.stderr)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        said, _ = self._process.communicate(timeout=60)
        left = wait_ended(session(self._process.pid), PATIENCE)  # who still delivers writes into its folder
        assert not left, f"{left} of Exim's processes are still there"
        if error is not None:
            print(said.decode("utf-8", "replace"), file=sys.stderr)
            for log in (self.folder / "log").iterdir():
                print(log.read_text("utf-8", "replace"), file=sys.stderr)
        shutil.rmtree(self.folder)

    def mails(self) -> list[bytes]:
        """What it delivered, oldest first, with CRLF line ends as it came."""
        new = sorted((self.folder / "mailboxes" / "new").glob("*"), key=lambda each: each.stat().st_mtime_ns)
        return [each.read_bytes().replace(b"\n", b"\r\n") for each in new]

    def _furnish(self) -> None:
        nobody = pwd.getpwnam("nobody")
        for name in ("spool", "log", "mailboxes", "mailboxes/new", "mailboxes/cur", "mailboxes/tmp"):
            (self.folder / name).mkdir(mode=0o755)
            shutil.chown(self.folder / name, nobody.pw_uid, nobody.pw_gid)
        facts = {"folder": self.folder, "port": self._port, "uid": nobody.pw_uid, "gid": nobody.pw_gid,
                 "accepts": " : ".join(self._accepts), "recipients": self._recipients}  # fmt: skip
        (self.folder / "exim.conf").write_text(_CONFIGURATION.format(**facts))
        # The user that Debian's package makes, by another name for nobody.
        (self.folder / "passwd").write_text(
            f"root:x:0:0::/root:/bin/sh\nDebian-exim:x:{nobody.pw_uid}:{nobody.pw_gid}::/:/bin/false\n"
        )
        (self.folder / "group").write_text(f"root:x:0:\nDebian-exim:x:{nobody.pw_gid}:\n")
        trustme.CA().issue_cert("exim.hop.example").private_key_and_cert_chain_pem.write_to_path(
            self.folder / "host.pem"
        )
        (self.folder / "host.pem").chmod(0o644)
        self._write_program()

    def _write_program(self) -> None:
        """Exim starts itself again with an empty environment: so it starts this, which gives it its libraries and users."""
        # A copy where others than root may look: the tree of the tests may be closed to them.
        shutil.copytree(ROOT, self.folder / "root", symlinks=True)
        for each in (self.folder / "root", *(self.folder / "root").rglob("*")):
            if not each.is_symlink():
                each.chmod(0o755)
        program = self.folder / "root" / PROGRAM.relative_to(ROOT)
        [libraries] = {each.parent for each in (self.folder / "root").glob("usr/lib/*/libnss_wrapper.so*")}
        script = (
            f"#!/bin/sh\nexport LD_LIBRARY_PATH={libraries} LD_PRELOAD=libnss_wrapper.so"
            f" NSS_WRAPPER_PASSWD={self.folder}/passwd NSS_WRAPPER_GROUP={self.folder}/group\n"
            f'exec {program} "$@"\n'
        )
        (self.folder / "exim").write_text(script)
        (self.folder / "exim").chmod(0o755)
