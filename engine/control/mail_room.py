"""What the front office knows of mails between two questions. Files of templates are read anew when one of them changed, and
at a reload, so a proof is of what lies there now; what the daemon sends is as it was read at its start or last reload.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import Final, TypeVar

from engine.control.protocol.mails import MailRow, TemplateFile
from engine.flow.definition import Definition, recall
from engine.house import House
from engine.proofs.proving import Prover
from engine.sending.brand import FILE, BrandError
from engine.sending.checking import mail_names
from engine.sending.mail_files import MailFileError
from engine.sending.resources import Resources
from engine.sending.texts import TextError

T = TypeVar("T")
PARTS: Final = (".toml", ".html.j2", ".txt.j2")
"""How the three files of a mail end."""


class CannotProve(Exception):
    """No mail can be written at all; the words name the file that is wrong."""


class MailRoom:
    """One for a front office, and for its life. Its questions run in a thread, one at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._house: House | None = None  # another one since a reload, with other settings
        self._times: Mapping[Path, float] = {}
        self._prover: Prover | None = None
        self._sender: Prover | None = None
        self._rows: tuple[MailRow, ...] = ()
        self._titles: dict[str, str] = {}
        self._sent: dict[str, tuple[str, ...]] = {}  # mails of each recipe

    async def ask(self, house: House, question: Callable[[Prover], T]) -> T:
        """The question's answer, with the files as they are now. CannotProve."""
        return await asyncio.to_thread(self._asked, house, question)

    async def ask_to_send(self, house: House, question: Callable[[Prover], T]) -> T:
        """The same of mail that leaves: its links are real, so its reader should be nobody's contact. CannotProve."""

        def asked(_: Prover) -> T:
            assert self._sender is not None
            return question(self._sender)

        return await self.ask(house, asked)

    def _asked(self, house: House, question: Callable[[Prover], T]) -> T:
        with self._lock:
            self._look(house)
            assert self._prover is not None
            return question(self._prover)

    def _look(self, house: House) -> None:
        times = times_of(house.resources)
        if self._prover is not None and self._house is house and times == self._times:
            return
        try:
            self._prover = Prover(house.resources, house.config.mail, house.composer.base_url)
            self._sender = Prover.of(house.resources, house.fresh_composer())
        except (BrandError, TextError) as err:
            self._prover = self._sender = None
            raise CannotProve(str(err)) from None
        self._house, self._times, self._rows = house, times, ()

    async def rows(self, house: House, applied: Mapping[str, tuple[str, ...]]) -> tuple[MailRow, ...]:
        """All mails. `applied`: the mails of each flow that is applied."""
        found = await self.ask(house, self._all)
        users: dict[str, list[str]] = {}
        for flow, mails in sorted({**self._sent, **applied}.items()):
            for mail in mails:
                users.setdefault(mail, []).append(flow)
        return tuple(_with_flows(each, tuple(users.get(each.name, ()))) for each in found)

    @property
    def titles(self) -> Mapping[str, str]:
        """What the recipes are called."""
        return self._titles

    def _all(self, prover: Prover) -> tuple[MailRow, ...]:
        if not self._rows:
            self._titles, self._sent = _recipes(prover.resources)
            self._rows = tuple(_row(prover, name) for name in mail_names(prover.resources))
        return self._rows


def times_of(resources: Resources) -> dict[Path, float]:
    """When each file of templates was changed last. One that goes in this moment, as a new text does when it takes its
    place, is none."""
    found = {}
    for path in (each for folder in resources.folders for each in folder.rglob("*")):
        with suppress(OSError):
            status = path.stat()
            if S_ISREG(status.st_mode):
                found[path] = status.st_mtime
    return found


def files_of(resources: Resources, name: str) -> tuple[TemplateFile, ...]:
    """The three files of a mail."""
    return tuple(file_of(resources, f"mail/{name}{part}") for part in PARTS)


def shared_files(resources: Resources) -> tuple[TemplateFile, ...]:
    """Those that all mails are made with."""
    names = [FILE, *resources.names("base", ".j2"), *resources.names("i18n", ".toml")]
    return tuple(file_of(resources, each) for each in names)


def file_of(resources: Resources, name: str) -> TemplateFile:
    *own, ours = resources.folders
    return TemplateFile(name, any((each / name).is_file() for each in own), (ours / name).is_file())


def _row(prover: Prover, name: str) -> MailRow:
    own = tuple(each.name for each in files_of(prover.resources, name) if each.is_own)
    try:
        file = prover.file(name)
    except MailFileError as err:
        return MailRow(name, "", "", own=own, fault=str(err))
    return MailRow(name, file.about, file.stream, file.event, tuple(prover.languages(name)), own=own)


def _with_flows(row: MailRow, flows: tuple[str, ...]) -> MailRow:
    return MailRow(row.name, row.about, row.stream, row.event, row.languages, flows, row.own, row.fault)


def _recipes(resources: Resources) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """(the titles, the mails) of the flows that lie beside the mails, by name."""
    titles, sent = {}, {}
    for file in resources.names("flows", ".yaml"):
        if file.endswith(".test.yaml"):
            continue
        found = recall(resources.read(file), file)
        if isinstance(found, Definition):
            titles[found.name], sent[found.name] = found.title, tuple(sorted(found.templates))
    return titles, sent
