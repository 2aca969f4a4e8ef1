"""Subscriptions to lists: asked, confirmed, ended.

A double opt-in list asks by mail and believes only the answer. The subscription, the consent row with the exact
wording, and the confirmation mail are written in the caller's one transaction: a crash leaves all three or none.

    (none) -> unconfirmed -> confirmed -> unsubscribed -> unconfirmed ...

Nothing here brings a suppressed address back: it is refused with the reason, and only an operator lifts that. (Who left one
list, was merged and so stands there as suppressed, may say yes to it again.) How often
an address is asked, and how often a network makes us ask, has limits (engine.audience.asking), so that no form can flood
anybody. Who never answers is unsubscribed when the time of the asking is over (engine.audience.unconfirmed).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from deliverability.address import Address
from engine.audience import asking, consent, figures, former, forms, lists, referrals, suppression
from engine.audience.asking import ASKED_ENOUGH, NETWORK_ENOUGH, AskingSettings
from engine.audience.consent import ALL_LISTS, About, Act, Answer, Shown
from engine.audience.contacts import contact_facts, ensure_contact, find_contact, note_event
from engine.audience.figures import What
from engine.audience.former import Former
from engine.audience.lists import ListError, MailingList
from engine.audience.suppression import Reason, is_suppressed, suppress
from mta.ports import Tx, from_ms, to_ms
from mta.queue.delivery import Stream

LEFT: Final = "left"  # why a subscription that was ended by the person has ended
TO_ASK: Final = "to be asked"  # why one that somebody else entered is unconfirmed: the mail is still to be written

_CHUNK: Final = 500  # keys in one question


class SubscriptionState(StrEnum):
    """Where a subscription stands. The words are in the table."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody is to be asked by mail whether they want this list."""

    contact: dict[str, Any]  # contact_facts
    mailing_list: MailingList
    asked_ms: int  # binds the link to this asking
    expires: datetime  # when it is over


class Asker(Protocol):
    """Writes the confirmation mail into the queue, in the same transaction; what it says."""

    limits: AskingSettings

    def __call__(self, tx: Tx, asking: Asking) -> Shown: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking. Exactly one is true: already, refused, a mail was written, confirmed at once (single)."""

    contact_id: int  # 0 where its network asked too often: then nothing was looked at
    list_id: int
    already: bool = False
    refused: str = ""  # a suppression's reason, ASKED_ENOUGH or NETWORK_ENOUGH
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    contact_id: int
    list_id: int
    state: SubscriptionState
    asked_ms: int
    why: str  # it ended, or waits


def subscription(tx: Tx, contact_id: int, list_id: int) -> Subscription | None:
    """A contact's subscription to a list, whatever its state. Who is about to change it has it alone."""
    row = tx.one(
        "SELECT contact_id, list_id, state, asked_ms, why FROM subscription WHERE contact_id = ? AND list_id = ?"
        + tx.for_update(),
        (contact_id, list_id),
    )
    return None if row is None else Subscription(row[0], row[1], SubscriptionState(row[2]), *row[3:])


def subscribers(tx: Tx, keys: Iterable[str], list_id: int) -> dict[str, int]:
    """Those of these address keys whose contact ever asked for the list, with its id."""
    found: dict[str, int] = {}
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        rows = tx.query(
            "SELECT c.key, c.id FROM contact c JOIN subscription s ON s.contact_id = c.id"
            f" WHERE c.key IN ({','.join('?' * len(chunk))}) AND s.list_id = ?",
            (*chunk, list_id),
        )
        found.update(rows)
    return found


def standings(tx: Tx, keys: Iterable[str]) -> dict[str, dict[int, SubscriptionState]]:
    """Where the people with these address keys stand with each list that they ever asked for."""
    found: dict[str, dict[int, SubscriptionState]] = {}
    wanted = list(dict.fromkeys(keys))
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        rows = tx.query(
            "SELECT c.key, s.list_id, s.state FROM contact c JOIN subscription s ON s.contact_id = c.id"
            f" WHERE c.key IN ({','.join('?' * len(chunk))})",
            chunk,
        )
        for key, list_id, state in rows:
            found.setdefault(key, {})[list_id] = SubscriptionState(state)
    return found


def subscribe(
    tx: Tx, list_name: str, address: Address, *, answer: Answer, ask: Asker, name: str = "", zone: str = "",
    must_ask: bool = False, now: datetime,
) -> Asked:  # fmt: skip
    """Somebody asks for a list. ListError when there is no such list.

    `answer.wording` is what was shown where they asked; where it is empty, the list's purpose stands for it. `must_ask`:
    the mailbox itself is asked whatever the list believes, since the address came from anybody.
    """
    mailing_list = lists.get(tx, list_name)
    if mailing_list is None:
        raise ListError(f"there is no list {list_name[:70]}")
    mailing_list = mailing_list.in_language(answer.locale)
    if asking.is_network_over(tx, answer.ip, ask.limits, now):
        return Asked(0, mailing_list.id, refused=NETWORK_ENOUGH)
    contact_id = ensure_contact(tx, address, name=name, locale=answer.locale, zone=zone, now=now)
    answer = replace(answer, wording=answer.wording or mailing_list.purpose)
    refused = refusal(tx, address.key, mailing_list.id)
    if refused:
        return Asked(contact_id, mailing_list.id, refused=refused)
    there = subscription(tx, contact_id, mailing_list.id)
    if there is not None and there.state is SubscriptionState.CONFIRMED:
        return Asked(contact_id, mailing_list.id, already=True)
    if mailing_list.confirmation == "single" and not must_ask:
        _begin(tx, contact_id, mailing_list, there, answer, now)
        consent.record(tx, about(tx, contact_id, mailing_list), Act.ASKED, answer, now=now)
        _confirm(tx, contact_id, mailing_list, answer, now)
        return Asked(contact_id, mailing_list.id)
    return _ask(tx, contact_id, mailing_list, there, answer, ask, now)


