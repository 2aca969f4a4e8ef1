"""Who ignores a list: on it for longer than the threshold, written to in that time, and no sign of life.

A sign of life is what a person did, here or in the shop (engine.audience.engagement): an open and a click that no machine
made, an answer, a visit, an order. What machines opened never counts. Who was not written to was not silent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.audience.lists import MailingList
from engine.sunset.rhythm import mails_of
from engine.tracking.settings import TrackingSettings, counted
from mta.ports import Tx, from_ms, to_ms
from mta.queue.delivery import Stream

LEAST: Final = 3  # mails within the threshold, before silence says anything


@dataclass(frozen=True, slots=True)
class Ignoring:
    """Somebody who ignores a list. `last`: their last sign of life; None: there was none."""

    contact_id: int
    address: str
    mails: int
    on_since: datetime
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Looked:
    """A part of a list's people: who ignores it, how many were looked at, and after whom the next part begins."""

    found: tuple[Ignoring, ...]
    people: int
    after: int | None


def is_measured(tracking: TrackingSettings, mailing_list: MailingList) -> bool:
    """Whether anything that people do with the list's mail is counted: else everybody would seem to ignore it."""
    of_it = counted(tracking, Stream.MARKETING, mailing_list.settings)
    return of_it.clicks or of_it.opens


def look(tx: Tx, list_id: int, threshold: timedelta, after: int, limit: int, now: datetime) -> Looked:
    """Look at the list's next `limit` people after this contact."""
    before_ms = to_ms(now - threshold)
    rows = tx.query(
        "SELECT s.contact_id, c.address, s.confirmed_ms, c.engaged_ms FROM subscription s JOIN contact c"
        " ON c.id = s.contact_id WHERE s.list_id = ? AND s.contact_id > ? AND s.state = 'confirmed'"
        " ORDER BY s.contact_id LIMIT ?",
        (list_id, after, limit),
    )
    found = []
    for contact_id, address, confirmed_ms, engaged_ms in rows:
        if (confirmed_ms or 0) > before_ms or (engaged_ms or 0) > before_ms:
            continue
        mails = len(mails_of(tx, contact_id, list_id, before_ms))
        if mails >= LEAST:
            last = None if engaged_ms is None else from_ms(engaged_ms)
            found.append(Ignoring(contact_id, address, mails, from_ms(confirmed_ms or 0), last))
    return Looked(tuple(found), len(rows), rows[-1][0] if len(rows) == limit else None)
