"""The part of a session that shows who is there: STARTTLS (RFC 3207) and AUTH (RFC 4954).

The promises: a password is asked for over TLS only; a wrong name and a wrong password get the same words after the same
time; each wrong one is answered later than the one before, and after a few the client is sent away. What was shown is
never kept, logged or sent back.
"""

import asyncio
from typing import Final

from deliverability.reply import Reply
from mta import maillog
from mta.inbound import replies, sasl
from mta.inbound.access import OPEN, Access
from mta.inbound.connection import Report, SmtpConnection, client_of
from mta.inbound.limits import Load
from mta.inbound.replies import Refused
from mta.inbound.sasl import BadResponse, Login
from mta.inbound.settings import DoorSettings
from mta.inbound.transaction import Grant
from mta.ports import StoreTrouble

SHOWN: Final = 64  # characters of a stranger's name for himself in the log


class AuthenticatingConnection(SmtpConnection):
    """A connection that can become secret, and whose client can become known."""

    def __init__(
        self,
        settings: DoorSettings,
        hostname: str,
        load: Load,
        report: Report,
        access: Access = OPEN,
        uid: int | None = None,
    ) -> None:
        super().__init__(settings, hostname, load, report, uid)
        self._access = access
        self._grant: Grant | None = None
        self._wrong = 0  # passwords

    @property
    def _knows_auth(self) -> bool:
        return self._access.passwords is not None and self.is_tls

    def _secure_extensions(self) -> list[str]:
        """What EHLO offers of this part."""
        if self._knows_auth:
            return [f"AUTH {' '.join(sasl.MECHANISMS)}"]
        return ["STARTTLS"] if self._access.certificate and not self.is_tls else []

    async def _turn_to_tls(self) -> None:
        """Carry out STARTTLS. Nothing of what was said in clear is remembered (RFC 3207 section 4.2)."""
        if self._access.certificate is None:
            raise Refused(replies.NOT_IMPLEMENTED)
        if self.is_tls:
            raise Refused(replies.TLS_ALREADY)
        self._expect_nothing()
        await self._start_tls(self._access.certificate.context(), self._access.tls_timeout)

    async def _become_known(self, argument: str) -> None:
        """Carry out AUTH."""
        self._check_place()
        login = await self._exchange(argument)
        if login is None:
            return  # the client has gone
        client, now = client_of(self._peer), self.loop.time()
        assert self._access.passwords is not None
        if self._access.passwords.guard.is_shut(client, login.name, now):
            self._log_failure(login, "guessed too often")
            self._load.hit("auth_failures")
            self._end(replies.WRONG_TOO_OFTEN)
            return
        try:
            grant = await self._access.passwords.authenticate(login.name, login.password)
        except StoreTrouble:
            raise Refused(replies.AUTH_TROUBLE, is_error=False) from None
        if grant is None:
            await self._refuse_password(login)
        else:
            self._let_in(grant)

    def _check_place(self) -> None:
        if self._access.passwords is None:
            raise Refused(replies.NOT_IMPLEMENTED)
        if not self.is_tls:
            raise Refused(replies.TLS_FIRST)
        if self._grant is not None:
            raise Refused(replies.AUTH_ALREADY)

    async def _exchange(self, argument: str) -> Login | None:
        """The dialogue of the mechanism; None when the client hung up in it."""
        mechanism, _, initial = argument.partition(" ")
        begin = sasl.MECHANISMS.get(mechanism.upper())
        if begin is None:
            raise Refused(replies.UNKNOWN_MECHANISM)
        exchange = begin()
        challenge = next(exchange)
        response: bytes | None = initial.encode() or None
        try:
            while True:
                if response is None:
                    self._reply(Reply.of(334, None, sasl.encode(challenge)))
                    response = await self._next_line()
                if response is None:
                    return None
                if response == b"*":
                    raise Refused(replies.AUTH_CANCELLED)
                challenge = exchange.send(sasl.decode(response))
                response = None
        except StopIteration as end:
            login: Login = end.value
            return login
        except BadResponse:
            raise Refused(replies.BAD_RESPONSE) from None

    async def _refuse_password(self, login: Login) -> None:
        assert self._access.passwords is not None
        self._log_failure(login, "wrong")
        self._wrong += 1
        delay = self._access.passwords.guard.failed(client_of(self._peer), login.name, self.loop.time())
        self._flush()
        await asyncio.sleep(delay)
        self._reply(replies.NOT_AUTHENTICATED)
        if self._wrong >= self._access.passwords.tries:
            self._load.hit("auth_tries")
            self._end(replies.WRONG_TOO_OFTEN)

    def _let_in(self, grant: Grant) -> None:
        assert self._access.passwords is not None
        self._access.passwords.guard.succeeded(client_of(self._peer), grant.name)
        maillog.authenticated(grant.name, ip=self._peer.ip)
        self._grant, self._is_known = grant, True
        self._load.is_known(client_of(self._peer))
        if grant.max_size:
            most = min(grant.max_size, self._settings.max_size)
            self._settings = self._settings.model_copy(update={"max_size": most})
        self._reply(replies.AUTHENTICATED)

    def _log_failure(self, login: Login, why: str) -> None:
        maillog.not_authenticated(login.name[:SHOWN], ip=self._peer.ip, why=why)
