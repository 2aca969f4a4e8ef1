"""The arbiter at work: reads a mail's case from the store, has it judged, and writes down what follows from the verdict.

All in the transaction that would write the mail, so nothing comes between the question and the mail: on SQLite writers take
turns, on PostgreSQL the person's row is locked. A case costs the same whatever the history: it is read by indexes that lead
to one person's mails of the last month. A mail that is held leaves a row in `held_mail`, which keeps its best-before, ranks
it among others that wait for the same place, and tells later what became of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from engine.audience.consent import ALL_LISTS
from engine.audience.preferences import PACES
from engine.flow.civil import zone_of
from engine.sending import judgements
from engine.sending.arbiter_settings import LONGEST
from engine.sending.judgements import What
from engine.sending.judging import ALL, Cap, Case, Held, Hold, Place, Policy, Refuse, Send, Verdict, judge
from engine.sending.permission import may_send
from engine.sending.refusals import Refusal
from mta.ports import Tx, from_ms, to_ms
from mta.queue.delivery import Stream

Gate = Callable[[Tx, str, Stream, int], str]
"""May this person be written to at all: (tx, Address.key, stream, list) to "" or the reason why not."""

UTC_ZONE: Final = ZoneInfo("UTC")
NO_POLICY: Final = Policy()


class Kind(StrEnum):
    """Who writes a mail."""

    FLOW = "flow"
    CAMPAIGN = "campaign"
    SHOP = "shop"  # an application, by our submission door


@dataclass(frozen=True, slots=True)
class Asked:
    """A mail that a flow or a campaign wants to write to one person."""

    kind: Kind
    name: str  # the flow's or the campaign's
    ref: int  # the enrolment, or the campaign's recipient
    contact_id: int
    key: str  # Address.key
    stream: Stream
    step: str = ""
    occurrence: int = 1
    list_id: int = ALL_LISTS
    priority: int | None = None  # None: as the policy says of its kind and name
    best_before: datetime | None = None  # None: as the policy says
    variant: str = ""  # of a campaign

    @property
    def source(self) -> str:
        """What a newer mail of stands for an older one too, while both are held."""
        return source(self.kind, self.name, self.step)


@dataclass(frozen=True, slots=True)
class Arbiter:
    """The one judge of all marketing mail. `zone` is the installation's; `gate` says who may be written to at all."""

    policy: Policy = NO_POLICY
    zone: ZoneInfo = UTC_ZONE
    gate: Gate = may_send

    def hear(self, tx: Tx, asked: Asked, now: datetime) -> Verdict:
        """What is to become of this mail now; a hold, and the end of one, is written down."""
        case = self.case(tx, asked, now)
        verdict = judge(case, self.policy, now)
        if isinstance(verdict, Hold):
            _keep(tx, asked, case, verdict, now)
            if case.held is None:
                self.count(tx, asked, What.HELD, verdict.reason, now)
        elif case.held is not None:
            _end(tx, asked, "sent" if isinstance(verdict, Send) else verdict.reason, now)
        if isinstance(verdict, Refuse):
            self.count(tx, asked, What.REFUSED, verdict.reason, now)
        return verdict

    def count(self, tx: Tx, asked: Asked, what: What, reason: str, now: datetime) -> None:
        """Keep for reports what came of this mail."""
        judgements.count(tx, asked.kind, asked.name, asked.step or asked.variant, asked.list_id, what, reason, now)

    def case(self, tx: Tx, asked: Asked, now: datetime) -> Case:
        """All that is looked at for this mail."""
        if asked.stream is not Stream.MARKETING:
            return Case(asked.stream, self.zone, permission=self.gate(tx, asked.key, asked.stream, asked.list_id))
        zone, pace = self._person(tx, asked.contact_id)
        own, waiting = _held(tx, asked, now)
        subjects = subjects_of(asked.kind, asked.name, _list_name(tx, asked.list_id))
        priority = self.policy.priority_of(subjects) if asked.priority is None else asked.priority
        return Case(
            asked.stream, zone, frozenset(subjects), asked.source, priority,
            permission=self.gate(tx, asked.key, asked.stream, asked.list_id), pace=pace,
            sent=self._sent(tx, asked.contact_id, pace, now), waiting=waiting, held=own, best_before=asked.best_before,
        )  # fmt: skip

    def note(self, tx: Tx, asked: Asked, message_id: int, now: datetime) -> None:
        """The mail was written: it takes its place under the caps."""
        if asked.stream is Stream.MARKETING or self.policy.counts_all:
            take_places(tx, (asked.contact_id,), message_id, asked.stream, now, asked.kind, asked.name, asked.list_id)

    def note_shop(
        self, tx: Tx, keys: Iterable[str], message_id: int, stream: Stream, list_id: int, now: datetime
    ) -> None:
        """An application wrote to these `Address.key`s: whom we know, it takes a place with."""
        if stream is Stream.MARKETING or self.policy.counts_all:
            found = [row[0] for key in set(keys) for row in tx.query("SELECT id FROM contact WHERE key = ?", (key,))]
            take_places(tx, found, message_id, stream, now, Kind.SHOP, "", list_id)

    def _person(self, tx: Tx, contact_id: int) -> tuple[ZoneInfo, Cap | None]:
        """The clock and the pace of a person, whose mail nobody else judges until the commit."""
        row = tx.one("SELECT zone FROM contact c WHERE id = ?" + tx.for_update("c"), (contact_id,))
        pace = tx.one("SELECT pace FROM preference WHERE contact_id = ?", (contact_id,))
        wish = PACES.get(pace[0]) if pace else None
        return zone_of(row[0] if row else "", self.zone), Cap(*wish, reason=Refusal.TOO_OFTEN) if wish else None

    def _sent(self, tx: Tx, contact_id: int, pace: Cap | None, now: datetime) -> tuple[Place, ...]:
        """The places that the person's mails take, as far back as any cap, the pace or the distance looks."""
        spans = [self.policy.distance, *(cap.window for cap in self.policy.caps), *([pace.window] if pace else [])]
        longest = max(spans)
        if not longest:
            return ()
        rows = tx.query(
            "SELECT m.at_ms, m.kind, m.name, COALESCE(l.name, '') FROM mailed m LEFT JOIN list l ON l.id = m.list_id"
            " WHERE m.contact_id = ? AND m.at_ms > ? AND m.stream >= ? ORDER BY m.at_ms",
            (contact_id, to_ms(now - longest), 0 if self.policy.counts_all else int(Stream.MARKETING)),
        )
        return tuple(
            Place(from_ms(at_ms), frozenset(subjects_of(kind, name, of_list)), f"{kind} {name}".strip())
            for at_ms, kind, name, of_list in rows
        )


