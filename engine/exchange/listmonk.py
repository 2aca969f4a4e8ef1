"""listmonk: the CSV that its subscribers page exports, and a plain dump of its database (`pg_dump listmonk`).

The CSV (uuid, email, name, attributes, status, created_at, updated_at) knows no lists: those who are enabled are taken onto
the lists that the import names. The dump knows all: who is on which list and how, who left, what bounced. A blocklisted
subscriber gets no marketing here either.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from engine.audience.suppression import Reason
from engine.exchange.columns import FIELD, Plan, Shaper, consent_facts
from engine.exchange.people import BadRow, Person, Standing, Stop, parse_when
from engine.exchange.rows import NoTable, Row, Table

CSV_HEADER: Final = ("uuid", "email", "name", "attributes", "status")
COLUMNS: Final = ("email", "name", "attributes", "status", "created_at", "lists", "bounces")

_COPY: Final = re.compile(r"COPY (?:\w+\.)?(\w+) \(([\w, \"]+)\) FROM stdin;")
_WANTED: Final = {
    "subscribers": ("id", "email", "name", "attribs", "status", "created_at"),
    "lists": ("id", "name"),
    "subscriber_lists": ("subscriber_id", "list_id", "status", "created_at", "updated_at"),
    "bounces": ("subscriber_id", "type", "created_at"),
}
_ESCAPES: Final = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\", "\\b": "\b", "\\f": "\f", "\\v": "\v"}
_BOUNCES: Final = {"hard": Reason.HARD_BOUNCE, "complaint": Reason.COMPLAINT}


def is_export(header: tuple[str, ...]) -> bool:
    """Whether these columns are those of listmonk's CSV."""
    return header[: len(CSV_HEADER)] == CSV_HEADER


def is_dump(head: bytes) -> bool:
    """Whether a file begins as a plain dump of PostgreSQL does."""
    return b"PostgreSQL database dump" in head[:1000]


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump that was read into a file of its own."""

    connection: sqlite3.Connection

    def list_names(self) -> list[str]:
        """listmonk's lists."""
        return [name for (name,) in self.connection.execute("SELECT name FROM lists ORDER BY id")]

    def table(self, name: str) -> Table:
        """Everybody, as rows."""
        return Table(name, COLUMNS, self._rows())

    def _rows(self) -> Iterator[Row]:
        asked = self.connection.cursor()
        sql = "SELECT id, email, name, attribs, status, created_at FROM subscribers ORDER BY id"
        for number, (key, *cells) in enumerate(self.connection.execute(sql), 2):
            lists = asked.execute(
                "SELECT l.name, s.status, s.created_at, s.updated_at FROM subscriber_lists s"
                " JOIN lists l ON l.id = s.list_id WHERE s.subscriber_id = ? ORDER BY l.id",
                (key,),
            ).fetchall()
            bounces = asked.execute(
                "SELECT type, created_at FROM bounces WHERE subscriber_id = ? ORDER BY created_at", (key,)
            ).fetchall()
            yield Row(number, dict(zip(COLUMNS, (*cells, lists, bounces), strict=True)))


def read_dump(stream: BinaryIO, folder: Path) -> Dump:
    """Read a dump into a file in `folder`. NoTable where it is none of listmonk's."""
    connection = sqlite3.connect(folder / "listmonk.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = off")
    connection.execute("PRAGMA synchronous = off")
    for table, columns in _WANTED.items():
        typed = (
            f"{each} INTEGER PRIMARY KEY" if each == "id" else f"{each} INTEGER" if each.endswith("_id") else each
            for each in columns
        )
        connection.execute(f"CREATE TABLE {table} ({', '.join(typed)})")
    connection.execute("CREATE INDEX of_subscriber ON subscriber_lists (subscriber_id)")
    connection.execute("CREATE INDEX bounced ON bounces (subscriber_id)")
    connection.execute("BEGIN")
    seen = set()
    lines = (line.decode("utf-8", "replace") for line in stream)
    for line in lines:
        found = _COPY.match(line)
        if found and found[1] in _WANTED:
            seen.add(found[1])
            _fill(connection, found[1], [each.strip(' "') for each in found[2].split(",")], lines)
    connection.execute("COMMIT")
    if not {"subscribers", "lists", "subscriber_lists"} <= seen:
        raise NoTable("it is no plain dump of listmonk's database (`pg_dump listmonk > dump.sql` writes one)")
    return Dump(connection)


