"""Contacts: the people that the engine knows, one for each mailbox.

A contact is found by `Address.key`, so two spellings of one mailbox are one person. What an application or a form says
about a person fills what was empty and never overwrites what was there. `contact_facts` is all that a condition or a
template may see of somebody: plain data.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deliverability.address import Address
from deliverability.homographs import is_homograph, refusal
from deliverability.text import clean
from engine.audience import batches, consent, engagement, tags
from engine.audience.fields import declared, parse_all
from engine.audience.ledger import Link
from engine.flow.orders import hundredths
from engine.store.many import in_list
from mta.ports import Tx, from_ms, to_ms

NAME_MAX: Final = 120  # characters of a name that are kept
TAG_MAX: Final = 60
_CHUNK: Final = 500  # keys in one question

_SUCH_AS: Final = {"locale": "en or he-IL", "zone": "Europe/Berlin"}

_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_ZONE: Final = re.compile(
    r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}", re.ASCII
)  # what is longer, zoneinfo climbs
# Marks that people paste together with a name in Hebrew or Arabic: invisible, and of no meaning outside the line they
# came from.
_MARKS: Final = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


_TOLD: Final = ("name", "locale", "zone", "birthday", "external_id", "source")


class ContactError(ValueError):
    """Something said of a contact that can't be so; the words can be shown to an operator."""


class OddAddress(ContactError):
    """Nobody new has this address: its letters are made to look like those of another."""


class TakenId(ContactError):
    """Another contact has this external id; the words name that one, for an operator."""


class UnknownContact(LookupError):
    """No contact has this id (any more)."""


def ensure_contact(tx: Tx, address: Address, *, name: str = "", locale: str = "", zone: str = "", now: datetime) -> int:
    """The id of the contact with this address; a new one when there was none (and the event `contact.created`).

    What is given fills empty fields only. A locale or zone that is none is ignored, since people's browsers send them.
    OddAddress for somebody new whose address is made to look like another's.
    """
    told = (tidy_name(name), tidy_locale(locale), tidy_zone(zone))
    row = tx.one("SELECT id, name, locale, zone FROM contact WHERE key = ?", (address.key,))
    if row is None:
        if is_homograph(address.local, address.domain):
            raise OddAddress(refusal(str(address)))
        contact_id = tx.insert(
            "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms) VALUES (?,?,?,?,?,'{}',?)",
            (address.key, str(address), *told, to_ms(now)),
        )
        note_event(tx, "contact.created", contact_id, {}, now)
        return contact_id
    if any(new and not old for new, old in zip(told, row[1:], strict=True)):
        filled = tuple(old or new for new, old in zip(told, row[1:], strict=True))
        tx.execute("UPDATE contact SET name = ?, locale = ?, zone = ? WHERE id = ?", (*filled, row[0]))
        known = dict(zip(("name", "locale", "zone"), zip(row[1:], filled, strict=True), strict=True))
        note_change(tx, int(row[0]), {name: now_is for name, (was, now_is) in known.items() if was != now_is}, now)
    return int(row[0])


def find_contact(tx: Tx, address: Address) -> int | None:
    """The contact with this address, if it is known."""
    row = tx.one("SELECT id FROM contact WHERE key = ?", (address.key,))
    return None if row is None else int(row[0])


def among(tx: Tx, keys: Iterable[str]) -> dict[str, int]:
    """Those of these address keys that are a contact's, with its id."""
    found: dict[str, int] = {}
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _CHUNK):
        marks, which = in_list(wanted[start : start + _CHUNK])
        found.update(tx.query(f"SELECT key, id FROM contact WHERE key IN ({marks})", which))
    return found


def contact_facts(tx: Tx, contact_id: int, list_id: int = consent.ALL_LISTS) -> dict[str, Any]:
    """What conditions and templates see of a contact. UnknownContact when there is none.

    id, name, address, locale, zone, birthday, external_id, source, tags (sorted), fields, consent: {entry, hash} of the
    consent that marketing mail (of this list) rests on, or None; and orders: {count, total, first_at, last_at}. `total`
    adds the totals of all `order.placed` events as they were told, whatever their currency; the times are ISO 8601 in
    UTC, or None. engagement: {opened_at, clicked_at, replied_at, visited_at, last_at, opens, clicks, replies,
    visits}, of what people did and no machine.
    """
    found = facts_of(tx, [contact_id], list_id).get(contact_id)
    if found is None:
        raise UnknownContact(f"there is no contact {contact_id}")
    return found


