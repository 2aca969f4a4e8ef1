"""The grammar of MAIL and RCPT: paths and parameters, read once into values. No I/O.

RFC 5321 section 4.1.2, with SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), BY (RFC 2852) and the DSN parameters
(RFC 3461). Whatever does not fit is `Refused` with the reply that says what would.
"""

import re
from dataclasses import dataclass
from typing import Final

from deliverability.address import Address, AddressError
from deliverability.reply import Reply
from mta.inbound.replies import Refused
from mta.inbound.transaction import DeliverBy
from mta.queue.queue import Recipient

# A quoted local part may hold "<", ">" and spaces. Possessive: a stranger's text is read once, whatever it is.
_PATH: Final = re.compile(r' ?<((?:[^<>" ]|"(?:[^"\\]|\\.)*")*)>( .*+)?', re.DOTALL)
_PARAMETER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*+)(?:=([^= ]++))?")
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX: Final = re.compile(r"\+([0-9A-F]{2})")
_ADDRESS_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")

_BY: Final = re.compile(r"([+-]?[0-9]{1,9});([NR])T?", re.IGNORECASE)  # RFC 2852 section 4

# A domain, an address literal with both its brackets, or a bare address and the underscores that Windows sends.
HELO_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{1,255}|\[[A-Za-z0-9._:-]{1,253}\]")

_MAIL_KEYWORDS: Final = frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "BY"})
_RCPT_KEYWORDS: Final = frozenset({"NOTIFY", "ORCPT"})
_NOTIFY: Final = frozenset({"SUCCESS", "FAILURE", "DELAY"})

KEY: Final = "XPOSTHOUSEKEY"  # at the LMTP door: an idempotency key
_KEY: Final = re.compile(r"[0-9a-f]{32}")

MAX_ENVID: Final = 100  # characters, before decoding; RFC 3461 section 4.4
MAX_ORCPT: Final = 500  # the same; section 4.2
MAX_SIZE_DIGITS: Final = 20  # RFC 1870 section 4


@dataclass(frozen=True, slots=True)
class MailCommand:
    """MAIL FROM and its parameters. size: what the client expects, 0 when it did not say."""

    reverse_path: str
    size: int = 0
    smtputf8: bool = False
    ret: str | None = None
    envid: str | None = None
    key: str = ""
    by: DeliverBy | None = None


def parse_mail(argument: str, *, more: frozenset[str] = frozenset()) -> MailCommand:
    """Read what follows "MAIL ". more: parameters that this door knows besides those of every door."""
    path, parameters = _split(argument, "FROM:", _MAIL_KEYWORDS | more)
    if "AUTH" in parameters:
        # RFC 4954 section 5: who the message was first submitted by. It is read, and believed of nobody.
        _xtext("AUTH", parameters["AUTH"], MAX_ORCPT)
    if KEY in parameters and not _KEY.fullmatch(parameters[KEY]):
        raise _bad(KEY, "is 32 hexadecimal digits")
    smtputf8 = _flag(parameters, "SMTPUTF8")
    if not smtputf8 and not path.isascii():
        raise Refused(_NEEDS_SMTPUTF8, is_error=False)
    _one_of(parameters, "BODY", ("7BIT", "8BITMIME"))
    envid = parameters.get("ENVID")
    return MailCommand(
        reverse_path=str(_address(path, "5.1.7")) if path else "",
        size=_size(parameters),
        smtputf8=smtputf8,
        ret=_one_of(parameters, "RET", ("FULL", "HDRS")),
        envid=_xtext("ENVID", envid, MAX_ENVID) if envid is not None else None,
        key=parameters.get(KEY, ""),
        by=_by(parameters),
    )


def parse_rcpt(argument: str, hostname: str, *, smtputf8: bool) -> Recipient:
    """Read what follows "RCPT ". The bare <postmaster> that every server must know is that of `hostname`."""
    path, parameters = _split(argument, "TO:", _RCPT_KEYWORDS)
    if not smtputf8 and not argument.isascii():
        raise Refused(_NEEDS_SMTPUTF8, is_error=False)
    if path.lower() == "postmaster":
        path = f"{path}@{hostname}"  # RFC 5321 section 4.5.1
    return Recipient(_address(path, "5.1.3"), _notify(parameters), _orcpt(parameters))


_NEEDS_SMTPUTF8: Final = Reply.of(553, "5.6.7", "This address needs the SMTPUTF8 parameter on MAIL")


