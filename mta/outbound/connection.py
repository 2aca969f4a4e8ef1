"""One connection to one host: opened, secured where the host offers it, and used for message after message.

    opened = await Connection.open(net, clock, host, settings)        # a Connection, or ConnectFailed
    outcome = await opened.deliver(outgoing, permit_dot)              # a value, whatever the other side does

`permit_dot` commits the mark that the dot goes out and says whether it may. Before that nothing of the message leaves;
after it the outcome is the host's answer or `Unanswered`. Whatever raises in between, a cancellation too, drops the
connection with the message unsent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deliverability.reply import Reply
from mta.outbound.link import Link
from mta.outbound.outcome import (
    Delivered,
    Failure,
    NotPermitted,
    Outcome,
    Outgoing,
    Scope,
    Stage,
    Try,
    words_of,
)
from mta.outbound.security import (
    Attempt,
    TlsResult,
    attempts,
    opportunistic_context,
    result_of,
    tls_words_of,
    verifying_context,
)
from mta.ports import Clock, Net
from mta.routing.hops import Demand, Login, Protocol
from mta.routing.routes import Host
from mta.smtp.client import ClientSession
from mta.smtp.dialogue import Tls
from mta.smtp.record import Record
from mta.smtp.timeouts import Timeouts

SLOW_SECONDS: Final = 10.0  # the dialogue of a message that took longer is kept whole

PermitDot = Callable[[], Awaitable[bool]]
PermitDots = Callable[[Sequence[int]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What holds for all messages of a connection."""

    name: str  # what EHLO says of us
    also: str = ""  # what else we are called
    demand: Demand = Demand()  # noqa: RUF009 - frozen
    timeouts: Timeouts = Timeouts()  # noqa: RUF009 - frozen
    source: str = ""  # the local IP address to connect from; "": the system's choice
    protocol: Protocol = Protocol.SMTP
    login: Login | None = None
    authorities: Path | None = None  # further certificate authorities to trust
    is_tls_broken: bool = False  # it failed here before: do not begin with it where it is not demanded


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """No message can go to this host now."""

    failure: Failure
    tried: Try
    tls_result: TlsResult = TlsResult.GOOD
    tls_trouble: str = ""  # why, where the TLS failed