def _fill(connection: sqlite3.Connection, table: str, columns: list[str], lines: Iterator[str]) -> None:
    wanted = _WANTED[table]
    if missing := set(wanted) - set(columns):
        raise NoTable(f"the dump's table {table} has no column {', '.join(sorted(missing))}")
    places = [columns.index(each) for each in wanted]
    sql = f"INSERT INTO {table} ({', '.join(wanted)}) VALUES ({','.join('?' * len(wanted))})"
    for line in lines:
        if line.startswith("\\."):
            return
        cells = line.rstrip("\n").split("\t")
        if len(cells) == len(columns):
            connection.execute(sql, [_cell(cells[place]) for place in places])


def _cell(text: str) -> str | None:
    if text == "\\N":
        return None
    return re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0][1:]), text) if "\\" in text else text


class ListmonkShaper:
    """Makes people of listmonk's rows: of the CSV, or of a dump."""

    def __init__(
        self, plan: Plan, header: tuple[str, ...], *, lists: Mapping[str, tuple[int, str]] | None = None
    ) -> None:
        """`header`: of the CSV. `lists`: of a dump, what each of listmonk's lists is here; without, those of the plan."""
        self._lists, self._plan, self._fields = lists, plan, dict(plan.fields)
        self._by_name = lists is not None
        self._columns = header
        self._shape = Shaper(replace(plan, lists=()), by_name=True, is_lenient=True)

    def __call__(self, row: Row) -> Person:
        """The person of a row. BadRow."""
        if row.trouble:
            raise BadRow(row.trouble)
        raw: Any = row.cells
        cells: dict[str, Any] = dict(raw) if self._by_name else dict(zip(self._columns, raw, strict=True))
        for name, value in _attributes(cells).items():
            if name in self._fields and not isinstance(value, dict | list):
                cells[FIELD + name] = value
        person = self._shape(Row(row.number, cells))
        status, created = cells["status"], parse_when("created_at", cells.get("created_at") or "")
        person.facts |= {"listmonk": status, **consent_facts(created, "", None, "")}
        if status == "blocklisted":
            person.stops = (Stop(Reason.UNSUBSCRIBE, "listmonk: blocklisted"),)
        for kind, at in cells.get("bounces") or ():
            if kind in _BOUNCES:
                person.stops += (Stop(_BOUNCES[kind], f"listmonk: {kind} bounce on {at}"),)
        found = self._standings(cells, created) if self._lists is not None else self._given(status, created)
        person.standings = tuple(standing for _, standing in found)
        person.facts["lists"] = {name: standing.state for name, standing in found}
        return person

    def _given(self, status: str, created: int | None) -> list[tuple[str, Standing]]:
        if status != "enabled":
            return []
        return [(name, Standing(list_id, "confirmed", created)) for list_id, name in self._plan.lists]

    def _standings(self, cells: Mapping[str, Any], created: int | None) -> list[tuple[str, Standing]]:
        found = []
        assert self._lists is not None
        for name, state, asked, changed in cells["lists"]:
            if name not in self._lists or (state != "unsubscribed" and cells["status"] == "disabled"):
                continue
            list_id, ours = self._lists[name]
            asked_ms, changed_ms = (
                parse_when("created_at", asked or "") or created,
                parse_when("updated_at", changed or ""),
            )
            times = (changed_ms, None) if state == "confirmed" else (None, changed_ms)
            found.append((ours, Standing(list_id, state, asked_ms, *times)))
        return found


def _attributes(cells: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(cells.get("attributes") or "{}")
    except (ValueError, RecursionError):
        raise BadRow("attributes: they are no JSON") from None
    return found if isinstance(found, dict) else {}
