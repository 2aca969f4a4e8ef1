"""What came back, over the control socket: classes by day, mails with what was concluded, replies that no rule knows.

A mail from a stranger is read beside the loop, and no more of it than HEAD octets.
"""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from deliverability.bounces.classify import BounceClass, Suppress
from deliverability.bounces.conclude import Conclusion, conclude
from deliverability.bounces.opened import Opened
from deliverability.encoded_words import decode_shown
from deliverability.rawmail import first_value, split_message
from deliverability.reputation.figures import BOUNCED, DEFERRED, Figures
from engine.control import told
from engine.control.asked import Asked
from engine.control.lately import Known
from engine.control.protocol.bounces import (
    BounceDay,
    BounceDays,
    ClassRow,
    FindingRow,
    ReceivedMail,
    ReceivedPage,
    ReceivedRow,
    Unclassified,
)
from engine.control.refusal import Refusal
from engine.house import House
from engine.own_rules import place_of_rule
from engine.reputation import reading
from engine.reputation.reading import About
from engine.reputation.sources import DAY_MS, day_of
from mta.ports import Tx, to_ms

DAYS: Final = 14
MOST_DAYS: Final = 365
CLASSES: Final = 200
BUDGET: Final = 2_000  # mails that one question looks at
CHUNK: Final = 200
SUBJECT: Final = 16_384  # octets of a mail that are looked at for its subject
HEAD: Final = 262_144  # octets of a mail that are read
SHOWN: Final = 16_384  # characters of it that are shown
_LAST: Final = (1 << 63) - 1

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "all": (),
    "bounces": ("bounce: ", "report: ", "told already"),
    "complaints": ("complaint: ", "complained already"),
    "people": ("for a person", "no report", "report that can't be read", "unread"),
    "unknown": ("bounce: unknown",),
}
_SUPPRESS: Final = {Suppress.NOW: "now", Suppress.AFTER: "when it repeats", Suppress.NEVER: "never"}


async def days(house: House, asked: Asked) -> BounceDays:
    """Classes by day, as the reputation's figures count them: some seconds behind."""
    now, span = house.clock.now(), asked.number("days", DAYS, least=1, most=MOST_DAYS)
    first = day_of(now) - span + 1
    by_day = await house.store.read(lambda tx: reading.by(tx, "day", About(), first))
    said = await house.store.read(lambda tx: reading.said(tx, About(), first, CLASSES))
    rows = tuple(_day(day, by_day.get(str(day), Figures())) for day in range(first, first + span))
    return BounceDays(to_ms(now), rows, tuple(_classes(house, said)))


def _day(day: int, figures: Figures) -> BounceDay:
    return BounceDay(
        day * DAY_MS, figures.sent, figures.accepted, figures.complaints, figures.classes(BOUNCED),
        figures.classes(DEFERRED),
    )  # fmt: skip


def _classes(house: House, said: Sequence[tuple[str, str, int, str, str, int]]) -> Iterator[ClassRow]:
    """A row for each class, the most bounces first."""
    counts: dict[str, dict[str, int]] = {}
    last: dict[str, tuple[str, str, int]] = {}
    for what, klass, count, reply, rule, message_id in said:
        counts.setdefault(klass, {})[what] = count
        if what == BOUNCED or klass not in last:
            last[klass] = (reply, rule, message_id)
    for klass in sorted(counts, key=lambda each: (-counts[each].get(BOUNCED, 0), -sum(counts[each].values()), each)):
        reply, rule, message_id = last[klass]
        its = counts[klass]
        place = place_of_rule(house.config.daemon.state_dir, rule)
        yield ClassRow(klass, its.get(BOUNCED, 0), its.get(DEFERRED, 0), reply, rule, place, message_id)


