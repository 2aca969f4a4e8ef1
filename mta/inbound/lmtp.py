"""LMTP (RFC 2033): SMTP with LHLO for EHLO, and after the dot one reply for each recipient.

Two doors speak it. On a Unix socket programs of this host hand mail over, `posthouse sendmail` among them: who knocks is
asked of the kernel, which knows the user at the other end (`SO_PEERCRED`), and nobody else is heard. On TCP the mail server
beside us passes on what came back. A message is one commit, so its recipients' replies agree.
"""

from collections.abc import Collection
from typing import Final

from deliverability.reply import Reply
from mta.inbound import replies
from mta.inbound.commands import KEY
from mta.inbound.replies import Refused
from mta.inbound.session import COMMANDS, InboundSession
from mta.inbound.submission import Accept, CheckRecipient
from mta.inbound.transaction import Peer, Transaction

_KEY_PARAMETER: Final = frozenset({KEY})
NOT_YOU: Final = Reply.of(554, "5.7.1", "Your user may not submit mail here; see lmtp.users")


class LmtpSession(InboundSession):
    """A session where delivery is answered for each recipient."""

    protocol_name = "LMTP"
    is_lmtp = True

    def __dir__(self) -> tuple[str, ...]:
        return (*COMMANDS, "smtp_LHLO")

    async def smtp_LHLO(self, argument: str) -> None:
        await super().smtp_EHLO(argument)

    async def smtp_EHLO(self, argument: str) -> None:
        """RFC 2033 section 4.1: HELO and EHLO must be refused, so that nobody takes this for SMTP."""
        raise Refused(replies.SAY_LHLO)

    smtp_HELO = smtp_EHLO

    async def smtp_DATA(self, argument: str) -> None:
        if self._opened and not self._recipients:
            raise Refused(replies.MAIL_FIRST, is_error=False)  # RFC 2033 section 4.2: 503
        await super().smtp_DATA(argument)

    def _answer_dot(self, reply: Reply) -> None:
        for _ in range(self._taken):
            self._reply(reply)


class LocalSession(LmtpSession):
    """The same for programs of this host, which may give a message a key: what is repeated with it is taken on once."""

    @property
    def _more_parameters(self) -> frozenset[str]:
        return _KEY_PARAMETER

    def _secure_extensions(self) -> list[str]:
        return [KEY]


class LocalPolicy:
    """users: the uids that may submit mail here; None is everybody on this host."""

    def __init__(self, users: Collection[int] | None, accept: Accept, check_recipient: CheckRecipient) -> None:
        self._users = users
        self.accept = accept
        self.check_recipient = check_recipient

    def admit(self, peer: Peer) -> Reply | None:
        return None if may_submit(self._users, peer.uid) else NOT_YOU

    def check_sender(self, transaction: Transaction) -> Reply | None:
        return None


def may_submit(users: Collection[int] | None, uid: int | None) -> bool:
    return uid is not None and (users is None or uid in users)
