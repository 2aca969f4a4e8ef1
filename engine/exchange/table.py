"""Contacts as a table for spreadsheets: CSV that no spreadsheet runs, and that our own import reads back exactly."""

import csv
import json
from collections.abc import Iterator
from typing import Any, Final, TextIO

from engine.audience.fields import declared
from engine.exchange.sheet import guarded
from engine.store.groups import GroupStore
from mta.ports import Tx, from_ms

CHUNK: Final = 500
COLUMNS: Final = ("address", "name", "locale", "zone", "birthday", "external_id", "tags")


def write(store: GroupStore, file: TextIO, list_id: int | None = None) -> int:
    """Everybody, or who is confirmed on a list; how many. `file` is opened with newline=""."""
    fields = list(store.read_now(declared))
    more = () if list_id is None else ("confirmed",)
    writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180 section 2
    writer.writerow((*COLUMNS, *more, *fields))
    count = 0
    for values, confirmed_ms, tags in _people(store, list_id):
        kept = json.loads(values[-1])
        own = (_shown(kept.get(name)) for name in fields)
        when = () if list_id is None else (from_ms(confirmed_ms).isoformat() if confirmed_ms else "",)
        writer.writerow(
            [guarded("" if each is None else str(each)) for each in (*values[:-1], ",".join(tags), *when, *own)]
        )
        count += 1
    return count


def _people(store: GroupStore, list_id: int | None) -> Iterator[tuple[tuple[Any, ...], int | None, list[str]]]:
    """Their columns, when they confirmed, their tags; in chunks."""
    after = 0
    while part := store.read_now(lambda tx, after=after: _part(tx, after, list_id)):  # type: ignore[misc]
        after = part[-1][0]
        first, last = part[0][0], after
        rows = store.read_now(
            lambda tx, first=first, last=last: tx.query(  # type: ignore[misc]
                "SELECT contact_id, tag FROM tag WHERE contact_id >= ? AND contact_id <= ? ORDER BY contact_id, tag",
                (first, last),
            )
        )
        tags: dict[int, list[str]] = {}
        for contact_id, tag in rows:
            tags.setdefault(contact_id, []).append(tag)
        for contact_id, confirmed_ms, *values in part:
            yield tuple(values), confirmed_ms, tags.get(contact_id, [])


def _part(tx: Tx, after: int, list_id: int | None) -> list[tuple[Any, ...]]:
    names = "c.address, c.name, c.locale, c.zone, c.birthday, c.external_id, c.fields"
    if list_id is None:
        return tx.query(
            f"SELECT c.id, NULL, {names} FROM contact c WHERE c.id > ? ORDER BY c.id LIMIT ?", (after, CHUNK)
        )
    return tx.query(
        f"SELECT c.id, s.confirmed_ms, {names} FROM subscription s JOIN contact c ON c.id = s.contact_id"
        " WHERE s.list_id = ? AND s.state = 'confirmed' AND c.id > ? ORDER BY c.id LIMIT ?",
        (list_id, after, CHUNK),
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
