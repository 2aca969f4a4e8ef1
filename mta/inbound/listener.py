"""A listener: accepts connections on sockets that are open already, and ends them in good order.

The front office opens each socket once and hands the same descriptors to every carrier, so several processes accept on
one socket. Therefore one connection is taken at a time (a wake-up that takes all would starve the others), and a
carrier that is full leaves the rest in the backlog, where another carrier finds them. One that serves more clients than
another waits for a moment before it takes the next, so that the other one does.

When all places are taken and somebody waits, whoever has said nothing for a while goes first, and who never said anything
sooner: a crowd of idle connections, from wherever, keeps nobody out for long.
"""

import asyncio
import select
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from mta import maillog
from mta.inbound import replies
from mta.inbound.access import OPEN, Access
from mta.inbound.connection import LINGER, Report
from mta.inbound.crowd import Crowd
from mta.inbound.limits import Load
from mta.inbound.session import InboundSession
from mta.inbound.settings import DoorSettings
from mta.inbound.transaction import Policy

FULL_SECONDS: Final = 5.0  # who waited so long in the backlog found no carrier with a place: it is told so
MUTE_SECONDS: Final = 1.0  # when somebody waits: for who was greeted and said nothing; a program speaks at once
IDLE_SECONDS: Final = 10.0  # likewise, for who said something
_LOOK: Final = 0.5  # seconds between two looks for them
_TURNED_AWAY: Final = 100  # at once
_ASIDE: Final = 0.002  # seconds that a carrier with more clients leaves the next to the others
_BREATH: Final = 1.0  # seconds without accepting, after the system refused a descriptor or memory


