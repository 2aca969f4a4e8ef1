"""Contacts that are no more: merged into another, or erased.

Their ids stay in links and addresses that were sent, so none is given again, and a link to leave goes on working for the
mailbox that it was sent to: what its reader refuses is kept by address, as a suppression, and stops nothing that goes to
the contact that is left. Of somebody who was erased only the number remains, and their links lead nowhere.
"""

from dataclasses import dataclass
from datetime import datetime

from deliverability.address import Address
from engine.audience import consent, suppression
from engine.audience.consent import NO_LIST, About, Act, Answer
from engine.audience.suppression import Reason
from mta.ports import Tx


@dataclass(frozen=True, slots=True)
class Former:
    """A contact that was merged."""

    address: Address
    into_id: int


def find(tx: Tx, contact_id: int) -> Former | None:
    """What became of a contact that was merged; None for any other, and for those who were erased since."""
    row = tx.one(
        "SELECT address, into_id FROM former_contact WHERE contact_id = ? AND into_id IS NOT NULL", (contact_id,)
    )
    return None if row is None else Former(Address.parse(row[0]), int(row[1]))


def note_merged(tx: Tx, contact_id: int, address: str, into_id: int) -> None:
    """A contact becomes another, and with it all that became this one before."""
    tx.execute("UPDATE former_contact SET into_id = ? WHERE into_id = ?", (into_id, contact_id))
    tx.execute(
        "INSERT INTO former_contact (contact_id, into_id, address) VALUES (?,?,?)", (contact_id, into_id, address)
    )


def note_erased(tx: Tx, contact_id: int) -> None:
    """A contact is erased, and with it all that became this one before."""
    tx.execute("UPDATE former_contact SET into_id = NULL, address = '' WHERE into_id = ?", (contact_id,))
    tx.execute("INSERT INTO former_contact (contact_id, into_id, address) VALUES (?,NULL,'')", (contact_id,))


def last_id(tx: Tx) -> int:
    """The highest id that a contact had who is no more; 0 where there are none."""
    row = tx.one("SELECT max(contact_id) FROM former_contact")
    return 0 if row is None or row[0] is None else int(row[0])


def keep_refusals(tx: Tx, contact_id: int, key: str, now: datetime) -> None:
    """Who is about to be merged has left these lists: their address stays off them, until it says yes itself."""
    rows = tx.query(
        "SELECT list_id, source, why FROM subscription WHERE contact_id = ? AND state = 'unsubscribed' ORDER BY list_id",
        (contact_id,),
    )
    for list_id, source, why in rows:
        suppression.suppress(tx, key, Reason.UNSUBSCRIBE, list_id=list_id, evidence=why, source=source, now=now)


def refuse(
    tx: Tx, former: Former, list_id: int, list_name: str, purpose: str, *, answer: Answer, now: datetime
) -> bool:
    """The mailbox of a merged contact wants no more mail of a list, or of any (consent.ALL_LISTS). False when it had said
    so already."""
    evidence = answer.ip or answer.evidence
    new = suppression.suppress(
        tx, former.address.key, Reason.UNSUBSCRIBE, list_id=list_id, evidence=evidence, source=answer.source, now=now
    )
    if new:
        whom = About(former.into_id, str(former.address), NO_LIST, list_name, purpose)
        consent.record(tx, whom, Act.WITHDRAWN, answer, now=now)
    return new
