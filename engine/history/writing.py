"""A made-up history as a folder, in the words of an export (engine.exchange.folder), so that one reader reads both.

    manifest.json               what it was made from, how many rows, the SHA-256 of each file
    tables/event.jsonl          what happened, one JSON object a row, in the order of time
    tables/contact.jsonl        the people, as they are when it ends
    tables/list.jsonl, tables/subscription.jsonl

It holds nobody who lives: names, addresses and orders come from the seed alone.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from engine.flow.events import natural_key
from engine.history.people import Person
from engine.history.shop import LIST, Happening, Shop
from mta.ports import to_ms

FORMAT: Final = "posthouse history 1"


def write(folder: Path, *, contacts: int, days: int, seed: int, start: date) -> dict[str, int]:
    """Write the history into a folder that is not there; how many rows of each table. FileExistsError, OSError."""
    folder.mkdir(parents=True)
    (folder / "tables").mkdir()
    shop = Shop(contacts, days, seed, to_ms(datetime(start.year, start.month, start.day, tzinfo=UTC)))
    parts = {
        "event": map(_event_row, _numbered(shop.happenings())),
        "contact": map(_contact_row, shop.people),
        "list": iter([_list_row(shop)]),
        "subscription": (_subscription_row(each) for each in shop.people if each.asked_ms is not None),
    }
    counts, kept = {}, {}
    for name, rows in parts.items():
        counts[name], kept[f"tables/{name}.jsonl"] = _write_rows(folder / "tables" / f"{name}.jsonl", rows)
    manifest = {
        "format": FORMAT, "contacts": contacts, "days": days, "seed": seed, "start": start.isoformat(), "rows": counts,
        "sha256": kept,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return counts


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            file.write(line)
            digest.update(line)
            count += 1
    return count, digest.hexdigest()


def _numbered(happenings: Iterable[Happening]) -> Iterator[tuple[int, Happening]]:
    return enumerate(happenings, 1)


def _event_row(numbered: tuple[int, Happening]) -> dict[str, Any]:
    number, each = numbered
    return {
        "id": number, "name": each.name, "contact_id": each.person.number, "key": natural_key(each.name, each.data),
        "data": json.dumps(each.data, ensure_ascii=False), "source": "history", "idempotency_key": None,
        "message_id": None, "at_ms": each.at_ms, "matched": 1,
    }  # fmt: skip


def _contact_row(person: Person) -> dict[str, Any]:
    return {
        "id": person.number, "key": person.address, "address": person.address, "name": person.name,
        "locale": person.locale, "zone": person.zone.key, "fields": "{}", "created_ms": person.known_ms,
        "birthday": person.birthday, "source": "history", "orders": person.orders,
        "spent": round(person.spent * 100), "first_order_ms": person.first_order_ms,
        "last_order_ms": person.last_order_ms,
    }  # fmt: skip


def _list_row(shop: Shop) -> dict[str, Any]:
    return {"id": 1, "name": LIST, "title": "News", "confirmation": "double", "purpose": "", "created_ms": 0}


def _subscription_row(person: Person) -> dict[str, Any]:
    state = "unsubscribed" if person.left_ms else "confirmed" if person.confirmed_ms else "unconfirmed"
    return {
        "contact_id": person.number, "list_id": 1, "state": state, "source": "history", "asked_ms": person.asked_ms,
        "confirmed_ms": person.confirmed_ms, "ended_ms": person.left_ms,
    }  # fmt: skip
