"""SPF macros (RFC 7208 section 7)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote

from deliverability.checks.spf_record import SyntaxFault

_PIECE: Final = re.compile(r"%\{([a-z])(\d*)(r?)([.\-+,/_=]*)\}|%(.?)", re.IGNORECASE | re.DOTALL)
_SINGLE: Final = {"%": "%", "_": " ", "-": "%20"}
_MAX: Final = 253


@dataclass(frozen=True, slots=True)
class Known:
    """What macros stand for. validated: gives the name of %{p} for a domain; it is asked only where it is needed."""

    ip: IPv4Address | IPv6Address
    helo: str
    sender: str
    domain: str
    receiver: str
    seconds: int
    validated: Callable[[str], str]

    def value(self, letter: str, *, is_explanation: bool) -> str:
        """SyntaxFault for a letter that means nothing here."""
        local, _, sender_domain = self.sender.rpartition("@")
        plain = {
            "s": self.sender, "l": local, "o": sender_domain, "d": self.domain, "i": _dotted(self.ip), "h": self.helo,
            "v": "in-addr" if self.ip.version == 4 else "ip6",
        }  # fmt: skip
        if letter in plain:
            return plain[letter]
        if letter == "p":
            return self.validated(self.domain)
        in_words = {"c": str(self.ip), "r": self.receiver, "t": str(self.seconds)}
        if is_explanation and letter in in_words:
            return in_words[letter]
        raise SyntaxFault(f"%{{{letter}}} means nothing here")


def expand(text: str, known: Known, *, is_explanation: bool = False) -> str:
    """`text` with its macros replaced. SyntaxFault where one is none."""

    def replaced(match: re.Match[str]) -> str:
        letter, digits, is_reversed, delimiters, single = match.groups()
        if letter is None:
            if single not in _SINGLE:
                raise SyntaxFault("a percent sign that begins no macro")
            return _SINGLE[single]
        value = known.value(letter.lower(), is_explanation=is_explanation)
        value = _transformed(value, digits, bool(is_reversed), delimiters or ".")
        return quote(value, safe="-._~") if letter.isupper() else value

    return _PIECE.sub(replaced, text)


def domain_of(name: str) -> str:
    """An expanded name, without its last dot, and cut from the left to what DNS can hold (section 7.3)."""
    name = name.rstrip(".")
    while len(name) > _MAX and "." in name:
        name = name.partition(".")[2]
    return name


def _transformed(value: str, digits: str, is_reversed: bool, delimiters: str) -> str:
    parts = re.split(f"[{re.escape(delimiters)}]", value)
    if is_reversed:
        parts.reverse()
    if digits:
        count = int(digits)
        if not count:
            raise SyntaxFault("a macro that keeps no part")
        parts = parts[-count:]
    return ".".join(parts)


def _dotted(ip: IPv4Address | IPv6Address) -> str:
    return str(ip) if isinstance(ip, IPv4Address) else ".".join(ip.packed.hex().upper())
