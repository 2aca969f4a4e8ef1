"""From what somebody typed and what a file is to an import that can run: lists found, columns matched, words declared."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from deliverability.text import clean
from engine.audience import lists, suppression
from engine.audience.consent import Answer
from engine.audience.fields import Field, declared
from engine.audience.lists import ListError
from engine.exchange import listmonk, mailchimp
from engine.exchange.columns import NOTHING, MappingError, Plan, Shaper, match
from engine.exchange.importing import Declared, Part
from engine.exchange.opening import Opened
from engine.exchange.people import BadRow, Person
from engine.exchange.rows import NoTable, Row, Table
from engine.store.groups import GroupStore
from mta.ports import Tx

CHUNK: Final = 500
FAULTS_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed."""

    how: str  # how the addresses were come by
    wording: str = ""
    lists: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)  # column: target
    list_names: Mapping[str, str] = field(default_factory=dict)  # listmonk's list: ours
    locale: str = ""
    zone: str = ""
    dates: str = "iso"
    overwrite: bool = False
    asks: bool = False  # their yes is asked for by mail


@dataclass(slots=True)
class Counted:
    """What a dry run found."""

    rows: int = 0
    good: int = 0
    known: int = 0
    stopped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[str, int]] = field(default_factory=dict)  # reason: where it was met first
    people: list[Person] = field(default_factory=list)  # the first few
    faults: list[tuple[str, Row, str]] = field(default_factory=list)  # the first of them: table, row, why


class Prepared:
    """An import that is ready. `parts` reads the file anew each time it is called."""

    def __init__(self, store: GroupStore, opened: Opened, wanted: Wanted, folder: Path) -> None:
        """ListError, MappingError or NoTable where it can't be. `folder`: for what has to be put aside meanwhile."""
        if wanted.asks and opened.kind not in ("csv", "jsonl"):
            raise MappingError("people stand here as they stood there: asking is for CSV and JSON lines")
        self._store, self._opened, self._wanted, self._folder = store, opened, wanted, folder
        self._fields = store.read_now(declared)
        self._found = store.read_now(lambda tx: _lists(tx, wanted.lists))
        self._dump: listmonk.Dump | None = None
        self._theirs: dict[str, tuple[int, str]] = {}
        self.tables: list[tuple[str, tuple[tuple[str, str], ...]]] = []  # (name, columns with targets)
        if opened.kind == "listmonk" and opened.is_dump:
            self._dump = opened.dump(folder)
            names = self._dump.list_names()
            self._theirs = store.read_now(lambda tx: _their_lists(tx, names, wanted.list_names))

    def parts(self) -> Iterator[Part]:
        """The file's tables, each with what makes people of its rows."""
        self.tables.clear()
        tables = iter([self._dump.table(self._opened.path.name)]) if self._dump else self._opened.tables()
        for table in tables:
            plan = self._plan(table)
            self.tables.append((table.name, plan.columns))
            yield Part(table, self._shaper(table, plan))

    def declare(self, operator: str, salt: bytes) -> Declared:
        """What the ledger's entry says of it."""
        wanted, opened = self._wanted, self._opened
        names = [name for _, name in (*self._theirs.values(),)] or [each.name for each in self._found]
        purposes = {each.name: each.purpose for each in self._found if each.purpose}
        wording = wanted.wording or "\n".join(purposes.values())
        said: dict[str, Any] = {"lists": names, "purposes": purposes}
        if wanted.asks:
            said["asks"] = True
        if wanted.columns:
            said["columns"] = dict(wanted.columns)
        answer = Answer(wording, source="import", salt=salt)
        return Declared(clean(opened.path.name), opened.seen.digest, opened.kind, operator, answer, wanted.how, said)

    @property
    def fields(self) -> Mapping[str, Field]:
        return self._fields

    @property
    def is_json(self) -> bool:
        """Whether its rows are objects."""
        return self._dump is not None or self._opened.kind == "jsonl"

    def try_out(self, tell: Callable[[Counted], None] = lambda counted: None) -> Counted:
        """Read everything, write nothing. `tell` hears of it after every few rows."""
        counted = Counted()
        for part in self.parts():
            while chunk := list(islice(part.table.rows, CHUNK)):
                people = [person for row in chunk if (person := _tried(part, row, counted)) is not None]
                counted.people += people[: 3 - len(counted.people)]
                keys = [each.key for each in people]
                known, stopped = self._store.read_now(lambda tx, keys=keys: _met(tx, keys))  # type: ignore[misc]
                counted.known, counted.stopped = counted.known + known, counted.stopped + stopped
                tell(counted)
        return counted

    def _plan(self, table: Table) -> Plan:
        wanted = self._wanted
        said = dict(wanted.columns)
        if self._opened.kind == "mailchimp":
            said = mailchimp.targets(table.header) | said
        elif self._opened.kind == "listmonk":
            said = dict.fromkeys(table.header, NOTHING) | {"email": "address", "name": "name"} | said
        columns = match(table.header, said, self._fields)
        if self._opened.kind == "listmonk":
            columns += tuple((f"field:{name}", f"field:{name}") for name in self._fields)
        return Plan(
            columns, self._fields, tuple((each.id, each.name) for each in self._found), wanted.tags, wanted.locale,
            wanted.zone, wanted.dates, wanted.asks,
        )  # fmt: skip

    def _shaper(self, table: Table, plan: Plan) -> Callable[[Row], Person]:
        if self._opened.kind == "mailchimp":
            kind = mailchimp.kind_of(table.name)
            if not kind:
                kinds = ", ".join(f"{each}_" for each in mailchimp.KINDS)
                raise NoTable(f"Mailchimp's files begin with {kinds}: {table.name} does not say which it is")
            return mailchimp.MailchimpShaper(plan, table, kind)
        if self._opened.kind == "listmonk":
            if not self._dump and not listmonk.is_export(table.header):
                raise NoTable(f"listmonk's CSV begins with {', '.join(listmonk.CSV_HEADER)}: {table.name} does not")
            return listmonk.ListmonkShaper(plan, table.header, lists=self._theirs if self._dump else None)
        return Shaper(plan, by_name=self._opened.kind == "jsonl")


