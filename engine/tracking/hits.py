"""Hits: what was fetched of our mail, written as events, machines told from people.

Each mail is looked at as a whole: what came before within the window is judged anew together with what is new, so a
burst of clicks that shows a scanner turns its first click, too. A person's are `mail.clicked` and `mail.opened`. All
others are `mail.fetched`, with the evidence: kept for whoever asks what happened, and never engagement. Of a visitor's
address the network is kept and no more.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any, Final

from deliverability.text import clean
from engine.audience import engagement
from engine.audience.engagement import Signal
from engine.tracking.machines import ALL_LINKS_MS, WINDOW_MS, Background, By, Hit, Kind, Verdict, judge_all
from engine.tracking.marks import Mark
from mta.ports import Tx, from_ms, to_ms
from mta.queue.delivery import State

EVENTS: Final = {Kind.CLICK: "mail.clicked", Kind.OPEN: "mail.opened"}  # of a person ...
FETCHED: Final = "mail.fetched"  # ... and of anybody else
SIGNALS: Final = {Kind.CLICK: Signal.CLICKED, Kind.OPEN: Signal.OPENED}
KEPT_MAX: Final = 100  # events of one mail within the window: who asks more often is not counted
AGENT_MAX: Final = 200

_LOOKED_AT: Final = 1  # of event.matched: no flow looks at it


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request for a picture or a link of a mail. `number`, `links`, `target` and `name` are a click's."""

    kind: Kind
    mark: Mark
    at: datetime
    agent: str
    peer: str
    number: int = 0
    links: int = 0
    target: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Mail:
    """The message that a mark names."""

    message_id: int
    contact_id: int
    flow: str
    step: str
    template: str
    mailing_list: str
    campaign: str
    variant: str
    delivered_ms: int | None


@dataclass(frozen=True, slots=True)
class _Known:
    """An event of the same mail that is written already."""

    event_id: int
    hit: Hit
    data: dict[str, Any]


def record(tx: Tx, fetches: Iterable[Fetch]) -> int:
    """Write what was fetched; how many events are new. What names no mail (any more) is passed over."""
    of_mail: dict[Mark, list[Fetch]] = {}
    for each in fetches:
        of_mail.setdefault(each.mark, []).append(each)
    return sum(_record(tx, mail, of_mail[mark]) for mark in of_mail if (mail := _find(tx, mark)) is not None)


def _record(tx: Tx, mail: _Mail, fetches: Sequence[Fetch]) -> int:
    since_ms = min(to_ms(each.at) for each in fetches) - WINDOW_MS
    known = _known(tx, mail, since_ms)
    fetches = fetches[: max(0, KEPT_MAX - len(known))]
    if not fetches:
        return 0
    hits = [*(each.hit for each in known), *(_hit(each) for each in fetches)]
    background = Background(mail.delivered_ms, max([*(each.links for each in fetches), _links(known)]))
    verdicts = judge_all(background, hits)
    first_ms = min(to_ms(each.at) for each in fetches)
    for event, verdict in zip(known, verdicts, strict=False):
        # What lies further back can't be touched by what is new, and its own past was not read.
        if event.hit.at_ms >= first_ms - ALL_LINKS_MS and event.data.get("by") != verdict.by:
            _change(tx, mail.contact_id, event, verdict)
    for fetch, verdict in zip(fetches, verdicts[len(known) :], strict=True):
        _write(tx, mail, fetch, verdict)
    return len(fetches)


def _find(tx: Tx, mark: Mark) -> _Mail | None:
    where, which = mark.where
    row = tx.one(
        "SELECT s.message_id, s.contact_id, s.flow, s.step, s.template, COALESCE(l.name, ''), COALESCE(g.name, ''),"
        " s.variant FROM sending s JOIN message m ON m.id = s.message_id LEFT JOIN list l ON l.id = m.list_id"
        f" LEFT JOIN campaign g ON g.id = s.campaign_id WHERE {where}",
        which,
    )
    if row is None:
        return None
    done = tx.one("SELECT state, ended_ms FROM delivery WHERE message_id = ? LIMIT 1", (row[0],))
    delivered_ms = 0 if done is None else done[1] if done[0] == State.DELIVERED else None
    return _Mail(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], delivered_ms)


