"""A desk at which files are imported: a store, a folder, and one call that does what `posthouse contact import` does."""

import json
from pathlib import Path
from typing import Any

from clock import FakeChance, FakeClock
from mail_shop import Place, make_list, open_store

from engine.audience.fields import Field, Kind, declare
from engine.exchange.importing import Import, Progress
from engine.exchange.opening import open_file
from engine.exchange.preparing import Counted, Prepared, Wanted
from engine.exchange.quarantine import Quarantine

SALT = b"thirty-two unguessable octets..."


class Desk:
    """`lists` are there, double opt-in; the fields shoe_size (number) and city (text) are declared."""

    def __init__(self, place: Place, folder: Path, lists: tuple[str, ...] = ("tea", "news")) -> None:
        self.clock, self.folder, self._imports = FakeClock(), folder, 0
        self.store = open_store(place, self.clock)
        for name in lists:
            self.store.write_now(lambda tx, name=name: make_list(tx, name))  # type: ignore[misc]
        for field in (Field("shoe_size", Kind.NUMBER, "Shoe size"), Field("city", Kind.TEXT)):
            self.store.write_now(lambda tx, field=field: declare(tx, field, self.clock.now()))  # type: ignore[misc]

    def file(self, content: str | bytes, name: str = "people.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def take(self, path: Path, *, again: bool = False, chunk: int = 100, kind: str = "", encoding: str = "",
             **wanted: Any) -> Progress:  # fmt: skip
        said = Wanted(**{"how": "a fair", "lists": ("tea",), **wanted})
        self._imports += 1
        with open_file(path, kind=kind, encoding=encoding) as opened:
            prepared = Prepared(self.store, opened, said, self.folder)
            task = Import(self.store, self.clock, FakeChance(self._imports), said.overwrite, chunk=chunk)
            with Quarantine(path, is_json=prepared.is_json) as quarantine:
                return task.run(prepared.parts, prepared.declare("olga", SALT), quarantine, again=again)

    def try_out(self, path: Path, **wanted: Any) -> tuple[Counted, Prepared]:
        with open_file(path) as opened:
            prepared = Prepared(self.store, opened, Wanted(**{"how": "", **wanted}), self.folder)
            return prepared.try_out(), prepared

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.store.read_now(lambda tx: tx.query(sql, params))

    def contacts(self) -> list[dict[str, Any]]:
        found = self.rows("SELECT address, name, locale, zone, birthday, fields FROM contact ORDER BY address")
        names = ("address", "name", "locale", "zone", "birthday")
        return [dict(zip(names, row[:5], strict=True)) | json.loads(row[5]) for row in found]

    def standings(self) -> list[tuple[str, str, str, str]]:
        return [
            (str(row[0]), str(row[1]), str(row[2]), str(row[3]))
            for row in self.rows(
                "SELECT c.address, l.name, s.state, s.source FROM subscription s JOIN contact c ON c.id = s.contact_id"
                " JOIN list l ON l.id = s.list_id ORDER BY c.address, l.name"
            )
        ]

    def quarantined(self, path: Path) -> str:
        found = sorted(path.parent.glob(f"{path.name}.quarantine*"))
        files = [each for one in found for each in (sorted(one.iterdir()) if one.is_dir() else [one])]
        return "".join(each.read_text(encoding="utf-8") for each in files)
