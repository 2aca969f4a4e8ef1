"""A real Postfix as the next hop: an instance of its own, on loopback, under a folder of its own.

    with Postfix(accepts=["ann@hop.example"], milter=verifier.address) as postfix:
        Daemon(..., next_hop=postfix.address)
        postfix.mails()          # what it delivered into the mailbox, as octets

It greets, offers STARTTLS, checks recipients (550 5.1.1 for unknown ones), greylists nobody, and delivers by virtual(8).
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
from house_process import PATIENCE, free_port, session, wait_ended

_ROOT_NEEDED = "Postfix starts its processes as other users, so this needs root"
_PROGRAM = shutil.which("postfix", path=os.environ.get("PATH", "") + ":/usr/sbin") or "postfix"
_MAIN = """
compatibility_level = 3.6
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.hop.example
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.1/32
smtpd_relay_restrictions = reject_unauth_destination
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_mailbox_base = {folder}/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/conf/host.pem
smtpd_tls_key_file = {folder}/conf/host.pem
smtpd_tls_received_header = yes
smtpd_milters = {milter}
milter_default_action = tempfail
notify_classes =
"""
_SASL = """
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
smtpd_tls_auth_only = yes
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_delay_reject = yes
smtpd_sasl_authenticated_header = yes
"""
_MASTER = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
verify unix - - n - 1 verify
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Started by `with`, stopped by its own `postfix stop`."""

    def __init__(
        self, accepts: Iterable[str], milter: str = "", *, sasl: str = "", authority: trustme.CA | None = None,
        more: str = "",
    ) -> None:  # fmt: skip
        """`sasl`: where passwords are judged (house_sasl); then nobody may send without one, over TLS. `authority`: who
        signs the certificate of mx.hop.example and 127.0.0.1. `more`: further lines of main.cf."""
        self._accepts = tuple(accepts)
        self._milter = milter
        self._more = (_SASL.format(sasl=sasl) if sasl else "") + more
        self._authority = authority or trustme.CA()
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        assert os.geteuid() == 0, _ROOT_NEEDED
        # Not under pytest's own folder: its parents are closed to the users that Postfix becomes.
        self.folder = Path(tempfile.mkdtemp(prefix="posthouse-postfix-"))
        self.folder.chmod(0o755)
        self._furnish()
        self._postfix("start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and (self.folder / "maillog").exists():
            print((self.folder / "maillog").read_text("utf-8", "replace"), file=sys.stderr)
        master = int((self.folder / "queue" / "pid" / "master.pid").read_text("ascii"))
        self._postfix("stop")
        left = wait_ended(session(master), PATIENCE)  # it waits for none of its own, and they still write here
        assert not left, f"{left} of Postfix's processes are still there"
        shutil.rmtree(self.folder)

    def mails(self) -> list[bytes]:
        """What lies in the mailboxes, oldest first, with CRLF line ends as it came."""
        new = sorted((self.folder / "mailboxes").glob("*/new/*"), key=lambda each: each.stat().st_mtime_ns)
        return [each.read_bytes().replace(b"\n", b"\r\n") for each in new]

    def _furnish(self) -> None:
        nobody = pwd.getpwnam("nobody")
        for name in ("conf", "queue", "data", "mailboxes"):
            (self.folder / name).mkdir(mode=0o755)
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mailboxes", nobody.pw_uid, nobody.pw_gid)
        domains = " ".join(sorted({each.rpartition("@")[2] for each in self._accepts}))
        mailboxes = ", ".join(f"{{{each} = {place}/}}" for place, each in enumerate(self._accepts))
        facts = {"folder": self.folder, "domains": domains, "mailboxes": mailboxes, "port": self.address,
                 "milter": self._milter, "uid": nobody.pw_uid, "gid": nobody.pw_gid}  # fmt: skip
        (self.folder / "conf" / "main.cf").write_text(_MAIN.format(**facts) + self._more)
        (self.folder / "conf" / "master.cf").write_text(_MASTER.format(**facts))
        self._authority.issue_cert("mx.hop.example", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            self.folder / "conf" / "host.pem"
        )

    def _postfix(self, what: str) -> None:
        done = subprocess.run(
            [_PROGRAM, "-c", str(self.folder / "conf"), what], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"postfix {what}: {done.stderr}{done.stdout}"