def take_places(
    tx: Tx, contacts: Iterable[int], message_id: int, stream: Stream, now: datetime, kind: Kind, name: str, list_id: int
) -> None:
    """This message takes a place with each of these contacts; those that are older than any window are dropped."""
    for contact_id in contacts:
        tx.put("DELETE FROM mailed WHERE contact_id = ? AND at_ms < ?", (contact_id, to_ms(now - LONGEST)))
        tx.put(
            "INSERT INTO mailed (contact_id, message_id, at_ms, stream, kind, name, list_id) VALUES (?,?,?,?,?,?,?)",
            (contact_id, message_id, to_ms(now), int(stream), str(kind), name, list_id),
        )


def give_back(tx: Tx, message_id: int, contact_id: int) -> None:
    """The message was recalled before it left: its place is free again."""
    tx.put("DELETE FROM mailed WHERE contact_id = ? AND message_id = ?", (contact_id, message_id))


def withdraw(tx: Tx, kind: Kind, ref: int, now: datetime, limit: int) -> int:
    """Whoever asked for them wants up to `limit` held mails no more (a campaign was stopped); how many there were."""
    return tx.execute(
        "UPDATE held_mail SET ended_ms = ?, ended_how = 'withdrawn' WHERE id IN (SELECT id FROM held_mail"
        " WHERE kind = ? AND ref = ? AND ended_ms IS NULL LIMIT ?)",
        (to_ms(now), str(kind), ref, limit),
    )


