"""Addresses that are not what they look like: letters of one alphabet standing among, or for, those of another.

Somebody who types an address by hand types it in one script; "pаypal.com" with a Cyrillic а comes out of a phrase book of
fraud. What is refused follows Unicode's Technical Standard 39: a label (or a local part) that mixes scripts which no
language mixes, and one whose letters, all of one script, all look like Latin ones. Names that mix as Japanese, Korean and
Chinese do are ordinary.
"""

import re
import unicodedata
from typing import Final

import idna

# Letters of other scripts that read as Latin ones (UTS 39, confusables.txt; only those of one shape in most typefaces).
_LOOK_ALIKES: Final = frozenset("асԁеһіјӏорԛѕԝхуʏѵοανιρκωυτϲϳօոսցհіյզ")
_TOGETHER: Final = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_SCRIPT: Final = re.compile(r"[A-Z]+")


def is_homograph(local: str, domain: str) -> bool:
    """Whether an address was made to be mistaken for another. `domain` in A-labels or as it is read."""
    if local.isascii() and domain.isascii() and "xn--" not in domain.lower():
        return False
    return any(map(_is_odd, (*domain.split("."), local)))


def refusal(address: str) -> str:
    """The words for whoever brought such an address."""
    return f'the letters of "{address[:80]}" are made to look like those of another'


def _is_odd(label: str) -> bool:
    text = _readable(label)
    if text.isascii():
        return False
    letters = [each for each in unicodedata.normalize("NFC", text.lower()) if each.isalpha()]
    scripts = {_script(each) for each in letters}
    if len(scripts) > 1:
        return not any(scripts <= each for each in _TOGETHER)
    return bool(letters) and all(each in _LOOK_ALIKES for each in letters)


def _readable(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label


def _script(letter: str) -> str:
    match = _SCRIPT.match(unicodedata.name(letter, ""))
    return match[0] if match else ""
