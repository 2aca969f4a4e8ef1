"""Shaping over the control socket: what limits a site, suspend and resume."""

import difflib
import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.address import AddressError, parse_domain
from deliverability.settings import format_duration, parse_duration
from deliverability.shaping.book import Book
from deliverability.shaping.limits import SCOPES, WINDOWS, of_scope
from deliverability.shaping.providers import providers
from deliverability.shaping.scopes import ScopeBook, warming
from deliverability.shaping.slots import DOORS, SlotBook
from engine.conductor import Conductor
from engine.config import Config
from engine.control.protocol.acts import Done
from engine.control.protocol.shaping import LimitRow, ShareRow, SiteShaping, WarmUpRow, WarmUps
from engine.counts import counted
from engine.house import House
from mta.ports import Tx, from_ms, to_ms
from mta.queue import shaping
from mta.queue.delivery import Stream
from mta.queue.places import site_and_source
from mta.queue.shaping import Suspension
from mta.queue.slowing import Slowing

UNITS: Final = {
    "connections": "at once",
    "connections_per_minute": "a minute",
    "per_connection": "deliveries",
    "per_second": "attempts",
    "per_minute": "attempts",
    "per_hour": "attempts",
    "per_day": "attempts",
}
LONGEST: Final = timedelta(days=365)
MOST_PER_MINUTE: Final = 1_000_000


class NoSuchSite(Exception):
    """Nothing is known of this name."""


async def show(house: House, conductor: Conductor, name: str) -> SiteShaping:
    """What holds for a site, or the site of a domain, and where each of it comes from. NoSuchSite."""
    now = house.clock.now()
    if name in house.config.shaping.scopes or name in conductor.allowances.scopes:
        return SiteShaping(now_ms=to_ms(now), site=name, limits=_about(house.config, conductor, name, now.timestamp()))
    site, row = await house.store.read(lambda tx: _known(tx, name))
    book = next(iter(conductor.books_of(site)), None)
    if not site or book is None:
        raise NoSuchSite(name)
    learnt, seconds = book.controller.learnt, now.timestamp()
    return SiteShaping(
        now_ms=to_ms(now), site=book.site, provider=book.provider,
        limits=(*_limits(book, seconds), *_beyond(house.config, conductor, book, seconds)),
        shares=tuple(
            ShareRow(carrier, peer.share.slots, peer.open, peer.waiting, peer.share.rate)
            for carrier, peer in sorted(book.peers.items())
        ),
        taken_per_minute=round(book.controller.taken_rate(seconds) * 60, 1),
        paused_ms=_future(book.paused_until(), seconds), strikes=learnt.strikes, reason=learnt.reason, rule=learnt.rule,
        last_reply=row,
    )  # fmt: skip


def warm_ups(house: House, conductor: Conductor) -> WarmUps:
    """Every source that is new with every provider it sent something to, or that its schedule has moved for."""
    now, stages = house.clock.now(), len(house.config.warm_up.schedule)
    rows = []
    for (source, provider), state in sorted(conductor.allowances.warmings.items()):
        ledger = conductor.allowances.scopes[warming(source, provider)].ledgers.get("per_day")
        used = ledger.used(now.timestamp()) if ledger else state.attempts
        if used or state.stage or state.total:
            rows.append(
                WarmUpRow(
                    source, provider, state.stage, stages, state.allowance(house.config.warm_up), used, state.attempts,
                    state.refused, state.complaints, state.verdict,
                )
            )  # fmt: skip
    return WarmUps(to_ms(now), tuple(rows))


def _beyond(config: Config, conductor: Conductor, book: Book, now: float) -> tuple[LimitRow, ...]:
    """What holds over all sites, and for this one too."""
    source = site_and_source(book.site)[1]
    names = (f"provider:{book.provider}", f"source:{source}", warming(source, book.provider))
    return tuple(
        replace(row, name=f"{name} {row.name}") for name in names for row in _about(config, conductor, name, now)
    )


