"""The import desk of the front office: takes files in, tries them, imports them, stops and goes on.

    come -> ready -> (try) -> tried -> (start) -> running -> done
                                          ^          |
                                          +- stopped +        cancelled between two commits, or the daemon was stopped

One import runs at a time, in a thread beside the loop, with the engine's own importer: small commits that let others
write, the ledger's rows with them, and one entry at the end. What strangers' files hold is said in words, never raised.
"""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deliverability.text import clean
from engine.audience import lists
from engine.audience.contacts import ContactError, tidy_locale, tidy_tag, tidy_zone
from engine.audience.ledger import SALT_OCTETS
from engine.audience.lists import ListError
from engine.exchange import errands
from engine.exchange.columns import MappingError
from engine.exchange.encodings import CODECS, NoText, Unclear
from engine.exchange.errands import FAULTS_KEPT, KEPT, Errand, Fault, State, Tried, wanted_of
from engine.exchange.importing import Import, ImportedAlready, Progress
from engine.exchange.opening import KINDS, Opened, open_file
from engine.exchange.preparing import Counted, Prepared
from engine.exchange.quarantine import Quarantine
from engine.exchange.rows import NoTable, Row
from engine.store.groups import GroupStore
from mta.ports import Chance, Clock, StoreBusy, StoreTrouble, to_ms

FILE_MOST: Final = 2 << 30  # octets
ERRANDS_MOST: Final = 20
KEEP: Final = timedelta(days=14)
SWEEP_SECONDS: Final = 3600.0  # between two looks for what has lain here for so long
TELL_SECONDS: Final = 0.2
TRIES: Final = 6  # of as long as a commit waits
NAME_MOST: Final = 180  # octets of a file's name: what a folder takes, less what is put before and behind it
CELLS_SHOWN: Final = 200


class DeskError(ValueError):
    """What can't be done; the words can be shown to an operator."""


class _Stopped(Exception):
    """It was cancelled."""


