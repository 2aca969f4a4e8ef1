"""The client's side of one SMTP connection, as a machine: octets in, octets out, and what came of it as a value.

It knows no socket and no clock. Its driver feeds what arrives to `receive`, sends what `bytes_to_send` gives, waits no
longer than `patience`, and acts when the machine asks for something: `wants_tls`, `wants_dot_permission`. It promises:

- nothing of a message leaves before `release_dot`, so until then a crash or a failure is safe to try again;
- after `release_dot` the outcome is the server's own answer, or `Unanswered`;
- a reply out of turn, or one that is no SMTP, condemns the connection and never counts as an acceptance;
- what was learnt before TLS is forgotten, and a connection with octets behind the 220 to STARTTLS is dropped;
- a password is said over TLS only.

The life of a connection:  OPENING -> (TLS -> OPENING) -> IDLE <-> BUSY <-> PERMISSION;  any -> LEAVING -> OVER. Where
TLS comes first (RFC 8314 section 3.3) it begins in TLS.
A transaction has one recipient or several, each with an outcome of its own. Replies are judged by their first digit, so
an unforeseen code has its meaning too.
"""

import math
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from deliverability.reply import EnhancedStatus, Reply
from mta.smtp.extensions import Extensions, Mail
from mta.smtp.outcome import Delivered, Failure, Scope, Stage, Unanswered
from mta.smtp.record import Record
from mta.smtp.timeouts import Timeouts
from mta.smtp.wire import ReplyReader, wire_body

_NO_EXTENSIONS: Final = Extensions()


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


@dataclass(slots=True)
class _Transaction:
    mails: tuple[Mail, ...]  # one message: they differ in their recipients only
    offered: list[int]  # the places of those that this server may be asked for
    mail_reply: Reply | None = None
    answered: int = 0  # how many RCPT were
    taken: list[int] = field(default_factory=list)  # the places whose RCPT was answered with 2xx
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by place, where one is known already
    failure: Failure | None = None  # of all: what follows it is its consequence
    dot_released: bool = False

    def end(self, rest: Outcome | None) -> list[Outcome | None]:
        """What came of each; `rest` of those of whom nothing else is known."""
        return [self.outcomes.get(place, self.failure or rest) for place in range(len(self.mails))]


