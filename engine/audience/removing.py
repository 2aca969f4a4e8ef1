"""An operator takes somebody off a list, and takes that back.

It is nobody's no: the person said nothing. So it can be undone, which finds them where they stood, while who left by
themselves is brought back by nobody (engine.audience.subscriptions). Both are entries of the ledger, with the operator's
name and reason, since mail stops and goes on by them.
"""

from datetime import datetime
from typing import Final

from engine.audience import consent, figures, lists, subscriptions
from engine.audience.consent import Act, Answer
from engine.audience.contacts import note_event
from engine.audience.figures import What
from engine.audience.lists import MailingList
from engine.audience.subscriptions import TO_ASK, SubscriptionState
from mta.ports import Tx, to_ms

TAKEN_OFF: Final = "taken off"  # how the reason of such an end begins
_UNASKED: Final = f"{TAKEN_OFF} before they were asked"  # ... of somebody who waited for the mail that asks
_WHY_MAX: Final = 300


def remove(tx: Tx, contact_id: int, mailing_list: MailingList, by: str, why: str, salt: bytes, now: datetime) -> bool:
    """Take a contact off a list. False when they are not on it."""
    there = subscriptions.subscription(tx, contact_id, mailing_list.id)
    if there is None or there.state is SubscriptionState.UNSUBSCRIBED:
        return False
    how = _UNASKED if there.why == TO_ASK else TAKEN_OFF
    tx.execute(
        "UPDATE subscription SET state = 'unsubscribed', ended_ms = ?, why = ?, due_ms = NULL, expires_ms = NULL"
        " WHERE contact_id = ? AND list_id = ?",
        (to_ms(now), f"{how} by {by}: {why}"[:_WHY_MAX], contact_id, mailing_list.id),
    )
    figures.moved(tx, mailing_list.id, there.state, SubscriptionState.UNSUBSCRIBED)
    figures.happened(tx, mailing_list.id, What.LEFT, now)
    _record(tx, contact_id, mailing_list, Act.WITHDRAWN, by, why, salt, now)
    note_event(tx, "list.left", contact_id, {"list": mailing_list.name, "by": by}, now)
    return True


def restore(tx: Tx, contact_id: int, mailing_list: MailingList, by: str, salt: bytes, now: datetime) -> str:
    """Put somebody back whom an operator took off; "" when they stand as before, else why not, in words."""
    row = tx.one(
        "SELECT s.state, s.why, s.confirmed_ms, c.key FROM subscription s JOIN contact c ON c.id = s.contact_id"
        " WHERE s.contact_id = ? AND s.list_id = ?" + tx.for_update("s"),
        (contact_id, mailing_list.id),
    )
    if row is None or row[0] != SubscriptionState.UNSUBSCRIBED:
        return "they are not off it"
    _, why, confirmed_ms, key = row
    if not why.startswith(TAKEN_OFF):
        return f"nobody took them off: {why}" if why != subscriptions.LEFT else "they left by themselves"
    if reason := subscriptions.refusal(tx, key, mailing_list.id):
        return f"they are suppressed ({reason})"
    expires_ms = to_ms(now + mailing_list.settings.expire_after)
    state = SubscriptionState.CONFIRMED if confirmed_ms is not None else SubscriptionState.UNCONFIRMED
    waits = why.startswith(_UNASKED)
    until = None if waits or confirmed_ms is not None else expires_ms
    tx.execute(
        "UPDATE subscription SET state = ?, ended_ms = NULL, why = ?, due_ms = ?, expires_ms = ?"
        " WHERE contact_id = ? AND list_id = ?",
        (str(state), TO_ASK if waits else "", until, until, contact_id, mailing_list.id),
    )
    figures.moved(tx, mailing_list.id, SubscriptionState.UNSUBSCRIBED, state)
    figures.happened(tx, mailing_list.id, What.LEFT, now, -1)
    _record(tx, contact_id, mailing_list, Act.RESTORED, by, "taken back", salt, now)
    return ""


def drop(tx: Tx, name: str) -> str:
    """Take away a list that nobody ever was on; "" when it is gone, else why not, in words."""
    found = lists.get(tx, name)
    if found is None:
        return "there is no such list"
    for table in ("subscription", "consent_fact"):
        if tx.one(f"SELECT 1 FROM {table} WHERE list_id = ? LIMIT 1", (found.id,)) is not None:
            return "people stand on it, or did: what they said is kept with it"
    for table in ("form", "form_wording", "list_figure", "list_hour"):
        tx.execute(f"DELETE FROM {table} WHERE list_id = ?", (found.id,))
    tx.execute("DELETE FROM list WHERE id = ?", (found.id,))
    return ""


def _record(
    tx: Tx, contact_id: int, mailing_list: MailingList, act: Act, by: str, why: str, salt: bytes, now: datetime
) -> None:
    answer = Answer("", source="operator", evidence=f"{by}: {why}", salt=salt)
    consent.record(tx, subscriptions.about(tx, contact_id, mailing_list), act, answer, now=now)
