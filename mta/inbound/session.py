"""One SMTP session, as the server (RFC 5321): commands, the order they may come in, and what becomes of a message.

Who may do what, and what an accepted message turns into, is the `Policy`'s to say. A trouble of ours is a 4xx and says
nothing of our inside. Nothing the client does cancels `Policy.accept`: a commit may go unanswered, never undone.
"""

import re
from typing import Final

from deliverability.address import Address
from deliverability.reply import Reply
from deliverability.text import is_clean
from mta import maillog
from mta.inbound import replies
from mta.inbound.access import OPEN, Access
from mta.inbound.authentication import AuthenticatingConnection
from mta.inbound.commands import HELO_NAME, parse_mail, parse_rcpt
from mta.inbound.connection import MAX_COMMAND, Report
from mta.inbound.content import MessageReader, too_big
from mta.inbound.limits import Load
from mta.inbound.replies import Refused
from mta.inbound.settings import DoorSettings
from mta.inbound.transaction import Policy, Transaction
from mta.ports import StoreFull, StoreTrouble
from mta.queue.queue import Recipient

_EXTENSIONS: Final = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "DELIVERBY")
_NO_PARAMETER: Final[frozenset[str]] = frozenset()
_AUTH_PARAMETER: Final = frozenset({"AUTH"})
# A web page can make a browser post a form to a local port; what its body says must never be read as SMTP.
_HTTP: Final = re.compile(r"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PRI|HOST:.*)")