def _split(argument: str, keyword: str, known: frozenset[str]) -> tuple[str, dict[str, str]]:
    """The path without its angle brackets, and the parameters by keyword ("" for one without a value)."""
    head = argument[: len(keyword)].upper()
    match = _PATH.fullmatch(argument, len(keyword)) if head == keyword else None
    if match is None:
        verb = "MAIL" if keyword == "FROM:" else "RCPT"
        raise Refused(Reply.of(501, "5.5.2", f"Write {verb} {keyword}<address>, then parameters"))
    return match[1], _parameters(match[2], known) if match[2] else {}


def _parameters(text: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise Refused(Reply.of(501, "5.5.4", "A parameter is written KEYWORD=value"))
        keyword = match[1].upper()
        if keyword not in known:
            raise Refused(Reply.of(555, "5.5.4", "A parameter is not recognised"))
        if keyword in found:
            raise _bad(keyword, "may be given once only")
        found[keyword] = match[2] or ""
    return found


def _address(path: str, status: str) -> Address:
    """The address in a path. A source route is declined, as RFC 5321 section 3.6.1 allows: nobody needs one."""
    if path.startswith("@"):
        raise Refused(Reply.of(553, status, "Source routes are not accepted; give the address alone"), is_error=False)
    try:
        return Address.parse(path)
    except AddressError as trouble:
        raise Refused(Reply.of(553, status, f"Not an address we can use: {trouble}"), is_error=False) from None


def _bad(keyword: str, why: str) -> Refused:
    return Refused(Reply.of(501, "5.5.4", f"{keyword} {why}"))


def _flag(parameters: dict[str, str], keyword: str) -> bool:
    if parameters.get(keyword):
        raise _bad(keyword, "takes no value")
    return keyword in parameters


def _one_of(parameters: dict[str, str], keyword: str, values: tuple[str, ...]) -> str | None:
    value = parameters.get(keyword)
    if value is not None and value.upper() not in values:
        raise _bad(keyword, f"is {' or '.join(values)}")
    return value and value.upper()


def _size(parameters: dict[str, str]) -> int:
    text = parameters.get("SIZE", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_SIZE_DIGITS):
        raise _bad("SIZE", "is a number of octets")
    return int(text)


def _notify(parameters: dict[str, str]) -> frozenset[str]:
    """RFC 3461 section 4.1: NEVER alone, or any of the three others."""
    text = parameters.get("NOTIFY")
    if text is None:
        return frozenset()
    words = text.upper().split(",")
    chosen = frozenset(words)
    if len(words) != len(chosen) or not (chosen == {"NEVER"} or chosen <= _NOTIFY):
        raise _bad("NOTIFY", "is NEVER, or a list of SUCCESS, FAILURE and DELAY")
    return chosen


def _orcpt(parameters: dict[str, str]) -> str | None:
    """Address type, semicolon, address, decoded (RFC 3461 section 4.2). A utf-8 address keeps its escapes."""
    text = parameters.get("ORCPT")
    if text is None:
        return None
    kind, semicolon, address = text.partition(";")
    if not semicolon or not _ADDRESS_TYPE.fullmatch(kind):
        raise _bad("ORCPT", "is an address type, a semicolon and an address")
    if kind.lower() == "utf-8" and not address.isascii():
        if not address.isprintable() or len(text) > MAX_ORCPT:
            raise _bad("ORCPT", "is too long, or not printable")
        return f"{kind};{address}"
    return f"{kind};{_xtext('ORCPT', address, MAX_ORCPT - len(kind) - 1)}"


def _by(parameters: dict[str, str]) -> DeliverBy | None:
    """RFC 2852 section 4: seconds from now, and what to do when they are over. Traces are our own affair: `trace`."""
    text = parameters.get("BY")
    if text is None:
        return None
    match = _BY.fullmatch(text)
    if match is None:
        raise _bad("BY", "is seconds, a semicolon, and R or N")
    by = DeliverBy(int(match[1]), is_return=match[2].upper() == "R")
    if by.is_return and by.seconds <= 0:
        raise _bad("BY", "must lie ahead for mode R")
    return by


def _xtext(keyword: str, text: str, limit: int) -> str:
    """Decode xtext (RFC 3461 section 4). What it stands for must be printable ASCII: it will stand in our reports."""
    if not text or len(text) > limit or not _XTEXT.fullmatch(text):
        raise _bad(keyword, f"is xtext (RFC 3461) of at most {limit} characters")
    plain = _HEX.sub(lambda match: chr(int(match[1], 16)), text)
    if not (plain.isascii() and plain.isprintable()):
        raise _bad(keyword, "stands for a character that is not printable ASCII")
    return plain
