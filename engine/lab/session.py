"""One SMTP session seen from the receiving side (RFC 5321), without a socket.

Feed it what came (`receive`), send what is in `output`, run the `errands`, and do what `next` says. A mail is kept
before its reply is in `output`. Nothing that a client sends raises: what is wrong is refused with a reply.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.lab import commands, faults
from engine.lab.commands import Refused
from engine.lab.errands import Errand
from engine.lab.keep import Receipt
from engine.lab.moods import Aftermath, Stage, Tls
from engine.lab.reception import Rcpt, Reception
from engine.lab.speaker import Next, Speaker

_MOST_RECIPIENTS: Final = 1000
_DOT: Final = b"\r\n.\r\n"


@dataclass(slots=True)
class Transaction:
    """What MAIL began (RFC 5321 section 3.3)."""

    sender: str
    parameters: str
    rcpts: list[Rcpt] = field(default_factory=list)


class Session(Speaker):
    """One client's session with one host."""

    def __init__(self, reception: Reception, client: str, number: int) -> None:
        super().__init__(reception, client, number)
        self.errands: list[Errand] = []
        self._input = bytearray()
        self._ehlo = ""  # the name that EHLO or HELO gave
        self._offered: tuple[str, ...] = ()
        self._tls = ""
        self._closed_for_mail = False
        self._transaction: Transaction | None = None
        self._data: bytearray | None = None  # what came after 354, led by the CRLF of its line; None outside DATA
        self._scanned = 0

    def greet(self) -> None:
        """The connection is there."""
        if not self.is_taken_over(Stage.GREETING):
            self.say(self.fill_in(self.host.greeting, "", ""))
        self._closed_for_mail = self.output.startswith(b"5")

    def receive(self, octets: bytes) -> None:
        """These came. Look at `output`, `delay`, `errands` and `next` afterwards."""
        (self._input if self._data is None else self._data).extend(octets)
        while self.next is Next.READ and (self._read_command() if self._data is None else self._read_message()):
            pass

    def secured(self, version: str) -> None:
        """The TLS handshake succeeded: RFC 3207 section 4.2 has us forget what was said in the clear."""
        self._tls, self._ehlo, self._offered, self._transaction = version, "", (), None
        self.next = Next.READ

    # ---- Commands ----------------------------------------------------------------------------------------------------

    def _read_command(self) -> bool:
        """Obey one command. False when no whole line is there."""
        end = self._input.find(b"\n", 0, commands.LONGEST_COMMAND)
        if end < 0:
            if len(self._input) >= commands.LONGEST_COMMAND:
                self.refuse("500 5.5.2 Line too long")
                self.next = Next.CLOSE
            return False
        line = bytes(self._input[:end])
        del self._input[: end + 1]
        self.delay += self.host.delay
        try:
            self._obey(line)
        except Refused as refused:
            self.refuse(refused.reply, self._transaction.sender if self._transaction else "", refused.rcpt)
        return True

    def _obey(self, line: bytes) -> None:
        verb, argument = commands.command(line)
        obey = _COMMANDS.get(verb)
        if obey is None:
            raise Refused("500 5.5.2 Command not recognised")
        if self._closed_for_mail and verb != "QUIT":
            raise Refused("503 5.5.1 No service here")  # RFC 5321 section 3.1: after 554 there is only QUIT
        obey(self, argument)

    def _greet_back(self, name: str) -> None:
        if not name:
            raise Refused("501 5.5.4 EHLO needs a name")
        if not self.is_taken_over(Stage.EHLO):
            self._ehlo, self._offered, self._transaction = name, self.host.extensions, None
            offers_tls = self.host.tls is not Tls.NONE and not self._tls
            lines = [self.host.mx, *self._offered, *(["STARTTLS"] if offers_tls else [])]
            self.say("\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    def _greet_back_briefly(self, name: str) -> None:
        if not name:
            raise Refused("501 5.5.4 HELO needs a name")
        self._ehlo, self._offered, self._transaction = name, (), None
        self.say(f"250 {self.host.mx}")

    def _start_tls(self, argument: str) -> None:
        if self.host.tls is Tls.NONE:
            raise Refused("502 5.5.1 Command not implemented")
        if self._tls or argument:
            raise Refused("503 5.5.1 TLS is on" if self._tls else "501 5.5.4 STARTTLS takes no parameter")
        if self.host.tls is Tls.REFUSED:
            raise Refused("454 4.7.0 TLS not available due to temporary reason")
        if self._input:  # what follows came in the clear: it must not be obeyed as if it had come under TLS
            self._input.clear()
            raise Refused("503 5.5.1 Nothing may follow STARTTLS")
        self.say("220 2.0.0 Ready to start TLS")
        self.next = Next.START_TLS if self.host.tls is Tls.GOOD else Next.SPOIL_TLS

    def _mail(self, argument: str) -> None:
        if not self._ehlo or self._transaction is not None:
            raise Refused("503 5.5.1 Nested MAIL command" if self._ehlo else "503 5.5.1 Send EHLO first")
        sender, parameters = commands.path_and_parameters("FROM", argument)
        commands.check_parameters(parameters, self._offered)
        commands.check_address(sender, parameters)
        self.mails += 1
        if not self.is_taken_over(Stage.MAIL, sender):
            self._transaction = Transaction(sender, parameters)
            self.say("250 2.1.0 Ok")

    def _rcpt(self, argument: str) -> None:
        if self._transaction is None:
            raise Refused("503 5.5.1 Send MAIL first")
        path, parameters = commands.path_and_parameters("TO", argument)
        commands.check_parameters(parameters, self._offered, path)
        commands.check_address(path, self._transaction.parameters)
        if len(self._transaction.rcpts) >= _MOST_RECIPIENTS:
            raise Refused("452 4.5.3 Too many recipients", path)
        rcpt = self.reception.rcpt(path, parameters)
        if not self.is_taken_over(Stage.RCPT, self._transaction.sender, [rcpt]):
            self._transaction.rcpts.append(rcpt)
            self.say("250 2.1.5 Ok")

    def _begin_data(self, argument: str) -> None:
        if argument:
            raise Refused("501 5.5.4 Syntax: DATA")
        if self._transaction is None or not self._transaction.rcpts:
            raise Refused("554 5.5.1 No valid recipients" if self._transaction else "503 5.5.1 Send MAIL first")
        if self.is_taken_over(Stage.DATA, self._transaction.sender, self._transaction.rcpts):
            self._transaction = None
            return
        self._data, self._scanned = bytearray(b"\r\n") + self._input, 0
        self._input.clear()
        self.say("354 End data with <CR><LF>.<CR><LF>")

    def _reset(self, _: str) -> None:
        self._transaction = None
        self.say("250 2.0.0 Ok")

    def _noop(self, _: str) -> None:
        self.say("250 2.0.0 Ok")

    def _verify(self, _: str) -> None:
        self.say("252 2.1.5 Send it and see")

    def _quit(self, _: str) -> None:
        self.say("221 2.0.0 Bye")
        self.next = Next.CLOSE

    # ---- The message -------------------------------------------------------------------------------------------------

    def _read_message(self) -> bool:
        """Take the message when its final dot is there. False when it is not."""
        assert self._data is not None and self._transaction is not None
        begins = len(self._data) > 2 and not self._scanned
        if begins and self.is_taken_over(Stage.BODY, self._transaction.sender, self._transaction.rcpts):
            return False
        end = self._data.find(_DOT, max(0, self._scanned - len(_DOT)))
        if end < 0:
            self._scanned = len(self._data) if len(self._data) > 2 else 0
            if self._scanned > 2 * commands.LARGEST_MESSAGE:
                self.next = Next.DROP
            return False
        stuffed = bytes(self._data[2 : end + 2])
        self._input = self._data[end + len(_DOT) :]
        transaction, self._data, self._transaction = self._transaction, None, None
        self._take(transaction, stuffed)
        return True

    def _take(self, transaction: Transaction, stuffed: bytes) -> None:
        """The final dot was read: keep the mail or not, and only then say so or not."""
        meeting = self.meet(Stage.DOT, transaction.sender, transaction.rcpts)
        accepted = meeting.mood is None or meeting.mood.reply.startswith("2")
        if len(stuffed) > commands.largest(self._offered):
            self.refuse("552 5.3.4 Message too big", transaction.sender)
        elif (accepted or (meeting.mood and meeting.mood.keep)) and not self._keep(transaction, stuffed, accepted):
            self.refuse("452 4.3.1 Insufficient system storage", transaction.sender)
        elif meeting.mood is None:
            self.say(self.fill_in(self.host.accepted, transaction.sender, ""))
        else:
            self.act(meeting, Stage.DOT, transaction.sender)

    def _keep(self, transaction: Transaction, stuffed: bytes, answered: bool) -> bool:
        """Write the mail down. False when the disk refuses."""
        receipt = self._receipt(transaction, stuffed, answered)
        raw = (b"\r\n" + stuffed).replace(b"\r\n.", b"\r\n")[2:]  # RFC 5321 section 4.5.2
        try:
            self.reception.keep(receipt, raw)
        except OSError:
            return False
        if answered:
            self._note_errands(transaction, receipt, raw)
        return True

    def _receipt(self, transaction: Transaction, stuffed: bytes, answered: bool) -> Receipt:
        return Receipt(
            received_ms=self.reception.now_ms(),
            host=self.host.name,
            client=self.client,
            session=self.number,
            nth=self.mails,
            ehlo=self._ehlo,
            tls=self._tls,
            mail_from=transaction.sender,
            mail_parameters=transaction.parameters,
            rcpt_to=tuple(rcpt.path for rcpt in transaction.rcpts),
            rcpt_parameters=tuple(rcpt.parameters for rcpt in transaction.rcpts),
            message_id=commands.message_id(stuffed),
            answered=answered,
            faults=tuple(faults.in_stuffed(stuffed) + faults.in_promises(stuffed, transaction.parameters)),
        )

    def _note_errands(self, transaction: Transaction, receipt: Receipt, raw: bytes) -> None:
        if not transaction.sender:
            return  # RFC 5321 section 4.5.5: nothing is ever sent about a null reverse-path
        for rcpt in transaction.rcpts:
            for mood in self.reception.aftermaths(rcpt):
                if mood.aftermath is Aftermath.BOUNCE and not commands.wants_bounce(rcpt.parameters):
                    continue
                diagnosis = self.fill_in(mood.diagnosis, transaction.sender, rcpt.path)
                errand = Errand(mood.aftermath, self.host.mx, receipt, raw, rcpt.path, rcpt.parameters, diagnosis)
                self.errands.append(errand)


_COMMANDS: Final[Mapping[str, Callable[[Session, str], None]]] = {
    "EHLO": Session._greet_back,
    "HELO": Session._greet_back_briefly,
    "STARTTLS": Session._start_tls,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._begin_data,
    "RSET": Session._reset,
    "NOOP": Session._noop,
    "VRFY": Session._verify,
    "QUIT": Session._quit,
}
