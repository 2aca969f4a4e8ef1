"""Mail addresses: the Mailbox grammar of RFC 5321 section 4.1.2, with UTF-8 (RFC 6531) and IDNA 2008 domains.

An `Address` that exists is one that may be put into an SMTP command: no control character, no line end, no part over
its limit. Everything else is refused with an `AddressError` whose words can be shown to whoever wrote it. Display
names, comments and folding belong to headers (RFC 5322) and are refused here.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import idna

from deliverability.text import clean, is_clean

MAX_ADDRESS: Final = 254  # octets; RFC 5321 section 4.5.3.1.3 allows a path 256 with its angle brackets
MAX_LOCAL: Final = 64  # octets; section 4.5.3.1.1
MAX_DOMAIN: Final = 253  # octets; section 4.5.3.1.2 says 255, of which DNS needs two (RFC 1035 section 3.1)

_ATEXT: Final = r"-A-Za-z0-9!#$%&'*+/=?^_`{|}~"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Possessive quantifiers: a stranger's text is read once, whatever it is.
_COMMON: Final = re.compile(rf"([{_ATEXT}]++(?:\.[{_ATEXT}]++)*)@((?:{_LABEL}\.)+[A-Za-z]{{2,63}})")
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DOT_ATOM: Final = re.compile(rf"[{_ATEXT}\x80-\U0010ffff]++(?:\.[{_ATEXT}\x80-\U0010ffff]++)*")
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*)"')
_ENCODED_WORD: Final = re.compile(r"=\?[^?]+\?[BbQq]\?")
_SOURCE_ROUTE: Final = re.compile(r"@[^:<>\"\s]{1,512}:")


class AddressError(ValueError):
    """Not an address we may use; the message says why, in words safe to show."""


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. Make it with `parse`: the plain constructor trusts its caller.

    local: as it was written, never folded; a quoted string only where quoting is needed, with the least escaping
    (RFC 5321 section 4.1.2: the forms are equivalent). domain: lower case, A-labels.
    """

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """The address that `text` is. AddressError when it is none, or none that we may send to."""
        if len(text) > MAX_ADDRESS:
            raise AddressError(f"the address is longer than {MAX_ADDRESS} octets")
        match = _COMMON.fullmatch(text)
        if match is None or len(match[1]) > MAX_LOCAL or "=?" in text or "--" in text:
            return _parse_slowly(text)
        return cls(match[1], match[2].lower())

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can be told this address (RFC 6531 section 3.1)."""
        return not self.local.isascii()

    @property
    def key(self) -> str:
        """For comparing with what people typed: also the local part in lower case, since no living host heeds it."""
        local = self.local if self.local.isascii() else unicodedata.normalize("NFC", self.local)
        return f"{local.lower()}@{self.domain}"

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_domain(text: str) -> str:
    """A mail domain in A-labels and lower case (IDNA 2008, UTS 46 mapping). AddressError when it is none."""
    if not text:
        raise AddressError("the domain is missing")
    if text[0] == "[":
        raise AddressError("an IP address in brackets is not accepted: give a domain name")
    if len(text) > MAX_DOMAIN:
        raise AddressError(f"the domain is longer than {MAX_DOMAIN} octets")
    domain = text.lower() if text.isascii() and "xn--" not in text.lower() else _a_labels(text)
    if not _HOST_NAME.fullmatch(domain):
        raise AddressError(_domain_trouble(domain))
    if domain.rpartition(".")[2].isdigit():
        raise AddressError("a mail domain does not end in a number, and an IP address is none")
    return domain


def parse_path(path: str | bytes) -> Address | None:
    """The path of MAIL FROM or RCPT TO, with its angle brackets; None for the null reverse-path "<>".

    A source route ("<@a.example,@b.example:ann@c.example>") is dropped, as RFC 5321 appendix C asks. The bare
    "<postmaster>" of section 4.5.1 has no domain and is refused here; the listener completes it first.
    """
    try:
        text = path.decode() if isinstance(path, bytes) else path
    except UnicodeDecodeError:
        raise AddressError("the address is neither ASCII nor UTF-8") from None
    if len(text) < 2 or text[0] != "<" or text[-1] != ">":
        raise AddressError("the address must stand in angle brackets, as in <ann@example.org>")
    inner = text[1:-1]
    if not inner:
        return None
    route = _SOURCE_ROUTE.match(inner) if inner[0] == "@" else None
    return Address.parse(inner[route.end() :] if route else inner)


def _parse_slowly(text: str) -> Address:
    if not is_clean(text):
        raise AddressError("the address holds a control character")
    local, at, domain = _split(text)
    if not at:
        raise AddressError(f'"{clean(text)}" has no @')
    address = Address(_canonical_local(local), parse_domain(domain))
    if len(str(address).encode()) > MAX_ADDRESS:
        raise AddressError(f"the address is longer than {MAX_ADDRESS} octets")
    return address


def _split(text: str) -> tuple[str, str, str]:
    """Local part, @, domain: at the @ after a closed quoted string, else at the only one."""
    quoted = _QUOTED.match(text)
    if quoted:
        rest = text[quoted.end() :]
        if rest[:1] != "@":
            raise AddressError("the quotes do not surround all that stands before the @")
        return quoted[0], "@", rest[1:]
    if text.count("@") > 1:
        raise AddressError("the address has more than one @")
    return text.partition("@")


def _canonical_local(local: str) -> str:
    quoted = _QUOTED.fullmatch(local)
    plain = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else local
    is_atom = _DOT_ATOM.fullmatch(plain) is not None
    if not quoted and not is_atom:
        raise AddressError(_local_trouble(local))
    # A legal atom in the grammar, yet readers that decode it see another address (another @, even).
    if _ENCODED_WORD.search(plain):
        raise AddressError("the part before the @ holds an encoded word (=?...?=)")
    canonical = plain if is_atom else '"' + re.sub(r'(["\\])', r"\\\1", plain) + '"'
    if len(canonical.encode()) > MAX_LOCAL:
        raise AddressError(f"the part before the @ is longer than {MAX_LOCAL} octets")
    return canonical


def _local_trouble(local: str) -> str:
    if not local:
        return "nothing stands before the @"
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "the part before the @ may not begin or end with a dot, nor have two in a row"
    if "(" in local or ")" in local:
        return "the address holds a comment"
    if '"' in local:
        return "the quotes before the @ are not closed, or hold what may not be quoted"
    return f'"{clean(local)}" may not stand before the @ without quotes'


def _a_labels(text: str) -> str:
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as trouble:
        raise AddressError(f'"{clean(text)}" is not an internationalised domain: {clean(str(trouble))}') from None


def _domain_trouble(domain: str) -> str:
    if domain.endswith("."):
        return "a mail domain has no dot at its end"
    if domain.startswith(".") or ".." in domain:
        return "the domain has an empty label"
    if "_" in domain:
        return "a mail domain has no underscore"
    if any(len(label) > 63 for label in domain.split(".")):
        return "a label of the domain is longer than 63 octets"
    return f'"{clean(domain)}" is not a domain name'
