"""A mail's HTML as a lint looks at it: its links, pictures, declarations, and its words with the colours they are in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from operator import itemgetter
from typing import Final

from engine.sending.colours import is_colour
from engine.sending.inlining import declarations

_VOID: Final = frozenset(("area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))
_UNSEEN: Final = frozenset(("head", "title", "style", "script"))
_FRAMES: Final = frozenset(("html", "head", "body"))  # which end with the page, whether it says so or not
_SHORT: Final = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])")
_SIZE: Final = re.compile(r"([\d.]+)px")


@dataclass(frozen=True, slots=True)
class Said:
    """Some words as they are seen."""

    words: str
    line: int
    colour: str
    ground: str
    size: float  # pixels
    is_bold: bool


@dataclass(frozen=True, slots=True)
class Element:
    """A tag with its attributes; `style` taken apart."""

    name: str
    line: int
    attributes: Mapping[str, str]
    style: Mapping[str, str]


@dataclass(slots=True)
class Page:
    """All of it."""

    elements: list[Element] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    styles: list[tuple[int, str]] = field(default_factory=list)  # (line, what stands there) of its <style>
    unpaired: list[tuple[int, str]] = field(default_factory=list)  # (line, which tag is not closed, or closes nothing)

    def named(self, *names: str) -> list[Element]:
        return [each for each in self.elements if each.name in names]

    @property
    def text(self) -> str:
        """The words that are seen, joined."""
        return " ".join(each.words for each in self.said)


@dataclass(frozen=True, slots=True)
class _Open:
    name: str
    line: int
    colour: str
    ground: str
    size: float
    is_bold: bool
    is_hidden: bool


_PAPER: Final = _Open("", 0, "#000000", "#ffffff", 16, False, False)


def read_page(html: str) -> Page:
    """The page of this HTML. What is damaged is read as far as it goes."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.leave(1)
    reader.page.unpaired.sort(key=itemgetter(0))
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open = [_PAPER]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        style = declarations(told.get("style", ""))
        self.page.elements.append(Element(tag, self.getpos()[0], told, style))
        if tag not in _VOID:
            self._open.append(_within(self._open[-1], tag, self.getpos()[0], told, style))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        at = next((at for at in range(len(self._open) - 1, 0, -1) if self._open[at].name == tag), 0)
        if at:
            self.leave(at + 1)
            del self._open[at]
        elif tag not in _VOID:
            self.page.unpaired.append((self.getpos()[0], f"</{tag}> closes nothing"))

    def leave(self, at: int) -> None:
        """Whatever is open from there on ends without a word: what is around it ends."""
        for each in self._open[at:]:
            if each.name not in _FRAMES:
                self.page.unpaired.append((each.line, f"<{each.name}> is not closed"))
        del self._open[at:]

    def handle_data(self, data: str) -> None:
        now = self._open[-1]
        if now.name == "style":
            self.page.styles.append((self.getpos()[0], data))
        words = " ".join(data.replace("\u200b", "").split())
        if words and not now.is_hidden:
            self.page.said.append(Said(words, self.getpos()[0], now.colour, now.ground, now.size, now.is_bold))


def _within(around: _Open, tag: str, line: int, told: Mapping[str, str], style: Mapping[str, str]) -> _Open:
    ground = _colour(style.get("background-color", style.get("background", told.get("bgcolor", ""))))
    size = _SIZE.fullmatch(style.get("font-size", ""))
    weight = style.get("font-weight", "bold" if tag in ("b", "strong", "th", "h1", "h2", "h3") else "")
    return _Open(
        tag,
        line,
        _colour(style.get("color", "")) or around.colour,
        ground or around.ground,
        float(size[1]) if size else around.size,
        weight in ("bold", "600", "700", "800", "900") if weight else around.is_bold,
        around.is_hidden or tag in _UNSEEN or style.get("display") == "none",
    )


def _colour(text: str) -> str:
    """As #rrggbb; "" where it is none that we know."""
    word = text.split(" ")[0] if text else ""
    short = _SHORT.fullmatch(word)
    word = "#" + "".join(each * 2 for each in short.groups()) if short else word
    return word.lower() if is_colour(word) else ""
