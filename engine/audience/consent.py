"""Consent: the ledger of what was shown to whom, when, and how they answered.

Entries are only ever added, each bound to the one before it (engine.audience.ledger), and two tables hold them: the chain,
which has nothing personal in it, and the facts beside it, which can be erased when a person asks for that (GDPR article
17) without breaking the chain. A confirmed subscription is a consequence; this is the proof (article 7(1): the sender must
be able to show consent).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from deliverability.text import clean
from engine.audience.ledger import GENESIS, Link, canonical, commit_to, link, verify_chain, verify_facts
from engine.store.many import in_list
from mta.ports import Tx, to_ms

ALL_LISTS: Final = 0  # the list_id of an answer that concerns all marketing mail
NO_LIST: Final = -1  # of an answer for a mailbox that is no contact any more: no mail rests on it
CHUNK: Final = 1000  # entries read at once

_LINK: Final = "seq, at_ms, act, commitment, previous, hash"
_WHOLE: Final = (
    "e.seq, e.at_ms, e.act, e.commitment, e.previous, e.hash, f.contact_id, f.list_id, f.message_id, f.salt, f.facts"
    " FROM consent_fact f JOIN consent_entry e ON e.seq = f.seq"
)
_HEAD: Final = "consent_head"


class Act(StrEnum):
    """What happened to a consent."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"  # by the person, or by an operator for them (source: operator)
    RESTORED = "restored"  # an operator took back their own withdrawal
    IMPORTED = "imported"  # one entry for all rows of a batch (engine.audience.batches)


@dataclass(frozen=True, slots=True)
class Answer:
    """The circumstances of an act: the exact words shown, and where and how the person acted.

    `salt` hides what is committed to: unguessable octets, drawn before the transaction.
    """

    wording: str
    locale: str = ""
    source: str = "command"  # command, form, import, web, reply, one-click, mail
    ip: str = ""
    agent: str = ""
    evidence: str = ""  # what else shows that it was the person: who wrote the mail that answered, and its Message-ID
    salt: bytes = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Shown:
    """The mail that asked: its id in our queue, its Message-ID, and what it said."""

    message_id: int
    mail_id: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class About:
    """Who, and which list, as they are called now: what a court reads ten years later."""

    contact_id: int
    address: str
    list_id: int = ALL_LISTS
    list_name: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with its facts. `facts` are the octets that were committed to."""

    link: Link
    contact_id: int
    list_id: int
    message_id: int | None
    salt: bytes
    facts: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The facts: address, list, purpose, wording, locale, source, ip, agent, and the mail that asked."""
        return dict(json.loads(self.facts))


def record(
    tx: Tx, about: About, act: Act, answer: Answer, *, now: datetime, shown: Shown | None = None,
    batch: Mapping[str, Any] | None = None,
) -> Link:  # fmt: skip
    """Add one entry. The wording is kept letter by letter, what a browser said of itself is cleaned and cut. `batch` is
    what an import declared, with the root over its rows."""
    facts: dict[str, Any] = {
        "address": about.address, "list": about.list_name, "purpose": about.purpose, "wording": answer.wording,
        "locale": answer.locale[:35], "source": answer.source[:20], "ip": clean(answer.ip)[:45],
        "agent": clean(answer.agent)[:400],
    }  # fmt: skip
    if answer.evidence:
        facts["evidence"] = clean(answer.evidence)[:1000]
    if shown is not None:
        facts["mail"] = {"message_id": shown.mail_id, "subject": shown.subject, "text": shown.text}
    if batch is not None:
        facts["import"] = dict(batch)
    _lock(tx)
    before = head(tx)
    seq, previous = (before.seq + 1, before.hash) if before else (1, GENESIS)
    salt, octets = hashlib.sha256(answer.salt + f"{seq}".encode()).digest(), canonical(facts)
    made = link(seq, to_ms(now), str(act), commit_to(salt, octets), previous)
    tx.execute(
        f"INSERT INTO consent_entry ({_LINK}) VALUES (?,?,?,?,?,?)",
        (made.seq, made.at_ms, made.act, made.commitment, made.previous, made.hash),
    )
    tx.execute(
        "INSERT INTO consent_fact (seq, contact_id, list_id, act, message_id, at_ms, salt, facts) VALUES (?,?,?,?,?,?,?,?)",
        (
            seq, about.contact_id, about.list_id, made.act, shown.message_id if shown else None, made.at_ms, salt.hex(),
            octets.decode(),
        ),
    )  # fmt: skip
    return made


def _lock(tx: Tx) -> None:
    """Let nobody else add until this is committed: all entries are one chain."""
    if lock := tx.for_update():
        tx.execute("INSERT INTO meta (key, value) VALUES (?, '') ON CONFLICT (key) DO NOTHING", (_HEAD,))
        tx.one("SELECT value FROM meta WHERE key = ?" + lock, (_HEAD,))


