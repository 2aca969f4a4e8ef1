"""Lines as they are drawn, before any terminal: text with inks.

A page or a table is a list of `Line`; the application paints its inks in the colours of a theme, `--plain` prints the
text alone. An ink is a meaning, never a colour, and no meaning is said by ink alone: a glyph and a word stand with it.
"""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import takewhile
from typing import NamedTuple

from tui.format import cells, chopped, cut, safe


class Ink(Enum):
    TEXT = auto()
    DIM = auto()  # said for completeness
    STRONG = auto()
    TITLE = auto()  # names a part of a page
    RULE = auto()  # lines between the parts of a page
    RAIL = auto()  # the boxes and rails of a flow
    HORN = auto()  # ours: the cursor, the name, keys
    GOOD = auto()  # it arrived, it runs
    CALM = auto()  # it is under way
    WAIT = auto()  # it waits for a better time
    BAD = auto()  # it failed
    DOUBT = auto()  # nobody knows, or the clock is not the real one
    TAB = auto()  # the mode we are in


class Run(NamedTuple):
    text: str
    ink: Ink = Ink.TEXT


class Target(NamedTuple):
    """What Enter opens on a line: a site, a flow or a message."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    runs: tuple[Run, ...] = ()
    target: Target | None = None
    key: Hashable = None  # who the line is, so that a cursor can follow it when lines move

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)

    @property
    def width(self) -> int:
        return sum(cells(run.text) for run in self.runs)

    def opens(self, kind: str, name: str, key: Hashable = None) -> "Line":
        """The same line with something behind it."""
        opened = Target(kind, name)
        return replace(self, target=opened, key=opened if key is None else key)

    def padded(self, width: int) -> "Line":
        """At least `width` cells."""
        return replace(self, runs=(*self.runs, Run(" " * room))) if (room := width - self.width) > 0 else self

    def cropped(self, width: int) -> "Line":
        """At most `width` cells."""
        kept: list[Run] = []
        room = width
        for run in self.runs:
            kept.append(Run(cut(run.text, room), run.ink))
            if cells(run.text) > room:
                break  # one … says it
            room -= cells(kept[-1].text)
        return replace(self, runs=tuple(run for run in kept if run.text))

    def folded(self, width: int) -> list["Line"]:
        """As many lines as it takes, broken between words; those that go on stand under the first word, behind a label
        (`held by     pause: ...`) under what it says."""
        if self.width <= width:
            return [self]
        first = self.runs[0].text
        is_label = len(self.runs) > 1 and first.endswith("  ") and bool(first.strip())
        before = len(self.text) - len(self.text.lstrip(" "))
        longest = max(map(cells, self.text.split()), default=0)
        # Behind a label only where no word has to be broken for it.
        indent = min(cells(first) if is_label and cells(first) + longest <= width else before, width // 2)
        lines: list[list[Run]] = [[]]
        room = width
        for word, ink in _words(self.runs, max(width - indent, 2)):
            if cells(word.rstrip(" ")) > room and any(run.text.strip() for run in lines[-1]):
                lines.append([Run(" " * indent)])
                word, room = word.lstrip(" "), width - indent
            lines[-1].append(Run(word if cells(word) <= room else word.rstrip(" "), ink))
            room -= cells(word)
        return [replace(self, runs=tuple(runs)).cropped(width) for runs in lines]


def _words(runs: Iterable[Run], width: int) -> Iterable[tuple[str, Ink]]:
    """The runs in pieces that are not broken, each with the blanks behind it."""
    for run in runs:
        for word in re.findall(r" *[^ ]+ ?| +", run.text):
            yield from ((piece, run.ink) for piece in chopped(word, width))


BLANK = Line()


def same_ends(before: Line, after: Line) -> tuple[int, int]:
    """How many cells at the left, and at the right, both lines have; the lines differ. None where one is wider."""
    if before.width != after.width:
        return 0, 0
    left = _same_cells(zip(before.runs, after.runs, strict=False))
    return left, _same_cells(zip(reversed(before.runs), reversed(after.runs), strict=False))


def _same_cells(pairs: Iterable[tuple[Run, Run]]) -> int:
    """How many cells the runs take that are the same on both sides, up to the first that differ."""
    return sum(cells(before.text) for before, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def line(*parts: str | Run | tuple[str, Ink]) -> Line:
    """A line from text and (text, ink) pairs. Whatever the text holds, it is safe to show."""
    runs = (Run(part) if isinstance(part, str) else Run(*part) for part in parts)
    return Line(tuple(Run(safe(run.text), run.ink) for run in runs if run.text))


def lines(text: str, ink: Ink = Ink.TEXT) -> list[Line]:
    """A line for each that the text has."""
    return [line((each, ink)) for each in text.splitlines()]


def rule(title: str, width: int, note: str = "", chip: str = "") -> Line:
    """Names a part of a page: ── Title ─────────── chip  note ──"""
    chip = cut(chip, width // 3)
    beside = width - cells(title) - 8  # what a short title leaves is the note's
    note = cut(note, max(width // 2, beside) - (cells(chip) + 2 if chip else 0))
    tail = f" {chip}  {note} ──" if chip else f" {note} ──" if note else ""
    title = cut(title, max(width - cells(tail) - 4, 4))
    dashes = max(width - cells(title) - cells(tail) - 4, 0)
    runs = [("── ", Ink.RULE), (title, Ink.TITLE), (" " + "─" * dashes, Ink.RULE)]
    if chip:
        runs += [(" ", Ink.DIM), (chip, Ink.WAIT), (" ", Ink.DIM)]
    if note or chip:
        runs += [(f" {note} ", Ink.DIM), ("──", Ink.RULE)]
    return line(*runs).cropped(width)


def plain(lines: Iterable[Line]) -> str:
    """The text alone, without trailing blanks."""
    return "\n".join(each.text.rstrip() for each in lines)