class Connection:
    """Made by `open`. One message at a time; between two, `is_usable` says whether another may follow."""

    def __init__(
        self, link: Link, host: Host, clock: Clock, tls: str, record: Record, *, is_verified: bool = False,
        was_tried: bool = False,
    ) -> None:  # fmt: skip
        self.host = host
        self.tls = tls  # "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" in clear
        self.is_verified = is_verified  # the certificate is the host's
        self.was_tried = was_tried  # a certificate was asked for, whatever came of it
        self.tls_result = TlsResult.GOOD if tls else TlsResult.NOT_OFFERED
        self.tls_trouble = ""  # why it is in clear although the host offered TLS
        self.domains: set[str] = set()  # whose mail it carried, of those that are told how the TLS came out
        self.delivered_count = 0
        self.dialogue = (
            ""  # what was said of the last message, with times: whole where it failed or was slow, else in short
        )
        self._record = record
        self._link, self._session, self._clock = link, link.session, clock

    @classmethod
    async def open(
        cls, net: Net, clock: Clock, host: Host, settings: ConnectionSettings
    ) -> "Connection | ConnectFailed":
        """Connect, greet, turn to TLS, log in. Each way that the demand allows is tried from the start, where the TLS
        of the one before failed.
        """
        started = clock.monotonic()
        result, trouble = TlsResult.GOOD, ""
        ways = attempts(settings.demand, settings.protocol, is_broken=settings.is_tls_broken)
        for way in ways:
            record = Record(clock.monotonic)
            dialled = await _Dial(net, host, settings, way, record).run()
            if not dialled.tls_trouble:
                break
            result, trouble = dialled.tls_result, dialled.tls_trouble
        if dialled.failure is None:
            is_verified = way.verifies and bool(dialled.tls)
            made = cls(
                dialled.link, host, clock, dialled.tls, record, is_verified=is_verified, was_tried=ways[0].verifies
            )  # fmt: skip
            if trouble:
                made.tls_result, made.tls_trouble = result, trouble
            return made
        tried = _tried(host, dialled.failure, dialled.tls, clock.monotonic() - started, record)
        return ConnectFailed(dialled.failure, tried, dialled.tls_result or result, dialled.tls_trouble or trouble)

    def suits(self, demand: Demand) -> bool:
        """Whether mail that asks for this may go over it."""
        return demand.is_met(
            self.host.name, is_encrypted=bool(self.tls), is_verified=self.is_verified, was_tried=self.was_tried
        )

    @property
    def is_usable(self) -> bool:
        """Whether another message may be tried."""
        return self._session.is_ready and self._link.is_open

    async def deliver(self, outgoing: Outgoing, permit_dot: PermitDot) -> Outcome:
        """Try one message to one recipient. What `permit_dot` raises reaches the caller."""
        return (await self.deliver_all([outgoing], lambda _: permit_dot()))[0]

    async def deliver_all(self, group: Sequence[Outgoing], permit_dots: PermitDots) -> list[Outcome]:
        """Try one message to several recipients in one transaction; what came of each. `permit_dots` is asked for those
        that were taken, by their places in the group: all of them, or none."""
        started = self._clock.monotonic()
        self._record.begin()
        try:
            outcomes = await self._converse(group, permit_dots)
        except BaseException:
            self._link.abort()
            raise
        self.delivered_count += any(isinstance(each, Delivered) for each in outcomes)
        telling = next((each for each in outcomes if not isinstance(each, Delivered)), outcomes[0])
        self.dialogue = _dialogue(telling, self._clock.monotonic() - started, self._record)
        return outcomes

    def close(self) -> None:
        """Say QUIT and let the connection end by itself; `wait_closed` waits for it. Harmless when it is over."""
        self._session.quit()
        self._link.pump()

    async def wait_closed(self) -> None:
        """Until the connection is gone: at most as long as QUIT may take."""
        await self._link.wait_closed()

    async def _converse(self, group: Sequence[Outgoing], permit_dots: PermitDots) -> list[Outcome]:
        session, link = self._session, self._link
        if not self.is_usable:  # hosts close idle connections when they please
            reply = Reply.of(451, "4.4.2", "the connection ended before this message")
            return [Failure(Scope.SESSION, reply, Stage.MAIL, is_ours=True)] * len(group)
        session.begin(*group)
        await link.turn()
        if session.wants_dot_permission and not await permit_dots(session.taken):
            if session.wants_dot_permission:
                session.withhold_dot()
            link.pump()
            return [NotPermitted()] * len(group)
        # While the mark was being committed the host may have hung up: then there is an outcome, and no dot.
        if session.wants_dot_permission and not link.is_open:
            session.lost("the connection was closed")
        if session.wants_dot_permission:
            session.release_dot()
        await link.turn()
        outcomes: list[Outcome] = [each for each in session.outcomes if each is not None]
        assert len(outcomes) == len(group)
        return outcomes


