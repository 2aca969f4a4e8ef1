"""What the control socket shows, read from the store: one function a view, each one short read transaction."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.control.counted import Suspended, queue_rows
from engine.control.happenings import newest
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import DoubtRow, Doubts, MessageLife, MessageRow, Messages, Moment
from engine.control.today import Today
from engine.intake.recording import KNOWN
from engine.own_rules import place_of_rule
from engine.running.instead import KEPT_BACK, TWICE
from mta.ports import Tx, to_ms
from mta.queue import ledger, listing, operating
from mta.queue.census import Census
from mta.queue.delivery import State, Stream
from mta.queue.listing import Wanted

HEAD_OCTETS: Final = 16_384
SITES_SHOWN: Final = 50

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


def overview(
    tx: Tx, now: datetime, base: Overview, census: Census, day: Today, suspended: Suspended
) -> Overview:  # fmt: skip
    """`base` (what the office knows by itself) with what was counted, and what the store knows."""
    return replace(
        base,
        queued=census.in_state(State.QUEUED),
        in_flight=census.in_state(State.IN_FLIGHT, State.AT_THE_DOT),
        in_doubt=census.in_state(State.IN_DOUBT),
        held=census.in_state(State.HELD),
        accepted_today=day.accepted, delivered_today=day.ended.get(State.DELIVERED, 0),
        bounced_today=day.ended.get(State.BOUNCED, 0) + day.ended.get(State.EXPIRED, 0), deferred_today=day.deferred,
        doubts_today=day.doubts,
        contacts=day.contacts, confirmed=day.subscriptions.get("confirmed", 0),
        unconfirmed=day.subscriptions.get("unconfirmed", 0), suppressed=day.suppressed, events_today=day.events,
        delivered_minutes=day.delivered_minutes, delivered_hours=day.hours.get(State.DELIVERED, (0,) * 24),
        deferred_hours=day.deferred_hours,
        bounced_hours=tuple(
            map(sum, zip(day.hours.get(State.BOUNCED, (0,) * 24), day.hours.get(State.EXPIRED, (0,) * 24), strict=True))
        ),
        sites=queue_rows(census, now, suspended, limit=SITES_SHOWN).sites,
        journal=newest(tx, 50),
    )  # fmt: skip


# -- one message's life


def message_life(tx: Tx, message_id: int, now: datetime, state: Path) -> MessageLife | None:
    """Everything that is known of a message, in order; None where there is none. state: the folder with our own rules."""
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
    written_by, then = _flow_moments(tx, message_id, head[6])
    moments = [*written_by, *_consent_moments(tx, message_id), Moment(head[6], "accepted", _accepted(head), "▸"), *then]
    moments += [_remark(head[6], said) for said in filter(None, head[8].split("\n"))]
    for part in (
        _event_moments,
        _attempt_moments,
        _doubt_moments,
        _hand_moments,
        _end_moments,
        _return_moments,
    ):
        moments += part(tx, message_id)
    moments = [replace(each, place=place_of_rule(state, each.rule)) if each.rule else each for each in moments]
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


def _flow_moments(tx: Tx, message_id: int, accepted_ms: int) -> tuple[list[Moment], list[Moment]]:
    """The passages of the run that wrote it: up to the step that did, no later than its mail was accepted; then the others."""
    rows = tx.query(
        "SELECT p.at_ms, p.kind, s.flow, p.step, p.result, p.detail, s.step FROM sending s JOIN passage p"
        " ON p.enrolment_id = s.enrolment_id WHERE s.message_id = ? ORDER BY p.id",
        (message_id,),
    )
    wrote = next((at for at, row in enumerate(rows) if row[3] == row[6] and abs(row[0] - accepted_ms) < _AT_ONCE), -1)
    told = [
        Moment(
            min(at, accepted_ms) if place <= wrote else at,
            f"flow {kind}",
            " · ".join(filter(None, (flow, step, result, _in_words(detail)))),
            "◇",
        )
        for place, (at, kind, flow, step, result, detail, _) in enumerate(rows)
    ]
    return told[: wrote + 1], told[wrote + 1 :]


def _in_words(detail: str) -> str:
    """What a passage noted, as people read it: `event 4711, orders.count = 0`."""
    try:
        noted = json.loads(detail or "{}")
    except ValueError:
        return detail
    if not isinstance(noted, dict):
        return str(noted)
    said = []
    for name, value in noted.items():
        if isinstance(value, dict):
            said += [f"{each} = {_plain(what)}" for each, what in value.items()]
        elif value not in ("", None, []):
            said.append(f"{name} {_plain(value)}")
    return ", ".join(said)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if value is None:
        return "missing"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


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


_AT_ONCE: Final = 1000  # ms: a step and its mail are one commit; what a clock shows between them is no time
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
