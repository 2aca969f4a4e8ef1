"""How one's own templates, words and brand differ from those that come with Posthouse."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Final

from engine.sending.resources import ResourceError, Resources, packaged_folder, read_in

_TOLD: Final = (".j2", ".toml")


def stems(resources: Resources) -> frozenset[str]:
    """What files are called by: mails, languages, `brand`."""
    files = (path for folder in resources.folders for path in folder.rglob("*") if path.suffix in _TOLD)
    return frozenset(path.name.split(".")[0] for path in files)


def differences(resources: Resources, names: Sequence[str] = ()) -> Iterator[str]:
    """Unified differences of the files in one's own folders from ours; a file that we have none of is new. `names`: of these
    mails only."""
    ours = packaged_folder()
    for folder in resources.folders[:-1]:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder).as_posix()
            if path.suffix not in _TOLD or (names and path.name.split(".")[0] not in names):
                continue
            try:
                here, there = read_in(folder, relative), read_in(ours, relative) or ""
            except ResourceError as err:
                yield f"{err}\n"
                continue
            if here is not None:
                yield from difflib.unified_diff(
                    there.splitlines(keepends=True), here.splitlines(keepends=True), f"posthouse/{relative}", str(path)
                )
