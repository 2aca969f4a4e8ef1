"""The way that was gone through the application, to go back and forth on. Pure."""

from typing import Final, NamedTuple

from tui.ink import Target

_LONGEST: Final = 100


class View(NamedTuple):
    """A place: a mode, and what was opened there, one behind the other."""

    mode: str
    opened: tuple[Target, ...] = ()


class Trail:
    def __init__(self, start: View) -> None:
        self._views = [start]
        self._at = 0
        self._last = start  # where one was before

    @property
    def here(self) -> View:
        return self._views[self._at]

    @property
    def last(self) -> View:
        """The view before this one, however one came here."""
        return self._last

    def visit(self, view: View) -> None:
        """One has gone there: what lay ahead is forgotten."""
        if view == self.here:
            return
        self._last = self.here
        self._views = [*self._views[: self._at + 1], view][-_LONGEST:]
        self._at = len(self._views) - 1

    def drop(self) -> None:
        """There was nothing to see here: it is no place to come back to."""
        if self._at:
            del self._views[self._at]
            self._at -= 1

    def step(self, by: int) -> View | None:
        """The view so many steps back (negative) or forth; None at an end."""
        at = self._at + by
        if not 0 <= at < len(self._views):
            return None
        self._last, self._at = self.here, at
        return self.here
