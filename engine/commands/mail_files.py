"""What `posthouse mail` does with files of templates: begin a mail, and tell one's own from ours."""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from engine.commands.common import refuse
from engine.sending.resources import ResourceError, Resources, packaged_folder

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PARTS: Final = (".toml", ".html.j2", ".txt.j2")
_TOLD: Final = (".j2", ".toml")


def begin(resources: Resources, folder: Path, name: str, like: str) -> list[Path]:
    """The new mail's files. Refuses a name that is none, and to write over anything."""
    if not _NAME.fullmatch(name):
        refuse("a mail's name is made of small letters, digits and hyphens", code=2)
    made = [(folder / "mail" / f"{name}{part}", f"mail/{like}{part}") for part in _PARTS]
    try:
        texts = [(file, resources.read(other)) for file, other in made]
    except ResourceError as err:
        refuse(f"{like} is no mail to begin from: {err}", "`posthouse mail check` reads all there are", code=2)
    for file, _ in texts:
        if file.exists():
            refuse(f"{file} is there already", code=1)
    for file, text in texts:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return [file for file, _ in texts]


def differences(resources: Resources, names: Sequence[str]) -> Iterator[str]:
    """Unified differences of the files in one's own folders from ours; a file that we have none of is new."""
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