def _about(config: Config, conductor: Conductor, name: str, now: float) -> tuple[LimitRow, ...]:
    """What holds for something over all sites."""
    rows = [row for scope in conductor.allowances.about(name) for row in _scope_rows(scope, now)]
    said = of_scope(name, config.shaping.scopes[name]) if name in config.shaping.scopes else {}
    if (each := said.get("per_connection")) is not None:
        rows.append(LimitRow("per_connection", each.value, UNITS["per_connection"], each.origin, True, None, None))
    return tuple(rows)


def _scope_rows(scope: ScopeBook | SlotBook, now: float) -> list[LimitRow]:
    binding, rows = scope.binding(now), []
    for name, said in scope.said.items():
        word = "connections_per_minute" if scope.name.startswith(DOORS) else name
        ledger = scope.ledgers.get(name)
        used = ledger.used(now) if ledger else scope.open if isinstance(scope, SlotBook) else None
        binds = binding is None or binding[0] == name
        rows.append(
            LimitRow(
                word, said.value, UNITS[word], said.origin, binds, used, _ms(ledger.frees_at(now) if ledger else None)
            )
        )
    return rows


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


def _limits(book: Book, now: float) -> tuple[LimitRow, ...]:
    """Every limit that was set or learnt; the narrower of two `binds`."""
    learnt = book.controller.learnt
    rows = []
    for name, said in book.said.items():
        ledger = book.ledgers.get(name)
        used = (
            ledger.used(now)
            if ledger
            else (sum(p.open for p in book.peers.values()) if name == "connections" else None)
        )
        frees = ledger.frees_at(now) if ledger else None
        own = {"connections": learnt.connections, "per_connection": learnt.per_connection}.get(name)
        binds = own is None or said.value <= own
        if name in ("per_second", "per_minute"):
            each = said.value / (WINDOWS.get(name, 1.0))
            binds = book.rate is not None and each <= book.rate
        frees_ms = None if frees is None else int(frees * 1000)
        rows.append(LimitRow(name, said.value, UNITS[name], said.origin, binds, used, frees_ms))
    when = f"learnt from replies ({learnt.rule})" if learnt.rule else "learnt from replies"
    if learnt.rate is not None:
        rows.append(LimitRow("learnt rate", round(learnt.rate * 60, 1), "a minute", when, learnt.rate == book.rate))
    for name, value in (("connections", learnt.connections), ("per_connection", learnt.per_connection)):
        if value is not None:
            origin = "slow start" if name == "connections" and learnt.refused_connections is None else when
            limit = book.limit(name)
            rows.append(LimitRow(f"learnt {name}", value, UNITS[name], origin, limit is None or value < limit))
    return tuple(rows)


def _future(until: float, now: float) -> int | None:
    return int(until * 1000) if until > now else None


def _known(tx: Tx, name: str) -> tuple[str, str]:
    site = shaping.site_of(tx, name)
    row = tx.one("SELECT last_reply FROM site WHERE name = ?", (site,))
    return site, row[0] if row else ""


# -- commands


class Wrong(Exception):
    """What was asked makes no sense; says why."""


async def suspend(house: House, conductor: Conductor, body: dict[str, Any]) -> Done:
    """Let nothing go to a site or a domain for a while. Wrong."""
    scope, name = await _target(house, body)
    by, why = str(body.get("by", "")), str(body.get("why", "")).strip()
    if not why:
        raise Wrong("a reason is needed: it is shown to whoever asks why nothing leaves")
    span = _span(body, house.clock.now())
    until = house.clock.now() + span
    before = conductor.suspensions.get((scope, name))
    await conductor.suspending.suspend(scope, name, until, by=by, why=why)
    return Done(
        f"{scope} {name} waits for {format_duration(span)}",
        {"scope": scope, "name": name, "until_ms": to_ms(until), **_back(scope, name, before)},
    )


