"""Coupon codes: how they are made by a pattern, and how they are compared. Pure.

    SPRING-####-####     each # is a letter or a digit that nobody mixes up with another (no 0 and O, no 1, I and L)

Codes by a pattern are made with the pool's secret: whoever does not know it can't guess one from another, and the same
person and run have the same code however often they ask.
"""

import hashlib
import hmac
import re
from typing import Final

LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LONGEST: Final = 64  # characters of a code
FEWEST: Final = 8  # places of a pattern: 31^8 is more than 800,000 millions
_CODE: Final = re.compile(r"[^\s\x00-\x1f\x7f,;\"']+")
_PATTERN: Final = re.compile(r"[A-Za-z0-9#_.-]+", re.ASCII)


class CodeError(ValueError):
    """No code, or no pattern; the words can be shown."""


def shown(text: str) -> str:
    """What was written, for an error's text: its beginning, on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:30])


def lookup(code: str) -> str:
    """What two spellings of one code share: people type them in small letters."""
    return code.strip().upper()


def check_code(text: str) -> str:
    """A code as it was brought. CodeError for what is none."""
    code = text.strip()
    if not _CODE.fullmatch(code) or len(code) > LONGEST or not code.isprintable():
        raise CodeError(f'"{shown(code)}" is no code: up to {LONGEST} characters without spaces, commas and quotes')
    return code


def check_pattern(text: str) -> str:
    """A pattern. CodeError when codes by it could be guessed, or typed by nobody."""
    if not _PATTERN.fullmatch(text) or len(text) > LONGEST:
        raise CodeError(f'"{shown(text)}" is no pattern: letters, digits, -, _ and ., with # for what chance fills in')
    if text.count("#") < FEWEST:
        raise CodeError(f"codes by {text} could be guessed: write at least {FEWEST} #, such as SPRING-####-####")
    return text


def make(pattern: str, secret: bytes, *about: str | int) -> str:
    """The code by this pattern for what it is about: the same for the same, and for another hardly ever the same."""
    message = "\0".join(map(str, about)).encode("utf-8", "replace")
    left = int.from_bytes(hmac.digest(secret, message, hashlib.sha512), "big")
    made = []
    for letter in pattern:
        if letter == "#":
            left, which = divmod(left, len(LETTERS))
            letter = LETTERS[which]
        made.append(letter)
    return "".join(made)
