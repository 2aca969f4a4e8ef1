"""How a door is secured: which certificate it shows, whose passwords it knows, and how many wrong ones it bears."""

from dataclasses import dataclass

from mta.inbound.guard import Guard
from mta.inbound.tls import Certificate
from mta.inbound.transaction import Authenticate


@dataclass(frozen=True, slots=True)
class Passwords:
    """What AUTH needs. It is offered over TLS only (RFC 4954 section 4 and RFC 8314)."""

    authenticate: Authenticate
    guard: Guard
    tries: int = 3  # wrong passwords on one connection


@dataclass(frozen=True, slots=True)
class Access:
    """The default is a door without TLS, which knows nobody's password."""

    certificate: Certificate | None = None
    begins_with_tls: bool = False  # no greeting in clear (RFC 8314 section 3.3)
    tls_timeout: float = 30.0  # seconds for a handshake
    passwords: Passwords | None = None


OPEN = Access()
