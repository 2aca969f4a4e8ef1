"""The door for applications: whoever is permitted may send to anybody, after the sender's own checks.

Not an open relay. A peer in `networks` is permitted by where it is; every other one must show a password over TLS
before its first MAIL, and where no password can be shown it is sent away before it can say a word. The defaults are
the loopback addresses.
"""

from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound.transaction import Grant, Peer, Transaction

NOT_PERMITTED: Final = Reply.of(554, "5.7.1", "This host may not submit mail here")
PASSWORD_FIRST: Final = Reply.of(530, "5.7.0", "Authentication required")
NOT_YOUR_ADDRESS: Final = Reply.of(553, "5.7.1", "This credential may not send from that domain")

Accept = Callable[[Transaction], Coroutine[Any, Any, Reply]]
CheckRecipient = Callable[[Transaction, Address], Coroutine[Any, Any, Reply | None]]


class SubmissionPolicy:
    """accept: makes a message durable and gives the reply to its dot. check_recipient: asks the suppressions.
    knows_passwords: whether this door offers AUTH.
    """

    def __init__(
        self,
        networks: Sequence[IPv4Network | IPv6Network],
        accept: Accept,
        check_recipient: CheckRecipient,
        *,
        knows_passwords: bool = False,
    ) -> None:
        self._networks = tuple(networks)
        self._knows_passwords = knows_passwords
        self._is_near = lru_cache(maxsize=1024)(self._in_networks)
        self.accept = accept
        self.check_recipient = check_recipient

    def admit(self, peer: Peer) -> Reply | None:
        return None if self._knows_passwords or self._is_near(peer.ip) else NOT_PERMITTED

    def check_sender(self, transaction: Transaction) -> Reply | None:
        if transaction.grant is None:
            return None if self._is_near(transaction.peer.ip) else PASSWORD_FIRST
        return None if _may_use(transaction.grant, transaction.reverse_path) else NOT_YOUR_ADDRESS

    def _in_networks(self, ip: str) -> bool:
        try:
            address = ip_address(ip.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _may_use(grant: Grant, reverse_path: str) -> bool:
    """A reverse-path of another domain would send our failure notices to a stranger; the null one sends none."""
    return not grant.domains or not reverse_path or reverse_path.rpartition("@")[2] in grant.domains
