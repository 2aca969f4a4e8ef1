"""Replies made alike, so that those that say the same fall together whatever queue id, address or hour they name."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from deliverability.text import clean

MAX_TEXT: Final = 400  # characters of a reply that are compared
MAX_GROUPS: Final = 5_000

# In this order: what is longer or more telling first.
_ALIKE: Final = (
    (re.compile(r"https?://[^\s<>\"']+"), "URL"),
    (re.compile(r"<?[^\s<>@\"'(),;:]{1,64}@[\w.-]{1,253}>?"), "ADDRESS"),
    (re.compile(r"\[?\b\d{1,3}(?:\.\d{1,3}){3}\b\]?(?::\d{1,5})?"), "IP"),
    (re.compile(r"\[?\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\b\]?"), "IP"),
    (re.compile(r"\b(?:[a-z0-9_-]{1,63}\.){2,8}[a-z]{2,24}\b"), "HOST"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d)?\S{0,10}"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b(?=[a-z0-9_+/=-]*\d)[a-z0-9_+/=-]{9,}\b"), "ID"),
    (re.compile(r"\b\d{4,}\b"), "N"),
    (
        re.compile(r"(?<![\d.])\d{1,3}(?= ?(?:second|minute|hour|day|message|octet|byte|kb|mb|recipient|connection))"),
        "N",
    ),
)
STAND_INS: Final = frozenset({"URL", "ADDRESS", "IP", "HOST", "TIME", "ID", "N"})


@dataclass(frozen=True, slots=True)
class Group:
    """Replies that say the same. example: one of them, as it came."""

    text: str
    count: int
    example: str


def normalise(text: str) -> str:
    """The reply in lower case, what differs from mail to mail replaced by a word in capitals."""
    alike = clean(" ".join(text[:MAX_TEXT].lower().split()))
    for pattern, stand_in in _ALIKE:
        alike = pattern.sub(stand_in, alike)
    return alike


def groups(replies: Iterable[tuple[str, int]]) -> list[Group]:
    """(reply, how often) made into groups, the most frequent first."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for reply, count in replies:
        alike = normalise(reply)
        if alike in examples or len(examples) < MAX_GROUPS:
            counts[alike] += count
            examples.setdefault(alike, reply)
    return [Group(text, count, examples[text]) for text, count in counts.most_common()]
