"""Patterns that users write, run so that no text can stall them: RE2, whose work grows with the text alone.

RE2 has no look-around and no back-references; a pattern with one is refused, and so is one that would grow too large.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import re2

LONGEST: Final = 500  # characters of a pattern
SEARCHED: Final = 256 * 1024  # characters of a text that are looked through
_MEMORY: Final = 4 * 1024 * 1024  # octets that a pattern may become


class PatternError(ValueError):
    """No pattern; the words can be shown."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern. What it finds is its group `value`, else its first group, else all that matched."""

    text: str
    _compiled: Any = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """PatternError in words that say what is wrong."""
        if len(text) > LONGEST:
            raise PatternError(f"a pattern has at most {LONGEST} characters")
        return cls(text, _compile(text))

    def find(self, text: str) -> str | None:
        """What it finds in the beginning of `text`; None where it does not match."""
        match = self._compiled.search(_plain(text))
        if match is None:
            return None
        named = match.groupdict().get("value")
        found = named if named is not None else match.group(1) if self._compiled.groups else match.group(0)
        return None if found is None else str(found)

    def matches(self, text: str) -> bool:
        """Whether it is found at all."""
        return self._compiled.search(_plain(text)) is not None


def _plain(text: str) -> str:
    """The part that is looked through; half a surrogate pair is no letter that RE2 knows."""
    return text[:SEARCHED].encode("utf-8", "replace").decode()


@lru_cache(maxsize=1000)
def _compile(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(text, options)
    except UnicodeEncodeError:
        raise PatternError("no pattern: it holds half of a surrogate pair") from None
    except re2.error as err:
        said = err.args[0] if err.args else err
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        if "invalid perl operator" in words:
            words += " (no look-around: RE2 keeps every pattern fast)"
        raise PatternError(f"no pattern: {words}") from None
