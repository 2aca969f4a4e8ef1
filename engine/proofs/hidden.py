"""Characters that nobody sees and that do something: control characters, and turns of the direction that are not closed."""

import unicodedata
from collections.abc import Iterator
from html import unescape
from typing import Final

from engine.proofs.sources import sources
from engine.sending.resources import Resources

_LAYOUT: Final = "\t\n\r"
_EMBEDDINGS: Final = "\u202a\u202b\u202d\u202e"  # UAX #9: until U+202C, or until the isolate around them ends
_ISOLATES: Final = "\u2066\u2067\u2068"  # until U+2069


def hidden(text: str) -> Iterator[tuple[int, str]]:
    """(line, what is there) of each, in the order in which it is found out."""
    turned: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        for each in dict.fromkeys(line):
            if unicodedata.category(each) == "Cc" and each not in _LAYOUT:
                yield number, f"the control character U+{ord(each):04X}, which no reader of mail shows: take it out"
        for each in line:
            _turn(turned, number, each)
    for number, each in turned:
        end = "U+2069" if each in _ISOLATES else "U+202C"
        yield number, f"U+{ord(each):04X}, which turns the direction of all that follows: close it with {end}"


def _turn(turned: list[tuple[int, str]], number: int, each: str) -> None:
    """What is open behind this character."""
    if each in _EMBEDDINGS or each in _ISOLATES:
        turned.append((number, each))
    elif each == "\u202c" and turned and turned[-1][1] in _EMBEDDINGS:
        turned.pop()
    elif each == "\u2069" and any(opened in _ISOLATES for _, opened in turned):
        while turned.pop()[1] not in _ISOLATES:
            pass


def hidden_in_templates(resources: Resources, mail: str) -> Iterator[tuple[str, str]]:
    """(file:line, what is wrong) of a mail's templates and of those that they name."""
    for file, source in sources(resources, f"mail/{mail}.html.j2", f"mail/{mail}.txt.j2"):
        is_html = file.endswith(".html.j2")
        text = "\n".join(map(unescape, source.split("\n"))) if is_html else source
        yield from ((f"{file}:{line}", f"it has {words}") for line, words in hidden(text))
