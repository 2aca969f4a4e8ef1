"""Forms of lists: which declared fields one asks for, and what was typed there until the address is confirmed.

Anybody can type anybody's address. So what a form brings is kept beside the subscription, and becomes the contact's when
the mailbox has said yes; it fills empty places and overwrites nothing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from engine.audience.contacts import note_change
from engine.audience.fields import Field, FieldError, declared
from mta.ports import Tx, to_ms

FIELDS_MAX: Final = 20  # of a form
VERSION_LENGTH: Final = 12


def arrange(tx: Tx, list_id: int, names: Sequence[str]) -> None:
    """Let a list's form ask for these fields, in this order. FieldError when one is not declared."""
    known = declared(tx)
    if unknown := [each for each in names if each not in known]:
        raise FieldError(f'there is no field "{unknown[0][:50]}" (`posthouse field add` declares one)')
    if len(set(names)) < len(names) or len(names) > FIELDS_MAX:
        raise FieldError(f"a form asks for each field once, and for at most {FIELDS_MAX}")
    tx.execute(
        "INSERT INTO form (list_id, fields) VALUES (?,?) ON CONFLICT (list_id) DO UPDATE SET fields = excluded.fields",
        (list_id, json.dumps(list(names))),
    )


def asked(tx: Tx, list_id: int) -> tuple[Field, ...]:
    """The fields that a list's form asks for."""
    row = tx.one("SELECT fields FROM form WHERE list_id = ?", (list_id,))
    names = json.loads(row[0]) if row else []
    known = declared(tx) if names else {}
    return tuple(known[each] for each in names if each in known)


def version_of(wording: str) -> str:
    """What a form's wording is called by: it changes when any word does."""
    return hashlib.sha256(wording.encode()).hexdigest()[:VERSION_LENGTH]


def keep_wording(tx: Tx, list_id: int, locale: str, wording: str, now: datetime) -> str:
    """Keep what a snippet says; its version."""
    version = version_of(wording)
    tx.execute(
        "INSERT INTO form_wording (version, list_id, locale, wording, at_ms) VALUES (?,?,?,?,?)"
        " ON CONFLICT (version) DO NOTHING",
        (version, list_id, locale, wording, to_ms(now)),
    )
    return version


def wording(tx: Tx, list_id: int, version: str) -> str | None:
    """What the snippet of this version says; None for a version that is none of this list's."""
    row = tx.one("SELECT wording FROM form_wording WHERE version = ? AND list_id = ?", (version, list_id))
    return None if row is None else str(row[0])


def keep_answer(tx: Tx, contact_id: int, list_id: int, fields: Mapping[str, Any], now: datetime) -> None:
    """Keep what was typed, until the address is confirmed. What was typed last counts."""
    if fields:
        tx.execute(
            "INSERT INTO form_answer (contact_id, list_id, fields, at_ms) VALUES (?,?,?,?)"
            " ON CONFLICT (contact_id, list_id) DO UPDATE SET fields = excluded.fields, at_ms = excluded.at_ms",
            (contact_id, list_id, json.dumps(fields, ensure_ascii=False), to_ms(now)),
        )


def take_answer(tx: Tx, contact_id: int, list_id: int, now: datetime) -> None:
    """The address is confirmed: what was typed fills the contact's empty fields."""
    which = (contact_id, list_id)
    answer = tx.one("SELECT fields FROM form_answer WHERE contact_id = ? AND list_id = ?", which)
    if answer is None:
        return
    tx.execute("DELETE FROM form_answer WHERE contact_id = ? AND list_id = ?", which)
    kept = tx.one("SELECT fields FROM contact WHERE id = ?" + tx.for_update(), (contact_id,))
    if kept is not None:
        typed, was = json.loads(answer[0]), json.loads(kept[0])
        text = json.dumps(typed | was, ensure_ascii=False, sort_keys=True)
        tx.execute("UPDATE contact SET fields = ? WHERE id = ?", (text, contact_id))
        note_change(tx, contact_id, {f"fields.{name}": value for name, value in typed.items() if name not in was}, now)
