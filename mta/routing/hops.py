"""Next hops that an administrator names, and what a domain's mail asks of a connection.

A hop is written "host", "host:port", "smtps:host" (TLS from the first octet, RFC 8314), "lmtp:host:port" or
"lmtp:/path/of/socket" (RFC 2033). What a connection must be is a `Demand`, whoever made it: the administrator, the
domain's MTA-STS policy, or nobody.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from deliverability.mtasts import is_named
from mta.routing.resolver import split_host_port
from mta.secret_file import read_secret


class Level(StrEnum):
    """How a connection is to be secured; each asks for more than the one before."""

    NONE = "none"  # in clear, always
    MAY = "may"  # TLS where it is offered and works (RFC 7435)
    ENCRYPT = "encrypt"  # TLS or nothing; whose certificate is not asked
    VERIFY = "verify"  # TLS, with a certificate of that host's name from an authority that we trust


class Protocol(StrEnum):
    SMTP = "smtp"
    SMTPS = "smtps"  # TLS from the first octet
    LMTP = "lmtp"


_PORTS: Final = {Protocol.SMTPS: 465, Protocol.LMTP: 24}


@dataclass(frozen=True, slots=True)
class Hop:
    """A next hop. `host` that begins with a slash is the path of a Unix socket."""

    host: str
    port: int
    protocol: Protocol = Protocol.SMTP

    @classmethod
    def parse(cls, text: str, port: int) -> "Hop":
        """Read one; `port` is that of SMTP where none is said. ValueError in words that say what to write instead."""
        if "@" in text and not re.match("lmtp:/[^/]", text, re.IGNORECASE):  # not said again: this may be a log
            raise ValueError("a next hop holds no user and no password: [routing.hops] has user and secret for it")
        word, colon, rest = text.partition(":")
        protocol = Protocol(word.lower()) if colon and word.lower() in ("smtps", "lmtp") else Protocol.SMTP
        where = rest if protocol is not Protocol.SMTP else text
        if where.startswith("/"):
            if protocol is not Protocol.LMTP:
                raise ValueError(f'"{text}": a Unix socket takes LMTP (try "lmtp:{where}")')
            return cls(where, 0, protocol)
        host, number = split_host_port(where.lower(), _PORTS.get(protocol, port))
        return cls(host, number, protocol)

    @property
    def is_local_socket(self) -> bool:
        return self.host.startswith("/")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        where = self.host if self.is_local_socket else f"{host}:{self.port}"
        return where if self.protocol is Protocol.SMTP else f"{self.protocol}:{where}"


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to a next hop. The secret is read when it is needed, so a new one holds from the next connection on;
    it is nowhere else."""

    user: str
    secret: Path

    def read(self) -> str:
        """The secret. OSError or UnicodeError when it can't be read."""
        return read_secret(self.secret)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a connection must be to carry a domain's mail."""

    level: Level = Level.MAY
    origin: str = ""  # who says so; "" is nobody
    exchangers: tuple[str, ...] = ()  # those that may take it, as MTA-STS writes them; none: any
    is_trial: bool = False  # a certificate is asked for to report on it, and mail goes whatever comes of it

    def allows(self, host: str) -> bool:
        """Whether mail may go to this host at all."""
        return self.is_trial or self.names(host)

    def names(self, host: str) -> bool:
        """Whether a policy names this host, where there is one."""
        return not self.exchangers or is_named(host, self.exchangers)

    @property
    def is_strict(self) -> bool:
        """Whether there is anything that mail waits for rather than go without."""
        return self.level in (Level.ENCRYPT, Level.VERIFY)

    def is_met(self, host: str, *, is_encrypted: bool, is_verified: bool, was_tried: bool) -> bool:
        """Whether a connection to `host` that is so may carry the mail. `was_tried`: it was asked for a certificate."""
        if not self.is_strict:
            return was_tried or not self.is_trial
        return self.allows(host) and (is_verified if self.level is Level.VERIFY else is_encrypted)
