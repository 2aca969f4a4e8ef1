"""How long to wait for the other side, for each thing it may keep us waiting for (RFC 5321 section 4.5.3.2)."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. The defaults are the RFC's minima where it names one; a shorter wait makes trouble out of slowness.

    `dot` is the one never to shorten: a server that took the message and answers late makes a copy of it (RFC 1047).
    """

    connect: float = 30  # the RFC names none; a host that is up answers in far less
    greeting: float = 300
    ehlo: float = 300
    starttls: float = 120  # also the handshake that follows
    auth: float = 120
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    block: float = 180  # without one more octet of the content being taken
    dot: float = 600
    rset: float = 60
    quit: float = 5  # nothing depends on the answer

    def scaled(self, factor: float) -> "Timeouts":
        """All of them, `factor` times as long: for tests and labs."""
        return replace(self, **{each.name: getattr(self, each.name) * factor for each in fields(self)})
