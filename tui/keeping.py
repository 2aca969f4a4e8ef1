"""What the terminal keeps between two visits, in files of the operator's own: command history and saved filters.

A file that can't be read or written is no reason to fail: what it would have said is missing, and `faults` says why.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_HISTORY: Final = 500  # commands
_READ_AT_MOST: Final = 1 << 20  # octets; what is longer is no file of ours


def config_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the operator's settings are: $XDG_CONFIG_HOME/posthouse, or ~/.config/posthouse."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "posthouse"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what is remembered is: $XDG_STATE_HOME/posthouse, or ~/.local/state/posthouse."""
    return Path(environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()) / "posthouse"


class Kept:
    """History and filters. With no folder, they last as long as the program."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.faults: list[str] = []
        self.commands = [each for each in self._read("commands").splitlines() if each.isprintable() and each]
        self.filters = self._filters()

    def remember(self, command: str) -> None:
        """A command that was typed, the newest last; what was there before moves there."""
        self.commands = [*(each for each in self.commands if each != command), command][-_HISTORY:]
        self._write("commands", "".join(f"{each}\n" for each in self.commands))

    def save_filter(self, mode: str, name: str, text: str) -> str:
        """Under a name, for a mode, beside what other terminals have kept; no text forgets it. Why it lasts only as long as
        the program; "" where it is kept."""
        self.filters |= self._filters()
        there = dict(self.filters.get(mode, {}))
        if text:
            there[name] = text
        else:
            there.pop(name, None)
        self.filters[mode] = there
        return self._write("filters.json", json.dumps(self.filters, ensure_ascii=False, indent=1))

    def _filters(self) -> dict[str, dict[str, str]]:
        try:
            found = json.loads(self._read("filters.json") or "{}")
            return {
                str(mode): {str(name): str(text) for name, text in filters.items()} for mode, filters in found.items()
            }
        except (ValueError, AttributeError, RecursionError):
            self.faults.append(f"{self._folder}/filters.json is no table of filters: it is passed over")
            return {}

    def _read(self, name: str) -> str:
        if self._folder is None:
            return ""
        try:
            with (self._folder / name).open(encoding="utf-8", errors="replace") as file:
                return file.read(_READ_AT_MOST)
        except FileNotFoundError:
            return ""
        except OSError as error:
            self.faults.append(f"cannot read {self._folder / name}: {error.strerror}")
            return ""

    def _write(self, name: str, text: str) -> str:
        """Whole or not at all, and for nobody else's eyes: addresses are in it. Why not; "" when it was."""
        if self._folder is None:
            return ""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._folder / f"{name}.{os.getpid()}"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            fresh.replace(self._folder / name)
        except OSError as error:
            return f"cannot write {self._folder / name}: {error.strerror}"
        return ""