class InboundSession(AuthenticatingConnection):
    """A session at a door with this policy. aiosmtpd's table finds a command by the name of its method."""

    def __init__(
        self,
        policy: Policy,
        settings: DoorSettings,
        hostname: str,
        load: Load,
        report: Report,
        access: Access = OPEN,
        uid: int | None = None,
    ) -> None:
        super().__init__(settings, hostname, load, report, access, uid)
        self._policy = policy
        self._helo = ""
        self._is_extended = False
        self._opened: Transaction | None = None
        self._recipients: dict[Address, Recipient] = {}  # one named twice gets the message once
        self._taken = 0  # RCPT commands, those that named one twice too
        self._commands = 0  # since the last accepted message; the errors likewise
        self._errors = 0
        self._messages = 0  # that were answered, whatever the answer

    is_lmtp = False

    def __dir__(self) -> tuple[str, ...]:
        """Our commands: aiosmtpd reads the names of all members three times a session, which costs 0.15 ms."""
        return COMMANDS

    def _refusal(self) -> Reply | None:
        return self._policy.admit(self._peer)

    @property
    def _more_parameters(self) -> frozenset[str]:
        """Of MAIL, besides those of every door."""
        return _AUTH_PARAMETER if self._knows_auth else _NO_PARAMETER

    @property
    def _had_its_turn(self) -> bool:
        """Whether the client handed over what it came with."""
        return self._messages > 0 and self._opened is None

    async def _obey(self, line: bytes) -> None:
        self._commands += 1
        if self._commands > self._settings.max_commands:
            self._load.hit("max_commands")
            self._end(replies.TOO_MANY_COMMANDS)
            return
        verb = ""
        try:
            verb, argument = _split(line)
            if self._is_leaving and self._had_its_turn and verb != "QUIT":
                self._end(replies.CLOSING)
                return
            method = self._smtp_methods.get(verb)
            if method is None:
                self._refuse_unknown(verb)
            else:
                await method(argument)
        except Refused as refused:
            if refused.is_error:
                self._refuse(refused.reply)
            else:
                self._reply(refused.reply)
        except StoreTrouble as trouble:
            self._reply(replies.STORE_FULL if isinstance(trouble, StoreFull) else replies.TROUBLE)
        except Exception as trouble:
            self._report(verb, trouble)
            self._reply(replies.TROUBLE)

    def _refuse(self, reply: Reply) -> None:
        self._reply(reply)
        self._errors += 1
        if self._errors >= self._settings.max_errors:
            self._load.hit("max_errors")
            self._end(replies.TOO_MANY_ERRORS)

    def _refuse_unknown(self, verb: str) -> None:
        if _HTTP.fullmatch(verb):
            self._end(replies.NOT_SMTP)
        else:
            raise Refused(replies.UNKNOWN_COMMAND)

    def _reset(self) -> None:
        self._opened = None
        self._recipients = {}
        self._taken = 0

    # Commands, in the order of RFC 5321 section 4.1.1.

    async def smtp_EHLO(self, argument: str) -> None:
        self._hello(argument, is_extended=True)
        lines = (self.hostname, *_EXTENSIONS, f"SIZE {self._settings.max_size}", *self._secure_extensions())
        self._reply(Reply.of(250, None, "\n".join(lines)))  # RFC 2034 section 4: no enhanced code here

    async def smtp_HELO(self, argument: str) -> None:
        self._hello(argument, is_extended=False)
        self._reply(Reply.of(250, None, self.hostname))

    def _hello(self, name: str, *, is_extended: bool) -> None:
        if not HELO_NAME.fullmatch(name):
            raise Refused(replies.BAD_HELO)
        self._helo, self._is_extended = name, is_extended
        self._reset()

    async def smtp_MAIL(self, argument: str) -> None:
        if not self._helo:
            raise Refused(replies.HELO_FIRST)
        if self._opened:
            raise Refused(replies.NESTED_MAIL)
        mail = parse_mail(argument, more=self._more_parameters)
        if mail.size > self._settings.max_size:
            self._load.hit("max_size")
            maillog.not_taken(self._peer.ip, mail.reverse_path, why=str(too_big(self._settings.max_size)))
            raise Refused(too_big(self._settings.max_size), is_error=False)
        opened = Transaction(
            mail.reverse_path, self._peer, self._helo, self._is_extended, mail.smtputf8, mail.ret, mail.envid,
            self._grant, self.is_tls, self.is_lmtp, mail.key, mail.by,
        )  # fmt: skip
        if refusal := self._policy.check_sender(opened):
            raise Refused(refusal, is_error=False)
        self._opened = opened
        self._reply(replies.SENDER_OK)

    async def smtp_RCPT(self, argument: str) -> None:
        opened = self._transaction()
        recipient = parse_rcpt(argument, self.hostname, smtputf8=opened.smtputf8)
        if len(self._recipients) >= self._settings.max_recipients:
            self._load.hit("max_recipients")
            raise Refused(replies.TOO_MANY_RECIPIENTS, is_error=False)
        refusal = await self._policy.check_recipient(opened, recipient.forward_path)
        if refusal is None:
            self._recipients.setdefault(recipient.forward_path, recipient)
            self._taken += 1
        self._reply(refusal or replies.RECIPIENT_OK)

    async def smtp_DATA(self, argument: str) -> None:
        opened = self._transaction()
        _nothing(argument)
        if not self._recipients:
            raise Refused(replies.NO_RECIPIENTS, is_error=False)
        self._reply(replies.START_INPUT)
        message = MessageReader(self._settings)
        try:
            if await self._receive(message):
                self._answer_dot(message.fault or await self._accept(opened, message))
                self._load.hit(message.limit)
                self._tell_of(message, opened)
        finally:
            self._load.hold(message.held, 0)
            self._reset()

    def _tell_of(self, message: MessageReader, opened: Transaction) -> None:
        """What was wrong with a message, for the log: with a null reverse-path nobody else hears of it."""
        if message.fault:
            maillog.not_taken(self._peer.ip, opened.reverse_path, why=str(message.fault))
        elif message.had_nul:
            maillog.mended(self._peer.ip, opened.reverse_path, what="it held a NUL; a space stands for each")

    def _answer_dot(self, reply: Reply) -> None:
        self._reply(reply)

    async def _receive(self, message: MessageReader) -> bool:
        """Read to the real end of the message; False when the client did not get there, and nothing may be kept."""
        self._expect("data_timeout", self._settings.data_timeout)
        octets = bytes(self._input)
        self._input.clear()
        while (rest := self._feed(message, octets)) is None:
            octets = await self._read()
            if not octets:
                return False
        self._input += rest
        self._expect_nothing()
        return True

    def _feed(self, message: MessageReader, octets: bytes) -> bytes | None:
        before = message.held
        rest = message.feed(octets)
        if not self._load.hold(before, message.held):
            before = message.held
            message.refuse("max_memory", replies.STORE_FULL)
            self._load.hold(before, message.held)
        return rest

    async def _accept(self, opened: Transaction, message: MessageReader) -> Reply:
        content = message.content
        self._flush()  # a client that sent all at once need not wait for our disk to hear of the commands before
        reply = await self._policy.accept(opened.ended(tuple(self._recipients.values()), content))
        self._messages += 1
        if reply.is_positive:
            self._commands = self._errors = 0
        return reply

    async def smtp_RSET(self, argument: str) -> None:
        _nothing(argument)
        self._reset()
        self._reply(replies.OK)

    async def smtp_VRFY(self, argument: str) -> None:
        self._reply(replies.NOT_VERIFIED)  # RFC 5321 section 3.5.3: 252, when an address is not looked up

    async def smtp_HELP(self, argument: str) -> None:
        self._reply(replies.HELP)

    async def smtp_NOOP(self, argument: str) -> None:
        self._reply(replies.OK)

    async def smtp_QUIT(self, argument: str) -> None:
        _nothing(argument)
        self._end(replies.GOOD_BYE)

    async def smtp_STARTTLS(self, argument: str) -> None:
        _nothing(argument)
        await self._turn_to_tls()
        self._helo, self._is_extended = "", False
        self._reset()

    async def smtp_AUTH(self, argument: str) -> None:
        if not self._helo and self._knows_auth:
            raise Refused(replies.HELO_FIRST)
        if self._opened:
            raise Refused(replies.NO_AUTH_NOW)
        await self._become_known(argument)

    async def _not_implemented(self, arg: str) -> None:
        raise Refused(replies.NOT_IMPLEMENTED)

    smtp_EXPN = smtp_BDAT = smtp_ETRN = smtp_TURN = _not_implemented

    def _transaction(self) -> Transaction:
        if self._opened is None:
            raise Refused(replies.MAIL_FIRST, is_error=False)
        return self._opened


COMMANDS: Final = tuple(name for name in vars(InboundSession) if name.startswith("smtp_"))


def _split(line: bytes) -> tuple[str, str]:
    """Verb (upper case) and argument of a command line; Refused when its octets are not those of one."""
    if len(line) > MAX_COMMAND:
        raise Refused(replies.LINE_TOO_LONG)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Refused(replies.BAD_LINE) from None
    if not (text.isprintable() or is_clean(text)):
        raise Refused(replies.BAD_LINE)
    verb, _, argument = text.partition(" ")
    # "ſ".upper() is "S": letters outside ASCII must not become a command.
    return verb.upper() if verb.isascii() else "", argument.strip(" ")


def _nothing(argument: str) -> None:
    if argument:
        raise Refused(replies.NO_ARGUMENT)