def confirm(
    tx: Tx, contact_id: int, list_id: int, asked_ms: int, *, answer: Answer, now: datetime
) -> MailingList | None:
    """The person pressed the button. The list when the subscription is confirmed now (or was), else None.

    None when there is no such asking any more: the contact left meanwhile and asked anew, the list is gone, or the
    address was suppressed. Pressing twice changes nothing and adds no second consent.
    """
    mailing_list, there = lists.by_id(tx, list_id), subscription(tx, contact_id, list_id)
    if mailing_list is None or there is None or there.asked_ms != asked_ms:
        return None
    if there.state is SubscriptionState.CONFIRMED:
        return mailing_list
    key = _key_of(tx, contact_id)
    if there.state is not SubscriptionState.UNCONFIRMED or refusal(tx, key, list_id):
        return None
    _confirm(tx, contact_id, mailing_list, answer, now)
    return mailing_list


def unsubscribe(tx: Tx, contact_id: int, list_id: int, *, answer: Answer, now: datetime) -> bool:
    """Leave a list, or with ALL_LISTS all marketing mail, which also suppresses. False when nothing changed. For a contact
    that was merged, the mailbox that it was leaves."""
    which = "" if list_id == ALL_LISTS else " AND list_id = ?"
    params = (contact_id,) if list_id == ALL_LISTS else (contact_id, list_id)
    ended = tx.query(
        f"SELECT list_id, name, state FROM subscription JOIN list ON list.id = list_id"
        f" WHERE contact_id = ? AND state <> 'unsubscribed'{which}" + tx.for_update("subscription"),
        params,
    )
    for ended_id, name, state in ended:
        tx.execute(
            "UPDATE subscription SET state = 'unsubscribed', ended_ms = ?, why = ?, due_ms = NULL, expires_ms = NULL"
            " WHERE contact_id = ? AND list_id = ?",
            (to_ms(now), LEFT, contact_id, ended_id),
        )
        figures.moved(tx, ended_id, state, SubscriptionState.UNSUBSCRIBED)
        figures.happened(tx, ended_id, What.LEFT, now)
        note_event(tx, "list.left", contact_id, {"list": name}, now)
    stopped = list_id == ALL_LISTS and _stop_marketing(tx, contact_id, answer, now)
    if ended or stopped:
        mailing_list = None if list_id == ALL_LISTS else lists.by_id(tx, list_id)
        consent.record(tx, about(tx, contact_id, mailing_list), Act.WITHDRAWN, answer, now=now)
        return True
    merged = former.find(tx, contact_id)
    return merged is not None and _leave_merged(tx, merged, list_id, answer, now)


def _leave_merged(tx: Tx, merged: Former, list_id: int, answer: Answer, now: datetime) -> bool:
    again = find_contact(tx, merged.address)  # the mailbox may have come back, as another contact
    if again is not None and unsubscribe(tx, again, list_id, answer=answer, now=now):
        return True
    mailing_list = lists.by_id(tx, list_id)
    name, purpose = (mailing_list.name, mailing_list.purpose) if mailing_list else ("", "")
    return former.refuse(tx, merged, list_id, name, purpose, answer=answer, now=now)


def rejoin(tx: Tx, contact_id: int, list_id: int, *, answer: Answer, now: datetime) -> bool:
    """Somebody who left a list wants it again, and said so behind a link that only their mailbox has. False when they
    never were on it, or may not be brought back."""
    mailing_list, there = lists.by_id(tx, list_id), subscription(tx, contact_id, list_id)
    if mailing_list is None or there is None or there.state is not SubscriptionState.UNSUBSCRIBED:
        return False
    if refusal(tx, _key_of(tx, contact_id), list_id):
        return False
    _begin(tx, contact_id, mailing_list, there, answer, now)
    consent.record(tx, about(tx, contact_id, mailing_list), Act.ASKED, answer, now=now)
    _confirm(tx, contact_id, mailing_list, answer, now)
    return True


