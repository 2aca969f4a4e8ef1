"""What mail waits for: every wait there is at this moment, who set it and when it ends; the longest one binds."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from deliverability.settings import format_duration
from deliverability.shaping.book import Book
from deliverability.shaping.scopes import ScopeBook, warming
from deliverability.shaping.slots import DOORS, SlotBook
from engine.conductor import Conductor
from engine.control import ways
from engine.control.protocol.shaping import Wait, Why, WhyDelivery, WhyMessage
from engine.counts import counted
from engine.house import House
from engine.own_rules import place_of_rule
from mta.ports import Tx, to_ms
from mta.queue import operating, places, shaping
from mta.queue.delivery import State, Stream
from mta.queue.listing import BUDGET
from mta.queue.places import site_and_source
from mta.queue.shaping import Suspension

FOREVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Place:
    """Where mail goes, as the database knows it now."""

    site: str
    waiting: int  # due deliveries; counted up to BUDGET
    retry_ms: int
    last_reply: str
    later: "_Later"


@dataclass(frozen=True, slots=True)
class _Later:
    """Deliveries that wait for their own next attempt; counted up to BUDGET."""

    count: int = 0
    first_ms: int | None = None
    reply: str = ""  # what put the first off

    def waits(self) -> list[Wait]:
        if not self.count:
            return []
        many = "deliveries wait for their own next attempts, the first"
        one = counted(self.count, "delivery waits for its own next attempt", many)
        return [Wait("retry", f"{one}, after: {self.reply}" if self.reply else one, "retry.delivery", self.first_ms)]


async def of_site(house: House, conductor: Conductor, name: str) -> Why | None:
    """What mail to a site or a domain waits for; None when nothing is known of it."""
    now = house.clock.now()
    site = await house.store.read(lambda tx: shaping.site_of(tx, name))
    if not site and ("domain", name) not in conductor.suspensions:
        return None
    place = await house.store.read(lambda tx: _place(tx, site or name, to_ms(now)))
    own = [] if place.waiting else place.later.waits()
    waits = _in_order([*own, *_at_site(conductor, place, name, None, now, min(1, place.waiting))])
    how = await house.store.read(lambda tx: ways.how(tx, house.config, name, site or name, now))
    later = place.later
    rule = next((book.controller.learnt.rule for book in conductor.books_of(site)), "")
    why = Why(
        to_ms(now), name, site, place.waiting, later.count, later.first_ms, later.reply, waits=waits,
        what_if=_what_if(waits, to_ms(now)), how=how, slowed_rule=rule,
        slowed_place=place_of_rule(house.config.daemon.state_dir, rule) if rule else "",
    )  # fmt: skip
    if not waits:
        return why
    first = waits[0]
    return replace(why, limit=first.limit, text=first.text, origin=first.origin, frees_ms=first.frees_ms)


async def of_message(house: House, conductor: Conductor, message_id: int) -> WhyMessage | None:
    """What each delivery of a message waits for; None where there is no such message."""
    now = house.clock.now()
    rows = await house.store.read(lambda tx: _deliveries(tx, message_id))
    if not rows:
        return None
    found = [await _of_delivery(house, conductor, row, now) for row in rows]
    return WhyMessage(to_ms(now), message_id, tuple(found))


@dataclass(frozen=True, slots=True)
class _Row:
    delivery_id: int
    forward_path: str
    domain: str
    stream: Stream
    state: State
    due_ms: int
    expires_ms: int
    last_reply: str
    attempts: int
    campaign: str
    hand: str  # who did something to it last, and why
    carried_by: str
    source: str  # by which it was tried last
    claimed_ms: int | None
    rule: str  # that judged its last reply


def _deliveries(tx: Tx, message_id: int) -> list[_Row]:
    rows = tx.query(
        "SELECT d.id, d.forward_path, d.domain, d.stream, d.state, d.due_ms, d.expires_ms, d.last_reply, d.attempts, d.campaign,"
        " (SELECT c.name FROM carrier c WHERE c.id = d.owner),"
        " (SELECT a.host FROM attempt a WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1),"
        " (SELECT a.source FROM attempt a WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1), d.claimed_ms,"
        " (SELECT a.rule FROM attempt a WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1)"
        " FROM delivery d WHERE d.message_id = ? ORDER BY d.id LIMIT 100",
        (message_id,),
    )
    hands = {who: f"{name}: {why}" if why else name for _, _, name, why, who in operating.interventions(tx, message_id)}
    return [
        _Row(
            row[0], row[1], row[2], Stream(row[3]), State(row[4]), row[5], row[6], row[7], row[8], row[9],
            hands.get(row[0], ""), (row[10] or "") + (f", tried last at {row[11]}" if row[10] and row[11] else ""),
            row[12] or "", row[13], row[14] or "",
        )
        for row in rows
    ]  # fmt: skip


async def _of_delivery(house: House, conductor: Conductor, row: _Row, now: datetime) -> WhyDelivery:
    def place_of(tx: Tx) -> tuple[Place, int, tuple[str, ...]]:
        place = _place(tx, shaping.site_of(tx, row.domain) or row.domain, to_ms(now))
        how = ways.how(tx, house.config, row.domain, place.site, now, (row.delivery_id, row.stream), row.source)
        return place, _ahead(tx, row), how

    place, ahead, how = await house.store.read(place_of)
    waits = _in_order([*_own(row, now), *_at_site(conductor, place, row.domain, row, now, ahead)])
    if row.state not in (State.QUEUED, State.HELD):
        waits = ()
    return WhyDelivery(
        row.delivery_id, row.forward_path, row.state.word, place.site, waits, _what_if(waits, to_ms(now)), row.expires_ms,
        bool(waits) and (waits[0].frees_ms or FOREVER) >= row.expires_ms, how, row.carried_by, row.due_ms, row.claimed_ms,
        row.last_reply, row.rule, place_of_rule(house.config.daemon.state_dir, row.rule),
    )  # fmt: skip


def _own(row: _Row, now: datetime) -> list[Wait]:
    """What concerns this delivery alone."""
    if row.state is State.HELD:
        return [Wait("held", "until somebody releases it", row.hand or "it was in doubt too often", None)]
    if row.due_ms > to_ms(now):
        text = f"its own next attempt, after {row.attempts}: {row.last_reply}" if row.attempts else "its time"
        return [Wait("retry", text, "retry.delivery", row.due_ms)]
    return []


def _at_site(
    conductor: Conductor, place: Place, domain: str, row: _Row | None, now: datetime, ahead: int
) -> list[Wait]:
    """What holds back all that goes there; of several sources, at the one that has most to hold it up."""
    now_ms, book = to_ms(now), next(iter(conductor.books_of(place.site)), None)
    waits = [_suspended(each) for each in _suspensions(conductor, place, domain, row) if each.until_ms > now_ms]
    if book is not None and book.controller.is_paused(now.timestamp()) and book.controller.learnt.is_blocked:
        if not conductor.has_stand_in(book, row.stream if row is not None else None):
            waits.append(_blocked(book))
    elif book is not None and book.controller.is_paused(now.timestamp()):
        learnt = book.controller.learnt
        often = "once" if learnt.strikes == 1 else f"{learnt.strikes} times in a row"
        words = f"the site rests: it said {learnt.reason!r}, {often}"
        waits.append(Wait("pause", words, f"learnt (rule {learnt.rule})", int(learnt.paused_until * 1000)))
    elif place.retry_ms > now_ms:
        words = f"the site could not be reached: {place.last_reply}"
        waits.append(Wait("back-off", words, "retry.site", place.retry_ms))
    if book is not None:
        waits += _limits(book, now, ahead)
    return waits + _beyond(conductor, book, row, now)


def _blocked(book: Book) -> Wait:
    learnt, source = book.controller.learnt, site_and_source(book.site)[1]
    words = f"the site refuses our address{f' (source {source})' if source else ''}: it said {learnt.reason!r}; have them, or"
    words += " the list that they name, lift the block, or let another source send"
    return Wait("blocked", words, f"learnt (rule {learnt.rule})", int(learnt.paused_until * 1000))


def _beyond(conductor: Conductor, book: Book | None, row: _Row | None, now: datetime) -> list[Wait]:
    """Limits over all sites that let nothing through now."""
    names = [f"stream:{row.stream.word}", f"campaign:{row.campaign}"] if row is not None else []
    if book is not None:
        names += [f"provider:{book.provider}", f"source:{site_and_source(book.site)[1]}"]
        if not conductor.allowances.overflows:
            names.append(warming(site_and_source(book.site)[1], book.provider))
    waits = []
    for name in names:
        for scope in conductor.allowances.about(name):
            binding = scope.binding(now.timestamp())
            if binding is not None:
                waits.append(_used_up(name, scope, *binding))
    return waits


def _used_up(name: str, scope: ScopeBook | SlotBook, limit: str, frees: float) -> Wait:
    said = scope.said[limit]
    if isinstance(scope, SlotBook):
        words = f"{_all(said.value)} of {name} {'carries' if said.value == 1 else 'carry'} other mail"
        return Wait(f"{name} connections", words, said.origin, None)
    if scope.name.startswith(DOORS):
        opened = counted(said.value, f"new connection of {name} was", f"new connections of {name} were")
        return Wait(f"{name} connections_per_minute", f"{opened} opened", said.origin, int(frees * 1000))
    used = counted(said.value, f"attempt of {name} is", f"attempts of {name} are")
    return Wait(f"{name} {limit}", f"{used} used", said.origin, int(frees * 1000))


def _all(connections: int) -> str:
    return "the only connection" if connections == 1 else f"all {connections} connections"


def _suspensions(conductor: Conductor, place: Place, domain: str, row: _Row | None) -> list[Suspension]:
    keys = [("domain", domain), ("site", place.site)]
    if row is not None:
        keys += [("stream", row.stream.word), ("campaign", row.campaign)]
    book = next(iter(conductor.books_of(place.site)), None)
    if book is not None:
        keys += [("provider", book.provider), ("source", site_and_source(book.site)[1])]
    return [conductor.suspensions[key] for key in keys if key in conductor.suspensions]


def _suspended(each: Suspension) -> Wait:
    return Wait(f"{each.scope} suspended", each.why, each.by, each.until_ms)


def _limits(book: Book, now: datetime, ahead: int) -> list[Wait]:
    """Limits that let nothing through at this moment, or only in turn."""
    seconds, waits = now.timestamp(), []
    for name, ledger in book.ledgers.items():
        frees = ledger.frees_at(seconds)
        if frees is not None:
            words = f"{ledger.used(seconds)} of {counted(ledger.limit, 'attempt is', 'attempts are')} used"
            waits.append(Wait(name, words, book.said[name].origin, int(frees * 1000)))
    if not ahead:
        return waits
    turn = f", {counted(ahead - 1, 'comes', 'come')} first" if ahead > 1 else ""
    if book.rate is not None:
        words = f"{book.rate * 60:.1f} attempts a minute over all carriers{turn}"
        waits.append(Wait("rate", words, rate_origin(book), to_ms(now) + int(1000 * ahead / book.rate)))
    elif sum(peer.open for peer in book.peers.values()) >= book.connections:
        words = f"{_all(book.connections)} {'is' if book.connections == 1 else 'are'} busy{turn}"
        waits.append(Wait("connections", words, connections_origin(book), None))
    return waits


def rate_origin(book: Book) -> str:
    """Who set the pace that holds."""
    learnt = book.controller.learnt
    if learnt.rate is not None and learnt.rate == book.rate:
        return f"learnt from replies ({learnt.rule})" if learnt.rule else "learnt from replies"
    second, minute = book.limit("per_second"), book.limit("per_minute")
    name = "per_second" if second is not None and (minute is None or second < minute / 60) else "per_minute"
    return book.said[name].origin


def connections_origin(book: Book) -> str:
    learnt = book.controller.learnt
    if learnt.connections is not None and learnt.connections == book.connections:
        return "slow start" if learnt.refused_connections is None else f"learnt from replies ({learnt.rule})"
    return book.said["connections"].origin


def _in_order(waits: list[Wait]) -> tuple[Wait, ...]:
    """The one that ends last first: it binds."""
    return tuple(sorted(waits, key=lambda wait: -(FOREVER if wait.frees_ms is None else wait.frees_ms)))


def _what_if(waits: tuple[Wait, ...], now_ms: int) -> str:
    """What would hold if the binding one were lifted."""
    if not waits:
        return ""
    first, *rest = waits
    if not rest:
        return f"without {first.limit} it could leave at once"
    then = rest[0]
    if then.frees_ms is None:
        return f"without {first.limit} it would still wait for {then.limit}: {then.text}"
    span = format_duration(timedelta(seconds=max(1, (then.frees_ms - now_ms) // 1000)))
    return f"without {first.limit} it could leave in {span}, because of {then.limit} ({then.origin})"


def _place(tx: Tx, site: str, now_ms: int) -> Place:
    """Due deliveries, the site's back-off and its last reply."""
    waiting = tx.one(
        "SELECT count(*) FROM (SELECT 1 FROM delivery d WHERE d.state = 0 AND d.due_ms <= ? AND (d.domain = ? OR d.domain IN"
        " (SELECT t.domain FROM destination t WHERE t.site = ?)) LIMIT ?) AS those",
        (now_ms, site, site, BUDGET),
    )
    # The back-off as any source sees it; the site's own row has what it said last, to whichever.
    seen = "SELECT max(retry_ms) FROM site WHERE name = ? OR name LIKE ?"
    row = tx.one(f"SELECT ({seen}), last_reply FROM site WHERE name = ?", (site, places.place(site, "%"), site))
    retry_ms, reply = row or (0, "")
    return Place(site, waiting[0] if waiting else 0, retry_ms, reply, _later(tx, site, now_ms))


def _later(tx: Tx, site: str, now_ms: int) -> _Later:
    there = "state = 0 AND (domain = ? OR domain IN (SELECT t.domain FROM destination t WHERE t.site = ?))"
    found = tx.one(
        f"SELECT count(*), min(due_ms) FROM (SELECT due_ms FROM delivery WHERE {there} AND due_ms > ? LIMIT ?) AS those",
        (site, site, now_ms, BUDGET),
    )
    if found is None or not found[0]:
        return _Later()
    said = tx.one(
        f"SELECT last_reply FROM delivery WHERE {there} AND due_ms = ? ORDER BY id LIMIT 1", (site, site, found[1])
    )
    return _Later(found[0], found[1], said[0] if said else "")


def _ahead(tx: Tx, row: _Row) -> int:
    """How many of its kind come first at its domain, itself among them."""
    found = tx.one(
        "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 0 AND domain = ? AND stream = ? AND due_ms <= ? LIMIT ?)"
        " AS those",
        (row.domain, int(row.stream), row.due_ms, BUDGET),
    )
    return found[0] if found else 0
