"""What conditions and templates see of a run: plain data out of one snapshot."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import facts_of
from engine.audience.engagement import with_level
from engine.audience.membership import names_of
from engine.flow.civil import zone_of
from engine.store.many import in_list
from mta.ports import Tx


def read_contacts(tx: Tx, ids: Iterable[int], list_id: int = ALL_LISTS) -> dict[int, dict[str, Any]]:
    """By contact `contact_facts`, for mail of this list, with `lists` ({name: state}) and `segments` (names); without
    those that are gone."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found = facts_of(tx, wanted, list_id)
    for contact in found.values():
        contact |= {"lists": {}, "segments": []}
    marks, which = in_list(wanted)
    for contact_id, name, state in tx.query(
        "SELECT s.contact_id, l.name, s.state FROM subscription s JOIN list l ON l.id = s.list_id"
        f" WHERE s.contact_id IN ({marks})",
        which,
    ):
        if contact_id in found:
            found[contact_id]["lists"][name] = state
    for contact_id, names in names_of(tx, wanted).items():
        if contact_id in found:
            found[contact_id]["segments"] = names
    return found


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
