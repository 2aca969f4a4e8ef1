"""Writing an event down, for flows to look at: in the commit of whatever brought it."""

import json
from datetime import datetime
from typing import Final

from engine.audience import engagement
from engine.audience.contacts import count_order, ensure_contact
from engine.catalogue import parcels
from engine.catalogue.coupons import redeem
from engine.flow.events import Event
from engine.intake.mail import Examined
from mta.ports import Tx, to_ms

KNOWN: Final = "known already"  # how it is noted at a mail that one of its events is none


def record(tx: Tx, event: Event, *, now: datetime, message_id: int | None = None) -> int | None:
    """Write one event; its id, or None when its idempotency key, or where its parcel is, says that it is known already.

    Whom it concerns becomes a contact when it is none yet. `message_id` is the mail that it was read out of.
    """
    contact_id = None
    if event.address is not None:
        contact_id = ensure_contact(tx, event.address, name=event.contact_name, locale=event.locale, now=now)
    if event.name.startswith(parcels.PREFIX):
        told = parcels.tell(tx, event.name, contact_id, event.data, event.at)
        if not told.is_news:
            return None
        contact_id = told.contact_id
    rows = tx.query(
        "INSERT INTO event (name, contact_id, key, data, source, idempotency_key, message_id, at_ms, matched)"
        " VALUES (?,?,?,?,?,?,?,?,0) ON CONFLICT (idempotency_key) DO NOTHING RETURNING id",
        (
            event.name, contact_id, event.key, json.dumps(event.data, ensure_ascii=False), event.source,
            event.idempotency_key, message_id, to_ms(event.at),
        ),
    )  # fmt: skip
    if not rows:
        return None
    if event.name == "order.placed":
        redeem(tx, contact_id, event.data, now)
        if contact_id is not None:
            count_order(tx, contact_id, event.data, event.at)
    elif event.name == "order.shipped":
        parcels.announce(tx, contact_id, event.data, now)
    if contact_id is not None and (signal := engagement.SIGNALS.get(event.name)) is not None:
        engagement.note(tx, contact_id, signal, event.at)
    return int(rows[0][0])


def record_mail(tx: Tx, examined: Examined, *, now: datetime, message_id: int | None) -> list[Event]:
    """Write the events of a submitted mail; those of them that are known already, and so are none."""
    return [each for each in examined.events if record(tx, each, now=now, message_id=message_id) is None]