def facts_of(tx: Tx, ids: Sequence[int], list_id: int = consent.ALL_LISTS) -> dict[int, dict[str, Any]]:
    """The same of many (at least one), by contact; without those that there are not."""
    marks, which = in_list(ids)
    rows = tx.query(
        "SELECT id, name, address, locale, zone, birthday, COALESCE(external_id, ''), source, fields, orders, spent,"
        f" first_order_ms, last_order_ms, {engagement.COLUMNS} FROM contact WHERE id IN ({marks})",
        which,
    )
    pinned = tx.query(f"SELECT contact_id, tag FROM tag WHERE contact_id IN ({marks}) ORDER BY contact_id, tag", which)
    imported = batches.cited_of(tx, ids, list_id)
    yes = imported | consent.cited_of(tx, ids, list_id)
    had: dict[int, list[str]] = {}
    for contact_id, tag in pinned:
        had.setdefault(contact_id, []).append(tag)
    return {row[0]: _facts(row, had.get(row[0], []), yes.get(row[0])) for row in rows}


def _facts(row: tuple[Any, ...], had: list[str], yes: Link | None) -> dict[str, Any]:
    whole, rest = divmod(row[10], 100)
    return {
        "id": row[0],
        "name": row[1],
        "address": row[2],
        "locale": row[3],
        "zone": row[4],
        "birthday": row[5],
        "external_id": row[6],
        "source": row[7],
        "tags": had,
        "fields": json.loads(row[8]),
        "consent": None if yes is None else {"entry": yes.seq, "hash": yes.hash},
        "orders": {
            "count": row[9], "total": whole + rest / 100 if rest else whole, "first_at": _iso(row[11]),
            "last_at": _iso(row[12]),
        },
        "engagement": engagement.as_json(engagement.facts(row[13:])),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What an operator or an import says about a contact. None leaves as it is, "" takes away."""

    name: str | None = None
    locale: str | None = None
    zone: str | None = None
    birthday: str | None = None
    external_id: str | None = None
    source: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    untags: frozenset[str] = frozenset()


def change(tx: Tx, contact_id: int, told: Change, now: datetime) -> None:
    """Write what was told over what was there. ContactError, or FieldError, with all that is wrong; then nothing was."""
    row = tx.one(f"SELECT fields, {', '.join(_TOLD)} FROM contact WHERE id = ?" + tx.for_update(), (contact_id,))
    if row is None:
        raise UnknownContact(f"there is no contact {contact_id}")
    columns = _columns(tx, contact_id, told)
    was = dict(zip(_TOLD, row[1:], strict=True))
    changed = {name: value for name, value in columns.items() if value != was[name]}
    parsed = parse_all(declared(tx), told.fields) if told.fields else {}
    values = {name: value for name, value in (json.loads(row[0]) | parsed).items() if value is not None}
    changed |= {f"fields.{name}": value for name, value in parsed.items() if value != json.loads(row[0]).get(name)}
    columns["fields"] = json.dumps(values, ensure_ascii=False, sort_keys=True)
    assigned = ", ".join(f"{name} = ?" for name in columns)
    tx.execute(f"UPDATE contact SET {assigned} WHERE id = ?", (*columns.values(), contact_id))
    pinned = tags.pin(tx, contact_id, map(tidy_tag, told.tags), now) if told.tags else []
    taken = tags.take(tx, contact_id, map(tidy_tag, told.untags), now) if told.untags else []
    if pinned or taken:
        rows = tx.query("SELECT tag FROM tag WHERE contact_id = ? ORDER BY tag", (contact_id,))
        changed["tags"] = [tag for (tag,) in rows]
    note_change(tx, contact_id, changed, now)


def count_order(tx: Tx, contact_id: int, data: Any, at: datetime) -> None:
    """An order was placed: count it."""
    at_ms = to_ms(at)
    tx.execute(
        "UPDATE contact SET orders = orders + 1, spent = spent + ?,"
        " first_order_ms = CASE WHEN first_order_ms < ? THEN first_order_ms ELSE ? END,"
        " last_order_ms = CASE WHEN last_order_ms > ? THEN last_order_ms ELSE ? END WHERE id = ?",
        (hundredths(data), at_ms, at_ms, at_ms, at_ms, contact_id),
    )


def note_change(tx: Tx, contact_id: int, changed: Mapping[str, Any], now: datetime) -> None:
    """Something about a contact is different: `name`, `tags`, `fields.shoe_size` ..., each with what it is now. Whoever
    writes a contact says so, or segments don't see it."""
    if changed:
        note_event(tx, "contact.updated", contact_id, {"fields": dict(changed)}, now)


def note_event(tx: Tx, name: str, contact_id: int | None, data: dict[str, Any], now: datetime) -> int:
    """Write an event of the engine's own, for flows to look at; its id."""
    return tx.insert(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,?,'',?,'engine',?,0)",
        (name, contact_id, json.dumps(data, ensure_ascii=False), to_ms(now)),
    )


