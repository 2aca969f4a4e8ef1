"""What can come of a transaction, as values. A failure says what it condemns."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from deliverability.reply import Reply


class Stage(StrEnum):
    """How far a try had come: what was waited for, or was about to be sent."""

    ROUTE = "route"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    RSET = "rset"
    QUIT = "quit"


class Scope(Enum):
    """What a failure condemns, and so what must wait."""

    ROUTE = "route"  # this host, or the way to it: every message that would go there
    SESSION = "session"  # this connection: the same message may go at once over a new one
    MESSAGE = "message"  # this message, whoever its recipient
    RECIPIENT = "recipient"  # this recipient, whatever the message


@dataclass(frozen=True, slots=True)
class Delivered:
    """The next hop took responsibility (RFC 5321 section 6.1). It does not mean: seen in a mailbox."""

    reply: Reply
    knows_dsn: bool = False  # whether it took over the sender's wishes about DSNs too (RFC 3461)


@dataclass(frozen=True, slots=True)
class Failure:
    """The message was not taken. `reply.is_permanent` says whether trying again can help."""

    scope: Scope
    reply: Reply
    stage: Stage = Stage.MAIL
    is_ours: bool = False  # the reply is in our words: the remote host did not say it


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The dot was released and no reply to it came: the message is in doubt."""

    stage: Stage
    why: str
