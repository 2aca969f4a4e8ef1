"""Where templates and texts are found: in the user's own folders first, then among those that come with Posthouse.

In an installed Posthouse they lie in `engine/templates` (the wheel puts them there), in a checkout beside the packages.
A user's file stands in for ours of the same name. A name is a relative path of plain parts: none leads out of a folder.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from mta.plain_file import read_plain, why

FILE_MAX: Final = 64 * 1024  # octets of one template or catalogue
PICTURE_MAX: Final = 1024 * 1024  # octets of a picture that is read at all

_NAME: Final = re.compile(r"(?:[a-z0-9][A-Za-z0-9_-]*/)*[a-z0-9][A-Za-z0-9._-]*", re.ASCII)


class ResourceError(Exception):
    """A template or a catalogue can't be read; the words say which and why."""


@cache
def packaged_folder() -> Path:
    """The templates that come with Posthouse."""
    package = Path(str(files("engine")))
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


class Resources:
    """Read-only access to templates by name, such as "mail/confirm.html.j2"."""

    def __init__(self, own_folders: Iterable[Path] = ()) -> None:
        self.folders = (*own_folders, packaged_folder())

    def read(self, name: str) -> str:
        """The text of the first file of this name. ResourceError when there is none, or it can't be text."""
        for folder in self.folders:
            text = read_in(folder, name)
            if text is not None:
                return text
        raise ResourceError(f"there is no {name[:100]} in {' or '.join(str(each) for each in self.folders)}")

    def read_all(self, name: str) -> list[str]:
        """Every file of this name, ours first: for catalogues, where the user's words are laid over ours."""
        found = (read_in(folder, name) for folder in reversed(self.folders))
        return [text for text in found if text is not None]

    def octets(self, name: str) -> bytes:
        """The octets of the first file of this name, such as a picture. ResourceError."""
        for folder in self.folders:
            found = _octets(folder, name, PICTURE_MAX)
            if found is not None:
                return found
        raise ResourceError(f"there is no {name[:100]} in {' or '.join(str(each) for each in self.folders)}")

    def has(self, name: str) -> bool:
        """Whether there is a file of this name, readable or not."""
        return any((folder / name).is_file() for folder in self.folders)

    def own(self, below: str, suffix: str) -> list[str]:
        """As `names`, of the user's own folders alone."""
        return [
            name for name in self.names(below, suffix) if any((each / name).is_file() for each in self.folders[:-1])
        ]

    def names(self, below: str, suffix: str) -> list[str]:
        """The names in one folder that end so, each once, in order."""
        found = {
            f"{below}/{path.name}"
            for folder in self.folders
            for path in (folder / below).glob(f"*{suffix}")
            if path.is_file()
        }
        return sorted(name for name in found if _NAME.fullmatch(name))


def read_in(folder: Path, name: str) -> str | None:
    """The text of a folder's own file; None where it has none. ResourceError for what leads out of it, or is no text."""
    octets = _octets(folder, name, FILE_MAX)
    try:
        return None if octets is None else octets.decode("utf-8")
    except UnicodeDecodeError as err:
        raise ResourceError(f"{folder / name} can't be read: {why(err)}") from None


def _octets(folder: Path, name: str, most: int) -> bytes | None:
    if not _NAME.fullmatch(name):
        raise ResourceError(f'"{ascii(name[:100])[1:-1]}" is no template name')
    path = folder / name
    try:
        if not path.is_file():
            return None
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ResourceError(f"{path} leads out of its folder")
        octets = read_plain(path, most + 1)
    except OSError as err:
        raise ResourceError(f"{path} can't be read: {why(err)}") from None
    if len(octets) > most:
        raise ResourceError(f"{path} is larger than {most // 1024} KiB")
    return octets
