"""An SPF record, parsed (RFC 7208 sections 4.6 and 12): the whole of it before any of it counts."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from deliverability.text import clean

_MACRO: Final = r"%(?:\{[slodiphcrtv]\d*r?[.\-+,/_=]*\}|[%_-])"
_LITERAL: Final = r"[!-$&-~]"
MACRO_STRING: Final = re.compile(rf"(?:{_MACRO}|{_LITERAL})*", re.IGNORECASE)
# domain-end: a macro, or a label that is no number; it may have a dot behind it.
_DOMAIN_END: Final = re.compile(
    rf"(?:{_MACRO}|.*\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?)$", re.IGNORECASE | re.DOTALL
)
_MACRO_AT_END: Final = re.compile(rf".*{_MACRO}$", re.IGNORECASE | re.DOTALL)
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE | re.DOTALL)
_MECHANISM: Final = re.compile(r"([-+~?]?)([a-z0-9]+)(?::(.*?))?((?:/[^/]*)?(?://[^/]*)?)", re.IGNORECASE | re.DOTALL)
_CIDR: Final = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?")
_ZERO_DIGITS: Final = re.compile(r"%\{.0+r?[^}]*\}", re.IGNORECASE)
_NEEDS_DOMAIN: Final = frozenset({"include", "exists"})
_MAY_HAVE_DOMAIN: Final = frozenset({"a", "mx", "ptr"})
_HAS_CIDR: Final = frozenset({"a", "mx"})


class SyntaxFault(ValueError):
    """Not a record by the grammar; says where."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism with its qualifier. argument: a domain-spec or a network's address. prefix4, prefix6: None where all."""

    qualifier: str
    name: str
    argument: str
    prefix4: int | None
    prefix6: int | None
    text: str

    def prefix_of(self, family: str) -> int | None:
        return self.prefix4 if family == "ip4" else self.prefix6


@dataclass(frozen=True, slots=True)
class Record:
    """A record. redirect, exp: domain-specs, or ""."""

    directives: tuple[Directive, ...]
    redirect: str
    exp: str


@lru_cache(maxsize=64)  # one record is gone through for each source, and a long one takes its time
def parse_record(text: str) -> Record:
    """The record that a TXT text is. SyntaxFault when it is none."""
    if not text.isascii():
        raise SyntaxFault("it holds a character beyond ASCII")
    directives: list[Directive] = []
    modifiers: dict[str, str] = {}
    for term in text[6:].split(" "):
        if not term:
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier:
            _take_modifier(modifier[1].lower(), modifier[2], modifiers)
        else:
            directives.append(_directive(term))
    has_all = any(each.name == "all" for each in directives)
    return Record(tuple(directives), "" if has_all else modifiers.get("redirect", ""), modifiers.get("exp", ""))


def _take_modifier(name: str, value: str, modifiers: dict[str, str]) -> None:
    if name in ("redirect", "exp"):
        if name in modifiers:
            raise SyntaxFault(f"{name}= stands there twice")
        _check_domain_spec(value, name)
        modifiers[name] = value
    elif not _is_macro_string(value):
        raise SyntaxFault(f'"{clean(name)}={clean(value)}" is no modifier')


def _directive(term: str) -> Directive:
    match = _MECHANISM.fullmatch(term)
    if match is None:
        raise SyntaxFault(f'"{clean(term)}" is no mechanism')
    qualifier, name = match[1] or "+", match[2].lower()
    if name in ("ip4", "ip6"):
        return _network(term, qualifier, name)
    argument, rest = _split(term, match)
    if name == "all" and match[3] is None and not rest:
        return Directive(qualifier, name, "", None, None, term)
    if name not in _NEEDS_DOMAIN and name not in _MAY_HAVE_DOMAIN:
        raise SyntaxFault(f'"{clean(term)}" is no mechanism')
    if rest and name not in _HAS_CIDR:
        raise SyntaxFault(f'"{clean(term)}" has a prefix length, which {name} takes none of')
    if argument is None and name in _NEEDS_DOMAIN:
        raise SyntaxFault(f"{name} needs a domain")
    if argument is not None:
        _check_domain_spec(argument, name)
    prefix4, prefix6 = _prefixes(term, rest)
    return Directive(qualifier, name, argument or "", prefix4, prefix6, term)


def _split(term: str, match: re.Match[str]) -> tuple[str | None, str]:
    """(domain-spec or None, prefix lengths). A slash may stand in a domain-spec, so only digits at its end are lengths."""
    argument, rest, name = match[3], match[4], match[2].lower()
    if argument is None:
        return None, rest
    whole = argument + rest
    lengths = re.search(r"(?:/\d+)?(?://\d+)?$", whole) if name in _HAS_CIDR else None
    cut = lengths.start() if lengths else len(whole)
    return whole[:cut], whole[cut:]


def _prefixes(term: str, rest: str) -> tuple[int | None, int | None]:
    match = _CIDR.fullmatch(rest)
    prefix4, prefix6 = (int(each) if each else None for each in match.groups()) if match else (99, None)
    if (prefix4 or 0) > 32 or (prefix6 or 0) > 128:
        raise SyntaxFault(f'"{clean(term)}" has a prefix length that is none')
    return prefix4, prefix6


def _network(term: str, qualifier: str, name: str) -> Directive:
    """ip4 and ip6 name addresses, never macros."""
    address, slash, length = term[term.find(":") + 1 :].partition("/") if ":" in term else ("", "", "")
    longest = 32 if name == "ip4" else 128
    try:
        IPv4Address(address) if name == "ip4" else IPv6Address(address)
    except AddressValueError:
        raise SyntaxFault(f'"{clean(term)}" names no {name} network') from None
    if "%" in address or (slash and not (re.fullmatch(r"0|[1-9]\d{0,2}", length) and int(length) <= longest)):
        raise SyntaxFault(f'"{clean(term)}" has a prefix length that is none')
    prefix = int(length) if slash else None
    return Directive(qualifier, name, address, prefix, prefix, term)


def _check_domain_spec(spec: str, where: str) -> None:
    ends_well = _DOMAIN_END.match(spec) or _MACRO_AT_END.match(spec)
    if not spec or not _is_macro_string(spec) or not ends_well or _has_explanation_macro(spec):
        raise SyntaxFault(f'"{clean(spec)}" is no domain for {where}')


def _has_explanation_macro(spec: str) -> bool:
    return re.search(r"%\{[crt]", spec, re.IGNORECASE) is not None


def _is_macro_string(text: str) -> bool:
    return MACRO_STRING.fullmatch(text) is not None and not _ZERO_DIGITS.search(text)
