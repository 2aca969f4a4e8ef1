"""What a mail transaction is to the rest of Posthouse, and who decides about it.

A listener speaks SMTP and knows no queue; a `Policy` knows the queue and no SMTP. Between them pass these values.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from deliverability.address import Address
from deliverability.reply import Reply
from mta.queue.queue import Recipient


class Peer(NamedTuple):
    """Where a connection comes from. An IPv4 address is always written as one, never mapped into IPv6."""

    ip: str
    port: int


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
    credential: str = ""  # who authenticated; "" is nobody
    recipients: tuple[Recipient, ...] = ()  # their orcpt: "addr-type;address", decoded from xtext
    content: bytes = b""
    size: int = 0
    body_8bit: bool = False  # whether the content has an octet above 127, whatever BODY= claimed

    @property
    def protocol(self) -> str:
        """The word after "with" in a Received: field (RFC 3848, RFC 6531 section 4.3)."""
        if self.smtputf8:
            return "UTF8SMTP"
        return "ESMTP" if self.is_extended else "SMTP"


class Policy(Protocol):
    """Who may do what at one door, and what becomes of an accepted message.

    StoreTrouble raised here becomes 452 or 451, anything else 451 with a report: never a 5xx, since a trouble of ours
    is not the mail's fault.
    """

    def admit(self, peer: Peer) -> Reply | None:
        """None to talk to this peer, or what to say before hanging up."""

    async def check_recipient(self, transaction: Transaction, forward_path: Address) -> Reply | None:
        """None to take this recipient, or the refusal that answers RCPT."""

    async def accept(self, transaction: Transaction) -> Reply:
        """Take responsibility, or refuse: the reply to the final dot. A positive one promises that it is durable.

        Never cancelled by what the client does, not even by its hanging up.
        """
