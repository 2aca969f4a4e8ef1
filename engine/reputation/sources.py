"""What attempts, returned mail and farewells say of how our mail is taken, each of one kind of mail on one day.

The day is that on which it happened. What comes back is credited to the host and the source that took the mail; whoever
leaves, to the last mail that they were sent within a month.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from deliverability.bounces.classify import BounceClass, classify
from deliverability.reply import Reply, ReplyError
from deliverability.reputation import figures
from deliverability.shaping.providers import provider_of
from deliverability.text import clean
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream

DAY_MS: Final = 86_400_000
OTHER: Final = "other"  # providers that are none of the known, and domains beyond MOST_DOMAINS
DEFAULT: Final = "default"  # the source where there is but one
MOST_KEYS: Final = 300  # kinds of mail in one part: each is some rows to write
MOST_DOMAINS: Final = 500  # From domains of one day that are told apart
MAX_REPLY: Final = 300
LAST_TOUCH_MS: Final = 30 * DAY_MS
_ADDRESS: Final = re.compile(r"<?[^\s<>@\"'(),;:]{1,64}@[\w.-]{1,253}>?")
_COMPLAINED: Final = re.compile(r"complaint: ([a-z-]{1,30}), about delivery [0-9]+, suppress now")
_COUNTED: Final = r"(?: is off| \d+ of \d+ times and \d+ of \d+ days(?:: now)?)?"  # engine.audience.repeats.count
_BOUNCED: Final = re.compile(rf"bounce: ([a-z -]{{1,40}}), blame [a-z ]+, suppress [a-z]+{_COUNTED}: (.*)", re.DOTALL)
_CLASSES: Final = {str(each): each for each in BounceClass}

Read = int
"""The last id that was read."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """One kind of mail on one day (days since 1970, UTC)."""

    day: int
    provider: str
    source: str
    domain: str
    stream: int


@dataclass(frozen=True, slots=True)
class Said:
    """The last reply that was counted, addresses left out: whose they are is nobody's business here."""

    reply: str = ""
    rule: str = ""
    message_id: int = 0


@dataclass(slots=True)
class Tally:
    """Counts of a part, by kind and word."""

    counts: dict[Kind, Counter[str]] = field(default_factory=dict)
    said: dict[tuple[Kind, str], Said] = field(default_factory=dict)
    took_ms: Counter[int] = field(default_factory=Counter)  # until mail was accepted, added up by stream
    _domains: dict[int, set[str]] = field(default_factory=dict)  # of a day, those that are told apart

    @property
    def is_full(self) -> bool:
        return len(self.counts) >= MOST_KEYS

    def kind(self, tx: Tx, at_ms: int, host: str, source: str, header_from: str, stream: int) -> Kind:
        day = at_ms // DAY_MS
        provider = (provider_of((host,)) if host else "") or OTHER
        return Kind(day, provider, source or DEFAULT, self._domain(tx, day, header_from), stream)

    def count(self, kind: Kind, word: str, said: Said | None = None) -> None:
        self.counts.setdefault(kind, Counter())[word] += 1
        if said is not None:
            self.said[kind, word] = said

    def add_to(self, tx: Tx) -> None:
        """Write them, in one order, so that two who write never wait for each other."""
        rows = []
        for kind, word, count in sorted(
            (kind, word, n) for kind, words in self.counts.items() for word, n in words.items()
        ):
            said = self.said.get((kind, word), Said())
            rows.append(
                (
                    kind.day, kind.provider, kind.source, kind.domain, kind.stream, word, count, said.reply, said.rule,
                    said.message_id or None,
                )
            )  # fmt: skip
        tx.executemany(_ADD, rows)

    def _domain(self, tx: Tx, day: int, header_from: str) -> str:
        """A From domain; OTHER for those beyond so many a day, since whoever may submit may write anything there."""
        name = clean(header_from.rpartition("@")[2].lower())[:255] or OTHER
        known = self._domains.get(day)
        if known is None:
            rows = tx.query("SELECT DISTINCT domain FROM reputation_day WHERE day = ?", (day,))
            known = self._domains[day] = {str(each) for (each,) in rows}
        if name not in known:
            if len(known) >= MOST_DOMAINS:
                return OTHER
            known.add(name)
        return name


_KEEP: Final = ", ".join(
    f"{name} = CASE WHEN excluded.reply <> '' THEN excluded.{name} ELSE reputation_day.{name} END"
    for name in ("reply", "rule", "message_id")
)
_ADD: Final = (
    "INSERT INTO reputation_day (day, provider, source, domain, stream, what, count, reply, rule, message_id)"
    " VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (day, provider, source, domain, stream, what)"
    f" DO UPDATE SET count = reputation_day.count + excluded.count, {_KEEP}"
)


def day_of(moment: datetime) -> int:
    """Days since 1970, UTC."""
    return to_ms(moment) // DAY_MS


