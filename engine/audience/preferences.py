"""What a person asks of us beside yes and no: which lists, how often at most, in which language, and not for a while.

A pause is a suppression of marketing mail with an end, so it acts on queued mail too and shows wherever suppressions do; a
pace is one more cap to the arbiter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.audience import lists, subscriptions
from engine.audience.consent import ALL_LISTS, Answer
from engine.audience.contacts import UnknownContact, note_change, note_event
from engine.audience.lists import MailingList
from engine.audience.subscriptions import SubscriptionState
from engine.audience.suppression import Reason, is_suppressed, pause
from mta.ports import Tx, from_ms
from mta.queue.delivery import Stream

PACES: Final[Mapping[str, tuple[int, timedelta]]] = {
    "week": (1, timedelta(days=7)),
    "fortnight": (2, timedelta(days=30)),
    "month": (1, timedelta(days=30)),
}
"""At most so many marketing mails in so long."""

BREAKS: Final[Mapping[str, timedelta]] = {
    "month": timedelta(days=30),
    "quarter": timedelta(days=91),
    "half": timedelta(days=182),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How things are for a person: the lists they ever said yes to, and whether they are on each."""

    contact_id: int
    key: str
    locale: str
    lists: tuple[tuple[MailingList, bool], ...]
    pace: str  # of PACES; "" where mail comes as it comes
    paused_until: datetime | None
    is_stopped: bool  # no marketing mail at all, and no page changes that


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person chose. None: leave as it is."""

    lists: frozenset[int]
    pace: str
    locale: str | None
    pause: timedelta | None  # zero: no pause


def standing(tx: Tx, contact_id: int) -> Standing:
    """How things are for this contact. UnknownContact when there is none."""
    row = tx.one("SELECT key, locale FROM contact WHERE id = ?", (contact_id,))
    if row is None:
        raise UnknownContact(f"there is no contact {contact_id}")
    states = tx.query(
        "SELECT list_id, state FROM subscription WHERE contact_id = ? AND state <> 'unconfirmed' ORDER BY list_id",
        (contact_id,),
    )
    found = ((lists.by_id(tx, list_id), state == SubscriptionState.CONFIRMED) for list_id, state in states)
    reason = is_suppressed(tx, [row[0]], Stream.MARKETING).get(row[0], "")
    return Standing(
        contact_id, row[0], row[1], tuple((each, is_on) for each, is_on in found if each is not None),
        pace_of(tx, contact_id), _paused_until(tx, row[0]), reason not in ("", Reason.PAUSED),
    )  # fmt: skip


def pace_of(tx: Tx, contact_id: int) -> str:
    """The pace that a contact chose."""
    row = tx.one("SELECT pace FROM preference WHERE contact_id = ?", (contact_id,))
    return "" if row is None else str(row[0])


def choose(tx: Tx, contact_id: int, wishes: Wishes, *, answer: Answer, now: datetime) -> None:
    """Do as a person wishes. UnknownContact when there is none; lists that they never said yes to stay as they are."""
    before = standing(tx, contact_id)
    for mailing_list, is_on in before.lists:
        if is_on and mailing_list.id not in wishes.lists:
            subscriptions.unsubscribe(tx, contact_id, mailing_list.id, answer=answer, now=now)
        elif not is_on and mailing_list.id in wishes.lists:
            subscriptions.rejoin(tx, contact_id, mailing_list.id, answer=answer, now=now)
    tx.execute(
        "INSERT INTO preference (contact_id, pace) VALUES (?,?) ON CONFLICT (contact_id) DO UPDATE SET pace = excluded.pace",
        (contact_id, wishes.pace),
    )
    if wishes.locale is not None and tx.execute(
        "UPDATE contact SET locale = ? WHERE id = ? AND locale <> ?", (wishes.locale, contact_id, wishes.locale)
    ):
        note_change(tx, contact_id, {"locale": wishes.locale}, now)
    if wishes.pause is not None:
        pause(tx, before.key, now + wishes.pause if wishes.pause else None, source="web", now=now)
    until = _paused_until(tx, before.key)
    data = {"pace": wishes.pace, "locale": wishes.locale, "paused_until": until.isoformat() if until else None}
    note_event(tx, "preferences.changed", contact_id, data, now)


def _paused_until(tx: Tx, key: str) -> datetime | None:
    row = tx.one(
        "SELECT expires_ms FROM suppression WHERE key = ? AND reason = ? AND list_id = ?",
        (key, str(Reason.PAUSED), ALL_LISTS),
    )
    return None if row is None or row[0] is None else from_ms(row[0])
