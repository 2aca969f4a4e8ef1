"""What a program writes to sendmail's standard input, made into a message: line ends, recipients, the missing From:."""

from email.utils import getaddresses

from deliverability.address import Address, AddressError
from deliverability.headers import mailbox_header
from deliverability.rawmail import MessageError, fields, first_value, normalise_newlines, split_message, without
from engine.commands.sendmail_words import Asked, Exit, Trouble
from engine.spool import Envelope


def prepare(asked: Asked, text: bytes, hostname: str, user: str, own: str = "") -> tuple[Envelope, bytes]:
    """The envelope and the message with CRLF line ends. `own`: who it is from where the program does not say, else
    `user` at this host. `Trouble` when it can't be one."""
    content = normalise_newlines(_to_the_dot(text) if asked.dot_ends else text)
    if b"\0" in content:
        raise Trouble(Exit.BAD_DATA, "the mail holds a NUL; encode that part as base64")
    head, _ = split_message(content)
    try:
        said = asked.recipients + (_recipients(head) if asked.from_header else [])
        recipients = list(dict.fromkeys(_address(each, hostname) for each in said))
        sender = (
            _address((own or user) if asked.sender is None else asked.sender, hostname) if asked.sender != "" else ""
        )
    except (AddressError, MessageError) as err:
        raise Trouble(Exit.NO_USER, str(err)) from None
    if not recipients:
        raise Trouble(Exit.USAGE, "no recipient: name them, or use -t and a To: field")
    if asked.from_header:
        content = without(content, ("Bcc", "Resent-Bcc"))
    if not _has_header(content):
        content = b"\r\n" + content
    if first_value(split_message(content)[0], "From") is None:
        content = _author(asked.full_name, sender, user, hostname) + content
    smtputf8 = not "".join((sender, *recipients)).isascii()
    return Envelope(sender, recipients, smtputf8, asked.ret, asked.envid, asked.notify), content


def _to_the_dot(text: bytes) -> bytes:
    """Without -i a line with nothing but a dot ends the mail, as it always has."""
    lines = text.splitlines(keepends=True)
    ends = next((number for number, line in enumerate(lines) if line.rstrip(b"\r\n") == b"."), len(lines))
    return b"".join(lines[:ends])


def _recipients(head: bytes) -> list[str]:
    """Everybody in To:, Cc: and Bcc:; of a mail that is sent on, in their Resent- forms alone (RFC 5322 section 3.6.6)."""
    named = [(name.lower(), value.decode("utf-8", "replace")) for name, value in fields(head)]
    resent = any(name.startswith("resent-") for name, _ in named)
    wanted = {f"{'resent-' if resent else ''}{name}" for name in ("to", "cc", "bcc")}
    return [address for _, address in getaddresses([value for name, value in named if name in wanted]) if address]


def _address(text: str, hostname: str) -> str:
    """A bare name is a user of this host."""
    text = text.strip().removeprefix("<").removesuffix(">")
    return str(Address.parse(text if "@" in text else f"{text}@{hostname}"))


def _has_header(content: bytes) -> bool:
    """Whether the first line is a header field: what `echo hello | sendmail` writes is a body."""
    line = content.partition(b"\r\n")[0]
    name, colon, _ = line.partition(b":")
    return not line or bool(
        colon and name.strip(b" \t") and not any(octet <= 32 or octet > 126 for octet in name.rstrip())
    )


def _author(full_name: str, sender: str, user: str, hostname: str) -> bytes:
    return mailbox_header("From", [(full_name, Address.parse(sender or _address(user, hostname)))])
