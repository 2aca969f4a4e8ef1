"""What `posthouse mail new` and `list` do with files of templates."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from engine.commands.common import refuse
from engine.control.mail_room import PARTS, files_of
from engine.proofs.proving import Prover
from engine.sending.checking import mail_names
from engine.sending.mail_files import MailFileError
from engine.sending.resources import ResourceError, Resources

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def listed(prover: Prover) -> list[dict[str, Any]]:
    """A row for each mail, as JSON has them."""
    return [_row(prover, name) for name in mail_names(prover.resources)]


def _row(prover: Prover, name: str) -> dict[str, Any]:
    own = [each.name for each in files_of(prover.resources, name) if each.is_own]
    try:
        file = prover.file(name)
    except MailFileError as err:
        return {"name": name, "about": str(err), "stream": "", "event": "", "languages": [], "own": own}
    told = {"name": name, "about": file.about, "stream": file.stream, "event": file.event}
    return {**told, "languages": prover.languages(name), "own": own}


def begin(resources: Resources, folder: Path, name: str, like: str) -> list[Path]:
    """The new mail's files. Refuses a name that is none, and to write over anything."""
    if not _NAME.fullmatch(name):
        refuse("a mail's name is made of small letters, digits and hyphens", code=2)
    made = [(folder / "mail" / f"{name}{part}", f"mail/{like}{part}") for part in PARTS]
    try:
        texts = [(file, resources.read(other)) for file, other in made]
    except ResourceError as err:
        refuse(f"{like} is no mail to begin from: {err}", "`posthouse mail check` reads all there are", code=2)
    for file, _ in texts:
        if file.exists():
            refuse(f"{file} is there already", code=1)
    with writing(folder, "--folder"):
        for file, text in texts:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return [file for file, _ in texts]


@contextmanager
def writing(folder: Path, said: str) -> Iterator[None]:
    """While files are written below a folder, which `said` names on the command line: refuses one that takes none."""
    try:
        yield
    except PermissionError:
        raise  # every command says of it whose it is, and how it is typed as that user
    except OSError as err:
        refuse(
            f"{err.filename or folder} can't be written: {err.strerror}",
            f"{said} names a folder that takes files, or is made",
            code=2,
        )