def _ask(
    tx: Tx, contact_id: int, mailing_list: MailingList, there: Subscription | None, answer: Answer, ask: Asker,
    now: datetime,
) -> Asked:  # fmt: skip
    if lock := tx.for_update():  # two askings of one person are counted one after the other
        tx.one("SELECT 1 FROM contact WHERE id = ?" + lock, (contact_id,))
    if consent.count_asked(tx, contact_id, now - timedelta(days=1)) >= ask.limits.per_address:
        return Asked(contact_id, mailing_list.id, refused=ASKED_ENOUGH)
    asked_ms, expires_ms = _begin(tx, contact_id, mailing_list, there, answer, now)
    if asked_ms == to_ms(now):
        figures.happened(tx, mailing_list.id, What.ASKED, now)
    asking.note(tx, answer.ip, now)
    shown = ask(tx, Asking(contact_facts(tx, contact_id), mailing_list, asked_ms, from_ms(expires_ms)))
    consent.record(tx, about(tx, contact_id, mailing_list), Act.ASKED, answer, now=now, shown=shown)
    return Asked(contact_id, mailing_list.id, message_id=shown.message_id)


def _begin(
    tx: Tx, contact_id: int, mailing_list: MailingList, there: Subscription | None, answer: Answer, now: datetime
) -> tuple[int, int]:
    """Stand at unconfirmed; when this asking began, and when it is over. One that still waits keeps its beginning, since
    its first link must work; who asked again by themselves is not reminded."""
    settings = mailing_list.settings
    expires_ms = to_ms(now + settings.expire_after)
    if there is not None and there.state is SubscriptionState.UNCONFIRMED:
        tx.execute(
            "UPDATE subscription SET due_ms = ?, expires_ms = ?, why = '' WHERE contact_id = ? AND list_id = ?",
            (expires_ms, expires_ms, contact_id, mailing_list.id),
        )
        return there.asked_ms, expires_ms
    due_ms = to_ms(now + settings.remind_after) if settings.remind_after else expires_ms
    tx.execute(
        "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, due_ms, expires_ms)"
        " VALUES (?,?,'unconfirmed',?,?,?,?)"
        " ON CONFLICT (contact_id, list_id) DO UPDATE SET state = 'unconfirmed', source = excluded.source,"
        " asked_ms = excluded.asked_ms, due_ms = excluded.due_ms, expires_ms = excluded.expires_ms, reminded_ms = NULL,"
        " why = '', confirmed_ms = NULL, ended_ms = NULL",
        (contact_id, mailing_list.id, answer.source, to_ms(now), due_ms, expires_ms),
    )
    figures.moved(tx, mailing_list.id, "" if there is None else there.state, SubscriptionState.UNCONFIRMED)
    note_event(tx, "list.joined", contact_id, {"list": mailing_list.name}, now)
    return to_ms(now), expires_ms


def _confirm(tx: Tx, contact_id: int, mailing_list: MailingList, answer: Answer, now: datetime) -> None:
    tx.execute(
        "UPDATE subscription SET state = 'confirmed', confirmed_ms = ?, due_ms = NULL, expires_ms = NULL, why = ''"
        " WHERE contact_id = ? AND list_id = ?",
        (to_ms(now), contact_id, mailing_list.id),
    )
    figures.moved(tx, mailing_list.id, SubscriptionState.UNCONFIRMED, SubscriptionState.CONFIRMED)
    figures.happened(tx, mailing_list.id, What.CONFIRMED, now)
    suppression.let_back(tx, contact_id, mailing_list.id)
    forms.take_answer(tx, contact_id, mailing_list.id, now)
    consent.record(tx, about(tx, contact_id, mailing_list), Act.CONFIRMED, answer, now=now)
    note_event(tx, "list.confirmed", contact_id, {"list": mailing_list.name}, now)
    referrals.count(tx, contact_id, mailing_list.name, now)


def _stop_marketing(tx: Tx, contact_id: int, answer: Answer, now: datetime) -> bool:
    key = _key_of(tx, contact_id)
    if not key or not suppress(
        tx, key, Reason.UNSUBSCRIBE, evidence=answer.ip or answer.evidence, source=answer.source, now=now
    ):
        return False
    note_event(tx, "mail.unsubscribed", contact_id, {}, now)
    return True


def refusal(tx: Tx, key: str, list_id: int) -> str:
    """Why nobody may be brought onto a list, or "". Who only pauses may say yes meanwhile, and who left this list again."""
    reason = is_suppressed(tx, [key], Stream.MARKETING, list_id).get(key, "")
    if reason == Reason.UNSUBSCRIBE:
        which = suppression.standing(tx, [key])[key]
        others = {why for why, where in which if where == ALL_LISTS or (where == list_id and why != reason)}
        reason = next((each for each in Reason if each in others), "")
    return "" if reason == Reason.PAUSED else reason


def about(tx: Tx, contact_id: int, mailing_list: MailingList | None) -> About:
    """Whom and which list an entry of the ledger is about, as they are called now."""
    row = tx.one("SELECT address FROM contact WHERE id = ?", (contact_id,))
    address = "" if row is None else str(row[0])
    if mailing_list is None:
        return About(contact_id, address)
    return About(contact_id, address, mailing_list.id, mailing_list.name, mailing_list.purpose)


def _key_of(tx: Tx, contact_id: int) -> str:
    row = tx.one("SELECT key FROM contact WHERE id = ?", (contact_id,))
    return "" if row is None else str(row[0])
