"""Which rows a verb is about: those that are marked, all that match, or the one under the cursor. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.counts import counted
from tui.format import number


@dataclass(frozen=True, slots=True)
class Matching:
    """All rows that a filter finds: the words that the daemon filters by, and how many there are as it counted."""

    words: Mapping[str, str | int] = field(default_factory=dict)
    count: int = 0
    exact: bool = True  # False: there may be more


@dataclass(frozen=True, slots=True)
class Marked:
    """What a verb is about. `every` is given for all that match, and then `names` says nothing."""

    names: tuple[str, ...] = ()
    every: Matching | None = None
    chosen: bool = False  # somebody marked it; False: it is what the cursor is on

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def count(self) -> int:
        return len(self.names) if self.every is None else self.every.count

    def told(self, one: str, many: str = "") -> str:
        """3 deliveries; the one delivery that matches; all 12,431 deliveries that match"""
        if self.every is None:
            return counted(self.count, one, many)
        if self.every.exact and self.count == 1:
            return f"the one {one} that matches"
        least = "" if self.every.exact else "at least "
        return f"all {least}{number(self.count)} {many or one + 's'} that match"
