"""Consent: the ledger of what was shown to whom, when, and how they answered.

Rows are only ever added (GDPR article 7(1): the sender must be able to show consent). A confirmed subscription is a
consequence; this is the proof.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from deliverability.text import clean
from mta.ports import Tx, to_ms

ALL_LISTS: Final = 0  # the list_id of an answer that concerns all marketing mail

_COLUMNS: Final = "contact_id, list_id, act, wording, locale, source, ip, agent, message_id, at_ms"


class Act(StrEnum):
    """What happened to a consent."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Answer:
    """The circumstances of an act: the exact words shown, and where and how the person acted."""

    wording: str
    locale: str = ""
    source: str = "command"  # command, form, import, web, reply, one-click
    ip: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger."""

    contact_id: int
    list_id: int
    act: Act
    wording: str
    locale: str
    source: str
    ip: str
    agent: str
    message_id: int | None
    at_ms: int


def record(
    tx: Tx, contact_id: int, list_id: int, act: Act, answer: Answer, *, now: datetime, message_id: int | None = None
) -> int:
    """Add one row; its id. The wording is kept letter by letter, what a browser said of itself is cleaned and cut."""
    return tx.insert(
        f"INSERT INTO consent ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            contact_id, list_id, str(act), answer.wording, answer.locale[:35], answer.source[:20],
            clean(answer.ip)[:45], clean(answer.agent)[:400], message_id, to_ms(now),
        ),
    )  # fmt: skip


def history(tx: Tx, contact_id: int) -> list[Entry]:
    """All that a contact was shown and answered, oldest first."""
    rows = tx.query(f"SELECT {_COLUMNS} FROM consent WHERE contact_id = ? ORDER BY id", (contact_id,))
    return [Entry(row[0], row[1], Act(row[2]), *row[3:]) for row in rows]


def count_asked(tx: Tx, contact_id: int, since: datetime) -> int:
    """How many confirmation mails were written to a contact since then, for whatever list."""
    row = tx.one(
        "SELECT count(*) FROM consent WHERE contact_id = ? AND act = 'asked' AND message_id IS NOT NULL AND at_ms > ?",
        (contact_id, to_ms(since)),
    )
    return 0 if row is None else int(row[0])