def _known(tx: Tx, mail: _Mail, since_ms: int) -> list[_Known]:
    rows = tx.query(
        "SELECT id, data, at_ms FROM event WHERE contact_id = ? AND name IN (?, ?, ?) AND at_ms >= ?"
        " ORDER BY at_ms, id LIMIT ?",
        (mail.contact_id, *EVENTS.values(), FETCHED, since_ms, 2 * KEPT_MAX),
    )
    found = [(event_id, json.loads(data), at_ms) for event_id, data, at_ms in rows]
    return [
        _Known(event_id, _hit_of(data, at_ms), data)
        for event_id, data, at_ms in found
        if data.get("message") == mail.message_id and "what" in data
    ]


def _links(known: Sequence[_Known]) -> int:
    return max((int(each.data.get("links", 0)) for each in known), default=0)


def _hit(fetch: Fetch) -> Hit:
    return Hit(fetch.kind, to_ms(fetch.at), fetch.agent, fetch.number, network_of(fetch.peer))


def _hit_of(data: Mapping[str, Any], at_ms: int) -> Hit:
    """What an event was written from."""
    return Hit(Kind(data["what"]), at_ms, str(data["agent"]), int(data.get("link", 0)), str(data.get("network", "")))


def _write(tx: Tx, mail: _Mail, fetch: Fetch, verdict: Verdict) -> None:
    data: dict[str, Any] = {
        "message": mail.message_id, "flow": mail.flow, "step": mail.step, "template": mail.template,
        "campaign": mail.campaign, "variant": mail.variant, "list": mail.mailing_list,
        "what": str(fetch.kind), "by": str(verdict.by), "evidence": list(verdict.evidence),
        "agent": clean(fetch.agent)[:AGENT_MAX], "network": network_of(fetch.peer),
    }  # fmt: skip
    if fetch.kind is Kind.CLICK:
        data |= {"url": fetch.target, "link": fetch.number, "links": fetch.links, "link_name": fetch.name}
    tx.execute(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,?,'',?,'web',?,?)",
        (
            EVENTS[fetch.kind] if verdict.by is By.PERSON else FETCHED, mail.contact_id,
            json.dumps(data, ensure_ascii=False), to_ms(fetch.at), 0 if verdict.by is By.PERSON else _LOOKED_AT,
        ),
    )  # fmt: skip
    if verdict.by is By.PERSON:
        engagement.note(tx, mail.contact_id, SIGNALS[fetch.kind], fetch.at)


def _change(tx: Tx, contact_id: int, event: _Known, verdict: Verdict) -> None:
    """What is known now says something else of an earlier hit. Under its other name it is new to flows and segments."""
    kind, was = event.hit.kind, event.data.get("by") == By.PERSON
    data = event.data | {"by": str(verdict.by), "evidence": list(verdict.evidence)}
    name = EVENTS[kind] if verdict.by is By.PERSON else FETCHED
    tx.execute(
        "UPDATE event SET name = ?, data = ?, matched = CASE WHEN name = ? THEN matched ELSE 0 END WHERE id = ?",
        (name, json.dumps(data, ensure_ascii=False), name, event.event_id),
    )
    if was:
        engagement.take_back(tx, contact_id, SIGNALS[kind], EVENTS[kind])
    elif verdict.by is By.PERSON:
        engagement.note(tx, contact_id, SIGNALS[kind], from_ms(event.hit.at_ms))


def network_of(peer: str) -> str:
    """The network of a visitor's address, as much as tells one provider from another: an IPv4 /24, an IPv6 /48."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


def has_old(tx: Tx, before: datetime) -> bool:
    """Whether anything that no person fetched is older than that."""
    sql = "SELECT 1 FROM event WHERE name = 'mail.fetched' AND at_ms < ? LIMIT 1"
    return tx.one(sql, (to_ms(before),)) is not None


def drop_old(tx: Tx, before: datetime, limit: int = 500) -> None:
    """Forget up to `limit` of it."""
    sql = "SELECT id FROM event WHERE name = 'mail.fetched' AND at_ms < ? ORDER BY at_ms LIMIT ?"
    tx.executemany("DELETE FROM event WHERE id = ?", tx.query(sql, (to_ms(before), limit)))
