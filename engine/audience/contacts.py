"""Contacts: the people that the engine knows, one for each mailbox.

A contact is found by `Address.key`, so two spellings of one mailbox are one person. What an application or a form says
about a person fills what was empty and never overwrites what was there. `contact_facts` is all that a condition or a
template may see of somebody: plain data.
"""

import json
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deliverability.address import Address
from deliverability.text import clean
from engine.audience import consent
from mta.ports import Tx, from_ms, to_ms

NAME_MAX: Final = 120  # characters of a name that are kept

_AMOUNT_LIMIT: Final = Decimal(10) ** 15

_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}", re.ASCII)
# Marks that people paste together with a name in Hebrew or Arabic: invisible, and of no meaning outside the line they
# came from.
_MARKS: Final = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


class UnknownContact(LookupError):
    """No contact has this id (any more)."""


def ensure_contact(tx: Tx, address: Address, *, name: str = "", locale: str = "", zone: str = "", now: datetime) -> int:
    """The id of the contact with this address; a new one when there was none (and the event `contact.created`).

    What is given fills empty fields only. A locale or zone that is none is ignored, since people's browsers send them.
    """
    told = (tidy_name(name), tidy_locale(locale), tidy_zone(zone))
    row = tx.one("SELECT id, name, locale, zone FROM contact WHERE key = ?", (address.key,))
    if row is None:
        contact_id = tx.insert(
            "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms) VALUES (?,?,?,?,?,'{}',?)",
            (address.key, str(address), *told, to_ms(now)),
        )
        note_event(tx, "contact.created", contact_id, {}, now)
        return contact_id
    if any(new and not old for new, old in zip(told, row[1:], strict=True)):
        filled = tuple(old or new for new, old in zip(told, row[1:], strict=True))
        tx.execute("UPDATE contact SET name = ?, locale = ?, zone = ? WHERE id = ?", (*filled, row[0]))
    return int(row[0])


def find_contact(tx: Tx, address: Address) -> int | None:
    """The contact with this address, if it is known."""
    row = tx.one("SELECT id FROM contact WHERE key = ?", (address.key,))
    return None if row is None else int(row[0])


def contact_facts(tx: Tx, contact_id: int) -> dict[str, Any]:
    """What conditions and templates see of a contact. UnknownContact when there is none.

    id, name, address, locale, zone, tags (sorted), fields, consent: {entry, hash} of the consent that marketing mail rests
    on, or None; and orders: {count, total, last_at}. `total` adds the totals
    of all `order.placed` events as they were told, whatever their currency; `last_at` is ISO 8601 in UTC, or None.
    """
    row = tx.one("SELECT name, address, locale, zone, fields FROM contact WHERE id = ?", (contact_id,))
    if row is None:
        raise UnknownContact(f"there is no contact {contact_id}")
    name, address, locale, zone, fields = row
    yes = consent.cited(tx, contact_id)
    tags = tx.query("SELECT tag FROM tag WHERE contact_id = ? ORDER BY tag", (contact_id,))
    return {
        "id": contact_id,
        "name": name,
        "address": address,
        "locale": locale,
        "zone": zone,
        "tags": [tag for (tag,) in tags],
        "fields": json.loads(fields),
        "consent": None if yes is None else {"entry": yes.seq, "hash": yes.hash},
        "orders": _orders(tx, contact_id),
    }


def note_event(tx: Tx, name: str, contact_id: int | None, data: dict[str, Any], now: datetime) -> int:
    """Write an event of the engine's own, for flows to look at; its id."""
    return tx.insert(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,?,'',?,'engine',?,0)",
        (name, contact_id, json.dumps(data, ensure_ascii=False), to_ms(now)),
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
        return ZoneInfo(zone).key if zone else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""


def _orders(tx: Tx, contact_id: int) -> dict[str, Any]:
    rows = tx.query(
        "SELECT data, at_ms FROM event WHERE contact_id = ? AND name = 'order.placed' ORDER BY at_ms", (contact_id,)
    )
    total = sum((_total(json.loads(data)) for data, _ in rows), Decimal(0))
    return {
        "count": len(rows),
        "total": int(total) if total == total.to_integral_value() else float(total),
        "last_at": from_ms(rows[-1][1]).isoformat() if rows else None,
    }


def _total(data: Any) -> Decimal:
    """An order's total, or 0 where it tells none that is an amount."""
    try:
        amount = Decimal(str(data.get("total"))) if isinstance(data, dict) else Decimal(0)
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() and abs(amount) < _AMOUNT_LIMIT else Decimal(0)
