"""The address that a reader's answer goes to: it names the mail that was answered, so that flows and reports learn of it.

It holds a token for one mail to one person (engine.audience.tokens), in letters that mail servers may fold. The step of the
flow does not fit into it, so 14 bits stand for its name.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.audience.tokens import BadToken, Purpose, Tokens
from engine.tracking.marks import OF_CAMPAIGN, Mark
from mta.ports import Tx

ANSWER: Final = "re+"  # what the local part begins with
GOOD_FOR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which mail an answer is to: of a flow's enrolment, or of a campaign's run."""

    contact_id: int
    owner: int
    occurrence: int
    code: int
    is_campaign: bool


def answer_address(tokens: Tokens, contact_id: int, mark: Mark, domain: str, now: datetime) -> str:
    """Where answers to this mail come in, for a year."""
    is_campaign = mark.step.startswith(OF_CAMPAIGN)
    occurrence = 0 if is_campaign else mark.occurrence
    ids = (contact_id, mark.enrolment_id, occurrence * 2 + is_campaign, _code(mark.step))
    return f"{ANSWER}{tokens.make_mailbox(Purpose.ANSWER, ids, now + GOOD_FOR)}@{domain}"


def read_answer(tokens: Tokens, local_part: str, now: datetime) -> Asked | None:
    """The mail that a local part names; None when it is none of ours, or its time is over."""
    if local_part[: len(ANSWER)].lower() != ANSWER:
        return None
    try:
        ids = tokens.read_mailbox(Purpose.ANSWER, local_part[len(ANSWER) :], now)
    except BadToken:
        return None
    contact_id, owner, which, code = ids
    return Asked(contact_id, owner, which // 2 if not which % 2 else contact_id, code, bool(which % 2))


def message_of(tx: Tx, asked: Asked) -> int | None:
    """The message that was answered; None where nothing is known of it any more."""
    owner = "run_id" if asked.is_campaign else "enrolment_id"
    rows = tx.query(
        f"SELECT message_id, step FROM sending WHERE contact_id = ? AND {owner} = ? AND occurrence = ? ORDER BY message_id",
        (asked.contact_id, asked.owner, asked.occurrence),
    )
    return next((int(message_id) for message_id, step in rows if _code(step) == asked.code), None)


def _code(step: str) -> int:
    return zlib.crc32(step.encode()) & 0x3FFF
