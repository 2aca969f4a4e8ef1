"""What a misspelt word was meant to be."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that this one looks like; "" where it looks like none."""
    found = difflib.get_close_matches(word[:60].lower(), [str(each) for each in known], n=1, cutoff=0.6)
    return found[0] if found else ""


def near(word: str, known: Iterable[str]) -> str:
    """` (did you mean "where"?)` for a misspelt word, or nothing."""
    found = nearest(word, known)
    return f' (did you mean "{found}"?)' if found else ""