async def slow(house: House, conductor: Conductor, body: dict[str, Any]) -> Done:
    """Give a site no more than so many attempts a minute for a while. Wrong."""
    _, name = await _target(house, {"scope": "site", **body})
    by, why, per_minute = str(body.get("by", "")), str(body.get("why", "")).strip(), str(body.get("per_minute", ""))
    if not why:
        raise Wrong("a reason is needed: it is shown to whoever asks why little leaves")
    if not per_minute.isascii() or not per_minute.isdigit() or not 1 <= int(per_minute) <= MOST_PER_MINUTE:
        raise Wrong("per_minute: a whole number of attempts, 1 at least")
    now = house.clock.now()
    span, before = _span(body, now), conductor.slowings.held.get(name)
    await conductor.slowings.slow(Slowing(name, int(per_minute), to_ms(now + span), by, why, to_ms(now)))
    return Done(
        f"{name} gets {counted(int(per_minute), 'attempt')} a minute at most for {format_duration(span)}",
        {"name": name, "per_minute": int(per_minute), "until_ms": to_ms(now + span), **_pace_back(name, before)},
    )


def _pace_back(name: str, before: Slowing | None) -> dict[str, Any]:
    """How its pace becomes as it was before."""
    if before is None:
        return {"undo": {"path": "shaping/resume", "body": {"scope": "site", "name": name}}}
    body = {"name": name, "per_minute": before.per_minute, "until_ms": before.until_ms, "why": before.why}
    return {"undo": {"path": "shaping/slow", "body": body, "until_ms": before.until_ms}}


def _span(body: dict[str, Any], now: datetime) -> timedelta:
    """How long it is to wait: for so long, or until a moment."""
    try:
        until_ms = body.get("until_ms")
        span = parse_duration(body.get("for", "1h")) if until_ms is None else from_ms(until_ms) - now
    except ValueError as err:
        raise Wrong(f"for: {err}") from None
    if span <= timedelta(0) and until_ms is not None:
        raise Wrong("the time until which it waited is over")
    if not timedelta(0) < span <= LONGEST:
        raise Wrong("for: a time between a second and a year")
    return timedelta(seconds=math.ceil(span.total_seconds()))


def _back(scope: str, name: str, before: Suspension | None) -> dict[str, Any]:
    """How it becomes as it was before."""
    body: dict[str, Any] = {"scope": scope, "name": name}
    if before is None:
        return {"undo": {"path": "shaping/resume", "body": body}}
    if before.is_guard:
        return {"final": "the bounce guard had stopped it, and stops it again where it must"}
    body |= {"until_ms": before.until_ms, "why": before.why}
    return {"undo": {"path": "shaping/suspend", "body": body, "until_ms": before.until_ms}}


async def resume(house: House, conductor: Conductor, body: dict[str, Any]) -> Done | None:
    """Let a site or a domain go on, stopped or slowed; None when it was neither. Wrong."""
    scope, name = await _target(house, body)
    by, before = str(body.get("by", "")), conductor.suspensions.get((scope, name))
    slowed = conductor.slowings.held.get(name) if scope == "site" else None
    if not await conductor.suspending.resume(scope, name, by=by) and slowed is None:
        return None
    if slowed is not None:
        await conductor.slowings.free(name, by=by)
    back = _back(scope, name, before) if before else _pace_back(name, slowed) if slowed else {}
    return Done(f"{scope} {name} goes on", {"scope": scope, "name": name, **back})


async def _target(house: House, body: dict[str, Any]) -> tuple[str, str]:
    scope, name = body.get("scope"), body.get("name")
    if scope not in ("site", "domain", *SCOPES) or not isinstance(name, str) or not name.strip():
        raise Wrong(f"scope is site, domain, {', '.join(SCOPES)}; name is which")
    if scope == "stream" and name not in {each.word for each in Stream}:
        raise Wrong(f"{name[:40]} is no stream: there are {', '.join(each.word for each in Stream)}")
    if scope == "source" and name not in house.config.sources:
        raise Wrong(f"there is no source {name[:40]} in the configuration")
    if scope == "provider" and name not in providers():
        near = difflib.get_close_matches(name, providers(), n=1, cutoff=0.5)
        known = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(providers()))}"
        raise Wrong(f"there is no provider {name[:40]}: {known}")
    if scope in SCOPES:
        return scope, name
    if scope == "domain":
        try:
            return scope, parse_domain(name)
        except AddressError as err:
            raise Wrong(str(err)) from None
    return scope, await house.store.read(lambda tx: shaping.site_of(tx, name)) or name
