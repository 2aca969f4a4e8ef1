"""Words in Latin letters within a sentence of a language that has letters of its own: English that a translator left over,
unless it is a name, a unit, an address or a word of capitals, which stay as they are everywhere."""

import re
from collections.abc import Collection
from functools import cache
from typing import Final

from babel.core import get_global

_ADDRESS: Final = re.compile(
    r"[!-~]+(?:://|@)[!-~]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b", re.ASCII | re.IGNORECASE
)
_LETTERS: Final = r"[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]+"
_WORD: Final = re.compile(rf"{_LETTERS}(?:['\u2019-]{_LETTERS})*")
_CAPITALS: Final = re.compile(r"(?:[A-Z]-?){1,6}s?")  # SMS, PDF, VIP, USB-C, and sizes such as XL
_OF_ALL: Final = frozenset(
    (
        "mm",
        "cm",
        "m",
        "km",
        "g",
        "kg",
        "mg",
        "ml",
        "cl",
        "l",
        "kWh",
        "kB",
        "px",
        "Wi-Fi",
        "iOS",
        "iPhone",
        "iPad",
        "eSIM",
    )
)
_LATIN: Final = "Latn"


@cache
def has_own_letters(tag: str) -> bool:
    """Whether a language is written in other letters than Latin ones, by CLDR's likely subtags."""
    script = next((each for each in tag.split("-")[1:] if len(each) == 4), "")
    likely = get_global("likely_subtags").get(tag.partition("-")[0], f"_{_LATIN}_")
    return (script or likely.split("_")[1]) != _LATIN


def without(sentence: str, kept: Collection[str]) -> str:
    """The sentence without these names."""
    for name in sorted(filter(None, kept), key=len, reverse=True):
        sentence = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", sentence, flags=re.ASCII | re.IGNORECASE)
    return sentence


def latin_words(sentence: str, kept: Collection[str] = ()) -> list[str]:
    """Those that have no business there, each once. `kept`: names that stay as they are, of one word or more."""
    words = _WORD.findall(_ADDRESS.sub(" ", without(sentence, kept)))
    return list(dict.fromkeys(each for each in words if each not in _OF_ALL and not _CAPITALS.fullmatch(each)))
