"""The grammar of SMTP commands, as far as a receiving host needs it (RFC 5321 section 4.1). Pure."""

import re
from collections.abc import Iterable
from typing import Final

LARGEST_MESSAGE: Final = 150 << 20
LONGEST_COMMAND: Final = 4096  # RFC 5321 section 4.5.3.1.4 asks for 512; DSN and SMTPUTF8 parameters need more

_PATH: Final = re.compile(r'(FROM|TO):\s*<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?:\s+(.*))?', re.IGNORECASE)
_SIZE: Final = re.compile(r"\bSIZE=(\d{1,20})\b", re.IGNORECASE)
_NOTIFY: Final = re.compile(r"\bNOTIFY=(\S+)", re.IGNORECASE)
_MESSAGE_ID: Final = re.compile(rb"^message-id:\s*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_EXTENSION_OF: Final = {
    "SIZE": "SIZE",  # RFC 1870
    "BODY": "8BITMIME",  # RFC 6152
    "SMTPUTF8": "SMTPUTF8",  # RFC 6531
    "RET": "DSN",  # RFC 3461
    "ENVID": "DSN",
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
}


class Refused(Exception):
    """A command that is not granted, by the protocol's rules and not by a mood."""

    def __init__(self, reply: str, rcpt: str = "") -> None:
        super().__init__(reply)
        self.reply = reply
        self.rcpt = rcpt


def command(line: bytes) -> tuple[str, str]:
    """A line without its LF to the verb, in capitals, and its argument. Refused when it is no command line."""
    if not line.endswith(b"\r"):
        raise Refused("500 5.5.2 A line ends in CRLF")
    try:
        verb, _, argument = line[:-1].decode().partition(" ")
    except UnicodeDecodeError:
        raise Refused("500 5.5.2 Neither ASCII nor UTF-8") from None
    return verb.upper(), argument.strip()


def path_and_parameters(keyword: str, argument: str) -> tuple[str, str]:
    """`FROM:<ann@example.org> SIZE=1200` to the address and the parameters. Refused when it is not of that form."""
    match = _PATH.fullmatch(argument)
    if match is None or match[1].upper() != keyword:
        raise Refused(f"501 5.5.4 Syntax: {keyword}:<address>")
    return match[2], match[3] or ""


def check_parameters(parameters: str, extensions: Iterable[str], rcpt: str = "") -> None:
    """Refused when a host with these extensions knows no such parameter (RFC 5321 section 4.1.1.11), or by SIZE."""
    offered = {extension.partition(" ")[0] for extension in extensions}
    for parameter in parameters.split():
        if _EXTENSION_OF.get(parameter.partition("=")[0].upper()) not in offered:
            raise Refused(f"555 5.5.4 Unsupported option: {parameter[:80]}", rcpt)
    size = _SIZE.search(parameters)
    if size and int(size[1]) > largest(extensions):
        raise Refused("552 5.3.4 Message size exceeds fixed limit")


def check_address(address: str, mail_parameters: str) -> None:
    """Refused when the address needs SMTPUTF8 and MAIL did not say it (RFC 6531 section 3.5)."""
    if not address.isascii() and "SMTPUTF8" not in mail_parameters.upper().split():
        raise Refused("553 5.6.7 Non-ASCII address without SMTPUTF8", address)


def wants_bounce(rcpt_parameters: str) -> bool:
    """Whether a failure is to be reported about this recipient (RFC 3461 section 4.1)."""
    notify = _NOTIFY.search(rcpt_parameters)
    return notify is None or "FAILURE" in notify[1].upper().split(",")


def largest(extensions: Iterable[str]) -> int:
    """The largest message, in octets, that a host with these extensions takes."""
    stated = (extension.partition(" ")[2] for extension in extensions if extension.startswith("SIZE "))
    return next((int(limit) for limit in stated if limit.isdecimal()), LARGEST_MESSAGE)


def message_id(octets: bytes) -> str:
    """The Message-ID field's value, or ""."""
    end = octets.find(b"\r\n\r\n")
    match = _MESSAGE_ID.search(octets if end < 0 else octets[: end + 2])
    return match[1].strip().decode("utf-8", "replace") if match else ""
