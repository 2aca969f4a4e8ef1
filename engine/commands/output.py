"""What commands print, where nothing takes it: a full disk, a device that refuses. One line on standard error then, whichever
command it is, and none takes it for the trouble of a file of its own. A reader that has left (a pipe) is no trouble."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, cast


class Unwritten(Exception):
    """What was printed can't be written; the words say why."""


class _Output:
    """A stream whose trouble is told from everybody else's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def buffer(self) -> "_Output":
        return _Output(self._stream.buffer)

    def write(self, what: Any) -> Any:
        with _in_words():
            return self._stream.write(what)

    def flush(self) -> None:
        with _in_words():
            self._stream.flush()


@contextmanager
def watched() -> Iterator[None]:
    """While a command prints: Unwritten, at its end at the latest, where something of it was not taken."""
    with redirect_stdout(cast(Any, _Output(sys.stdout))):
        yield
        sys.stdout.flush()


def drop() -> None:
    """Let go of what was not taken: Python would try it once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as err:
        raise Unwritten(f"what is printed can't be written: {err.strerror}") from None
