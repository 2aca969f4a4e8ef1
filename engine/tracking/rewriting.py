"""Rewriting: the links of a mail's HTML, so that following them is counted. Pure.

Only the address inside an `<a href>` or `<area href>` is touched: no word, no other attribute, nothing in comments (also
those that only Outlook reads), styles or titles. Left alone are addresses that are not http, our own pages, anchors,
links that bear `data-untracked`, and links whose words are an address themselves: a reader who is shown one address and
led to another is right to be afraid. `data-link="name"` names a link; both attributes are taken out.
"""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from engine.tracking.marks import NAME_MAX, TARGET_MAX

UNTRACKED: Final = "data-untracked"
NAME: Final = "data-link"

Make = Callable[[int, int, str, str], str]
"""(number from 1, how many there are, target, name) to the address that stands for it."""

TAG_MAX: Final = 4096  # characters of a tag

# What may hold "<a" without being a link comes first.
_OPENER: Final = re.compile(r"<(?=[!sta])(?:!--|(style|script|title|textarea)\b|(?:a|area)(?=[\s/]))", re.IGNORECASE)
_STOP: Final = re.compile("[\"'>]")
_ATTRIBUTE: Final = re.compile(r"([^\s\"'>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_TAG: Final = re.compile(r"<[^>]*>")
_LOOKS_LIKE_ADDRESS: Final = re.compile(r"https?://|^\s*www\.", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[!-~]+")
_BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Anchor:
    """One link in the text: where its tag stands, what is in it, and where it leads when it is to be counted ("" else)."""

    start: int
    end: int
    tag: str
    target: str
    name: str


def is_countable(target: str, own: str) -> bool:
    """Whether an address may stand behind one of ours. `own` begins the addresses of our own pages."""
    if not _PLAIN.fullmatch(target) or len(target) > TARGET_MAX or target.lower().startswith(own.lower()):
        return False
    try:
        parts = urlsplit(target)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and "\\" not in target
    except ValueError:
        return False


def anchors(text: str, own: str) -> list[Anchor]:
    """The links of an HTML text, in its order. `own` begins the addresses of our own pages."""
    found = []
    for start, end in _tags(text):
        tag = text[start:end]
        values: dict[str, str] = {}
        for each in _ATTRIBUTE.finditer(_split(tag)[1]):
            value = next((group for group in each.groups()[1:] if group is not None), "")
            values.setdefault(each[1].lower(), html.unescape(value))  # of two alike, browsers take the first
        target = values.get("href", "").strip()
        is_left = UNTRACKED in values or not is_countable(target, own) or _shows_address(text, end)
        name = " ".join(values.get(NAME, "").split())[:NAME_MAX]
        found.append(Anchor(start, end, tag, "" if is_left else target, name))
    return found


def rewrite(text: str, own: str, make: Make | None) -> tuple[str, dict[str, int]]:
    """(the text with its links led over ours, the number that each target has). Without `make` only the attributes that
    are for us are taken out. The same target twice is one link."""
    if make is None and UNTRACKED not in text and NAME not in text:
        return text, {}
    found = anchors(text, own)
    numbers: dict[str, int] = {}
    names: dict[str, str] = {}
    for each in found:
        if each.target and make:
            numbers.setdefault(each.target, len(numbers) + 1)
            names[each.target] = names.get(each.target) or each.name
    pieces, at = [], 0
    for each in found:
        address = ""
        if each.target and make:
            address = make(numbers[each.target], len(numbers), each.target, names[each.target])
        pieces += [text[at : each.start], _tag(each.tag, address)]
        at = each.end
    return "".join((*pieces, text[at:])), numbers


def before_end(text: str, piece: str) -> str:
    """The HTML with `piece` as the last thing in its body."""
    ends = list(_BODY_END.finditer(text))
    at = ends[-1].start() if ends else len(text)
    return text[:at] + piece + text[at:]


def _tags(text: str) -> Iterator[tuple[int, int]]:
    """Where the start tags of links stand. A comment or a style without an end holds nothing."""
    at, unclosed = 0, set[str]()
    while (opener := _OPENER.search(text, at)) is not None:
        at = opener.end()
        word = "" if opener[0] == "<!--" else opener[1]
        if word is None:
            if (end := _tag_end(text, at)) > 0:
                yield opener.start(), end
                at = end
        elif word.lower() not in unclosed:
            close = re.compile(rf"</{word}\s*>" if word else "-->", re.IGNORECASE).search(text, at)
            if close is None:
                unclosed.add(word.lower())
            else:
                at = close.end()


def _tag_end(text: str, at: int) -> int:
    """Where a tag ends: behind the first > outside of quotes; 0 when it does not."""
    limit = at + TAG_MAX
    while (stop := _STOP.search(text, at, limit)) is not None:
        if stop[0] == ">":
            return stop.end()
        at = text.find(stop[0], stop.end(), limit) + 1
        if not at:
            break
    return 0


def _split(tag: str) -> tuple[str, str]:
    """A tag as its beginning ("<a") and what follows, without the closing >."""
    length = 5 if tag[1:5].lower() == "area" else 2
    return tag[:length], tag[length:-1]


def _shows_address(text: str, start: int) -> bool:
    """Whether the words of the link whose tag ends at `start` are an address."""
    end = text.find("</a", start)
    return end >= 0 and bool(_LOOKS_LIKE_ADDRESS.search(html.unescape(_TAG.sub("", text[start:end]))))


def _tag(tag: str, address: str) -> str:
    """The tag without the attributes that are for us, and with this address where there is one."""
    is_first = True

    def attribute(match: re.Match[str]) -> str:
        nonlocal is_first
        name = match[1].lower()
        if name in (UNTRACKED, NAME):
            return ""
        if name == "href" and address and is_first:
            is_first = False
            return f' href="{html.escape(address)}"'
        return match[0]

    word, inside = _split(tag)
    return word + _OURS.sub(attribute, inside) + ">"


_OURS: Final = re.compile(rf"\s*{_ATTRIBUTE.pattern}")
