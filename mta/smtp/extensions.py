"""What a server offers in its answer to EHLO, and the commands that use it. Values in, values out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from deliverability.reply import Reply
from mta.smtp.outcome import Failure, Scope, Stage

_PRINTABLE: Final = re.compile(r"[!-~]+")
_SIZE: Final = re.compile(r"[0-9]{1,19}")
_NOTIFY: Final = frozenset({"SUCCESS", "FAILURE", "DELAY"})
# A path that cannot end its command early: a quoted local part holds anything printable, an unquoted one no space and
# no angle bracket. Addresses were parsed at the border; this is the last door.
_PATH: Final = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f-\x9f\ud800-\udfff]|\\[ -~])*")?[^ "<>\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*+'
)


class Mail(Protocol):
    """What a transaction needs to know of a message and its recipient."""

    @property
    def reverse_path(self) -> str: ...  # "" is the null reverse-path
    @property
    def forward_path(self) -> str: ...
    @property
    def content(self) -> bytes: ...
    @property
    def size(self) -> int: ...
    @property
    def needs_utf8(self) -> bool: ...
    @property
    def has_8bit(self) -> bool: ...
    @property
    def notify(self) -> frozenset[str]: ...
    @property
    def orcpt(self) -> str | None: ...
    @property
    def envid(self) -> str | None: ...
    @property
    def ret(self) -> str | None: ...
    @property
    def by_seconds(self) -> int | None: ...
    @property
    def by_mode(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Extensions:
    """The service extensions of one server (RFC 5321 section 4.1.1.1). The default is a server that said HELO only."""

    pipelining: bool = False  # RFC 2920
    starttls: bool = False  # RFC 3207
    eightbit: bool = False  # 8BITMIME, RFC 6152
    smtputf8: bool = False  # RFC 6531
    dsn: bool = False  # RFC 3461
    has_size: bool = False  # RFC 1870
    max_size: int = 0  # octets; 0: no limit known
    deliverby: bool = False  # RFC 2852
    least_by: int = 0  # seconds that it must be given to return a message in time
    auth: frozenset[str] = frozenset()  # the mechanisms of RFC 4954

    @classmethod
    def parse(cls, lines: Sequence[str]) -> "Extensions":
        """Read the lines of the EHLO reply; the first is the server's name and greeting."""
        offered = {}
        for line in lines[1:]:
            keyword, _, value = line.strip().partition(" ")
            offered[keyword.upper()] = value.strip()
        size, least = offered.get("SIZE", ""), offered.get("DELIVERBY", "")
        return cls(
            pipelining="PIPELINING" in offered,
            starttls="STARTTLS" in offered,
            eightbit="8BITMIME" in offered,
            smtputf8="SMTPUTF8" in offered,
            dsn="DSN" in offered,
            has_size="SIZE" in offered,
            max_size=int(size) if _SIZE.fullmatch(size) else 0,
            deliverby="DELIVERBY" in offered,
            least_by=int(least) if _SIZE.fullmatch(least) else 0,
            auth=frozenset(offered.get("AUTH", "").upper().split()),
        )

    def refusal(self, mail: Mail, *, is_final: bool = False) -> Failure | None:
        """Why this message may not be offered to this server at all, or None. Nothing was sent, so another host of the
        same site may still take it; the reply says whether time can mend it. `is_final`: the server delivers, and does not
        relay.
        """
        if not _PATH.fullmatch(mail.reverse_path):
            return _ours(Scope.MESSAGE, 553, "5.1.7", "the reverse-path cannot be written in a command")
        if not _PATH.fullmatch(mail.forward_path):
            return _ours(Scope.RECIPIENT, 553, "5.1.3", "the forward-path cannot be written in a command")
        if _needs_utf8(mail) and not self.smtputf8:
            # RFC 6531 section 3.2: without the extension such a message must not be sent, and downgrading is not ours.
            return _ours(Scope.MESSAGE, 553, "5.6.7", "the message needs SMTPUTF8, which this server does not offer")
        if mail.has_8bit and not self.eightbit:
            # RFC 6152 section 3: convert to 7 bits or fail for good. Converting would break the signature we made.
            return _ours(Scope.MESSAGE, 554, "5.6.3", "the message needs 8BITMIME, which this server does not offer")
        if 0 < self.max_size < mail.size:
            text = f"the message has {mail.size} octets, and this server takes {self.max_size}"
            return _ours(Scope.MESSAGE, 552, "5.3.4", text)
        if (
            self.deliverby
            and mail.by_mode == "R"
            and mail.by_seconds is not None
            and mail.by_seconds < max(1, self.least_by)
        ):
            # RFC 2852 section 4: a host that could not return it in time is not given it.
            text = f"{mail.by_seconds} s are left to deliver it, and this server needs {self.least_by}"
            return _ours(Scope.MESSAGE, 550, "5.4.7", text)
        if mail.by_mode == "R" and not self.deliverby and not is_final:
            # RFC 2852 section 4: who is to return a message in time may not pass it on to a host that would not.
            text = "it is to be returned when it is late, and this server does not offer DELIVERBY"
            return _ours(Scope.MESSAGE, 550, "5.4.7", text)
        return None

    def mail_command(self, mail: Mail) -> bytes:
        """MAIL FROM with every parameter that the server knows and the message has."""
        parts = [f"MAIL FROM:<{mail.reverse_path}>"]
        if self.has_size:
            parts.append(f"SIZE={mail.size}")
        if mail.has_8bit:
            parts.append("BODY=8BITMIME")
        if _needs_utf8(mail):
            parts.append("SMTPUTF8")
        if self.deliverby and mail.by_mode in ("R", "N") and mail.by_seconds is not None:
            parts.append(f"BY={max(-999_999_999, min(999_999_999, mail.by_seconds))};{mail.by_mode}")
        if self.dsn and mail.ret in ("FULL", "HDRS"):
            parts.append(f"RET={mail.ret}")
        if self.dsn and mail.envid and _PRINTABLE.fullmatch(mail.envid):
            parts.append(f"ENVID={mail.envid}")
        return _command(parts)

    def rcpt_command(self, mail: Mail) -> bytes:
        """RCPT TO; where the server knows DSN, with what the recipient's sender asked for (RFC 3461 section 4)."""
        parts = [f"RCPT TO:<{mail.forward_path}>"]
        if self.dsn and mail.notify:
            parts.append(f"NOTIFY={','.join(sorted(mail.notify & _NOTIFY)) or 'NEVER'}")
        if self.dsn and mail.orcpt and _PRINTABLE.fullmatch(mail.orcpt):
            parts.append(f"ORCPT={mail.orcpt}")
        return _command(parts)


def _needs_utf8(mail: Mail) -> bool:
    return mail.needs_utf8 or not mail.reverse_path.isascii() or not mail.forward_path.isascii()


def _command(parts: list[str]) -> bytes:
    return " ".join(parts).encode() + b"\r\n"


def _ours(scope: Scope, code: int, enhanced: str, text: str) -> Failure:
    return Failure(scope, Reply.of(code, enhanced, text), Stage.MAIL, is_ours=True)
