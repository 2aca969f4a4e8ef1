"""What every part of a client's connection stands on: commands out, each with what its answer means; replies in.

It knows no socket and no clock. A reply out of turn, or one that is no SMTP, condemns the connection.
"""

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from deliverability.reply import Reply
from mta.smtp.extensions import Extensions
from mta.smtp.outcome import Delivered, Failure, Scope, Stage, Unanswered
from mta.smtp.record import Record
from mta.smtp.timeouts import Timeouts
from mta.smtp.wire import ReplyReader

NO_EXTENSIONS: Final = Extensions()


class Tls(Enum):
    """Whether to turn a connection to TLS."""

    NEVER = "never"
    OPPORTUNISTIC = "opportunistic"  # where it is offered (RFC 7435)
    REQUIRED = "required"  # or nothing is sent
    IMPLICIT = "implicit"  # from the first octet


class Phase(Enum):
    """Where a connection is."""

    OPENING = auto()  # greeting, EHLO, STARTTLS
    TLS = auto()  # the driver makes the handshake
    IDLE = auto()  # ready for a message
    BUSY = auto()  # in a transaction
    PERMISSION = auto()  # in a transaction, before its content: the driver commits the mark
    LEAVING = auto()  # QUIT was said
    OVER = auto()


Outcome = Delivered | Failure | Unanswered


class Dialogue(ABC):
    """The state of a connection, and the taking of turns."""

    def __init__(self, phase: Phase, timeouts: Timeouts, record: Record | None) -> None:
        self.phase = phase
        self.outcomes: list[Outcome | None] = []  # of the last transaction by recipient, or of the opening
        self.extensions = NO_EXTENSIONS
        self.transactions = 0
        self.progress = 0  # changes with every command and every reply: patience begins anew with it
        self.all_sent = True  # the driver says False while octets of ours wait for the other side to take them
        self.record = record
        self._timeouts = timeouts
        self._reader = ReplyReader()
        self._out: list[bytes] = []
        self._awaiting: deque[tuple[Stage, Callable[[Reply], None]]] = deque()

    @abstractmethod
    def lost(self, why: str) -> None:
        """The connection broke, or patience is over."""

    @abstractmethod
    def _end(self, failure: Failure, *, in_doubt: str = "") -> None:
        """The connection is over. `in_doubt`: why no answer to the dot can come any more, or "" if one came."""

    # What the driver asks.

    @property
    def outcome(self) -> Outcome | None:
        """Of the first recipient, or of the opening."""
        return self.outcomes[0] if self.outcomes else None

    @property
    def is_ready(self) -> bool:
        """Whether `begin` may be called."""
        return self.phase is Phase.IDLE

    @property
    def is_done(self) -> bool:
        """Whether the connection is over: close it."""
        return self.phase is Phase.OVER

    @property
    def is_waiting(self) -> bool:
        """Whether it is the server's turn, and something depends on it."""
        return self.phase is Phase.BUSY or self.phase is Phase.OPENING

    @property
    def wants_tls(self) -> bool:
        """Whether the driver must make the TLS handshake now, then call `tls_started` or `lost`."""
        return self.phase is Phase.TLS

    @property
    def stage(self) -> Stage:
        """What is being waited for."""
        if self._awaiting:
            return self._awaiting[0][0]
        return {Phase.TLS: Stage.STARTTLS, Phase.PERMISSION: Stage.DATA}.get(self.phase, Stage.MAIL)

    @property
    def patience(self) -> float:
        """How many seconds the other side may keep us waiting now; infinite when it is our turn."""
        if not self._awaiting:
            return math.inf
        seconds: float = getattr(self._timeouts, self.stage)
        return seconds

    def bytes_to_send(self) -> bytes:
        """All that is to be sent, once. One call, one write: a group of commands stays one flight."""
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    # What the driver says.

    def quit(self) -> None:
        """Leave politely (RFC 5321 section 4.1.1.10), if there is anybody to leave and nothing open."""
        if self.phase in (Phase.OPENING, Phase.IDLE) and not self._awaiting:
            self.phase = Phase.LEAVING
            self._say(b"QUIT\r\n", Stage.QUIT, lambda _: self._hang_up())

    def receive(self, data: bytes) -> None:
        """Octets from the server; b"" is the end of the stream."""
        if self.is_done:
            return
        if not data:
            self.lost("the remote host closed the connection")
            return
        for reply in self._reader.feed(data):
            self._take(reply)
            if self.is_done:
                return
        if self._reader.garbage is not None:
            self._condemn(self._reader.garbage)
        elif self.wants_tls and not self._reader.is_empty:
            self._condemn("octets in clear text behind the reply to STARTTLS")  # RFC 3207 section 6

    # Commands, replies and ends.

    def _say(self, octets: bytes, stage: Stage, answered: Callable[[Reply], None]) -> None:
        if self.record is not None:
            self.record.said(stage, octets)
        self._out.append(octets)
        self._awaiting.append((stage, answered))
        self.progress += 1

    def _take(self, reply: Reply) -> None:
        if self.record is not None:
            self.record.heard(self.stage, reply)
        # RFC 5321 section 3.8: a server may say 421 at any time and hang up, so it tells us nothing about this message
        # or recipient. At the dot it is still an answer: the message was not taken.
        if reply.code == 421:
            return self._end(Failure(Scope.ROUTE, reply, self.stage))
        if not self._awaiting:
            return self._condemn(f"a reply to nothing: {reply}")
        stage, answered = self._awaiting[0]
        if 300 <= reply.code < 400 and stage not in (Stage.DATA, Stage.AUTH):
            return self._condemn(f"an intermediate reply out of place: {reply}")
        self._awaiting.popleft()
        self.progress += 1
        return answered(reply)

    def _refuse(self, reply: Reply, stage: Stage, *, is_ours: bool = False) -> None:
        """No message can go over this connection."""
        self.outcomes = [Failure(Scope.ROUTE, reply, stage, is_ours)]
        self.quit()

    def _condemn(self, why: str) -> None:
        """Not SMTP, or out of turn: nothing that this connection says is to be believed."""
        text = f"the remote host broke the protocol: {why}"
        self._end(Failure(Scope.ROUTE, Reply.of(451, "4.5.0", text), self.stage, is_ours=True), in_doubt=text)

    def _hang_up(self) -> None:
        self.phase = Phase.OVER
        self._awaiting.clear()
        self._out.clear()


def is_2xx(reply: Reply) -> bool:
    return 200 <= reply.code < 300
