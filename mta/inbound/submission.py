"""The door for applications: whoever is in a permitted network may send to anybody, after the sender's own checks.

Not an open relay, because a peer outside `networks` is sent away before it can say a word. The defaults are the
loopback addresses.
"""

from collections.abc import Callable, Coroutine, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound.transaction import Peer, Transaction

NOT_PERMITTED: Final = Reply.of(554, "5.7.1", "This host may not submit mail here")

Accept = Callable[[Transaction], Coroutine[Any, Any, Reply]]
CheckRecipient = Callable[[Transaction, Address], Coroutine[Any, Any, Reply | None]]


class SubmissionPolicy:
    """accept: makes a message durable and gives the reply to its dot. check_recipient: asks the suppressions."""

    def __init__(
        self, networks: Sequence[IPv4Network | IPv6Network], accept: Accept, check_recipient: CheckRecipient
    ) -> None:
        self._networks = tuple(networks)
        self.accept = accept
        self.check_recipient = check_recipient

    def admit(self, peer: Peer) -> Reply | None:
        try:
            address = ip_address(peer.ip.partition("%")[0])
        except ValueError:
            return NOT_PERMITTED
        return None if any(address in network for network in self._networks) else NOT_PERMITTED