class ImportDesk:
    """The imports of one installation. `folder`: where their files are."""

    def __init__(self, store: GroupStore, clock: Clock, chance: Chance, folder: Path) -> None:
        self._store, self._clock, self._chance, self._folder = store, clock, chance, folder
        found = (errands.load(each) for each in sorted(folder.glob("*/"))) if folder.is_dir() else ()
        self.errands: dict[str, Errand] = {each.id: each for each in found if each is not None}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take away what has lain here for long: people's addresses stand in it. Until cancelled."""
        while True:
            self._sweep(self._clock.now())
            await asyncio.sleep(SWEEP_SECONDS)

    # -- its file

    def come(self, name: str, size: int, by: str) -> Errand:
        """A file that will come in parts. DeskError."""
        if not 0 < size <= FILE_MOST:
            raise DeskError(f"a file has from 1 octet to {FILE_MOST >> 30} GiB, not {size:,}")
        made = self._make(_name(name), by, size)
        with _kept(made):
            made.folder.mkdir(mode=0o700, parents=True)
            os.close(os.open(made.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
            made.keep()
        self.errands[made.id] = made
        return made

    async def at(self, path: str, by: str) -> Errand:
        """A file that is on this machine, by its place: a copy of it. DeskError where it can't be read, or where not
        everybody may: what the daemon reads is shown, and nobody is to see by it what they may not see themselves."""
        there = Path(path)
        if not there.is_absolute():
            raise DeskError(f"{path[:200]} is no place on the daemon's machine: name it from / on")
        place = await asyncio.to_thread(_opened_there, there)
        try:
            made = self.come(there.name, os.fstat(place).st_size, by)
            await asyncio.to_thread(self._copy, place, made)
        finally:
            os.close(place)
        return made

    def _copy(self, place: int, made: Errand) -> None:
        try:
            with _kept(made), os.fdopen(os.dup(place), "rb") as source, made.file.open("wb") as copy:
                shutil.copyfileobj(source, copy)
                made.come = made.size = copy.tell()
                made.state = State.READY
                made.keep()
        except DeskError:
            self.errands.pop(made.id, None)
            raise

    def _make(self, name: str, by: str, size: int) -> Errand:
        now = self._clock.now()
        self._sweep(now)
        if len(self.errands) >= ERRANDS_MOST:
            raise DeskError(f"there are {ERRANDS_MOST} imports at the desk: take one away first")
        number = self._chance.octets(4).hex()
        return Errand(number, self._folder / number, name, clean(by)[:60], to_ms(now), size)

    def part(self, number: str, offset: int, octets: bytes) -> Errand:
        """A part of its file; parts come in order. DeskError."""
        errand = self.errand(number)
        if errand.state is not State.COMING or offset != errand.come or offset + len(octets) > errand.size:
            raise DeskError(
                f"{errand.come:,} of {errand.size:,} octets are here: a part from {offset:,} on does not follow"
            )
        try:
            with errand.file.open("r+b") as file:  # where one broke off, be it by a crash, the next takes its place
                file.seek(offset)
                file.write(octets)
                file.truncate()
        except OSError as err:
            raise DeskError(f"the part can't be kept: {err.strerror}") from None
        errand.come += len(octets)
        if errand.come == errand.size:
            errand.state = State.READY
            errand.keep()
        return errand

    # -- what is done with it

    def errand(self, number: str) -> Errand:
        """The errand of this number. DeskError."""
        found = self.errands.get(number)
        if found is None:
            raise DeskError(f"there is no import {number[:20]} at the desk")
        return found

    def try_out(self, number: str, options: Mapping[str, Any]) -> Errand:
        """Begin a dry run: read everything, write nothing. DeskError for options that make no sense."""
        errand = self._free(number, State.READY, State.TRIED, State.FAILED)
        errand.options = dict(options)
        _judge(errand.options)
        errand.tried, errand.why = Tried(), ""
        self._begin(errand, State.TRYING, self._try)
        return errand

    async def start(self, number: str, options: Mapping[str, Any] | None = None) -> Errand:
        """Import it; one that was stopped goes on with what was said of it before. DeskError."""
        errand = self._startable(number)
        said = dict(errand.options if options is None else options)
        _judge(said)
        await self._judge_consent(said)
        errand = self._startable(number)  # again: somebody may have been quicker meanwhile
        errand.options, errand.why, errand.faults = said, "", []
        self._begin(errand, State.RUNNING, self._run)
        return errand

    def _startable(self, number: str) -> Errand:
        if any(each.state is State.RUNNING for each in self.errands.values()):
            raise DeskError("another import runs: wait for it, or cancel it")
        return self._free(number, State.READY, State.TRIED, State.STOPPED, State.FAILED)

    def cancel(self, number: str) -> Errand:
        """Stop what is being done with it, between two commits. DeskError where nothing is."""
        errand = self.errand(number)
        if not errand.is_busy:
            raise DeskError(f"nothing is being done with import {number}: it is {errand.state}")
        errand.cancel.set()
        return errand

    def drop(self, number: str) -> Errand:
        """Take it from the desk, its file too; what was imported stays. DeskError while something is done with it."""
        errand = self.errand(number)
        if errand.is_busy:
            raise DeskError(f"import {number} is {errand.state}: cancel it first")
        errand.drop()
        return self.errands.pop(number)

    async def stop(self) -> None:
        """End what runs where it is; it goes on after the next start, when somebody says so."""
        for each in self.errands.values():
            each.cancel.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- how

    def _sweep(self, now: datetime) -> None:
        for each in [one for one in self.errands.values() if not one.is_busy]:
            if each.started_ms < to_ms(now - KEEP):
                self.drop(each.id)

    def _free(self, number: str, *states: State) -> Errand:
        errand = self.errand(number)
        if errand.state not in states:
            raise DeskError(f"import {number} is {errand.state}: it takes one that is {' or '.join(states)}")
        return errand

    async def _judge_consent(self, options: Mapping[str, Any]) -> None:
        """What every mail to these people will rest on has to be said."""
        wanted = wanted_of(options)
        if not wanted.how:
            raise DeskError("say how these addresses were come by (source): it is what every mail to them rests on")
        found = await self._store.read(lambda tx: [lists.get(tx, name) for name in wanted.lists])
        believed = [each for each in found if each is not None and not wanted.asks]
        if believed and not wanted.wording and not any(each.purpose for each in believed):
            raise DeskError(
                "say which words these people agreed to (wording): the lists have no purpose to stand for them"
            )

    def _begin(self, errand: Errand, state: State, do: Callable[[Errand], None]) -> None:
        errand.cancel.clear()
        errand.state, errand.done = state, 0
        errand.keep()
        task = asyncio.get_running_loop().create_task(self._do(errand, do))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, errand: Errand, do: Callable[[Errand], None]) -> None:
        was = errand.state
        try:
            await self._patiently(errand, do)
        except _Stopped:
            errand.state = State.STOPPED if was is State.RUNNING else State.READY
            errand.why = "cancelled"
        except (ListError, MappingError, NoText, NoTable, Unclear, ImportedAlready, StoreTrouble, DeskError) as err:
            errand.state, errand.why = State.FAILED, str(err)
        except OSError as err:
            errand.state, errand.why = State.FAILED, f"the file can't be read: {err.strerror}"
        finally:
            if errand.is_busy:
                errand.state, errand.why = State.FAILED, "the daemon failed at this; its log says more"
            errand.keep()

    async def _patiently(self, errand: Errand, do: Callable[[Errand], None]) -> None:
        """Once more where the database was held for longer than a commit waits: what was taken stays, it goes on behind."""
        for _ in range(TRIES - 1):
            with suppress(StoreBusy):
                await asyncio.to_thread(do, errand)
                return
            errand.faults = []
            _heed(errand)
        await asyncio.to_thread(do, errand)

    def _try(self, errand: Errand) -> None:
        with tempfile.TemporaryDirectory(prefix="posthouse-import-") as folder, _opened(errand) as opened:
            prepared = Prepared(self._store, opened, wanted_of(errand.options), Path(folder))

            def tell(counted: Counted) -> None:
                errand.done = counted.rows
                _heed(errand)

            counted = prepared.try_out(tell)
            errand.tried = _found(opened, prepared, counted)
        errand.done, errand.state = counted.rows, State.TRIED

    def _run(self, errand: Errand) -> None:
        wanted = wanted_of(errand.options)
        with tempfile.TemporaryDirectory(prefix="posthouse-import-") as folder, _opened(errand) as opened:
            prepared = Prepared(self._store, opened, wanted, Path(folder))
            declared = prepared.declare(errand.by, self._chance.octets(SALT_OCTETS))

            def tell(progress: Progress) -> None:
                _note(errand, progress)
                _heed(errand)

            task = Import(self._store, self._clock, self._chance, wanted.overwrite, tell, TELL_SECONDS)
            with _Noted(errand, is_json=prepared.is_json) as quarantine:
                again = bool(errand.options.get("again"))
                progress = task.run(prepared.parts, declared, quarantine, again=again)
        _note(errand, progress)
        errand.entry, errand.done = progress.seq, progress.taken + progress.refused
        errand.state = State.DONE
        if progress.seq is None:
            errand.state, errand.why = State.FAILED, "nobody in it could be taken"


class _Noted(Quarantine):
    """The quarantine beside the errand's file, whose first rows are kept for screens."""

    def __init__(self, errand: Errand, *, is_json: bool) -> None:
        super().__init__(errand.folder / errand.name, is_json=is_json)
        self._errand = errand

    def add(self, table: str, header: Sequence[str], row: Row, reason: str) -> None:
        super().add(table, header, row, reason)
        if len(self._errand.faults) < FAULTS_KEPT:
            self._errand.faults.append(_fault(table, row, reason))


@contextmanager
def _kept(made: Errand) -> Iterator[None]:
    """Around the making of an errand's files: DeskError, and nothing of it stays, where they can't be made."""
    try:
        yield
    except OSError as err:
        made.drop()
        raise DeskError(f"the file can't be kept: {err.strerror}") from None


def _opened_there(there: Path) -> int:
    """A file of this machine that everybody may read. DeskError."""
    try:
        place = os.open(there, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as err:
        raise DeskError(f"the daemon can't read {there}: {err.strerror}") from None
    mode = os.fstat(place).st_mode
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        return place
    os.close(place)
    raise DeskError(
        f"not everybody may read {there}: let the terminal send it, or `chmod o+r` it"
        if stat.S_ISREG(mode)
        else f"{there} is no file"
    )


def _name(told: str) -> str:
    """What a file is called in its folder, where there are others."""
    found = Path(clean(told)).name.encode()[:NAME_MOST].decode("utf-8", "ignore").strip(". ")
    return f"file {found}" if found.startswith(KEPT) else found or "people.csv"


def _note(errand: Errand, progress: Progress) -> None:
    errand.batch, errand.taken, errand.made = progress.batch_id, progress.taken, progress.made
    errand.refused, errand.stopped = progress.refused, progress.stopped
    errand.done = progress.taken + progress.refused


def _heed(errand: Errand) -> None:
    if errand.cancel.is_set():
        raise _Stopped


def _opened(errand: Errand) -> Opened:
    said = {name: str(errand.options.get(name, "")) for name in ("kind", "encoding", "separator")}
    names = {name.lower(): name for name in CODECS}
    separator = "\t" if said["separator"] in ("\\t", "tab") else said["separator"]
    return open_file(
        errand.file, kind=said["kind"], encoding=names.get(said["encoding"].lower(), ""), separator=separator
    )


def _found(opened: Opened, prepared: Prepared, counted: Counted) -> Tried:
    return Tried(
        opened.kind, opened.encoding,
        [(clean(column), target) for _, columns in prepared.tables for column, target in columns], counted.rows,
        counted.good, counted.known, counted.stopped,
        [(clean(reason), count, *counted.first[reason]) for reason, count in counted.reasons.most_common(20)],
        [" ".join(filter(None, (str(each.address), each.name, each.locale, " ".join(each.tags)))) for each in counted.people],
        [_fault(*each) for each in counted.faults],
    )  # fmt: skip


def _fault(table: str, row: Row, reason: str) -> Fault:
    cells = row.cells.values() if isinstance(row.cells, Mapping) else row.cells
    return Fault(clean(table), row.number, clean(reason), clean(" | ".join(map(str, cells)))[:CELLS_SHOWN])


def _judge(options: dict[str, Any]) -> None:
    """Tidy what was typed. DeskError with what makes no sense."""
    if (kind := options.get("kind", "")) and kind not in KINDS:
        raise DeskError(f'kind "{kind[:20]}" is none of {", ".join(KINDS)}')
    encoding = str(options.get("encoding", ""))
    if encoding and encoding.lower() not in {each.lower() for each in CODECS}:
        raise DeskError(f'encoding "{encoding[:20]}" is none of {", ".join(CODECS)}')
    separator = str(options.get("separator", ""))
    if len(separator) > 1 and separator not in ("\\t", "tab"):
        raise DeskError(f'separator "{separator[:20]}" is not one character')
    if options.get("dates", "iso") not in ("", "iso", "dmy", "mdy"):
        raise DeskError(f'dates "{str(options["dates"])[:20]}" is none of iso, dmy, mdy')
    for name, tidy in (("locale", tidy_locale), ("zone", tidy_zone)):
        if (value := options.get(name, "")) and not tidy(value):
            raise DeskError(f'{name} "{value[:40]}" is none')
    try:
        options["tags"] = [tidy_tag(each) for each in options.get("tags", ())]
    except ContactError as err:
        raise DeskError(str(err)) from None
