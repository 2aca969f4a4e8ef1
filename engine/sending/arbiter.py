"""The arbiter: may this mail be written to this person, now?

Asked in the transaction that would write the mail, and again when it is about to leave (`gate`), so that whoever leaves
a list, or all of them, is not written to any more, however long the mail has been waiting. Marketing needs a confirmed
subscription, to the list that the mail is of or to some list, and no suppression; transactional mail needs only a
mailbox that is there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from deliverability.address import Address, AddressError
from engine.audience.consent import ALL_LISTS
from engine.audience.lists import SubscriptionState, standings
from engine.audience.preferences import is_too_often
from engine.audience.suppression import Reason, is_suppressed
from engine.audience.trials import held_back
from mta.ports import Tx
from mta.queue.delivery import Stream
from mta.queue.queue import Claimed


class Refusal(StrEnum):
    """Every reason there is for not writing a mail. The same words stand in `why-not`, on screens and in reports."""

    HARD_BOUNCE = Reason.HARD_BOUNCE  # the mailbox does not exist: stops both streams
    COMPLAINT = Reason.COMPLAINT  # the person called our mail spam: stops marketing
    UNSUBSCRIBE = Reason.UNSUBSCRIBE  # the person wants no marketing mail: stops marketing
    MANUAL = Reason.MANUAL  # an operator says so: stops both, or marketing only, as the operator chose
    ERASED = Reason.ERASED  # the person had their data erased: stops marketing, and what stopped everything before
    PAUSED = Reason.PAUSED  # the person wants none for a while: stops marketing until then
    TOO_OFTEN = "more often than wanted"  # the person wants fewer: stops marketing until their period is over
    LEFT_LIST = "left the list"  # the person is not on the mail's list any more: stops mail of that list
    HELD = "import held back"  # all their lists rest on an import that is not whole, or bounced: stops marketing
    NO_CONSENT = "no confirmed subscription"  # the person never said yes, or took it back: stops marketing


def may_send(tx: Tx, key: str, stream: Stream, list_id: int = ALL_LISTS) -> str:
    """ "" when a mail of this stream, and of this list, may go to whoever has this address key, else one of Refusal's
    words."""
    suppressed = is_suppressed(tx, [key], stream, list_id).get(key)
    if suppressed:
        return Refusal(suppressed)
    if stream is not Stream.MARKETING:
        return ""
    refusal = _permission(standings(tx, [key]).get(key, {}), list_id)
    return refusal or (Refusal.HELD if held_back(tx, [key], list_id) else "")


def too_often(tx: Tx, contact_id: int, stream: Stream, now: datetime) -> str:
    """ "" when one more mail of this stream is no more than the person wants, else Refusal's word for it. Asked when a mail
    is written: what is queued was counted already."""
    return Refusal.TOO_OFTEN if stream is Stream.MARKETING and is_too_often(tx, contact_id, now) else ""


def gate(tx: Tx, claimed: Sequence[Claimed]) -> dict[int, str]:
    """The queue's last question before mail leaves: {delivery id: reason} of what may not, whatever was so when it was
    written."""
    held: dict[int, str] = {}
    keys = {each.delivery_id: _key(each.forward_path) for each in claimed}
    for stream, list_id in {(each.stream, each.list_id) for each in claimed}:
        part = [each.delivery_id for each in claimed if (each.stream, each.list_id) == (stream, list_id)]
        reasons = is_suppressed(tx, {keys[each] for each in part}, stream, list_id)
        held.update({each: reasons[keys[each]] for each in part if keys[each] in reasons})
    asked = [each for each in claimed if each.delivery_id not in held and _needs_permission(each)]
    standing = standings(tx, (keys[each.delivery_id] for each in asked))
    for each in asked:
        refusal = _permission(standing.get(keys[each.delivery_id], {}), each.list_id)
        # Whom an application writes to may be no subscriber of ours: then its word is all there is.
        if refusal and (refusal is Refusal.LEFT_LIST or each.origin != "submission"):
            held[each.delivery_id] = refusal
    for list_id in {each.list_id for each in asked}:
        waiting = {each.delivery_id: keys[each.delivery_id] for each in asked if each.list_id == list_id}
        back = held_back(tx, [key for each, key in waiting.items() if each not in held], list_id)
        held.update({each: Refusal.HELD for each, key in waiting.items() if key in back})
    return held


def _needs_permission(each: Claimed) -> bool:
    return each.stream is Stream.MARKETING and (each.list_id != ALL_LISTS or each.origin != "submission")


def _permission(standing: Mapping[int, SubscriptionState], list_id: int) -> Refusal | str:
    """ "" where somebody who stands like this with the lists may get marketing mail, of one list or of none."""
    if list_id == ALL_LISTS:
        return "" if SubscriptionState.CONFIRMED in standing.values() else Refusal.NO_CONSENT
    state = standing.get(list_id)
    if state is SubscriptionState.CONFIRMED:
        return ""
    return Refusal.LEFT_LIST if state is SubscriptionState.UNSUBSCRIBED else Refusal.NO_CONSENT


def _key(forward_path: str) -> str:
    try:
        return Address.parse(forward_path).key
    except AddressError:
        return forward_path.lower()
