"""How one's own templates, words and brand differ from those that come with Posthouse."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Final

from engine.sending.resources import Resources, packaged_folder

_TOLD: Final = (".j2", ".toml")


def differences(resources: Resources, names: Sequence[str] = ()) -> Iterator[str]:
    """Unified differences of the files in one's own folders from ours; a file that we have none of is new. `names`: of these
    mails only."""
    ours = packaged_folder()
    for folder in resources.folders[:-1]:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder).as_posix()
            if path.suffix not in _TOLD or (names and path.name.split(".")[0] not in names):
                continue
            here = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            other = ours / relative
            there = other.read_text(encoding="utf-8").splitlines(keepends=True) if other.is_file() else []
            yield from difflib.unified_diff(there, here, f"posthouse/{relative}", str(path))
