"""Whose mail it is: the address in From: (RFC 5322 section 3.4), out of whatever an application wrote there.

The domain found here decides which key signs, so names, comments, quotes, groups and blanks may not hide it, however
long they are. Nothing is decoded: an address never stands in an encoded word (RFC 2047 section 5).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

from deliverability.address import Address, AddressError, parse_domain

USUAL: Final = 200  # octets of a field worth remembering
AUTHORS: Final = 100  # mailboxes of a field that are looked at

# The field is read once, whatever it is: a quoted string that never ends is taken to the end.
_TOKEN: Final = re.compile(r'[^()"<>,:;\\]++|"(?:[^"\\]++|\\.)*"?|\\.|.', re.DOTALL)
_COMMENT: Final = re.compile(r"[^()\\]++|\\.|.", re.DOTALL)
_BLANK_OR_QUOTED: Final = re.compile(r'("(?:[^"\\]++|\\.)*"?|\\.)|\s++', re.DOTALL)
_LOOSE: Final = re.compile(r'[^\s<>"(),;:@]{1,64}@[^\s<>"(),;:@]{1,253}')
_LOOSELY: Final = 2_000  # characters at the end of a field that follows no grammar, looked at for an address


def first_author(value: bytes) -> str:
    """The first mailbox in an unfolded From: field, its domain in lower case and A-labels; "" where there is none."""
    return _usual_author(value) if len(value) <= USUAL else _first_author(value)


def _first_author(value: bytes) -> str:
    field = value.decode("utf-8", "replace")
    for text in islice(_mailboxes(_without_comments(field)), AUTHORS):
        if address := _address(text):
            return address
    for text in reversed(_LOOSE.findall(field[-_LOOSELY:])):  # a quote or comment that never ends
        if address := _address(text):
            return address
    return ""


_usual_author = lru_cache(maxsize=256)(_first_author)  # an application writes as the same few authors


def _without_comments(text: str) -> str:
    """`text` with a blank for each comment; they nest, and a quoted string holds none."""
    kept: list[str] = []
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        if match[0] == "(":
            position = _after_comment(text, position)
            kept.append(" ")
        else:
            kept.append(match[0])
    return "".join(kept)


def _after_comment(text: str, position: int) -> int:
    depth = 1
    while depth and (match := _COMMENT.match(text, position)):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        position = match.end()
    return position


def _mailboxes(text: str) -> Iterator[str]:
    """What stands in angle brackets, or all of a mailbox that has none; in the order of the field."""
    bare: list[str] = []
    angle: list[str] | None = None
    for token in _TOKEN.findall(text):
        if angle is not None:
            if token == ">":
                yield "".join(angle)
                bare, angle = [], None
            else:
                angle.append(token)
        elif token == "<":
            angle = []
        elif token in (",", ";", ":"):  # a colon ends the name of a group
            if token != ":":
                yield "".join(bare)
            bare = []
        else:
            bare.append(token)
    yield "".join(bare if angle is None else angle)


def _address(text: str) -> str:
    """The address that `text` is, also with blanks around its parts, a route, or a name before it."""
    text = text.strip()
    if text.startswith("@"):
        text = text.rpartition(":")[2]
    whole = _BLANK_OR_QUOTED.sub(lambda match: match[1] or "", text)
    candidates = [(text.split() or [""])[-1], whole]
    for candidate in candidates:
        try:
            return str(Address.parse(candidate))
        except AddressError:
            pass
    for candidate in candidates:
        local, _, domain = candidate.rpartition("@")
        try:
            if local:
                return f"{local[-64:]}@{parse_domain(domain)}"  # nobody to write to; its domain still signs
        except AddressError:
            pass
    return ""
