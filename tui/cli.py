"""`posthouse`: without a command it opens the terminal application, with one it runs it.

    posthouse [--socket PATH] [--config FILE] [--look night|paper|clear] [--bidi app|terminal|off] [--ascii]
              [--read-only]                                               the application
    posthouse [--socket PATH] [--config FILE] [--ascii] --plain SCREEN    a screen as plain text
    posthouse --keys                                                      all keys, with the names to rebind them by
    posthouse [--socket PATH] [--config FILE] COMMAND ...                 see: posthouse --help

Each way imports what it needs and no more, so that a command starts in a tenth of a second.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.control import place
from engine.output import printed

if TYPE_CHECKING:
    from engine.control.protocol.flows import FlowPicture

_OPTIONS: Final = {"--socket", "--config", "--look", "--bidi"}
_FLAGS: Final = {"--read-only", "--ascii", "--keys"}
_ABOUT: Final = {"-h", "--help", "--version"}


class UsageError(Exception):
    """The words of the command line, or the file they name, make no sense; says which."""


@dataclass(slots=True)
class _Asked:
    """What the command line asks for."""

    options: dict[str, str]
    plain: list[str] | None = None
    command: list[str] | None = None


def main() -> int:
    argv = sys.argv[1:]
    # Whatever a terminal's encoding can't show is shown as "?", and never as a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return _run(argv)
    except UsageError as error:
        print(f"posthouse: {error}", file=sys.stderr)
        return 2


def _run(argv: list[str]) -> int:
    asked = _asked(argv)
    if asked.command is not None:
        from engine.commands import run

        return run(_command(asked.options, asked.command), _draw)
    if "--keys" in asked.options:
        return printed(_keys, "posthouse")
    path = socket_path(asked.options)
    if asked.plain is None:
        return _application(path, asked.options)
    return printed(lambda: _plain(path, asked), "posthouse")


def _asked(argv: list[str]) -> _Asked:
    """The options, and what is to be plain, or the words of a command."""
    options: dict[str, str] = {}
    words = list(argv)
    while words:
        name, has_value, value = words[0].partition("=")
        if name == "--plain" and not has_value:
            return _Asked(options, words[1:])
        if name in _FLAGS and not has_value:
            options[name] = "yes"
            words = words[1:]
            continue
        if name not in _OPTIONS:
            return _Asked(options, command=_known(words))
        if not has_value and len(words) < 2:
            raise UsageError(f"{name} needs a value")
        options[name] = value if has_value else words[1]
        words = words[1:] if has_value else words[2:]
    return _Asked(options)


def _known(words: list[str]) -> list[str]:
    """The words of a command, which no unknown option begins."""
    if words[0].startswith("-") and words[0] not in _ABOUT:
        from engine.typed import near

        raise UsageError(
            f"there is no option {words[0]}{near(words[0], {*_OPTIONS, *_FLAGS, *_ABOUT, '--plain'})}\n"
            "  `posthouse --help` lists them"
        )
    return words


def _command(options: dict[str, str], words: list[str]) -> list[str]:
    """A command's words, with what was said before it where the command hears it."""
    if others := sorted(options.keys() - {"--socket", "--config"}):
        raise UsageError(f"{others[0]} is for the terminal, not for a command\n  as in: posthouse {others[0]}")
    if "--config" in options:
        os.environ["POSTHOUSE_CONFIG"] = options["--config"]
    if "--socket" not in options or words[0] in _ABOUT:
        return words
    end = words.index("--") if "--" in words else len(words)  # an option is none behind that
    return [*words[:end], "--socket", options["--socket"], *words[end:]]


def socket_path(options: dict[str, str]) -> Path:
    """Where the daemon listens: as told, else as configured, else in ./var, else in /run/posthouse."""
    told, config = options.get("--socket"), options.get("--config")
    try:
        return place.socket_path(Path(told) if told else None, Path(config) if config else None)
    except place.NoPlace as error:
        raise UsageError(str(error)) from None


def _plain(path: Path, asked: _Asked) -> int:
    import shutil

    from engine.control.client import Control, ControlError
    from tui import plain
    from tui.symbols import ascii_only, ascii_signs

    width = shutil.get_terminal_size((plain.WIDTH, 24)).columns
    try:
        text = plain.screen(Control(path), asked.plain or [], width)
        if not (sys.stdout.encoding or "").lower().startswith("utf"):
            text = ascii_only(text)
        print(ascii_signs(text) if "--ascii" in asked.options else text)
    except ControlError as error:
        print(f"posthouse: {error.text}", file=sys.stderr)
        return 1
    except ValueError as error:
        raise UsageError(str(error)) from None
    return 0


def _draw(picture: "FlowPicture", width: int) -> str:
    from tui.ink import plain
    from tui.pages.flows import flow

    return plain(flow(picture, width))


def _application(path: Path, options: dict[str, str]) -> int:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("the application needs a terminal; for text use: posthouse --plain post")
    from tui.opening import NoSuch, application, reports_mouse

    try:
        app = application(path, options)
    except NoSuch as error:
        raise UsageError(str(error)) from None
    app.run(mouse=reports_mouse(os.environ))
    return app.return_code or 0


def _keys() -> int:
    from tui import keeping, keymap
    from tui.catalogue import catalogue

    known = catalogue()
    keys = keymap.read(keeping.config_folder() / "keys.toml", lambda: known)
    print(keymap.listed(known, keys))
    return 1 if keys.faults else 0


if __name__ == "__main__":
    sys.exit(main())