class _Dial:
    """One try at opening. After `run`, either `failure` says why not, or the link's session is ready."""

    def __init__(self, net: Net, host: Host, settings: ConnectionSettings, way: Attempt, record: Record) -> None:
        self.failure: Failure | None = None
        self.tls = ""
        self.tls_result = TlsResult.GOOD
        self.tls_trouble = ""  # the TLS is what failed
        self._net, self._host, self._settings, self._way, self._record = net, host, settings, way, record
        self.link: Link

    async def run(self) -> "_Dial":
        try:
            await self._run()
        except BaseException:
            if hasattr(self, "link"):
                self.link.abort()
            raise
        return self

    async def _run(self) -> None:
        try:
            session = self._session()
        except (OSError, UnicodeError) as trouble:
            reply = Reply.of(451, "4.7.0", f"the password can't be read: {_os_words(trouble)}")
            self.failure = Failure(Scope.ROUTE, reply, Stage.AUTH, is_ours=True)
            return
        self.link = Link(session, self._settings.timeouts.block)
        self.failure = await self._connect()
        if self.failure is not None:
            return
        await self.link.turn()
        if session.wants_tls:
            await self._secure()
        if session.is_ready and not self.link.is_open:
            session.lost("the connection was closed")
        if not session.is_ready:  # which it may have been, for as long as it takes to read on
            assert isinstance(session.outcome, Failure)
            self._failed(session.outcome, is_tls=session.is_tls)

    def _session(self) -> ClientSession:
        settings, login = self._settings, self._settings.login
        return ClientSession(
            settings.name, tls=self._way.tls, timeouts=settings.timeouts, refuse_own_name=not self._host.is_named,
            also=settings.also,
            login=(login.user, login.read()) if login else None, is_lmtp=settings.protocol is Protocol.LMTP,
            record=self._record,
        )  # fmt: skip

    def _failed(self, failure: Failure, *, is_tls: bool) -> None:
        self.failure = failure
        if self.tls_trouble:
            return
        if failure.stage is Stage.STARTTLS and self._way.tls is Tls.REQUIRED:
            self.tls_result, self.tls_trouble = TlsResult.NOT_OFFERED, failure.reply.text
        elif is_tls and failure.is_ours and failure.stage is not Stage.AUTH:
            # With TLS 1.3 a server that could not follow the handshake tells so only after we think it done.
            self.tls_result, self.tls_trouble = TlsResult.FAILED, failure.reply.text

    async def _connect(self) -> Failure | None:
        host, patience = self._host, self._settings.timeouts.connect
        try:
            async with asyncio.timeout(patience):
                source = self._settings.source or None
                await self._net.connect(lambda: self.link, host.address, host.port, source=source)
        except OSError as trouble:  # TimeoutError is one
            said = _os_words(trouble) or f"no answer within {patience:g} s"
            text = f"connecting to {host.name} [{host.address}]:{host.port}: {said}"
            return Failure(Scope.ROUTE, Reply.of(451, "4.4.1", text), Stage.CONNECT, is_ours=True)
        return None

    async def _secure(self) -> None:
        link, session, name = self.link, self.link.session, self._host.name
        try:
            context = verifying_context(self._settings.authorities) if self._way.verifies else opportunistic_context()
            async with asyncio.timeout(self._settings.timeouts.starttls):
                transport = await self._net.start_tls(link.transport, link, context, name)
        # ssl.SSLError is an OSError; a name that SNI cannot carry is a ValueError
        except (OSError, ValueError) as trouble:
            self.tls_result, self.tls_trouble = result_of(trouble), tls_words_of(trouble)
            session.lost(self.tls_trouble)
            link.pump()
            return
        link.use(transport)
        self.tls = _tls_words(transport)
        session.tls_started()
        await link.turn()


def _tls_words(transport: asyncio.Transport) -> str:
    tls = transport.get_extra_info("ssl_object")
    return f"{tls.version()} {tls.cipher()[0]}"


def _os_words(trouble: Exception) -> str:
    return (trouble.strerror if isinstance(trouble, OSError) else None) or str(trouble)


def _tried(host: Host, outcome: Outcome, tls: str, took: float, record: Record) -> Try:
    return Try(host.name, host.address, tls, _dialogue(outcome, took, record))


def _dialogue(outcome: Outcome, took: float, record: Record) -> str:
    if isinstance(outcome, Delivered) and took < SLOW_SECONDS:
        return record.short()
    return record.whole("" if isinstance(outcome, Delivered) else _own_words(outcome))


def _own_words(outcome: Outcome) -> str:
    """What ended a dialogue where the other side did not say it."""
    is_theirs = isinstance(outcome, Failure) and not outcome.is_ours
    return "" if is_theirs else words_of(outcome)
