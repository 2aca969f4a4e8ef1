"""Files that people change while the lab runs: read again when they are another file or have another content."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

_log: Final = logging.getLogger("posthouse.lab")
T = TypeVar("T")


class Reloaded(Generic[T]):
    """A value made from a file. Calling gives the newest one that could be made.

    A file that is wrong is said once and changes nothing until it changes again.
    """

    def __init__(self, path: Path, make: Callable[[Path], T]) -> None:
        """The first time a wrong file raises what `make` raises."""
        self._path = path
        self._make = make
        self._mark = self._look()
        self._value = make(path)

    def __call__(self) -> T:
        mark = self._look()
        if mark != self._mark:
            self._mark = mark
            try:
                self._value = self._make(self._path)
            except (ValueError, OSError) as error:
                _log.error("%s", error)
        return self._value

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
