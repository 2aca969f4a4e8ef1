"""People whom somebody else entered on a list and who are to be asked by mail: of an import that says so, and those whom
an operator has asked once more.

They stand at unconfirmed with `why` saying that they wait for the mail, which is written a few at a time, each in the
transaction that begins its asking. So an import of a million asks at a pace, a crash asks nobody twice, and until somebody
is asked their time does not run.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from engine.audience import consent, figures, lists, subscriptions
from engine.audience.batches import BatchState
from engine.audience.consent import Act, Answer, Shown
from engine.audience.contacts import contact_facts, note_event
from engine.audience.figures import What
from engine.audience.lists import MailingList
from engine.audience.subscriptions import TO_ASK, Asking, SubscriptionState
from engine.audience.unconfirmed import EXPIRED
from mta.ports import Tx, from_ms, to_ms

BATCH: Final = 4  # in one transaction: each renders a mail
ROUND: Final = 400  # between two rests of the janitor, which has more to do than this
HELD: Final = "its import is held back"
UNWRITTEN: Final = "the mail could not be written"
AGAIN: Final = (EXPIRED, HELD, UNWRITTEN)
"""Why an asking ended that an operator may begin anew: nobody said no."""

Writer = Callable[[Tx, Asking], Shown | None]
"""Writes the confirmation mail into the queue, in the same transaction; None when it can't be written."""


class Asker:
    """Asks those who wait for it, so many between two rests."""

    def __init__(self, do: Callable[[Tx, datetime], int]) -> None:
        self.do = do
        self._left = ROUND

    def is_due(self, tx: Tx, now: datetime) -> bool:
        self._left -= BATCH
        if self._left < 0:
            self._left = ROUND
            return False
        if tx.one("SELECT 1 FROM subscription WHERE why = 'to be asked' LIMIT 1") is None:
            self._left = ROUND
            return False
        return True


def again(tx: Tx, contact_id: int, list_id: int, now: datetime) -> str:
    """Have somebody asked once more who has not answered; "" when they will be, else why not, in words."""
    row = tx.one(
        "SELECT state, why FROM subscription WHERE contact_id = ? AND list_id = ?" + tx.for_update(),
        (contact_id, list_id),
    )
    key = tx.one("SELECT key FROM contact WHERE id = ?", (contact_id,))
    if row is None or key is None:
        return "they are not on this list"
    state, why = row
    if state == SubscriptionState.CONFIRMED:
        return "they have said yes already"
    if state == SubscriptionState.UNSUBSCRIBED and why not in AGAIN:
        return f"they are off it ({why})"
    if reason := subscriptions.refusal(tx, key[0], list_id):
        return f"they are suppressed ({reason})"
    if why == TO_ASK:
        return "they are about to be asked"
    tx.execute(
        "UPDATE subscription SET state = 'unconfirmed', why = ?, asked_ms = CASE WHEN state = 'unconfirmed' THEN asked_ms"
        " ELSE ? END, due_ms = NULL, ended_ms = NULL WHERE contact_id = ? AND list_id = ?",
        (TO_ASK, to_ms(now), contact_id, list_id),
    )
    if state != SubscriptionState.UNCONFIRMED:
        figures.moved(tx, list_id, state, SubscriptionState.UNCONFIRMED)
    return ""


def ask_some(tx: Tx, now: datetime, write: Writer, per_address: int, salt: bytes) -> int:
    """Ask a few of those who wait for it; how many were looked at. `per_address`: mails to one address in 24 hours;
    `salt`: unguessable octets for the ledger."""
    rows = tx.query(
        "SELECT contact_id, list_id, asked_ms, expires_ms, source FROM subscription WHERE why = 'to be asked'"
        " ORDER BY list_id, contact_id LIMIT ?" + tx.for_update(skip_locked=True),
        (BATCH,),
    )
    for contact_id, list_id, asked_ms, expires_ms, source in rows:
        mailing_list = lists.by_id(tx, list_id)
        key = tx.one("SELECT key FROM contact WHERE id = ?", (contact_id,))
        reason = "" if key is None else subscriptions.refusal(tx, key[0], list_id)
        if mailing_list is None or key is None or reason:
            _end(tx, contact_id, list_id, f"suppressed: {reason}", now)
        elif _is_held(tx, source):
            _end(tx, contact_id, list_id, HELD, now)
        elif consent.count_asked(tx, contact_id, now - timedelta(days=1)) >= per_address:
            _wait(tx, contact_id, mailing_list, asked_ms, now)  # they have mails of ours enough that ask
        else:
            begun_ms = asked_ms if expires_ms is not None else to_ms(now)  # who was asked before: that link works on
            _ask(tx, contact_id, mailing_list, begun_ms, source, write, salt, now)
    return len(rows)


def _ask(
    tx: Tx, contact_id: int, mailing_list: MailingList, asked_ms: int, source: str, write: Writer, salt: bytes,
    now: datetime,
) -> None:  # fmt: skip
    person = contact_facts(tx, contact_id)
    said = mailing_list.in_language(person["locale"])
    expires_ms = _wait(tx, contact_id, mailing_list, asked_ms, now)
    shown = write(tx, Asking(person, mailing_list, asked_ms, from_ms(expires_ms)))
    if shown is None:
        _end(tx, contact_id, mailing_list.id, UNWRITTEN, now)
        return
    if asked_ms == to_ms(now):
        figures.happened(tx, mailing_list.id, What.ASKED, now)
        note_event(tx, "list.joined", contact_id, {"list": mailing_list.name}, now)
    answer = Answer(said.purpose, person["locale"], source, salt=salt)
    consent.record(tx, subscriptions.about(tx, contact_id, said), Act.ASKED, answer, now=now, shown=shown)


def _wait(tx: Tx, contact_id: int, mailing_list: MailingList, asked_ms: int, now: datetime) -> int:
    """Begin the time of an asking; when it is over."""
    settings = mailing_list.settings
    expires_ms = to_ms(now + settings.expire_after)
    due_ms = to_ms(now + settings.remind_after) if settings.remind_after else expires_ms
    tx.execute(
        "UPDATE subscription SET why = '', asked_ms = ?, due_ms = ?, expires_ms = ?, reminded_ms = NULL"
        " WHERE contact_id = ? AND list_id = ?",
        (asked_ms, due_ms, expires_ms, contact_id, mailing_list.id),
    )
    return expires_ms


def _is_held(tx: Tx, source: str) -> bool:
    """Whether this is the source of an import whose addresses bounce too much."""
    number = source.removeprefix("import ")
    if number == source or not number.isdigit():
        return False
    row = tx.one("SELECT state FROM import_batch WHERE id = ?", (int(number),))
    return row is not None and row[0] == BatchState.HELD


def _end(tx: Tx, contact_id: int, list_id: int, why: str, now: datetime) -> None:
    tx.execute(
        "UPDATE subscription SET state = 'unsubscribed', ended_ms = ?, why = ?, due_ms = NULL, expires_ms = NULL"
        " WHERE contact_id = ? AND list_id = ?",
        (to_ms(now), why, contact_id, list_id),
    )
    figures.moved(tx, list_id, SubscriptionState.UNCONFIRMED, SubscriptionState.UNSUBSCRIBED)