def _tried(part: Part, row: Row, counted: Counted) -> Person | None:
    counted.rows += 1
    try:
        person = part.shape(row)
    except BadRow as err:
        reason = re.sub(r'"[^"]*"', '"..."', str(err))[:120]
        counted.reasons[reason] += 1
        counted.first.setdefault(reason, (part.table.name, row.number))
        if len(counted.faults) < FAULTS_KEPT:
            counted.faults.append((part.table.name, row, str(err)))
        return None
    counted.good += 1
    return person


def _met(tx: Tx, keys: Sequence[str]) -> tuple[int, int]:
    """How many of these are known, and how many suppressed."""
    if not keys:
        return 0, 0
    row = tx.one(f"SELECT count(*) FROM contact WHERE key IN ({','.join('?' * len(keys))})", keys)
    return row[0] if row else 0, len(suppression.standing(tx, keys))


def _lists(tx: Tx, names: Sequence[str]) -> list[lists.MailingList]:
    found = [(name, lists.get(tx, name)) for name in dict.fromkeys(names)]
    if missing := [name for name, each in found if each is None]:
        raise ListError(f"there is no list {', '.join(missing)} (`posthouse list create NAME` makes one)")
    return [each for _, each in found if each is not None]


def _their_lists(tx: Tx, names: Sequence[str], said: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """listmonk's lists and ours: as said, else by a name like it. ListError with all that are missing."""
    found, missing = {}, []
    for name in names:
        ours = said.get(name) or re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        if ours == NOTHING:
            continue
        each = lists.get(tx, ours)
        if each is None:
            missing.append(f'"{name}" (`posthouse list create {ours or "NAME"}`, or --list-map "{name}=NAME")')
        else:
            found[name] = (each.id, each.name)
    if missing:
        raise ListError(
            f"listmonk has lists that are not here: {', '.join(missing)}; {NOTHING} for NAME leaves one out"
        )
    return found
