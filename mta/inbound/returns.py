"""The door for mail that comes back: bounces, complaints and reports, from anybody, to addresses that we made.

Never a relay: a recipient is taken only when its domain is exactly ours and its local part is a token we gave out, one of
the two names that every domain must answer to, or one of those that reports are sent to. All else is refused at RCPT, so
that no bounce of ours ever goes to a stranger whose name somebody else used.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound.transaction import Peer, Transaction

NO_SUCH_ADDRESS: Final = Reply.of(550, "5.1.1", "No such address here")
REPORTS: Final = frozenset({"complaints", "dmarc-reports", "tls-reports"})  # what receivers are told to write to
ALWAYS_THERE: Final = frozenset({"postmaster", "abuse"})  # RFC 5321 section 4.5.1, RFC 2142 section 2

_ROUTING: Final = frozenset('"%!@:/\\')  # old ways to write a second destination into a local part


class ReturnsPolicy:
    """domain: our bounce domain, as `parse_domain` gives it. is_ours: we made this address, and still believe it."""

    def __init__(
        self,
        domain: str,
        hostname: str,
        is_ours: Callable[[Address], bool],
        accept: Callable[[Transaction], Coroutine[Any, Any, Reply]],
    ) -> None:
        self._domain = domain
        self._hostname = hostname
        self._is_ours = is_ours
        self.accept = accept

    def admit(self, peer: Peer) -> Reply | None:
        return None

    def check_sender(self, transaction: Transaction) -> Reply | None:
        return None

    async def check_recipient(self, transaction: Transaction, forward_path: Address) -> Reply | None:
        if forward_path.domain == self._domain and forward_path.local.lower() in REPORTS:
            return None
        if forward_path.domain in (self._domain, self._hostname) and forward_path.local.lower() in ALWAYS_THERE:
            return None
        if forward_path.domain != self._domain or not _ROUTING.isdisjoint(forward_path.local):
            return NO_SUCH_ADDRESS
        return None if self._is_ours(forward_path) else NO_SUCH_ADDRESS
