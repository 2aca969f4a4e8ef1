"""Subscriptions that nobody confirmed: reminded of once where the list says so, and over when their time is.

What is due is found by one indexed time. A reminder is written in the transaction that notes it, so that nobody is
reminded twice; an asking that is over ends with its reason, and who asks again later is asked anew.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from engine.audience import consent, figures, lists, subscriptions
from engine.audience.consent import Act, Answer, Shown
from engine.audience.contacts import contact_facts, note_event
from engine.audience.lists import MailingList
from engine.audience.subscriptions import Asking
from engine.audience.suppression import is_suppressed
from mta.ports import Tx, from_ms, to_ms
from mta.queue.delivery import Stream

EXPIRED: Final = "not confirmed in time"
BATCH: Final = 5  # in one transaction: each may render a mail

Reminder = Callable[[Tx, Asking], Shown | None]
"""Writes the reminder into the queue, in the same transaction; what it says, or None when it can't be written."""


def has_due(tx: Tx, now: datetime) -> bool:
    """Whether any is to be reminded of, or over."""
    return tx.one("SELECT 1 FROM subscription WHERE due_ms <= ? LIMIT 1", (to_ms(now),)) is not None


def settle(tx: Tx, now: datetime, remind: Reminder, salt: bytes) -> int:
    """Remind, or end, what is due; how many were looked at. `salt`: unguessable octets for the ledger."""
    rows = tx.query(
        "SELECT contact_id, list_id, asked_ms, expires_ms FROM subscription WHERE due_ms <= ? ORDER BY due_ms LIMIT ?"
        + tx.for_update(skip_locked=True),
        (to_ms(now), BATCH),
    )
    for contact_id, list_id, asked_ms, expires_ms in rows:
        mailing_list = lists.by_id(tx, list_id)
        if mailing_list is None or expires_ms <= to_ms(now):
            _end(tx, contact_id, list_id, mailing_list, now)
        else:
            tx.execute(
                "UPDATE subscription SET due_ms = expires_ms, reminded_ms = ? WHERE contact_id = ? AND list_id = ?",
                (to_ms(now), contact_id, list_id),
            )
            _remind(tx, contact_id, mailing_list, asked_ms, expires_ms, remind, salt, now)
    return len(rows)


def _end(tx: Tx, contact_id: int, list_id: int, mailing_list: MailingList | None, now: datetime) -> None:
    tx.execute(
        "UPDATE subscription SET state = 'unsubscribed', ended_ms = ?, why = ?, due_ms = NULL, expires_ms = NULL"
        " WHERE contact_id = ? AND list_id = ?",
        (to_ms(now), EXPIRED, contact_id, list_id),
    )
    figures.moved(
        tx, list_id, subscriptions.SubscriptionState.UNCONFIRMED, subscriptions.SubscriptionState.UNSUBSCRIBED
    )
    figures.happened(tx, list_id, figures.What.EXPIRED, now)
    if mailing_list is not None:
        note_event(tx, "list.expired", contact_id, {"list": mailing_list.name}, now)


def _remind(
    tx: Tx, contact_id: int, mailing_list: MailingList, asked_ms: int, expires_ms: int, remind: Reminder, salt: bytes,
    now: datetime,
) -> None:  # fmt: skip
    row = tx.one("SELECT key FROM contact WHERE id = ?", (contact_id,))
    if row is None or is_suppressed(tx, [row[0]], Stream.MARKETING, mailing_list.id):
        return
    person = contact_facts(tx, contact_id)
    shown = remind(tx, Asking(person, mailing_list, asked_ms, from_ms(expires_ms)))
    if shown is not None:
        said = mailing_list.in_language(person["locale"])
        answer = Answer(said.purpose, person["locale"], "reminder", salt=salt)
        consent.record(tx, subscriptions.about(tx, contact_id, said), Act.ASKED, answer, now=now, shown=shown)
