"""What no reader of mail runs, loads or shows, and what filters hold a mail back for: elements and attributes that do something,
addresses that are programs, pictures that nobody can fetch."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from engine.proofs.page import Element, Page

ELEMENTS: Final = frozenset(("script", "iframe", "frame", "frameset", "object", "embed", "applet", "form"))
_DATA: Final = "application/ld+json"  # of a <script> that runs nothing: what an order says for programs
_DOES: Final = re.compile(r"on[a-z]+")
_ADDRESSES: Final = ("href", "src", "action", "formaction", "background", "data", "xlink:href")
_PROGRAMS: Final = ("javascript:", "vbscript:")
_UNREAD: Final = re.compile(r"[\x00-\x20]+")  # which browsers pass over in an address
_CANDIDATE: Final = re.compile(r"[\s,]*(\S*[^\s,])(?:\s[^,]*)?")  # of a srcset: an address and how large it is
VALUE: Final = "\x01"
"""Stands for what is not known before the mail is written."""


def is_program(address: str) -> bool:
    """Whether a browser would run it, and not go there."""
    return _UNREAD.sub("", address).lower().startswith(_PROGRAMS)


def parts_of(address: str) -> SplitResult:
    """An address taken apart; one that is damaged has no parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def active(page: Page) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of all that does something."""
    for each in page.elements:
        if each.name in ELEMENTS and (each.name, each.attributes.get("type")) != ("script", _DATA):
            yield each.line, f"<{each.name}> is not for mail: readers take it out, and filters hold such mail back"
        if each.name == "meta" and each.attributes.get("http-equiv", "").strip().lower() == "refresh":
            yield (
                each.line,
                '<meta http-equiv="refresh"> goes elsewhere by itself: readers take it out, and filters hold such mail back',
            )
        for name, value in each.attributes.items():
            if _DOES.fullmatch(name):
                yield (
                    each.line,
                    f"{name}= in <{each.name}> is a program: no reader of mail runs it, and filters hold such mail back",
                )
            elif name in _ADDRESSES and is_program(value):
                yield (
                    each.line,
                    f'"{_UNREAD.sub(" ", value).strip()[:60]}" is a program and no address: no reader of mail runs it',
                )


def unseen(page: Page) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of pictures that nobody gets to see."""
    for each in page.named("img", "source"):
        for address in _pictures(each):
            if VALUE not in address and (why := why_unseen(address)):
                yield each.line, f'a picture is at "{address[:60]}", {why}: write its whole address, https://...'


def _pictures(element: Element) -> Iterator[str]:
    """The addresses that it may fetch; a <source> has its pictures in `srcset` alone."""
    if element.name == "img":
        yield element.attributes.get("src", "").strip()
    yield from _CANDIDATE.findall(element.attributes.get("srcset", ""))


def why_unseen(address: str) -> str:
    """Why nobody gets what is there; "" where it can be fetched."""
    parts = parts_of(address)
    if parts.scheme in ("https", "http") and parts.netloc:
        return ""
    if parts.scheme == "data":
        return "which most readers of mail do not show"
    return "which is nothing that a reader of mail can fetch"