async def received(house: House, asked: Asked) -> ReceivedPage:
    """Mails that came back, a page at a time; `kind` is one of KINDS."""
    kind, limit = asked.one_of("kind", tuple(KINDS)), asked.number("limit", 50, least=1, most=CHUNK)
    word = asked.text("after")
    if word and not (word.isascii() and word.isdigit()):
        raise Refusal("after is what the page before said")
    found, at = await house.store.read(
        partial(_walk, kinds=KINDS[kind], before=int(word) if word else _LAST, limit=limit)
    )
    rows = await house.store.read(lambda tx: [_received(row) for row in _mails(tx, found)])
    return ReceivedPage(to_ms(house.clock.now()), tuple(rows), str(at) if at else "")


def _walk(tx: Tx, *, kinds: tuple[str, ...], before: int, limit: int) -> tuple[list[int], int]:
    """Numbers of the next mails of these kinds, the youngest first; and where to go on, 0 at the end."""
    found: list[int] = []
    for _ in range(BUDGET // CHUNK):
        rows = tx.query("SELECT id, verdict FROM inbound WHERE id < ? ORDER BY id DESC LIMIT ?", (before, CHUNK))
        for number, verdict in rows:
            before = int(number)
            if not kinds or str(verdict).startswith(kinds):
                found.append(before)
            if len(found) == limit:
                return found, before
        if len(rows) < CHUNK:
            return found, 0
    return found, before


def _mails(tx: Tx, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
    if not numbers:
        return []
    marks = ",".join("?" * len(numbers))
    return tx.query(
        "SELECT id, at_ms, reverse_path, forward_path, substr(content, 1, CAST(? AS INTEGER)), verdict, delivery_id"
        f" FROM inbound WHERE id IN ({marks}) ORDER BY id DESC",
        (SUBJECT, *numbers),
    )


def _received(row: Sequence[Any]) -> ReceivedRow:
    number, at_ms, reverse_path, forward_path, content, verdict, delivery_id = row
    subject = decode_shown(first_value(split_message(bytes(content))[0], "Subject") or b"")[:200]
    return ReceivedRow(number, at_ms, reverse_path, forward_path, subject, verdict, delivery_id)


async def one(house: House, number: int) -> ReceivedMail:
    """One mail that came back, with what it says of whom, and the rules that say so."""

    def look(tx: Tx) -> tuple[Any, ...] | None:
        return tx.one(
            "SELECT i.id, i.at_ms, i.reverse_path, i.forward_path, substr(i.content, 1, CAST(? AS INTEGER)), i.verdict,"
            " i.delivery_id, length(i.content), d.message_id FROM inbound i LEFT JOIN delivery d ON d.id = i.delivery_id"
            " WHERE i.id = ?",
            (HEAD, number),
        )

    row = await house.store.read(look)
    if row is None:
        raise Refusal(f"there is no mail {number} among what came back", "`posthouse bounce received` lists them", 404)
    content = bytes(row[4])
    conclusion, words = await asyncio.to_thread(_read, content)
    return ReceivedMail(
        to_ms(house.clock.now()), _received(row[:7]), str(conclusion.kind),
        tuple(_findings(house, conclusion)), row[8], words, content.decode("utf-8", "replace")[:SHOWN], row[7],
    )  # fmt: skip


def _read(content: bytes) -> tuple[Conclusion, str]:
    return conclude(content), Opened.of(content).words.strip()[:SHOWN]


def _findings(house: House, conclusion: Conclusion) -> Iterator[FindingRow]:
    for each in conclusion.recipients:
        yield FindingRow(
            each.address, str(each.klass), str(each.blame or ""), each.hard, _SUPPRESS[each.suppress],
            " ".join(str(code) for code in (each.reply_code, each.status) if code), each.said[:1000], each.rule,
            place_of_rule(house.config.daemon.state_dir, each.rule),
        )  # fmt: skip


def unclassified(house: House, known: Known, now_ms: int) -> Unclassified:
    """Replies of late that no rule knows now, the most frequent first."""
    found = told.replies(known, lambda domain: domain, now_ms, limit=1_000, state=house.config.daemon.state_dir)
    rows = tuple(each for each in found.rows if each.klass and not told.is_known(each))
    return Unclassified(now_ms, rows, tuple(str(each) for each in BounceClass), found.since_ms)
