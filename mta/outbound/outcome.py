"""What goes out, what came of it, and the facts of the try: the words that connection, scheduler and queue share."""

from dataclasses import dataclass, field

from mta.queue.delivery import Stream
from mta.smtp.outcome import Delivered, Failure, Scope, Stage, Unanswered

__all__ = ["Delivered", "Failure", "NotPermitted", "Outcome", "Outgoing", "Scope", "Stage", "Try", "Unanswered"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One delivery, ready for the wire: addresses as they go into the commands, content signed."""

    delivery_id: int
    message_id: int
    reverse_path: str  # with its token; "" is the null reverse-path
    forward_path: str
    content: bytes  # CRLF line ends, not dot-stuffed
    size: int  # octets of content
    needs_utf8: bool  # SMTPUTF8 (RFC 6531)
    has_8bit: bool  # BODY=8BITMIME (RFC 6152)
    domain: str
    stream: Stream
    notify: frozenset[str] = field(default_factory=frozenset)
    orcpt: str | None = None  # as it stands in the command: "rfc822;" and xtext (RFC 3461 section 4.2)
    envid: str | None = None  # xtext
    ret: str | None = None  # FULL or HDRS
    by_seconds: int | None = None  # deliver by then (RFC 2852), from now
    by_mode: str = ""  # R or N


@dataclass(frozen=True, slots=True)
class NotPermitted:
    """The mark before the dot was refused (the lease is lost): nothing of the message has left."""


Outcome = Delivered | Failure | Unanswered | NotPermitted


@dataclass(frozen=True, slots=True)
class Try:
    """Where a try went, for the attempt's row, and what was said."""

    host: str
    address: str
    tls: str  # "" in clear, else version and cipher
    dialogue: str = ""  # with times: whole where it failed or was slow, else in short


def words_of(outcome: Outcome) -> str:
    """What was answered, or in our words why nothing was, on one line."""
    match outcome:
        case Unanswered():
            return outcome.why
        case NotPermitted():
            return "the lease was lost before the dot"
        case _:
            return str(outcome.reply)
