"""The application as the command line and the environment want it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.control.client import AsyncControl
from tui import keeping, keymap
from tui.app import PosthouseApp
from tui.keymap import Known
from tui.scrub import Symbols
from tui.symbols import shows_signs, shows_unicode
from tui.themes import LOOKS

BIDI: Final = ("app", "terminal", "off")


class NoSuch(ValueError):
    """An option's value that there is not; says which there are."""


def application(path: Path, options: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> PosthouseApp:
    """NoSuch."""
    look = _one_of("--look", options.get("--look") or environ.get("POSTHOUSE_LOOK") or "night", tuple(LOOKS))
    bidi = _one_of("--bidi", options.get("--bidi") or environ.get("POSTHOUSE_BIDI") or "app", BIDI)
    return PosthouseApp(
        AsyncControl(path),
        look=LOOKS[look],
        read_only="--read-only" in options,
        by=_operator(),
        kept=keeping.Kept(keeping.state_folder(environ)),
        keys=keymap.read(keeping.config_folder(environ) / "keys.toml", _known),
        bidi=bidi,
        symbols=symbols(options, environ),
    )


def reports_mouse(environ: Mapping[str, str]) -> bool:
    """GNU screen, told to report the mouse, keeps an Escape to itself until another key comes."""
    return "STY" not in environ


def symbols(options: Mapping[str, str], environ: Mapping[str, str]) -> Symbols | None:
    """How signs are shown; None: as they are."""
    letters = shows_unicode(environ)
    is_wanted = "--ascii" in options or bool(environ.get("POSTHOUSE_ASCII"))
    return Symbols(letters=letters) if is_wanted or not letters or not shows_signs(environ) else None


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise NoSuch(f"{name} is one of {', '.join(words)}, not {word}")
    return word


def _known() -> list[Known]:
    from tui.catalogue import catalogue

    return catalogue()


def _operator() -> str:
    """Who sits here, for the daemon's journal; the kernel vouches for it there too."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
