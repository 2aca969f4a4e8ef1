"""One connection to one host: opened, secured where the host offers it, and used for message after message.

    opened = await Connection.open(net, clock, host, settings)        # a Connection, or ConnectFailed
    outcome = await opened.deliver(outgoing, permit_dot)              # a value, whatever the other side does

`permit_dot` commits the mark that the dot goes out and says whether it may. Before that nothing of the message leaves;
after it the outcome is the host's answer or `Unanswered`. Whatever raises in between, a cancellation too, drops the
connection with the message unsent.
"""

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

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
    stage_of,
    words_of,
)
from mta.ports import Clock, Net
from mta.routing.routes import Host
from mta.smtp.client import ClientSession, Tls
from mta.smtp.timeouts import Timeouts

PermitDot = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What holds for all messages of a connection."""

    name: str  # what EHLO says of us
    tls: Tls = Tls.OPPORTUNISTIC
    timeouts: Timeouts = Timeouts()  # noqa: RUF009 - frozen
    source: str = ""  # the local IP address to connect from; "": the system's choice


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """No message can go to this host now."""

    failure: Failure
    tried: Try


class Connection:
    """Made by `open`. One message at a time; between two, `is_usable` says whether another may follow."""

    def __init__(self, link: Link, host: Host, clock: Clock, tls: str, tls_trouble: str) -> None:
        self.host = host
        self.tls = tls  # "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" in clear
        self.tls_trouble = tls_trouble  # why it is in clear although the host offered TLS, or ""
        self.delivered_count = 0
        self.last_try: Try | None = None
        self._link, self._session, self._clock = link, link.session, clock

    @classmethod
    async def open(
        cls, net: Net, clock: Clock, host: Host, settings: ConnectionSettings
    ) -> "Connection | ConnectFailed":
        """Connect, greet, and turn to TLS. When an opportunistic handshake fails, once more in clear, from the start:
        after a failed handshake nobody can say what the other side still believes (RFC 7435 section 3).
        """
        started = clock.monotonic()
        dialled = await _Dial(net, host, settings).run()
        trouble = ""
        if dialled.tls_trouble and settings.tls is Tls.OPPORTUNISTIC:
            trouble = dialled.tls_trouble
            dialled = await _Dial(net, host, replace(settings, tls=Tls.NEVER)).run()
        if dialled.failure is None:
            return cls(dialled.link, host, clock, dialled.tls, trouble)
        return ConnectFailed(dialled.failure, _tried(host, dialled.failure, dialled.tls, clock.monotonic() - started))

    @property
    def is_usable(self) -> bool:
        """Whether another message may be tried."""
        return self._session.is_ready and self._link.is_open

    async def deliver(self, outgoing: Outgoing, permit_dot: PermitDot) -> Outcome:
        """Try one message. What `permit_dot` raises reaches the caller."""
        started = self._clock.monotonic()
        try:
            outcome = await self._converse(outgoing, permit_dot)
        except BaseException:
            self._link.abort()
            raise
        self.delivered_count += isinstance(outcome, Delivered)
        self.last_try = _tried(self.host, outcome, self.tls, self._clock.monotonic() - started)
        return outcome

    def close(self) -> None:
        """Say QUIT and let the connection end by itself; `wait_closed` waits for it. Harmless when it is over."""
        self._session.quit()
        self._link.pump()

    async def wait_closed(self) -> None:
        """Until the connection is gone: at most as long as QUIT may take."""
        await self._link.wait_closed()

    async def _converse(self, outgoing: Outgoing, permit_dot: PermitDot) -> Outcome:
        session, link = self._session, self._link
        if not self.is_usable:  # hosts close idle connections when they please
            reply = Reply.of(451, "4.4.2", "the connection ended before this message")
            return Failure(Scope.SESSION, reply, Stage.MAIL, is_ours=True)
        session.begin(outgoing)
        await link.turn()
        if session.wants_dot_permission and not await permit_dot():
            if session.wants_dot_permission:
                session.withhold_dot()
            link.pump()
            return NotPermitted()
        # While the mark was being committed the host may have hung up: then there is an outcome, and no dot.
        if session.wants_dot_permission and not link.is_open:
            session.lost("the connection was closed")
        if session.wants_dot_permission:
            session.release_dot()
        await link.turn()
        assert session.outcome is not None
        return session.outcome


class _Dial:
    """One try at opening. After `run`, either `failure` says why not, or the link's session is ready."""

    def __init__(self, net: Net, host: Host, settings: ConnectionSettings) -> None:
        self.failure: Failure | None = None
        self.tls = ""
        self.tls_trouble = ""
        self._net, self._host, self._settings = net, host, settings
        session = ClientSession(
            settings.name, tls=settings.tls, timeouts=settings.timeouts, refuse_own_name=not host.is_named
        )
        self.link = Link(session, settings.timeouts.block)

    async def run(self) -> "_Dial":
        try:
            await self._run()
        except BaseException:
            self.link.abort()
            raise
        return self

    async def _run(self) -> None:
        session = self.link.session
        self.failure = await self._connect()
        if self.failure is not None:
            return
        await self.link.turn()
        if session.wants_tls:
            await self._secure()
        if not session.is_ready:
            assert isinstance(session.outcome, Failure)
            self.failure = session.outcome
            # With TLS 1.3 a server that could not follow the handshake tells so only after we think it done.
            if session.is_tls and self.failure.is_ours:
                self.tls_trouble = self.tls_trouble or self.failure.reply.text

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
        link, session = self.link, self.link.session
        try:
            async with asyncio.timeout(self._settings.timeouts.starttls):
                transport = await self._net.start_tls(link.transport, link, opportunistic_context(), self._host.name)
        except (
            OSError,
            ValueError,
        ) as trouble:  # ssl.SSLError is an OSError; a name that SNI cannot carry a ValueError
            self.tls_trouble = f"TLS handshake: {_os_words(trouble) or type(trouble).__name__}"
            session.lost(self.tls_trouble)
            link.pump()
            return
        link.use(transport)
        self.tls = _tls_words(transport)
        session.tls_started()
        await link.turn()


@functools.cache
def opportunistic_context() -> ssl.SSLContext:
    """TLS 1.2 or better, no certificate asked: against whoever only listens (RFC 7435). The alternative is clear text,
    so what is merely weak is taken.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=1")
    return context


def _tls_words(transport: asyncio.Transport) -> str:
    tls = transport.get_extra_info("ssl_object")
    return f"{tls.version()} {tls.cipher()[0]}"


def _os_words(trouble: Exception) -> str:
    return (trouble.strerror if isinstance(trouble, OSError) else None) or str(trouble)


def _tried(host: Host, outcome: Outcome, tls: str, took: float) -> Try:
    return Try(host.name, host.address, stage_of(outcome), words_of(outcome), tls, took)