def attempts(tx: Tx, after: int, until: int, tally: Tally) -> Read:
    """Count tries and what was answered."""
    rows = tx.query(
        "SELECT a.id, a.at_ms, a.took_ms, a.host, a.stage, a.outcome, a.reply, a.tls, a.rule, a.source, d.stream,"
        " d.created_ms, d.message_id, m.header_from, CASE WHEN EXISTS (SELECT 1 FROM attempt b WHERE"
        " b.delivery_id = a.delivery_id AND b.id < a.id) THEN 1 ELSE 0 END FROM attempt a"
        " JOIN delivery d ON d.id = a.delivery_id JOIN message m ON m.id = d.message_id"
        " WHERE a.id > ? AND a.id <= ? ORDER BY a.id",
        (after, until),
    )
    for row in rows:
        (
            number,
            at_ms,
            took_ms,
            host,
            stage,
            outcome,
            reply,
            tls,
            rule,
            source,
            stream,
            created_ms,
            message,
            by,
            again,
        ) = row
        kind = tally.kind(tx, at_ms, host, source, by, stream)
        tally.count(kind, figures.TRIED)
        if not again:
            tally.count(kind, figures.SENT)
        if outcome == "delivered":
            tally.count(kind, figures.ACCEPTED)
            tally.count(kind, figures.took((at_ms + took_ms - created_ms) / 1000))
            tally.took_ms[stream] += max(0, at_ms + took_ms - created_ms)
            if tls:
                tally.count(kind, figures.ENCRYPTED)
        elif outcome in ("deferred", "failed"):
            _refused(tally, kind, outcome, Said(_without_addresses(reply), rule, message), reply, stage)
        if tally.is_full:
            return int(number)
    return until


def _refused(tally: Tally, kind: Kind, outcome: str, said: Said, reply: str, stage: str) -> None:
    """A try that was deferred, or failed: of the last kind, what our own patience ended is expired."""
    try:
        found = Reply.parse(reply)
    except ReplyError:  # words of ours, and no reply
        return
    is_over = outcome == "failed" and not found.is_permanent
    if is_over:
        tally.count(kind, figures.EXPIRED, said)
    what = figures.DEFERRED if is_over or outcome == "deferred" else figures.BOUNCED
    klass = classify(found, stage, "" if kind.provider == OTHER else kind.provider).klass
    tally.count(kind, figures.by_class(what, klass), said)


def returned(tx: Tx, after: int, until: int, tally: Tally) -> Read:
    """Count complaints, and bounces that came after the mail had been accepted."""
    rows = tx.query(
        "SELECT id, at_ms, verdict, delivery_id FROM inbound WHERE id > ? AND id <= ? AND delivery_id IS NOT NULL"
        " ORDER BY id",
        (after, until),
    )
    for number, at_ms, verdict, delivery_id in rows:
        complained, bounced = _COMPLAINED.fullmatch(verdict), _BOUNCED.fullmatch(verdict)
        if complained or (bounced and bounced[1] in _CLASSES):
            found = _kind_of(tx, tally, at_ms, delivery_id)
            if found is not None and complained:
                tally.count(found[0], figures.COMPLAINED, Said(f"complaint: {complained[1]}", "feedback", found[1]))
            elif found is not None and bounced:
                word = figures.by_class(figures.BOUNCED, _CLASSES[bounced[1]])
                tally.count(found[0], word, Said(_without_addresses(bounced[2]), "report", found[1]))
        if tally.is_full:
            return int(number)
    return until


def farewells(tx: Tx, after: int, until: int, tally: Tally) -> Read:
    """Count people who left: once, though they left several lists with one press."""
    rows = tx.query(
        # Asked so that no database goes by the index of names: it would read all there ever were.
        "SELECT e.id, e.at_ms, e.contact_id FROM event e WHERE e.id > ? AND e.id <= ?"
        " AND COALESCE(e.name, '') IN ('list.left', 'mail.unsubscribed') AND e.contact_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM event f WHERE f.contact_id = e.contact_id"
        " AND f.name IN ('list.left', 'mail.unsubscribed') AND f.at_ms = e.at_ms AND f.id < e.id) ORDER BY e.id",
        (after, until),
    )
    for number, at_ms, contact_id in rows:
        last = tx.one(
            "SELECT d.id FROM sending s JOIN message m ON m.id = s.message_id JOIN delivery d ON d.message_id = m.id"
            " WHERE s.contact_id = ? AND m.received_ms <= ? AND m.received_ms > ? AND m.stream = ?"
            " ORDER BY s.message_id DESC LIMIT 1",
            (contact_id, at_ms, at_ms - LAST_TOUCH_MS, int(Stream.MARKETING)),
        )
        found = _kind_of(tx, tally, at_ms, last[0]) if last else None
        if found is not None:
            tally.count(found[0], figures.UNSUBSCRIBED)
        if tally.is_full:
            return int(number)
    return until


def _kind_of(tx: Tx, tally: Tally, at_ms: int, delivery_id: int) -> tuple[Kind, int] | None:
    """Which kind of mail a delivery was, by who took it, and its message; None where it is no longer known."""
    row = tx.one(
        "SELECT d.stream, m.header_from, m.id FROM delivery d JOIN message m ON m.id = d.message_id WHERE d.id = ?",
        (delivery_id,),
    )
    if row is None:
        return None
    took = tx.one(
        "SELECT host, source FROM attempt WHERE delivery_id = ?"
        " ORDER BY CASE WHEN outcome = 'delivered' THEN 0 ELSE 1 END, id DESC LIMIT 1",
        (delivery_id,),
    )
    host, source = took if took else ("", "")
    return tally.kind(tx, at_ms, host, source, row[1], row[0]), int(row[2])


def _without_addresses(reply: str) -> str:
    return clean(_ADDRESS.sub("<...>", reply))[:MAX_REPLY]
