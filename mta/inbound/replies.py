"""Everything a listener says of its own accord, and how a reply becomes octets.

Words for strangers: they name the remedy and nothing of our inside, and do not repeat what the stranger sent, except
(cleaned) the address that has something wrong with it.
"""

from functools import lru_cache
from typing import Final

from deliverability.reply import Reply
from deliverability.text import clean

MAX_TEXT: Final = 480  # octets of text in a line; RFC 5321 section 4.5.3.1.5 allows 512 with code and CRLF

READY_FOR_TLS: Final = Reply.of(220, "2.0.0", "Ready to start TLS")
AUTHENTICATED: Final = Reply.of(235, "2.7.0", "Authentication successful")
OK: Final = Reply.of(250, "2.0.0", "Ok")
SENDER_OK: Final = Reply.of(250, "2.1.0", "Ok")
RECIPIENT_OK: Final = Reply.of(250, "2.1.5", "Ok")
START_INPUT: Final = Reply.of(354, None, "End data with <CR><LF>.<CR><LF>")
GOOD_BYE: Final = Reply.of(221, "2.0.0", "Good-bye")
NOT_VERIFIED: Final = Reply.of(252, "2.0.0", "Not looked up; send a message and see")
HELP: Final = Reply.of(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT")

# 421: RFC 5321 section 3.8 lets a server say it at any time, and hang up.
CLOSING: Final = Reply.of(421, "4.3.2", "Closing for a moment; come again")
TOO_MANY_CONNECTIONS: Final = Reply.of(421, "4.7.0", "Too many connections from your address")
FULL: Final = Reply.of(421, "4.3.2", "All places are taken; come again in a moment")
TOO_MANY_COMMANDS: Final = Reply.of(421, "4.7.0", "Too many commands without a message")
TOO_MANY_ERRORS: Final = Reply.of(421, "4.7.0", "Too many errors")
TIMED_OUT: Final = Reply.of(421, "4.4.2", "Waited too long")
WRONG_TOO_OFTEN: Final = Reply.of(421, "4.7.0", "Too many wrong passwords; come again later")
NOT_SMTP: Final = Reply.of(421, "4.7.0", "This is SMTP, not HTTP")

TROUBLE: Final = Reply.of(451, "4.3.0", "A trouble of ours; try again later")
STORE_FULL: Final = Reply.of(452, "4.3.1", "No room at present; try again later")
TOO_MANY_RECIPIENTS: Final = Reply.of(452, "4.5.3", "Too many recipients; send the rest in another transaction")

AUTH_TROUBLE: Final = Reply.of(454, "4.7.0", "Passwords can't be looked up now; try again later")

BAD_LINE: Final = Reply.of(500, "5.5.2", "A command line is text without control characters, and ends with CRLF")
LINE_TOO_LONG: Final = Reply.of(500, "5.5.2", "Command line too long")
UNKNOWN_COMMAND: Final = Reply.of(500, "5.5.1", "Command not recognised")
SAY_LHLO: Final = Reply.of(500, "5.5.1", "This is LMTP; say LHLO")
NO_ARGUMENT: Final = Reply.of(501, "5.5.4", "This command takes no argument")
BAD_HELO: Final = Reply.of(501, "5.5.4", "Give the name of your host, or its address in brackets")
NOT_IMPLEMENTED: Final = Reply.of(502, "5.5.1", "Command not implemented")
HELO_FIRST: Final = Reply.of(503, "5.5.1", "Say EHLO first")
MAIL_FIRST: Final = Reply.of(503, "5.5.1", "Say MAIL first")
NESTED_MAIL: Final = Reply.of(503, "5.5.1", "A transaction is open already")
TLS_ALREADY: Final = Reply.of(503, "5.5.1", "This is TLS already")
AUTH_ALREADY: Final = Reply.of(503, "5.5.1", "You are authenticated already")
NO_AUTH_NOW: Final = Reply.of(503, "5.5.1", "Not in a transaction")
AUTH_CANCELLED: Final = Reply.of(501, "5.7.0", "Authentication cancelled")
BAD_RESPONSE: Final = Reply.of(501, "5.5.2", "Not a response of this mechanism")
UNKNOWN_MECHANISM: Final = Reply.of(504, "5.5.4", "Mechanism not known; there are PLAIN and LOGIN")
NOT_AUTHENTICATED: Final = Reply.of(535, "5.7.8", "Authentication failed")
TLS_FIRST: Final = Reply.of(538, "5.7.11", "Passwords are taken over TLS only; say STARTTLS first")
NO_RECIPIENTS: Final = Reply.of(554, "5.5.1", "No valid recipients")


class Refused(Exception):
    """A command that gets this reply, and nothing else happens.

    is_error: whether it counts against the client. An address or a size that we can't take does not, nor does what
    follows it in a pipelined group: a list with a dozen misspelt addresses must not cost a client its connection.
    """

    def __init__(self, reply: Reply, *, is_error: bool = True) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.is_error = is_error


@lru_cache(maxsize=256)
def wire(reply: Reply) -> bytes:
    """The octets of a reply: ASCII, one code on each line (RFC 5321 section 4.2.1, RFC 2034 section 4)."""
    status = f"{reply.enhanced} " if reply.enhanced else ""
    texts = [clean(text).encode("ascii", "replace")[:MAX_TEXT].decode() for text in reply.lines or ("",)]
    last = len(texts) - 1
    lines = [f"{reply.code}{' ' if at == last else '-'}{status}{text}\r\n" for at, text in enumerate(texts)]
    return "".join(lines).encode()