def note_once(
    tx: Tx, name: str, contact_id: int, data: dict[str, Any], idempotency_key: str, *, key: str = "", now: datetime
) -> bool:
    """The same, unless an event with this idempotency key is there already: then False."""
    return bool(
        tx.execute(
            "INSERT INTO event (name, contact_id, key, data, source, idempotency_key, at_ms, matched)"
            " VALUES (?,?,?,?,'engine',?,?,0) ON CONFLICT (idempotency_key) DO NOTHING",
            (name, contact_id, key, json.dumps(data, ensure_ascii=False), idempotency_key, to_ms(now)),
        )
    )


def tidy_name(name: str) -> str:
    """A person's name as we keep it: one line, no control or direction character, at most NAME_MAX characters."""
    return " ".join(clean(name.translate(_MARKS)).split())[:NAME_MAX].strip()


def tidy_locale(locale: str) -> str:
    """A BCP 47 tag with hyphens, or "" for what is none."""
    return locale.replace("_", "-") if _LOCALE.fullmatch(locale) else ""


def tidy_zone(zone: str) -> str:
    """An IANA zone that this machine knows, or ""."""
    try:
        return ZoneInfo(zone).key if _ZONE.fullmatch(zone) else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""


def tidy_tag(tag: str) -> str:
    """A tag as we keep it: small letters, one line. ContactError for what is none."""
    tidy = tidy_name(tag).lower()
    if not tidy or len(tidy) > TAG_MAX or "," in tidy:
        raise ContactError(f'"{tag[:50]}" is no tag: one to {TAG_MAX} characters without a comma')
    return tidy


def tidy_birthday(text: str) -> str:
    """1990-03-31, or --03-31 where the year is not known. ContactError for what is no day."""
    try:
        return date.fromisoformat(text).isoformat() if text[:2] != "--" else "--" + _day_of_any_year(text[2:])
    except ValueError:
        raise ContactError(f'"{text[:40]}" is no birthday (such as 1990-03-31, or --03-31 without the year)') from None


def _day_of_any_year(text: str) -> str:
    return date.fromisoformat(f"2000-{text}").isoformat()[5:]  # a leap year: 29 February is a birthday


def _columns(tx: Tx, contact_id: int, told: Change) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if told.name is not None:
        columns["name"] = tidy_name(told.name)
    for name, value, tidy in (("locale", told.locale, tidy_locale), ("zone", told.zone, tidy_zone)):
        if value is not None:
            columns[name] = tidy(value)
            if value and not columns[name]:
                raise ContactError(f'"{value[:40]}" is no {name} (such as {_SUCH_AS[name]})')
    if told.birthday is not None:
        columns["birthday"] = tidy_birthday(told.birthday) if told.birthday else ""
    if told.source is not None:
        columns["source"] = tidy_name(told.source)
    if told.external_id is not None:
        columns["external_id"] = _free_external_id(tx, contact_id, told.external_id)
    return columns


def _free_external_id(tx: Tx, contact_id: int, told: str) -> str | None:
    wanted = tidy_name(told) or None
    if wanted is not None:
        other = tx.one("SELECT address FROM contact WHERE external_id = ? AND id <> ?", (wanted, contact_id))
        if other is not None:
            raise TakenId(f"{other[0]} has the external id {wanted} already (`posthouse contact merge` makes two one)")
    return wanted


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else from_ms(at_ms).isoformat()