class ClientSession:
    """One connection. `name` is what EHLO says of us; the rest of the arguments are policy.

    `refuse_own_name`: a host that greets with our name, or with what else `also` we are called, is taken for ourselves, and
    mail to it for a loop. `login`: user
    and password. `is_lmtp`: the other side speaks LMTP (RFC 2033). `record` is told all that is said.
    """

    def __init__(
        self,
        name: str,
        *,
        tls: Tls = Tls.OPPORTUNISTIC,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        refuse_own_name: bool = True,
        also: str = "",
        login: tuple[str, str] | None = None,
        is_lmtp: bool = False,
        record: Record | None = None,
    ) -> None:
        self.phase = Phase.TLS if tls is Tls.IMPLICIT else Phase.OPENING
        self.outcomes: list[Outcome | None] = []  # of the last transaction by recipient, or of the opening
        self.extensions = _NO_EXTENSIONS
        self.is_tls = False
        self.transactions = 0
        self.progress = 0  # changes with every command and every reply: patience begins anew with it
        self.all_sent = True  # the driver says False while octets of ours wait for the other side to take them
        self._name, self._tls, self._timeouts = name, tls, timeouts
        self._login, self._is_lmtp = login, is_lmtp
        self._own_names = {name.lower(), also.lower()} - {""} if refuse_own_name else set()
        self.record = record
        self._reader = ReplyReader()
        self._out: list[bytes] = []
        self._awaiting: deque[tuple[Stage, Callable[[Reply], None]]] = deque()
        if self.phase is Phase.OPENING:
            self._await_greeting()
        self._transaction: _Transaction | None = None
        self._needs_rset = False

    # What the driver asks.

    @property
    def outcome(self) -> Outcome | None:
        """Of the first recipient, or of the opening."""
        return self.outcomes[0] if self.outcomes else None

    @property
    def taken(self) -> tuple[int, ...]:
        """While permission is wanted: the places of the recipients who were taken."""
        return tuple(self._open().taken)

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
    def wants_dot_permission(self) -> bool:
        """Whether the driver must commit that the dot goes out, then call `release_dot` or `withhold_dot`."""
        return self.phase is Phase.PERMISSION

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

    def _refusal(self, mail: Mail) -> Failure | None:
        return self.extensions.refusal(mail, is_final=self._is_lmtp)

    def begin(self, *mails: Mail) -> None:
        """Start a transaction: one message, which is the same for all, to one recipient each. What this server cannot
        take is refused at once, without a word sent."""
        assert self.phase is Phase.IDLE, f"a transaction cannot begin while {self.phase.name}"
        refused = {place: why for place, mail in enumerate(mails) if (why := self._refusal(mail))}
        self.outcomes = [refused.get(place) for place in range(len(mails))]
        if len(refused) == len(mails):
            return
        offered = [place for place in range(len(mails)) if place not in refused]
        self.phase, self._transaction = Phase.BUSY, _Transaction(mails, offered, outcomes=dict(refused))
        if self._needs_rset:
            self._say(b"RSET\r\n", Stage.RSET, self._reset)
        if self.extensions.pipelining:  # RFC 2920 section 3.1: DATA is the last of its group
            self._say_mail()
            for place in offered:
                self._say_rcpt(place)
            self._say_data()
        elif not self._needs_rset:
            self._say_mail()

    def release_dot(self) -> None:
        """The mark is committed: content and final dot go out together."""
        transaction = self._transaction
        assert self.phase is Phase.PERMISSION and transaction is not None
        self.phase, transaction.dot_released = Phase.BUSY, True
        self._say(wire_body(transaction.mails[0].content), Stage.DOT, self._dot_answered)
        if self._is_lmtp:  # RFC 2033 section 4.2: an answer for each recipient that was taken, in their order
            self._awaiting.extend((Stage.DOT, self._dot_answered) for _ in transaction.taken[1:])

    def withhold_dot(self) -> None:
        """The dot may not go out. Nothing of the message has left; there is no way back but to hang up."""
        assert self.phase is Phase.PERMISSION
        self._transaction = None
        self._hang_up()

    def tls_started(self) -> None:
        """The handshake is made. RFC 3207 section 4.2: forget all that was learnt, and begin again with EHLO."""
        assert self.phase is Phase.TLS
        self.phase, self.is_tls = Phase.OPENING, True
        self.extensions = _NO_EXTENSIONS
        self._reader = ReplyReader()
        if self._tls is Tls.IMPLICIT:
            self._await_greeting()
        else:
            self._say_ehlo()

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

    def lost(self, why: str) -> None:
        """The connection broke, or patience is over."""
        transaction = self._transaction
        # A used connection that ends before it answered anything of this message says nothing about the route: many
        # servers close after so many messages, or so many seconds.
        is_stale = transaction is not None and self.transactions > 0 and transaction.mail_reply is None
        scope = Scope.SESSION if is_stale else Scope.ROUTE
        self._end(Failure(scope, Reply.of(451, "4.4.2", why), self.stage, is_ours=True), in_doubt=why)

    # Opening.

    def _await_greeting(self) -> None:
        self._awaiting.append((Stage.GREETING, self._greeted))
        self.progress += 1

    def _greeted(self, reply: Reply) -> None:
        if not _is_2xx(reply):
            # RFC 5321 section 3.1: 554 here is the host's refusal to speak. It knows no recipient yet.
            return self._refuse(reply, Stage.GREETING)
        greeted = reply.text.partition(" ")[0].lower()
        if greeted in self._own_names:
            text = f"the host greets with our own name, {greeted}: its mail would come back to us"
            return self._refuse(Reply.of(451, "4.4.6", text), Stage.GREETING, is_ours=True)
        return self._say_ehlo()

    def _say_ehlo(self) -> None:
        verb = b"LHLO" if self._is_lmtp else b"EHLO"
        self._say(b"%s %s\r\n" % (verb, self._name.encode()), Stage.EHLO, self._ehlo_answered)

    def _ehlo_answered(self, reply: Reply) -> None:
        if _is_2xx(reply):
            self.extensions = Extensions.parse(reply.lines)
            self._secure()
        elif reply.is_permanent and not self._is_lmtp:  # RFC 5321 section 3.2: an old server, which knows HELO
            self._say(b"HELO %s\r\n" % self._name.encode(), Stage.EHLO, self._helo_answered)
        else:
            self._refuse(reply, Stage.EHLO)

    def _helo_answered(self, reply: Reply) -> None:
        if _is_2xx(reply):
            self._secure()
        else:
            self._refuse(reply, Stage.EHLO)

    def _secure(self) -> None:
        if self.is_tls or self._tls is Tls.NEVER:
            self._log_in()
        elif self.extensions.starttls:
            self._say(b"STARTTLS\r\n", Stage.STARTTLS, self._starttls_answered)
        elif self._tls is Tls.REQUIRED:
            reply = Reply.of(451, "4.7.4", "TLS is required, and the host does not offer it")
            self._refuse(reply, Stage.STARTTLS, is_ours=True)
        else:
            self._log_in()

    def _starttls_answered(self, reply: Reply) -> None:
        if _is_2xx(reply):
            self.phase = Phase.TLS
        elif self._tls is Tls.REQUIRED:
            self._refuse(reply, Stage.STARTTLS)
        else:  # RFC 3207 section 4: the session goes on as it was
            self._log_in()

    def _log_in(self) -> None:
        """RFC 4954, with the two mechanisms that every such host knows; over TLS they hide no less than others."""
        if self._login is None:
            self.phase = Phase.IDLE
            return
        user, secret = (each.encode() for each in self._login)
        mechanisms = self.extensions.auth
        if not self.is_tls:
            self._refuse_login("the password is not said in clear")
        elif "PLAIN" in mechanisms:
            self._say(b"AUTH PLAIN %s\r\n" % b64encode(b"\0%s\0%s" % (user, secret)), Stage.AUTH, self._logged_in)
        elif "LOGIN" in mechanisms:
            self._say(b"AUTH LOGIN\r\n", Stage.AUTH, lambda reply: self._asked_for(reply, [user, secret]))
        else:
            offered = " ".join(sorted(mechanisms)) or "none"
            self._refuse_login(f"we log in by PLAIN or LOGIN, and the host offers {offered}")

    def _refuse_login(self, why: str) -> None:
        self._refuse(Reply.of(451, "4.7.0", why), Stage.AUTH, is_ours=True)

    def _asked_for(self, reply: Reply, answers: list[bytes]) -> None:
        """AUTH LOGIN asks for the user, then for the password; in which words does not matter."""
        if reply.code != 334:
            return self._refuse(reply, Stage.AUTH)
        self._out.append(b64encode(answers[0]) + b"\r\n")
        follows = (lambda later: self._asked_for(later, answers[1:])) if answers[1:] else self._logged_in
        self._awaiting.append((Stage.AUTH, follows))
        self.progress += 1
        return None

    def _logged_in(self, reply: Reply) -> None:
        if _is_2xx(reply):
            self.phase = Phase.IDLE
        elif reply.is_positive:
            self._condemn(f"more is asked for than a password: {reply}")
        else:
            self._refuse(reply, Stage.AUTH)

    def _refuse(self, reply: Reply, stage: Stage, *, is_ours: bool = False) -> None:
        """No message can go over this connection."""
        self.outcomes = [Failure(Scope.ROUTE, reply, stage, is_ours)]
        self.quit()

    # A transaction.

    def _say_mail(self) -> None:
        transaction = self._open()
        first = transaction.mails[transaction.offered[0]]
        self._say(self.extensions.mail_command(first), Stage.MAIL, self._mail_answered)

    def _say_rcpt(self, place: int) -> None:
        mail = self._open().mails[place]
        self._say(self.extensions.rcpt_command(mail), Stage.RCPT, lambda reply: self._rcpt_answered(place, reply))

    def _say_data(self) -> None:
        self._say(b"DATA\r\n", Stage.DATA, self._data_answered)

    def _reset(self, reply: Reply) -> None:
        if not _is_2xx(reply):
            return self._end(Failure(Scope.SESSION, reply, Stage.RSET))
        self._needs_rset = False
        return None if self.extensions.pipelining else self._say_mail()

    def _mail_answered(self, reply: Reply) -> None:
        transaction = self._open()
        transaction.mail_reply = reply
        if reply.code == 503 and self.transactions:
            # "Bad sequence of commands" (RFC 5321 section 4.2.2) is about what went before on this connection.
            self._end(Failure(Scope.SESSION, reply, Stage.MAIL))
        elif not _is_2xx(reply):
            self._fail(transaction, Failure(Scope.MESSAGE, reply, Stage.MAIL))
        elif not self.extensions.pipelining:
            self._say_rcpt(transaction.offered[0])

    def _rcpt_answered(self, place: int, reply: Reply) -> None:
        transaction = self._open()
        transaction.answered += 1
        if _is_2xx(reply):
            transaction.taken.append(place)
        else:
            self._needs_rset = True
            transaction.outcomes[place] = transaction.failure or Failure(Scope.RECIPIENT, _as_452(reply), Stage.RCPT)
        if self.extensions.pipelining:
            return
        if transaction.answered < len(transaction.offered):
            self._say_rcpt(transaction.offered[transaction.answered])
        elif transaction.taken:
            self._say_data()
        else:
            self._finish(None)

    def _data_answered(self, reply: Reply) -> None:
        transaction = self._open()
        if _is_2xx(reply):
            self._condemn(f"a positive answer to DATA before any content: {reply}")
        elif not reply.is_positive:
            self._needs_rset = True
            self._fail(transaction, Failure(Scope.MESSAGE, reply, Stage.DATA))
        elif transaction.failure is not None and transaction.taken:
            self._end(transaction.failure)  # sender refused, recipient taken: even a lone dot might deliver something
        elif transaction.taken:
            self.phase = Phase.PERMISSION
        else:
            # RFC 2920 section 3.1: a pipelining server may say 354 although it took no recipient. A lone dot ends it.
            self._say(b".\r\n", Stage.DOT, self._lone_dot_answered)

    def _lone_dot_answered(self, _: Reply) -> None:
        self._finish(None)

    def _dot_answered(self, reply: Reply) -> None:
        transaction = self._open()
        if _is_2xx(reply) and not self.all_sent:
            return self._condemn(f"an acceptance before the whole message was there: {reply}")
        if _is_2xx(reply):
            outcome: Outcome = Delivered(reply, self.extensions.dsn)
        else:
            outcome = Failure(Scope.RECIPIENT if self._is_lmtp else Scope.MESSAGE, reply, Stage.DOT)
        if not self._is_lmtp:
            return self._finish(outcome)
        transaction.outcomes[transaction.taken.pop(0)] = outcome
        return None if transaction.taken else self._finish(None)

    def _fail(self, transaction: _Transaction, failure: Failure) -> None:
        transaction.failure = transaction.failure or failure
        if not self._awaiting:
            self._finish(None)

    def _finish(self, outcome: Outcome | None) -> None:
        """The transaction is over. `outcome`: of all of whom nothing else is known."""
        self.outcomes = self._open().end(outcome)
        self._transaction, self.phase = None, Phase.IDLE
        self.transactions += 1
        if not self.all_sent:  # refused in the middle of the content, the rest of which must not follow
            self._hang_up()

    def _open(self) -> _Transaction:
        assert self._transaction is not None
        return self._transaction

    # Replies and ends.

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

    def _condemn(self, why: str) -> None:
        """Not SMTP, or out of turn: nothing that this connection says is to be believed."""
        text = f"the remote host broke the protocol: {why}"
        self._end(Failure(Scope.ROUTE, Reply.of(451, "4.5.0", text), self.stage, is_ours=True), in_doubt=text)

    def _end(self, failure: Failure, *, in_doubt: str = "") -> None:
        """The connection is over. `in_doubt`: why no answer to the dot can come any more, or "" if one came.

        While octets wait to be taken, the dot behind them has not left: then there is nothing to doubt.
        """
        transaction = self._transaction
        if transaction is None:
            if not self.outcomes:  # before any message; what came of one before stands, and nobody else is hurt
                self.outcomes = [failure]
        elif transaction.failure is None and transaction.dot_released and self.all_sent and in_doubt:
            self.outcomes = transaction.end(Unanswered(Stage.DOT, in_doubt))
        else:
            self.outcomes = transaction.end(failure)
        self._hang_up()

    def _hang_up(self) -> None:
        self.phase, self._transaction = Phase.OVER, None
        self._awaiting.clear()
        self._out.clear()


def _is_2xx(reply: Reply) -> bool:
    return 200 <= reply.code < 300


def _as_452(reply: Reply) -> Reply:
    """RFC 5321 section 4.5.3.1.10: 552 to RCPT is an old way to say 452, and a full mailbox may be emptied too."""
    if reply.code != 552:
        return reply
    enhanced = reply.enhanced and EnhancedStatus(4, reply.enhanced.subject, reply.enhanced.detail)
    return Reply(452, enhanced, reply.lines)
