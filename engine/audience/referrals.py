"""Recommendations: a person's own link, who came by it, and the event for both sides when the newcomer confirmed.

A friend counts once, for whoever brought them first, and only if they never confirmed anything before. Nobody learns who the
other is: events name contacts by number.
"""

from datetime import datetime

from engine.audience.contacts import note_once
from mta.ports import Tx, to_ms


def recommended(tx: Tx, referrer_id: int) -> str:
    """The list that a person's link leads to where it names none: the one they confirmed last, else the first there is. ""
    where there is no such person, or no list."""
    if tx.one("SELECT 1 FROM contact WHERE id = ?", (referrer_id,)) is None:
        return ""
    row = tx.one(
        "SELECT l.name FROM subscription s JOIN list l ON l.id = s.list_id"
        " WHERE s.contact_id = ? AND s.state = 'confirmed' ORDER BY s.confirmed_ms DESC LIMIT 1",
        (referrer_id,),
    ) or tx.one("SELECT name FROM list ORDER BY id LIMIT 1")
    return "" if row is None else str(row[0])


def note(tx: Tx, friend_id: int, referrer_id: int, list_id: int, now: datetime) -> None:
    """Somebody signed up by a person's link."""
    if friend_id == referrer_id or tx.one("SELECT 1 FROM contact WHERE id = ?", (referrer_id,)) is None:
        return
    known = "SELECT 1 FROM consent_fact WHERE contact_id = ? AND act = 'confirmed' LIMIT 1"
    if tx.one(known, (friend_id,)) is None:
        tx.execute(
            "INSERT INTO referral (friend_id, referrer_id, list_id, at_ms) VALUES (?,?,?,?)"
            " ON CONFLICT (friend_id) DO NOTHING",
            (friend_id, referrer_id, list_id, to_ms(now)),
        )


def count(tx: Tx, friend_id: int, list_name: str, now: datetime) -> None:
    """Somebody confirmed: if a link brought them, both sides get their event, once."""
    row = tx.one("SELECT referrer_id FROM referral WHERE friend_id = ? AND counted_ms IS NULL", (friend_id,))
    if row is None:
        return
    tx.execute("UPDATE referral SET counted_ms = ? WHERE friend_id = ?", (to_ms(now), friend_id))
    for name, contact_id, other, other_id in (
        ("referral.earned", row[0], "friend", friend_id), ("referral.joined", friend_id, "referrer", row[0]),
    ):  # fmt: skip
        data = {"list": list_name, other: other_id}
        note_once(tx, name, contact_id, data, f"referral:{name}:{friend_id}", key=list_name, now=now)
