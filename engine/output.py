"""What `posthouse` and `posthoused` print, where nothing takes it: a full disk, a device that refuses. One line on standard
error then, whichever command it is, and none takes it for the trouble of a file of its own. A reader that has left (`| head`,
a pager) has read enough, and is no trouble."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final, cast

_LEFT: Final = 141  # what a shell says of a program that SIGPIPE ended


class _Unwritten(Exception):
    """What was printed can't be written; the words say why."""


class _Unread(Exception):
    """Nobody reads it any more. No OSError: the library under the commands would end with a code of its own."""


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


def printed(run: Callable[[], int], program: str) -> int:
    """The exit code of what runs and prints, as `program`; 1, and the line, where its words were not taken; 141 where nobody
    reads them any more."""
    try:
        with _watched():
            try:
                return run()
            except SystemExit as end:  # what it printed before is written all the same
                return end.code if isinstance(end.code, int) else 1
    except _Unwritten as err:
        print(f"{program}: {err}", file=sys.stderr)
        _drop()
        return 1
    except _Unread:
        _drop()
        return _LEFT


@contextmanager
def _watched() -> Iterator[None]:
    """While a command prints: _Unwritten, at its end at the latest, where something of it was not taken."""
    with redirect_stdout(cast(Any, _Output(sys.stdout))):
        yield
        sys.stdout.flush()


def _drop() -> None:
    """Let go of what was not taken: Python would try it once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise _Unread from None
    except OSError as err:
        raise _Unwritten(f"what is printed can't be written: {err.strerror}") from None
