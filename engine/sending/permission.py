"""Permission: may this person be written to at all?

Asked by the arbiter in the transaction that would write the mail, and again when it is about to leave (`gate`), so that
whoever leaves a list, or all of them, is not written to any more, however long the mail has been waiting. Marketing needs
a confirmed subscription, to the list that the mail is of or to some list, and no suppression; transactional mail needs
only a mailbox that is there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deliverability.address import Address, AddressError
from engine.audience.consent import ALL_LISTS
from engine.audience.subscriptions import SubscriptionState, standings
from engine.audience.suppression import is_suppressed
from engine.audience.trials import held_back
from engine.sending.refusals import Refusal
from mta.ports import Tx
from mta.queue.delivery import Stream
from mta.queue.queue import Claimed


def may_send(tx: Tx, key: str, stream: Stream, list_id: int = ALL_LISTS) -> str:
    """ "" when a mail of this stream, and of this list, may go to whoever has this address key, else one of Refusal's
    words."""
    suppressed = is_suppressed(tx, [key], stream, list_id).get(key)
    if suppressed:
        return Refusal(suppressed)
    if stream is not Stream.MARKETING:
        return ""
    refusal = permission(standings(tx, [key]).get(key, {}), list_id)
    return refusal or (Refusal.HELD if held_back(tx, [key], list_id) else "")


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
        refusal = permission(standing.get(keys[each.delivery_id], {}), each.list_id)
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


def permission(standing: Mapping[Any, SubscriptionState], mailing_list: int | str) -> Refusal | str:
    """ "" where somebody who stands like this with the lists (by id or by name) may get marketing mail, of one list, or of
    none (ALL_LISTS, "")."""
    if not mailing_list:
        return "" if SubscriptionState.CONFIRMED in standing.values() else Refusal.NO_CONSENT
    state = standing.get(mailing_list)
    if state == SubscriptionState.CONFIRMED:
        return ""
    return Refusal.LEFT_LIST if state == SubscriptionState.UNSUBSCRIBED else Refusal.NO_CONSENT


def _key(forward_path: str) -> str:
    try:
        return Address.parse(forward_path).key
    except AddressError:
        return forward_path.lower()
