"""What a misspelt word was meant to be."""

import difflib
from collections.abc import Iterable


def near(word: str, known: Iterable[str]) -> str:
    """` (did you mean "where"?)` for a misspelt word, or nothing."""
    found = difflib.get_close_matches(word[:60].lower(), [str(each) for each in known], n=1, cutoff=0.6)
    return f' (did you mean "{found[0]}"?)' if found else ""
