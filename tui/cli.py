"""`posthouse`: without a command it opens the terminal application, with one it runs it.

    posthouse [--socket PATH] [--config FILE] [--look night|paper]        the application
    posthouse [--socket PATH] [--config FILE] --plain SCREEN              a screen as plain text
    posthouse COMMAND ...                                                 see: posthouse --help

Each way imports what it needs and no more, so that a command starts in a tenth of a second.
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.control import place
from engine.control.protocol.flows import FlowPicture

_OPTIONS: Final = {"--socket", "--config", "--look"}


class UsageError(Exception):
    """The words of the command line, or the file they name, make no sense; says which."""


@dataclass(slots=True)
class _Asked:
    """What the command line asks for, when it asks for no command."""

    options: dict[str, str]
    plain: list[str] | None = None


def main() -> int:
    argv = sys.argv[1:]
    # Whatever a terminal's encoding can't show is shown as "?", and never as a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        asked = _asked(argv)
        if asked is None:
            from engine.commands import run

            return run(argv, _draw)
        path = socket_path(asked.options)
        return _application(path, asked.options) if asked.plain is None else _plain(path, asked.plain)
    except UsageError as error:
        print(f"posthouse: {error}", file=sys.stderr)
        return 2


def _asked(argv: list[str]) -> _Asked | None:
    """The options, and what is to be plain; None when there are words for a command."""
    options: dict[str, str] = {}
    words = list(argv)
    while words:
        name, has_value, value = words[0].partition("=")
        if name == "--plain" and not has_value:
            return _Asked(options, words[1:])
        if name not in _OPTIONS:
            return None
        if not has_value and len(words) < 2:
            raise UsageError(f"{name} needs a value")
        options[name] = value if has_value else words[1]
        words = words[1:] if has_value else words[2:]
    return _Asked(options)


def socket_path(options: dict[str, str]) -> Path:
    """Where the daemon listens: as told, else as configured, else in ./var, else in /run/posthouse."""
    told, config = options.get("--socket"), options.get("--config")
    try:
        return place.socket_path(Path(told) if told else None, Path(config) if config else None)
    except place.NoPlace as error:
        raise UsageError(str(error)) from None


def _plain(path: Path, words: list[str]) -> int:
    from engine.control.client import Control, ControlError
    from tui import plain

    width = shutil.get_terminal_size((plain.WIDTH, 24)).columns
    try:
        print(plain.screen(Control(path), words, width))
    except ControlError as error:
        print(f"posthouse: {error.text}", file=sys.stderr)
        return 1
    except ValueError as error:
        raise UsageError(str(error)) from None
    return 0


def _draw(picture: FlowPicture, width: int) -> str:
    from tui.ink import plain
    from tui.pages.flows import flow

    return plain(flow(picture, width))


def _application(path: Path, options: dict[str, str]) -> int:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("the application needs a terminal; for text use: posthouse --plain post")
    from engine.control.client import AsyncControl
    from tui.app import PosthouseApp
    from tui.themes import NIGHT, PAPER

    looks = {"night": NIGHT, "paper": PAPER}
    look = options.get("--look") or os.environ.get("POSTHOUSE_LOOK") or "night"
    if look not in looks:
        raise UsageError(f"--look is night or paper, not {look}")
    app = PosthouseApp(AsyncControl(path), look=looks[look])
    app.run()
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
