"""What the control socket shows, read from the store: one function a view, each one short read transaction."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.audience import figures
from engine.control.counted import queue_rows
from engine.control.protocol.flows import FlowRow
from engine.control.protocol.house import Line, Overview
from engine.control.protocol.queue import DoubtRow, Doubts, MessageLife, MessageRow, Messages, Moment
from engine.intake.recording import KNOWN
from engine.running.instead import KEPT_BACK, TWICE
from engine.store.ages import first_since
from mta.ports import Tx, to_ms
from mta.queue import ledger, listing, operating
from mta.queue.census import Census
from mta.queue.delivery import State, Stream
from mta.queue.listing import Wanted

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
HEAD_OCTETS: Final = 16_384
SITES_SHOWN: Final = 50
SMALL: Final = 20_000  # rows that are counted within the blink of an eye

_DELIVERY = """
SELECT d.id, d.message_id, d.forward_path, m.subject, d.stream, d.state, m.size, d.attempts, d.created_ms, d.due_ms, d.last_reply,
    d.domain, d.campaign, d.expires_ms, d.ended_ms
FROM delivery d JOIN message m ON m.id = d.message_id LEFT JOIN destination t ON t.domain = d.domain
"""


def message_page(tx: Tx, now: datetime, wanted: Wanted, sort: str, limit: int, after: str, offset: int) -> Messages:
    """A page of deliveries. `total` is left at what this page can tell. ValueError for a cursor that is none."""
    key, _, number = after.partition(".")
    cursor = (int(key), int(number)) if after else None
    page = listing.page(tx, wanted, sort, limit, cursor, offset)
    rows = tuple(
        MessageRow(
            row.delivery_id, row.message_id, row.forward_path, row.subject, row.stream.word, row.state.word, row.size,
            row.attempts, row.created_ms, row.due_ms, row.last_reply, row.domain, row.campaign, row.expires_ms, row.ended_ms,
        )
        for row in page.rows
    )  # fmt: skip
    goes_on = f"{page.after[0]}.{page.after[1]}" if page.after else ""
    return Messages(to_ms(now), rows, offset + len(rows), goes_on, exact=not (after or goes_on))


def _row(row: tuple[Any, ...]) -> MessageRow:
    return MessageRow(
        delivery_id=row[0], message_id=row[1], forward_path=row[2], subject=row[3], stream=Stream(row[4]).word,
        state=State(row[5]).word, size=row[6], attempts=row[7], created_ms=row[8], due_ms=row[9], last_reply=row[10],
        domain=row[11], campaign=row[12], expires_ms=row[13], ended_ms=row[14],
    )  # fmt: skip


def doubts(tx: Tx, now: datetime, *, only_open: bool, limit: int) -> Doubts:
    """The crash ledger."""
    counted = ledger.tally(tx)
    rows = tuple(
        DoubtRow(
            id=each.id, at_ms=each.at_ms, delivery_id=each.delivery_id, message_id=each.message_id,
            forward_path=each.forward_path, stream=each.stream.word, why=each.why, settled=each.settled or "",
            settled_ms=each.settled_ms, state=each.state.word,
        )
        for each in ledger.doubts(tx, only_open=only_open, limit=limit)
    )  # fmt: skip
    return Doubts(to_ms(now), rows, counted.total, counted.open, counted.by_cause, counted.by_end)


# -- the overview


@dataclass(frozen=True, slots=True)
class Today:
    """What happened since midnight UTC, and in the last hour by the minute; and how many people there are by now."""

    now_ms: int
    accepted: int
    ended: dict[int, int]  # by state
    deferred: int
    events: int
    doubts: int
    delivered_minutes: tuple[int, ...]
    contacts: int
    subscriptions: dict[str, int]  # by state
    suppressed: int

    @property
    def is_small(self) -> bool:
        """Whether counting it was little work."""
        people = self.contacts + self.suppressed + sum(self.subscriptions.values())
        return self.accepted + self.deferred + self.events + sum(self.ended.values()) + people <= SMALL


def today(tx: Tx, now: datetime) -> Today:
    """Count today."""
    now_ms = to_ms(now)
    midnight = now_ms - now_ms % DAY_MS
    ended = tx.query("SELECT state, count(*) FROM delivery WHERE ended_ms >= ? GROUP BY state", (midnight,))
    return Today(
        now_ms,
        _count(tx, "message WHERE id >= ?", first_since(tx, "message", "received_ms", midnight)),
        {int(state): int(count) for state, count in ended},
        _count(tx, "attempt WHERE outcome = 'deferred' AND id >= ?", first_since(tx, "attempt", "at_ms", midnight)),
        _count(tx, "event WHERE id >= ?", first_since(tx, "event", "at_ms", midnight)),
        _count(tx, "doubt WHERE at_ms >= ?", midnight),
        _minutes(tx, now_ms),
        _count(tx, "contact"),
        figures.of_all(tx),
        _count(tx, "suppression"),
    )


def overview(tx: Tx, now: datetime, base: Overview, census: Census, day: Today) -> Overview:
    """`base` (what the office knows by itself) with what was counted, and what the store knows."""
    return Overview(
        host=base.host, version=base.version, now_ms=to_ms(now), lab=base.lab, lab_offset_s=base.lab_offset_s,
        queued=census.in_state(State.QUEUED),
        in_flight=census.in_state(State.IN_FLIGHT, State.AT_THE_DOT),
        in_doubt=census.in_state(State.IN_DOUBT),
        held=census.in_state(State.HELD),
        accepted_today=day.accepted, delivered_today=day.ended.get(State.DELIVERED, 0),
        bounced_today=day.ended.get(State.BOUNCED, 0) + day.ended.get(State.EXPIRED, 0), deferred_today=day.deferred,
        doubts_today=day.doubts,
        contacts=day.contacts, confirmed=day.subscriptions.get("confirmed", 0),
        unconfirmed=day.subscriptions.get("unconfirmed", 0), suppressed=day.suppressed, events_today=day.events,
        delivered_minutes=day.delivered_minutes, carriers=base.carriers,
        sites=queue_rows(census, now, limit=SITES_SHOWN).sites, flows=flow_rows(tx), alerts=base.alerts,
        journal=journal(tx, 50),
    )  # fmt: skip


def _count(tx: Tx, table: str, *params: int) -> int:
    row = tx.one(f"SELECT count(*) FROM {table}", params)
    return row[0] if row else 0


def _minutes(tx: Tx, now_ms: int) -> tuple[int, ...]:
    first = now_ms // MINUTE_MS - 59
    rows = dict(
        tx.query(
            "SELECT ended_ms / ?, count(*) FROM delivery WHERE ended_ms >= ? AND state = 10 GROUP BY 1",
            (MINUTE_MS, first * MINUTE_MS),
        )
    )
    return tuple(rows.get(minute, 0) for minute in range(first, first + 60))


def flow_rows(tx: Tx) -> tuple[FlowRow, ...]:
    """All flows with the figures of their runs."""
    rows = []
    for flow_id, name, state, source in tx.query(
        "SELECT f.id, f.name, f.state, v.source FROM flow f JOIN flow_version v ON v.id = f.version_id ORDER BY f.name"
    ):
        ends = dict(
            tx.query(
                "SELECT COALESCE(ended_how, state), count(*) FROM enrolment WHERE flow_id = ? GROUP BY 1", (flow_id,)
            )
        )
        mails = _count(tx, "sending WHERE flow = (SELECT name FROM flow WHERE id = ?)", flow_id)
        title, stream = _head(source)
        rows.append(
            FlowRow(
                name,
                title or name,
                state,
                stream,
                ends.get("waiting", 0),
                ends.get("completed", 0),
                ends.get("goal", 0),
                mails,
            )
        )
    return tuple(rows)


def _head(source: str) -> tuple[str, str]:
    """Title and stream of a flow file that was checked when it was applied."""
    found = dict(line.split(":", 1) for line in source.splitlines() if line.startswith(("title:", "stream:")))
    clean = {key: value.split(" #")[0].strip().strip("\"'") for key, value in found.items()}
    return clean.get("title", ""), clean.get("stream", "marketing")


_JOURNAL = (
    (
        "SELECT at_ms, name, COALESCE((SELECT address FROM contact c WHERE c.id = contact_id), ''), message_id FROM event",
        "event",
    ),
    (
        "SELECT a.at_ms, a.outcome, d.forward_path || ' · ' || a.host || ' · ' || a.reply, d.message_id FROM attempt a"
        " JOIN delivery d ON d.id = a.delivery_id",
        "attempt",
    ),
    (
        "SELECT p.at_ms, p.kind, f.name || ' · ' || p.step || ' · ' || p.result, NULL FROM passage p"
        " JOIN enrolment e ON e.id = p.enrolment_id JOIN flow f ON f.id = e.flow_id",
        "passage",
    ),
    (
        "SELECT q.at_ms, 'in doubt', d.forward_path || ' · ' || q.why || ' · ' || COALESCE(q.settled, 'not yet settled'),"
        " d.message_id FROM doubt q JOIN delivery d ON d.id = q.delivery_id",
        "doubt",
    ),
    ("SELECT at_ms, 'suppressed', key || ' · ' || reason || ' · ' || evidence, NULL FROM suppression", "suppression"),
    (
        "SELECT s.at_ms, 'consent ' || s.act, c.address, s.message_id FROM consent_fact s JOIN contact c"
        " ON c.id = s.contact_id",
        "consent",
    ),
)


def journal(tx: Tx, limit: int) -> tuple[Line, ...]:
    """The newest things that happened, of every kind."""
    lines = []
    for sql, kind in _JOURNAL:
        order = (
            "at_ms"
            if kind == "suppression"
            else {"event": "id", "attempt": "a.id", "passage": "p.id", "consent": "s.seq", "doubt": "q.id"}[kind]
        )
        for at_ms, what, text, message_id in tx.query(f"{sql} ORDER BY {order} DESC LIMIT ?", (limit,)):
            lines.append(Line(at_ms, what, text, message_id))
    lines.sort(key=lambda line: line.at_ms, reverse=True)
    return tuple(lines[:limit])


# -- one message's life


def message_life(tx: Tx, message_id: int, now: datetime) -> MessageLife | None:
    """Everything that is known of a message, in order; None where there is none."""
    head = tx.one(
        "SELECT subject, header_from, reverse_path, stream, origin, size, received_ms, credential, remarks"
        " FROM message WHERE id = ?",
        (message_id,),
    )
    if head is None:
        return None
    rows = tx.query(f"{_DELIVERY} WHERE d.message_id = ? ORDER BY d.id", (message_id,))
    body = tx.one(
        "SELECT substr(content, 1, CAST(? AS INTEGER)) FROM body WHERE message_id = ?", (HEAD_OCTETS, message_id)
    )
    moments = [Moment(head[6], "accepted", _accepted(head), "▸")]
    moments += [_remark(head[6], said) for said in filter(None, head[8].split("\n"))]
    for part in (
        _flow_moments,
        _event_moments,
        _consent_moments,
        _attempt_moments,
        _doubt_moments,
        _hand_moments,
        _end_moments,
        _return_moments,
    ):
        moments += part(tx, message_id)
    moments.sort(key=lambda moment: moment.at_ms)
    return MessageLife(
        now_ms=to_ms(now), message_id=message_id, subject=head[0], header_from=head[1], reverse_path=head[2],
        recipients=tuple(row[2] for row in rows), stream=Stream(head[3]).word, origin=head[4], size=head[5],
        deliveries=tuple(map(_row, rows)), moments=tuple(moments),
        content=bytes(body[0]).decode("utf-8", "replace") if body else "",
    )  # fmt: skip


def _remark(at_ms: int, said: str) -> Moment:
    """What was noted about a mail when it came: who writes instead of whom, else what was not understood."""
    what, colon, why = said.partition(": ")
    if colon and what in (KEPT_BACK, TWICE, KNOWN):
        return Moment(at_ms, what, why, "▸")
    return Moment(at_ms, "not understood", said, "!")


def _accepted(head: tuple[Any, ...]) -> str:
    return f"{head[4]}, {head[5]} octets, durable" + (f", from {head[7]}" if head[7] else "")


def _flow_moments(tx: Tx, message_id: int) -> list[Moment]:
    rows = tx.query(
        "SELECT p.at_ms, p.kind, s.flow, p.step, p.result, p.detail FROM sending s JOIN passage p"
        " ON p.enrolment_id = s.enrolment_id WHERE s.message_id = ? ORDER BY p.id",
        (message_id,),
    )
    return [
        Moment(
            at,
            f"flow {kind}",
            f"{flow} · {step} · {result}" + (f" · {detail}" if detail not in ("", "{}") else ""),
            "◇",
        )
        for at, kind, flow, step, result, detail in rows
    ]


def _event_moments(tx: Tx, message_id: int) -> list[Moment]:
    rows = tx.query("SELECT at_ms, name, source, data FROM event WHERE message_id = ? ORDER BY id", (message_id,))
    return [Moment(at, "event read", f"{name} ({source}) {_short(data)}", "✦") for at, name, source, data in rows]


def _short(data: str) -> str:
    values = json.loads(data)
    return ", ".join(f"{key}={value}" for key, value in values.items() if not isinstance(value, list | dict))[:200]


def _consent_moments(tx: Tx, message_id: int) -> list[Moment]:
    """The asking that wrote this mail; for a mail that rests on a yes, that is in its header."""
    rows = tx.query("SELECT at_ms, act, facts FROM consent_fact WHERE message_id = ? ORDER BY seq", (message_id,))
    told = [(at_ms, act, json.loads(facts)) for at_ms, act, facts in rows]
    return [Moment(at_ms, f"consent {act}", f"{each['source']}: {each['wording']}", "✎") for at_ms, act, each in told]


_GLYPHS = {"delivered": "✓", "deferred": "↻", "failed": "✗", "in doubt": "?"}


def _attempt_moments(tx: Tx, message_id: int) -> list[Moment]:
    rows = tx.query(
        "SELECT a.at_ms + a.took_ms, a.outcome, a.host, a.address, a.stage, a.reply, a.tls, a.took_ms, d.id, d.forward_path,"
        " a.rule, a.dialogue, a.source"
        " FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.message_id = ? ORDER BY a.id",
        (message_id,),
    )
    return [
        Moment(
            at, outcome,
            f"{to} · {_where(host, address, source, stage)} · {reply}" + (f" · {tls or 'no TLS'} · {took} ms" if host else ""),
            _GLYPHS.get(outcome, "·"), delivery_id, tuple(dialogue.splitlines()), rule,
        )
        for at, outcome, host, address, stage, reply, tls, took, delivery_id, to, rule, dialogue, source in rows
    ]  # fmt: skip


def _where(host: str, address: str, source: str, stage: str) -> str:
    """How far an attempt came; where no route was found there is no host."""
    return f"{host} [{address}]{f' from source {source}' if source else ''} · {stage}" if host else stage


def _doubt_moments(tx: Tx, message_id: int) -> list[Moment]:
    rows = tx.query(
        "SELECT b.at_ms, b.why, b.settled, d.id FROM doubt b JOIN delivery d ON d.id = b.delivery_id WHERE d.message_id = ?",
        (message_id,),
    )
    return [
        Moment(at, "in doubt", f"{why}; settled: {settled or 'not yet'}", "?", who) for at, why, settled, who in rows
    ]


def _hand_moments(tx: Tx, message_id: int) -> list[Moment]:
    """What operators did. A cancellation is an end, and told as one."""
    return [
        Moment(at, act, f"{name}: {why}" if why else name, "☞", who)
        for at, act, name, why, who in operating.interventions(tx, message_id)
        if act != "cancelled"
    ]


def _end_moments(tx: Tx, message_id: int) -> list[Moment]:
    rows = tx.query(
        "SELECT ended_ms, state, ended_by, last_reply, id FROM delivery WHERE message_id = ? AND ended_ms IS NOT NULL"
        " AND state <> 10 ORDER BY id",
        (message_id,),
    )
    return [
        Moment(at, State(state).word, f"{by + ': ' if by else ''}{reply}", "■", who)
        for at, state, by, reply, who in rows
    ]


def _return_moments(tx: Tx, message_id: int) -> list[Moment]:
    """What came back about it later: bounces, complaints, automatic replies and people's answers."""
    rows = tx.query(
        "SELECT i.at_ms, d.forward_path, i.verdict, i.id, d.id FROM inbound i JOIN delivery d ON d.id = i.delivery_id"
        " WHERE d.message_id = ? ORDER BY i.id",
        (message_id,),
    )
    return [
        Moment(at, "came back", f"about {to}: {verdict} (`posthouse bounce show {inbound_id}`)", "↩", who)
        for at, to, verdict, inbound_id, who in rows
    ]
