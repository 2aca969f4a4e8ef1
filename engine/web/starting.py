"""Letting somebody into a flow over the HTTP interface: what an application asks, and what it is answered."""

from datetime import datetime
from typing import Any

from deliverability.address import Address
from engine.audience.contacts import ensure_contact, find_contact
from engine.audience.suppression import BACK, was_erased
from engine.flow.entering import Entered, NotEntered, Renewed
from engine.running.beginning import Hand
from engine.web.bodies import StartBody
from engine.web.problems import Refused, Result
from mta.ports import Tx


def start(tx: Tx, hand: Hand, flow: str, body: StartBody, *, by: str, now: datetime) -> Result:
    """Let somebody into a flow, and make them a contact where they are none. `by`: whose token it is.

    Refused: 404 without such a flow, 409 where it does not let them in; then nobody becomes a contact."""
    address = Address.parse(body.address)
    is_new = find_contact(tx, address) is None
    contact_id = ensure_contact(tx, address, name=body.contact_name, locale=body.locale, now=now)
    try:
        entry, run = hand.start(tx, flow, contact_id, body.data, now, by=f"{by} (http)")
    except LookupError as err:
        raise Refused(404, str(err)) from None
    warning = {"warning": BACK} if is_new and was_erased(tx, address.key) else {}
    match entry:
        case NotEntered(reason=reason):
            raise Refused(409, f"{address} does not enter {flow}: {reason}")
        case Renewed():
            return Result(200, {"run": run, "renewed": True})
        case Entered(is_held_out=True):
            return Result(201, {"run": run, "held_out": True} | warning)
    answer: dict[str, Any] = {"run": run}
    return Result(201, answer | warning)
