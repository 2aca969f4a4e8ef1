"""Scripts in addresses: letters of two alphabets in one name are how one address is made to look like another.

Judged as the highly restrictive profile of Unicode's UTS 39 (section 5.2) judges identifiers: one script, or the scripts
that Chinese, Japanese and Korean are written with, which may stand beside Latin. Digits and signs belong to all.
"""

import unicodedata
from functools import lru_cache
from typing import Final

import idna

from deliverability.address import Address

_TOGETHER: Final = (
    frozenset({"Latin", "Cjk", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Cjk", "Bopomofo"}),
    frozenset({"Latin", "Cjk", "Hangul"}),
)


def mixed_scripts(address: Address) -> str:
    """What is wrong with the letters of an address, in words; "" where it is of one piece."""
    parts = [] if address.local.isascii() else [address.local]
    if "xn--" in address.domain:
        parts += [_shown(label) for label in address.domain.split(".")]
    for part in parts:
        scripts = scripts_of(part)
        if len(scripts) > 1 and not any(scripts <= each for each in _TOGETHER):
            return f'"{part}" mixes {" and ".join(sorted(scripts))} letters'
    return ""


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of its letters."""
    return frozenset(_script(each) for each in text if each.isalpha())


@lru_cache(4096)
def _script(char: str) -> str:
    word = unicodedata.name(char, "unnamed").split(" ")[0].split("-")[0]
    return "Latin" if char.isascii() or word in ("FULLWIDTH", "MODIFIER") else word.capitalize()


def _shown(label: str) -> str:
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label