def source(kind: str, name: str, step: str) -> str:
    """The step of a flow, or the campaign, as it is named to people."""
    return f"{kind} {name}" + (f", step {step}" if step else "")


# -- what is held

_COLUMNS: Final = "h.kind, h.ref, h.step, h.occurrence, h.name, h.priority, h.since_ms, h.until_ms, h.best_before_ms"
_OPEN: Final = (
    f"SELECT {_COLUMNS}, COALESCE(l.name, '') FROM held_mail h"
    " LEFT JOIN list l ON l.id = h.list_id"
    " LEFT JOIN enrolment e ON h.kind = 'flow' AND e.id = h.ref LEFT JOIN flow f ON f.id = e.flow_id"
    " WHERE h.contact_id = ? AND h.ended_ms IS NULL"
    " AND (h.kind <> 'flow' OR (h.ref = ? AND h.step = ?)"
    " OR (e.state = 'waiting' AND e.step = h.step AND f.state <> 'paused'))"
)
KEEP_HELD: Final = timedelta(days=90)
"""How long it is kept what became of held mail, after its best-before."""


def _held(tx: Tx, asked: Asked, now: datetime) -> tuple[Held | None, tuple[Held, ...]]:
    """This mail, where it is held, and the others that are held for the person. What nobody will ask again about (its run
    ended, its flow is paused) keeps no place."""
    mine, others = None, []
    for kind, ref, step, occurrence, name, priority, *times, of_list in tx.query(
        _OPEN, (asked.contact_id, asked.ref, asked.step)
    ):
        held = Held(
            ref, source(kind, name, step), frozenset(subjects_of(kind, name, of_list)), priority, *map(from_ms, times)
        )
        if (kind, ref, step, occurrence) == (asked.kind, asked.ref, asked.step, asked.occurrence):
            mine = held
        else:
            others.append(held)
    return mine, tuple(others)


def _keep(tx: Tx, asked: Asked, case: Case, hold: Hold, now: datetime) -> None:
    tx.put(
        "INSERT INTO held_mail (kind, ref, step, occurrence, contact_id, name, list_id, priority, since_ms, until_ms,"
        " best_before_ms, reason, why, times) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,1)"
        " ON CONFLICT (kind, ref, step, occurrence) DO UPDATE SET until_ms = excluded.until_ms, reason = excluded.reason,"
        " why = excluded.why, times = held_mail.times + 1",
        (
            str(asked.kind), asked.ref, asked.step, asked.occurrence, asked.contact_id, asked.name, asked.list_id,
            case.priority, to_ms(now), to_ms(hold.until), to_ms(hold.best_before), str(hold.reason), hold.why,
        ),
    )  # fmt: skip


def _end(tx: Tx, asked: Asked, how: str, now: datetime) -> None:
    tx.put(
        "UPDATE held_mail SET ended_ms = ?, ended_how = ? WHERE kind = ? AND ref = ? AND step = ? AND occurrence = ?",
        (to_ms(now), how, str(asked.kind), asked.ref, asked.step, asked.occurrence),
    )


def has_old(tx: Tx, now: datetime) -> bool:
    """Whether `drop_old` would find any."""
    return tx.one("SELECT 1 FROM held_mail WHERE best_before_ms < ? LIMIT 1", (to_ms(now - KEEP_HELD),)) is not None


def drop_old(tx: Tx, now: datetime, limit: int = 200) -> None:
    """Forget what became of mail that was held long ago."""
    tx.execute(
        "DELETE FROM held_mail WHERE id IN (SELECT id FROM held_mail WHERE best_before_ms < ? ORDER BY best_before_ms LIMIT ?)",
        (to_ms(now - KEEP_HELD), limit),
    )


# -- what caps and priorities speak of


def subjects_of(kind: str, name: str, of_list: str) -> tuple[str, ...]:
    """What a mail is to caps and priorities, the closest first."""
    own = (f"{kind} {name}",) if name else ()
    return (*own, *((f"list {of_list}",) if of_list else ()), f"{kind}s", ALL)


def _list_name(tx: Tx, list_id: int) -> str:
    row = tx.one("SELECT name FROM list WHERE id = ?", (list_id,)) if list_id != ALL_LISTS else None
    return row[0] if row else ""