class Listener:
    """One door in one process: `start`, then `stop`. It never closes the sockets it was given."""

    def __init__(
        self,
        policy: Policy,
        settings: DoorSettings,
        hostname: str,
        report: Report,
        *,
        access: Access = OPEN,
        session: type[InboundSession] = InboundSession,
        crowd: Crowd | None = None,
    ) -> None:
        self._policy = policy
        self._crowd = crowd or Crowd()
        self._stood_aside = False
        self._access = access
        self._session = session
        self._settings = settings
        self._hostname = hostname
        self._report = report
        self._load = Load(settings)
        self._sockets: tuple[socket.socket, ...] = ()
        self._is_accepting = False
        self._is_stopping = False
        self._turning: asyncio.TimerHandle | None = None
        self._keeping: asyncio.TimerHandle | None = None
        self.full_seconds, self.mute_seconds, self.idle_seconds = FULL_SECONDS, MUTE_SECONDS, IDLE_SECONDS
        self._sessions: dict[InboundSession, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def sessions(self) -> int:
        """How many connections are open."""
        return len(self._tasks)

    @property
    def hits(self) -> Counter[str]:
        """How often each limit was met, under the name of its setting."""
        return self._load.hits

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on these listening sockets, in the running loop. They are made non-blocking."""
        self._sockets = tuple(sockets)
        for each in self._sockets:
            each.setblocking(False)
        self._accept_on()

    async def stop(self, grace: timedelta) -> None:
        """Accept no more and end every session: an idle one at once with 421, one with a message on its way after the
        reply to it. When the grace is over all are cut off, and a commit that still runs is left to the store.
        """
        self._accept_off()
        self._sockets = ()
        self._is_stopping = True
        for session in tuple(self._sessions):
            session.leave()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace.total_seconds())
        for session in tuple(self._sessions):
            session.hang_up(replies.CLOSING)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept_on(self) -> None:
        if not self._is_accepting and not self._is_full:
            self._is_accepting = True
            for each in self._sockets:
                asyncio.get_running_loop().add_reader(each, self._accept, each)

    def _accept_off(self) -> None:
        if self._is_accepting:
            self._is_accepting = False
            for each in self._sockets:
                asyncio.get_running_loop().remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        if self._crowd.has_more and not self._stood_aside:
            self._stood_aside = True
            self._accept_off()
            asyncio.get_running_loop().call_later(_ASIDE, self._accept_on)
            return
        self._stood_aside = False
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another carrier was quicker, or the client has gone
        except OSError as trouble:
            self._report("accepting a connection", trouble)
            self._accept_off()
            asyncio.get_running_loop().call_later(_BREATH, self._accept_on)
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._tasks.add(task)
        self._crowd.enter()
        task.add_done_callback(self._over)
        if self._is_full:
            self._load.hit("max_connections")
            self._accept_off()
            loop = asyncio.get_running_loop()
            self._turning = self._turning or loop.call_later(self.full_seconds, self._turn_away)
            self._keeping = self._keeping or loop.call_later(_LOOK, self._keep_room)

    @property
    def _is_full(self) -> bool:
        return len(self._tasks) >= self._settings.max_connections

    def _keep_room(self) -> None:
        self._keeping = None
        if self._is_full and not self._is_stopping:
            self.make_room()
            self._keeping = asyncio.get_running_loop().call_later(_LOOK, self._keep_room)

    def make_room(self) -> None:
        """Where somebody waits for a place, let those go who idle, the longest first."""
        if not self._is_awaited:
            return
        idle = [(each.idled(self.mute_seconds, self.idle_seconds), each) for each in self._sessions]
        for _, session in sorted((each for each in idle if each[0]), key=lambda each: -each[0])[:_TURNED_AWAY]:
            session.hang_up(replies.FULL)

    @property
    def _is_awaited(self) -> bool:
        """Whether somebody stands in the backlog."""
        poll = select.poll()
        for each in self._sockets:
            poll.register(each, select.POLLIN)
        return bool(poll.poll(0))

    def _turn_away(self) -> None:
        """Still full: who waits in the backlog would wait for long, since no other carrier took it either."""
        if not self._is_full or self._is_stopping:
            return
        said = b"" if self._access.begins_with_tls else replies.wire(replies.FULL)
        for listening in self._sockets:
            for _ in range(_TURNED_AWAY):
                try:
                    connection, _ = listening.accept()
                except OSError:
                    break
                connection.setblocking(False)
                with connection, suppress(OSError):
                    connection.send(said)
        self._turning = asyncio.get_running_loop().call_later(self.full_seconds, self._turn_away)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._crowd.leave()
        if self._turning is not None:  # who waits has its turn now
            self._turning.cancel()
            self._turning = None
        self._accept_on()

    async def _serve(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        uid = _user_of(connection) if connection.family == socket.AF_UNIX else None
        session = self._session(
            self._policy, self._settings, self._hostname, self._load, self._report, self._access, uid
        )
        try:
            await self._connect(session, connection)
        except OSError:
            connection.close()  # gone before it began
            return
        self._sessions[session] = None
        if self._is_stopping:
            session.leave()
        try:
            await session.ended()
        finally:
            del self._sessions[session]

    async def _connect(self, session: InboundSession, connection: socket.socket) -> None:
        loop, certificate = asyncio.get_running_loop(), self._access.certificate
        if certificate is None or not self._access.begins_with_tls:
            await loop.connect_accepted_socket(lambda: session, connection)
            return
        ip = connection.getpeername()[0].removeprefix("::ffff:")
        try:
            if not self._load.enter(ip):  # the session counts for itself from the handshake on
                raise ConnectionRefusedError("too many connections from one address")
            await loop.connect_accepted_socket(
                lambda: session, connection, ssl=certificate.context(), ssl_handshake_timeout=self._access.tls_timeout,
                ssl_shutdown_timeout=LINGER,
            )  # fmt: skip
        except OSError as trouble:  # ssl.SSLError is one
            maillog.no_handshake(ip, trouble)
            raise
        finally:
            self._load.leave(ip)


def _user_of(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket; the kernel vouches for it (unix(7), SO_PEERCRED)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid
