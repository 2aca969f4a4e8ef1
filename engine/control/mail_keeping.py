"""Keeping templates: a file of one's own, written whole, judged and undone. What the daemon sends stays as it is until a
reload."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

from engine.control.asked import Asked
from engine.control.mail_room import file_of
from engine.control.protocol.acts import Done
from engine.control.protocol.mails import MailFileText
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.house import House
from engine.sending.checking import check_mails
from engine.sending.resources import FILE_MAX, ResourceError
from mta.ports import to_ms

_FILE: Final = re.compile(r"brand\.toml|(?:mail|base|i18n)/[a-z0-9][A-Za-z0-9-]*\.(?:toml|html\.j2|txt\.j2|css\.j2)")
_NO_FOLDER: Final = "name a folder in the configuration (`templates`), and reload"


async def file_text(house: House, asked: Asked) -> MailFileText:
    """A file of templates, as it stands."""
    name = _file(asked.text("file"))
    try:
        source = house.resources.read(name)
    except ResourceError as err:
        raise Refusal(str(err), "`posthouse mail list` lists the mails there are", 404) from None
    told = file_of(house.resources, name)
    return MailFileText(
        to_ms(house.clock.now()), name, source, _digest(source), told.is_own, told.is_ours, str(_place(house, name) or "")
    )  # fmt: skip


async def save(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Keep a file of templates in the installation's own folder. It is judged, and kept as it is; what the daemon sends stays
    as it is until a reload."""
    name, source = _file(Asked(body).text("file")), body.get("source")
    if not isinstance(source, str):
        raise Refusal("source is missing: the whole text of the file")
    place = _own_place(house, name)
    if len(source.encode("utf-8", "replace")) > FILE_MAX:
        raise Refusal(f"the text is over {FILE_MAX // 1024} KiB", "nothing was changed")
    before, known = _read(place), body.get("digest")
    if known is not None and known != _digest(_current(house, name)):
        raise Refusal(f"{name} was changed by somebody else meanwhile", "open it again; yours is not kept", 409)
    _write(place, source)
    undo = {"path": "mail/drop", "body": {"file": name}}
    if before is not None:
        undo = {"path": "mail/save", "body": {"file": name, "source": before}}
    faults = _faults(house, name)
    judged = counted(len(faults), "fault") if faults else "all right"
    facts = {"faults": faults, "digest": _digest(source), "path": str(place), "undo": undo}
    return Done(f"{name} is kept: {judged}; what is sent stays as it is until `posthouse reload`", facts)


async def drop(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Take one's own file away: ours of the same name is used again."""
    name = _file(Asked(body).text("file"))
    place = _own_place(house, name)
    before = _read(place)
    if before is None:
        raise Refusal(f"there is no {name} of your own", "`posthouse mail diff` shows what is", 404)
    try:
        place.unlink()
    except OSError as err:
        raise _unwritable(place, err) from None
    again = {"path": "mail/save", "body": {"file": name, "source": before}}
    return Done(f"your {name} is gone; what is sent stays as it is until `posthouse reload`", {"undo": again})


def _file(name: str) -> str:
    if not _FILE.fullmatch(name):
        raise Refusal(
            f"{name[:80]!r} is no file of templates", "such as mail/confirm.toml, mail/confirm.html.j2 or brand.toml"
        )
    return name


def _place(house: House, name: str) -> Path | None:
    return house.config.templates / name if house.config.templates else None


def _own_place(house: House, name: str) -> Path:
    place = _place(house, name)
    if place is None:
        raise Refusal("there is no folder of your own templates", _NO_FOLDER, 409)
    if place.is_symlink() or not place.parent.resolve().is_relative_to(_root(house).resolve()):
        raise Refusal(f"{place} leads out of its folder", "nothing was changed", 409)
    return place


def _root(house: House) -> Path:
    assert house.config.templates is not None
    return house.config.templates


def _read(place: Path) -> str | None:
    try:
        return place.read_text(encoding="utf-8") if place.is_file() else None
    except (OSError, UnicodeDecodeError) as err:
        raise Refusal(f"{place} can't be read: {err}", "mend it by hand", 409) from None


def _current(house: House, name: str) -> str:
    try:
        return house.resources.read(name)
    except ResourceError:
        return ""


def _write(place: Path, source: str) -> None:
    """Whole or not at all: a reader never finds half a template."""
    fresh = place.with_name(f".{place.name}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            file.write(source)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place)
    except OSError as err:
        raise _unwritable(place, err) from None


def _unwritable(place: Path, err: OSError) -> Refusal:
    return Refusal(f"{place} can't be written: {err.strerror}", "let the daemon's user own the folder `templates`", 409)


def _faults(house: House, name: str) -> list[dict[str, Any]]:
    """What is wrong with the mail of this file now; for a file that all mails share, with one of them."""
    mail = name.removeprefix("mail/").split(".")[0] if name.startswith("mail/") else "confirm"
    return [{"file": each.file, "line": each.line, "problem": each.problem}
            for each in check_mails(house.resources, [mail])]  # fmt: skip


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
