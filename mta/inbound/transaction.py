"""What a mail transaction is to the rest of Posthouse, and who decides about it.

A listener speaks SMTP and knows no queue; a `Policy` knows the queue and no SMTP. Between them pass these values.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from deliverability.address import Address
from deliverability.reply import Reply
from mta.queue.delivery import Stream
from mta.queue.queue import Recipient


class Peer(NamedTuple):
    """Where a connection comes from. An IPv4 address is always written as one, never mapped into IPv6.

    Over a Unix socket there is no address; `uid` is the user at the other end, for whom the kernel vouches.
    """

    ip: str
    port: int
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential allows whoever shows its password."""

    name: str
    domains: frozenset[str] = frozenset()  # for From: and the reverse-path; empty: any
    stream: Stream | None = None  # None: what the mail says
    rate: int = 0  # deliveries a minute; 0: no limit
    max_size: int = 0  # octets; 0: the door's own limit
    dsn: bool = True  # whether failures are reported to the reverse-path


Authenticate = Callable[[str, str], Coroutine[Any, Any, Grant | None]]
"""(name, password) -> the grant, or None: whether the name or the password was wrong nobody learns, not by time either.
StoreTrouble when it can't be looked up now."""


class DeliverBy(NamedTuple):
    """When a message is to be delivered by (RFC 2852), in seconds from its MAIL command."""

    seconds: int  # under 0 where that time is over already; only a mode that does not return can say so
    is_return: bool  # it is returned then; else its sender is told that it is late


@dataclass(frozen=True, slots=True)
class Transaction:
    """One mail transaction (RFC 5321 section 3.3). Before the final dot `recipients` and `content` are empty.

    content: the message as it was sent, without dot-stuffing and final dot; CRLF line ends only, no NUL, and ending
    with CRLF unless empty. No trace field is added. size: its octets.
    """

    reverse_path: str  # "" is the null reverse-path
    peer: Peer
    helo: str  # as given: letters, digits, and . - _ : [ ] only
    is_extended: bool  # EHLO, not HELO
    smtputf8: bool = False
    ret: str | None = None  # FULL or HDRS (RFC 3461 section 4.3)
    envid: str | None = None  # decoded from xtext: printable ASCII
    grant: Grant | None = None  # of who authenticated; None is nobody
    is_tls: bool = False
    is_lmtp: bool = False
    key: str = ""  # idempotency: a message with a key that is known already is not taken on again
    by: DeliverBy | None = None
    recipients: tuple[Recipient, ...] = ()  # their orcpt: "addr-type;address", decoded from xtext
    content: bytes = b""
    size: int = 0
    body_8bit: bool = False  # whether the content has an octet above 127, whatever BODY= claimed

    def ended(self, recipients: tuple[Recipient, ...], content: bytes) -> "Transaction":
        """The same after its final dot."""
        return Transaction(
            self.reverse_path, self.peer, self.helo, self.is_extended, self.smtputf8, self.ret, self.envid, self.grant,
            self.is_tls, self.is_lmtp, self.key, self.by, recipients, content, len(content), not content.isascii(),
        )  # fmt: skip

    @property
    def protocol(self) -> str:
        """The word after "with" in a Received: field (RFC 3848, RFC 6531 section 4.3)."""
        if self.is_lmtp:
            return "UTF8LMTP" if self.smtputf8 else "LMTP"
        if not self.is_extended:
            return "SMTP"
        word = "UTF8SMTP" if self.smtputf8 else "ESMTP"
        return word + "S" * self.is_tls + "A" * (self.grant is not None)

    @property
    def credential(self) -> str:
        """The name of who authenticated; "" is nobody."""
        return self.grant.name if self.grant else ""


class Policy(Protocol):
    """Who may do what at one door, and what becomes of an accepted message.

    StoreTrouble raised here becomes 452 or 451, anything else 451 with a report: never a 5xx, since a trouble of ours
    is not the mail's fault.
    """

    def admit(self, peer: Peer) -> Reply | None:
        """None to talk to this peer, or what to say before hanging up."""

    def check_sender(self, transaction: Transaction) -> Reply | None:
        """None to open this transaction, or the refusal that answers MAIL."""

    async def check_recipient(self, transaction: Transaction, forward_path: Address) -> Reply | None:
        """None to take this recipient, or the refusal that answers RCPT."""

    async def accept(self, transaction: Transaction) -> Reply:
        """Take responsibility, or refuse: the reply to the final dot. A positive one promises that it is durable.

        Never cancelled by what the client does, not even by its hanging up.
        """