def head(tx: Tx) -> Link | None:
    """The youngest entry."""
    row = tx.one(f"SELECT {_LINK} FROM consent_entry ORDER BY seq DESC LIMIT 1")
    return None if row is None else Link(*row)


def chain(tx: Tx, first: int = 1) -> Iterator[Link]:
    """The entries from `first` on, oldest first."""
    while some := part(tx, first):
        yield from some
        first = some[-1].seq + 1


def part(tx: Tx, first: int) -> list[Link]:
    """Up to CHUNK entries from `first` on, oldest first."""
    sql = f"SELECT {_LINK} FROM consent_entry WHERE seq >= ? ORDER BY seq LIMIT ?"
    return [Link(*row) for row in tx.query(sql, (first, CHUNK))]


def history(tx: Tx, contact_id: int) -> list[Entry]:
    """All that a contact was shown and answered, oldest first; nothing of what was erased."""
    return [_entry(row) for row in tx.query(f"SELECT {_WHOLE} WHERE f.contact_id = ? ORDER BY f.seq", (contact_id,))]


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(Link(*row[:6]), row[6], row[7], row[8], bytes.fromhex(row[9]), row[10].encode())


def entry(tx: Tx, seq: int) -> Entry | None:
    """One entry with its facts; None where it has none (any more)."""
    row = tx.one(f"SELECT {_WHOLE} WHERE f.seq = ?", (seq,))
    return None if row is None else _entry(row)


def facts_of(tx: Tx, seqs: range) -> dict[int, tuple[bytes, bytes]]:
    """Salt and facts of the entries in a range that have them still."""
    rows = tx.query("SELECT seq, salt, facts FROM consent_fact WHERE seq >= ? AND seq < ?", (seqs.start, seqs.stop))
    return {seq: (bytes.fromhex(salt), facts.encode()) for seq, salt, facts in rows}


def cited(tx: Tx, contact_id: int, list_id: int = ALL_LISTS) -> Link | None:
    """The entry that marketing mail to a contact rests on: the youngest yes to this list, or to any that they are
    still on."""
    return cited_of(tx, [contact_id], list_id).get(contact_id)


def cited_of(tx: Tx, ids: Sequence[int], list_id: int = ALL_LISTS) -> dict[int, Link]:
    """The same of many (at least one), by contact."""
    marks, which = in_list(ids)
    of_list, more = ("", ()) if list_id == ALL_LISTS else (" AND f.list_id = ?", (list_id,))
    rows = tx.query(
        "SELECT f.contact_id, e.seq, e.at_ms, e.act, e.commitment, e.previous, e.hash FROM consent_fact f"
        " JOIN consent_entry e ON e.seq = f.seq"
        " JOIN subscription s ON s.contact_id = f.contact_id AND s.list_id = f.list_id AND s.state = 'confirmed'"
        f" WHERE f.contact_id IN ({marks}) AND f.act = 'confirmed'{of_list} ORDER BY f.seq",
        (*which, *more),
    )
    return {contact_id: Link(*row) for contact_id, *row in rows}  # the last stays


def count_asked(tx: Tx, contact_id: int, since: datetime) -> int:
    """How many confirmation mails were written to a contact since then, for whatever list."""
    row = tx.one(
        "SELECT count(*) FROM consent_fact WHERE contact_id = ? AND act = 'asked' AND message_id IS NOT NULL"
        " AND at_ms > ?",
        (contact_id, to_ms(since)),
    )
    return 0 if row is None else int(row[0])


def inherit(tx: Tx, source_id: int, target_id: int) -> None:
    """A contact becomes another: what was said for its mailbox is shown, exported and erased with that one. It stays said
    for that mailbox, so nothing that is written to the other rests on it."""
    tx.execute(
        "UPDATE consent_fact SET contact_id = ?, list_id = ? WHERE contact_id = ?", (target_id, NO_LIST, source_id)
    )


def forget(tx: Tx, contact_id: int) -> int:
    """Erase the facts about a person, salts and all; how many entries now say only that something happened."""
    return tx.execute("DELETE FROM consent_fact WHERE contact_id = ?", (contact_id,))


def check(tx: Tx) -> tuple[int, int, str]:
    """Go over the whole ledger: (entries, how many had their facts erased, the last hash). Broken at the first fault."""
    count = erased = 0
    last = ""
    previous, first = GENESIS, 1
    while some := part(tx, first):
        verify_chain(some, first, previous)
        facts = facts_of(tx, range(first, first + len(some)))
        for each in some:
            if each.seq in facts:
                verify_facts(each, *facts[each.seq])
        count, erased = count + len(some), erased + len(some) - len(facts)
        first, previous, last = first + len(some), some[-1].hash, some[-1].hash
    return count, erased, last
