"""What conditions and templates see of a run: plain data out of one snapshot."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import UnknownContact, contact_facts
from engine.audience.engagement import with_level
from engine.audience.membership import names_of
from engine.flow.civil import zone_of
from mta.ports import Tx


def read_contact(tx: Tx, contact_id: int, list_id: int = ALL_LISTS) -> dict[str, Any] | None:
    """`contact_facts`, for mail of this list, with `lists` ({name: state}) and `segments` (names); None when the contact
    is gone."""
    try:
        facts = contact_facts(tx, contact_id, list_id)
    except UnknownContact:
        return None
    rows = tx.query(
        "SELECT l.name, s.state FROM subscription s JOIN list l ON l.id = s.list_id WHERE s.contact_id = ?",
        (contact_id,),
    )
    return facts | {"lists": dict(rows), "segments": names_of(tx, contact_id)}


def zone_for(contact: dict[str, Any], default: ZoneInfo) -> ZoneInfo:
    """The contact's own zone, or the installation's."""
    return zone_of(contact["zone"], default)


def scope(contact: dict[str, Any], event: dict[str, Any], now: datetime, zone: ZoneInfo) -> dict[str, object]:
    """The names of the condition language. `now` and `today` are by the contact's clock."""
    local = now.astimezone(zone)
    contact = {**contact, "engagement": with_level(contact.get("engagement", {}), now)}
    return {"contact": contact, "event": event, "now": local, "today": local.date()}


def read_data(text: str) -> dict[str, Any]:
    """A JSON column's object; an empty one for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
