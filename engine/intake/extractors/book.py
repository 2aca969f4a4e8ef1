"""The extractors of an installation: a folder of files, read when a process begins and on reload.

A file with faults is left out and said; the others work.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from deliverability.address import Address
from deliverability.authors import first_author
from deliverability.encoded_words import decode_text
from deliverability.rawmail import first_value
from engine.flow.document import MAX_FILE, Fault
from engine.intake.extractors.applying import apply, open_mail
from engine.intake.extractors.model import Extractor
from engine.intake.extractors.reading import read_extractor
from mta.plain_file import open_plain

MOST: Final = 200  # files of a folder


@dataclass(frozen=True, slots=True)
class Book:
    """Extractors, by their names."""

    extractors: tuple[Extractor, ...] = ()
    faults: tuple[Fault, ...] = ()

    def for_mail(self, header: bytes, recipients: Sequence[Address]) -> list[Extractor]:
        """Those that are for this mail, by its From, Subject and envelope. Cheap."""
        if not self.extractors:
            return []
        sender = first_author(first_value(header, "From") or b"").lower()
        subject = decode_text(first_value(header, "Subject") or b"")
        to = frozenset(each.key for each in recipients)
        return [each for each in self.extractors if each.match.fits(sender, to, subject)]


def read_folder(folder: Path | None) -> Book:
    """All *.yaml of a folder, in the order of their names. Without a folder there are none."""
    if folder is None:
        return Book()
    found: dict[str, Extractor] = {}
    faults: list[Fault] = []
    try:
        files = sorted(folder.glob("*.yaml"))
    except OSError as err:
        return Book((), (Fault(str(folder), 1, 1, "", f"can't be read: {err.strerror}"),))
    if not folder.is_dir():
        return Book((), (Fault(str(folder), 1, 1, "", "is no folder", "make it, or take intake.extractors out"),))
    if len(files) > MOST:
        faults.append(Fault(str(folder), 1, 1, "", f"holds more than {MOST} files; the first {MOST} are read"))
    for file in files[:MOST]:
        made = read_file(file)
        if isinstance(made, list):
            faults += made
        elif made.name in found:
            faults.append(Fault(str(file), 1, 1, "name", f'"{made.name}" is another file\'s already'))
        else:
            found[made.name] = made
    return Book(tuple(found.values()), tuple(faults))


def read_file(file: Path) -> Extractor | list[Fault]:
    """One file."""
    try:
        with io.TextIOWrapper(open_plain(file), "utf-8") as text:
            return read_extractor(text.read(MAX_FILE + 1), str(file))
    except UnicodeDecodeError:
        return [Fault(str(file), 1, 1, "", "is no UTF-8 text")]
    except OSError as err:
        return [Fault(str(file), 1, 1, "", f"can't be read: {err.strerror}")]


# -- in the worker


def extract(sources: Sequence[str], content: bytes) -> dict[str, Any]:
    """What these extractors, given by their texts, find: {"events": [...], "left_out": [why]}."""
    events, left_out = [], []
    mail = open_mail(content)
    for source in sources:
        made = _known(source)
        found, why = apply(made, mail) if made is not None else (None, "")
        if found is not None:
            events.append(found)
        elif why:
            left_out.append(why)
    return {"events": events, "left_out": left_out}


@lru_cache(maxsize=MOST)
def _known(source: str) -> Extractor | None:
    made = read_extractor(source, "")
    return made if isinstance(made, Extractor) else None
