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

from dataclasses import dataclass, field

from deliverability.reply import EnhancedStatus, Reply
from mta.smtp.dialogue import Outcome, Phase, is_2xx
from mta.smtp.extensions import Mail
from mta.smtp.opening import Opening
from mta.smtp.outcome import Delivered, Failure, Scope, Stage, Unanswered
from mta.smtp.wire import wire_body


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


class ClientSession(Opening):
    """One connection: opened, then message after message. The arguments are those of `Opening`."""

    _transaction: _Transaction | None = None
    _needs_rset = False

    # What the driver asks.

    @property
    def taken(self) -> tuple[int, ...]:
        """While permission is wanted: the places of the recipients who were taken."""
        return tuple(self._open().taken)

    @property
    def wants_dot_permission(self) -> bool:
        """Whether the driver must commit that the dot goes out, then call `release_dot` or `withhold_dot`."""
        return self.phase is Phase.PERMISSION

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

    def lost(self, why: str) -> None:
        """The connection broke, or patience is over."""
        transaction = self._transaction
        # A used connection that ends before it answered anything of this message says nothing about the route: many
        # servers close after so many messages, or so many seconds.
        is_stale = transaction is not None and self.transactions > 0 and transaction.mail_reply is None
        scope = Scope.SESSION if is_stale else Scope.ROUTE
        self._end(Failure(scope, Reply.of(451, "4.4.2", why), self.stage, is_ours=True), in_doubt=why)

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
        if not is_2xx(reply):
            return self._end(Failure(Scope.SESSION, reply, Stage.RSET))
        self._needs_rset = False
        return None if self.extensions.pipelining else self._say_mail()

    def _mail_answered(self, reply: Reply) -> None:
        transaction = self._open()
        transaction.mail_reply = reply
        if reply.code == 503 and self.transactions:
            # "Bad sequence of commands" (RFC 5321 section 4.2.2) is about what went before on this connection.
            self._end(Failure(Scope.SESSION, reply, Stage.MAIL))
        elif not is_2xx(reply):
            self._fail(transaction, Failure(Scope.MESSAGE, reply, Stage.MAIL))
        elif not self.extensions.pipelining:
            self._say_rcpt(transaction.offered[0])

    def _rcpt_answered(self, place: int, reply: Reply) -> None:
        transaction = self._open()
        transaction.answered += 1
        if is_2xx(reply):
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
        if is_2xx(reply):
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
        if is_2xx(reply) and not self.all_sent:
            return self._condemn(f"an acceptance before the whole message was there: {reply}")
        if is_2xx(reply):
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
        self._transaction = None
        super()._hang_up()


def _as_452(reply: Reply) -> Reply:
    """RFC 5321 section 4.5.3.1.10: 552 to RCPT is an old way to say 452, and a full mailbox may be emptied too."""
    if reply.code != 552:
        return reply
    enhanced = reply.enhanced and EnhancedStatus(4, reply.enhanced.subject, reply.enhanced.detail)
    return Reply(452, enhanced, reply.lines)
