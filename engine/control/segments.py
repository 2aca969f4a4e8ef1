"""Segments over the control socket: questions, and what changes them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from deliverability.address import Address, AddressError
from engine.audience.contacts import find_contact
from engine.audience.membership import standings
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.protocol.segments import (
    ClauseRow,
    Counted,
    MemberRow,
    Members,
    MovedRow,
    SegmentDiff,
    SegmentPlan,
    SegmentRow,
    Segments,
    SegmentWhy,
)
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.flow.values import truth
from engine.house import House
from engine.segments import asking
from engine.segments.book import (
    NoSegment,
    Segment,
    SegmentBook,
    SegmentNameError,
    remove_segment,
    store_segment,
    try_out,
    vocabulary_of,
)
from engine.segments.checking import Checked, SegmentError, check
from engine.segments.facts import load
from mta.ports import Tx, to_ms

T = TypeVar("T")

_THERE_ARE: Final = "`posthouse segment list` lists them"


# -- questions


async def every(house: House, book: SegmentBook) -> Segments:
    """All segments."""
    now = house.clock.now()
    return await house.store.read(lambda tx: Segments(to_ms(now), tuple(map(_row, book.segments(tx)))))


async def one(house: House, book: SegmentBook, name: str) -> SegmentRow:
    now = house.clock.now()
    return await _asked(house, lambda tx: _lately(tx, book.segment(tx, name), now))


async def members(house: House, book: SegmentBook, name: str, asked: Asked) -> Members:
    """A page of them."""
    now = house.clock.now()
    after, limit = asked.number("after", 0), asked.number("limit", 100, least=1, most=1_000)
    skip = asked.number("skip", 0, most=5_000)

    def look(tx: Tx) -> Members:
        segment = book.segment(tx, name)
        rows = tx.query(
            "SELECT m.contact_id, c.address, m.since_ms FROM segment_member m JOIN contact c ON c.id = m.contact_id"
            " WHERE m.segment_id = ? AND m.contact_id > ? ORDER BY m.contact_id LIMIT ? OFFSET ?",
            (segment.id, after, limit, skip),
        )
        found = tuple(MemberRow(*row) for row in rows)
        return Members(to_ms(now), name, found, segment.members, found[-1].contact_id if len(found) == limit else 0)

    return await _asked(house, look)


async def why(house: House, book: SegmentBook, name: str, asked: Asked) -> SegmentWhy:
    """Why somebody is in a segment or not."""
    now = house.clock.now()
    try:
        address = Address.parse(asked.text("address"))
    except AddressError as err:
        raise Refusal(f"address: {err}") from None

    def look(tx: Tx) -> SegmentWhy:
        segment = book.segment(tx, name)
        checked = _readable(segment)
        contact_id = find_contact(tx, address)
        scope = None if contact_id is None else load(tx, contact_id, [checked.reads], book.world(tx, now))
        if contact_id is None or scope is None:
            raise Refusal(f"nobody is known as {address}", "`posthouse contact add` makes a contact", 404)
        standing = standings(tx, contact_id).get(segment.id)
        since = tx.one(
            "SELECT since_ms FROM segment_member WHERE segment_id = ? AND contact_id = ?", (segment.id, contact_id)
        )
        clauses = tuple(ClauseRow(*_told(each)) for each in asking.explained(checked, scope))
        return SegmentWhy(
            to_ms(now), name, str(scope["contact"]["address"]), since is not None, truth(checked.root.evaluate(scope)),
            since[0] if since else None, standing.due_ms if standing else None, clauses,
        )  # fmt: skip

    return await _asked(house, look)


async def recount(house: House, book: SegmentBook, name: str) -> Counted:
    """Ask everybody."""
    segment = await _asked(house, lambda tx: book.segment(tx, name))
    exact, took_ms = await _count(house, book, _readable(segment))
    return Counted(to_ms(house.clock.now()), exact, segment.members, took_ms)


async def diff(house: House, book: SegmentBook, name: str, asked: Asked) -> SegmentDiff:
    """Who came and who went between two days."""
    now, limit = house.clock.now(), asked.number("limit", 100, least=1, most=1_000)
    since, until = _moment(house, asked.text("since"), "since"), _moment(house, asked.text("until"), "until", now)
    if since >= until:
        raise Refusal("the first day is not before the second")

    def look(tx: Tx) -> SegmentDiff:
        segment = book.segment(tx, name)
        if segment.built is None:
            raise Refusal(f"{name} is being built: it has no history yet", "ask again in a moment", 409)
        first = max(since, segment.built)
        if first >= until:
            raise Refusal(f"the history of {name} begins at {segment.built:%Y-%m-%d %H:%M} UTC", "ask for a later day")
        note = f"compared from {first:%Y-%m-%d %H:%M} UTC, when its history begins" if first > since else ""
        moved = asking.difference(tx, segment.id, first, until)
        then, later = (asking.members_at(tx, segment.id, segment.members, each) for each in (first, until))
        return SegmentDiff(
            to_ms(now), name, to_ms(first), to_ms(until), then, later, sum(each.has_entered for each in moved),
            sum(not each.has_entered for each in moved),
            tuple(MovedRow(each.address, each.has_entered, each.cause, to_ms(each.at)) for each in moved[:limit]), note,
        )  # fmt: skip

    return await _asked(house, look)


# -- commands


async def store(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make a segment, or give it another expression."""
    name, expression, now = _text(body, "name"), _text(body, "expression"), house.clock.now()

    def work(tx: Tx) -> tuple[bool, tuple[str, str] | None]:
        was = tx.one("SELECT title, expression FROM segment WHERE name = ? AND removed = 0", (name,))
        is_new = store_segment(tx, name, expression, title=str(body.get("title", "")), now=now)
        return is_new, None if was is None else (was[0], was[1])

    try:
        is_new, was = await house.store.write(work)
    except SegmentError as err:
        raise _faulty(err, expression) from None
    except SegmentNameError as err:
        raise Refusal(str(err)) from None
    office.keeper.ring()
    words = "is being looked for in the background" if is_new else "stays as it is"
    return Done(f"segment {name}: who belongs to it {words}", {"name": name, "undo": _back(name, was)})


async def remove(house: House, office: Office, body: dict[str, Any]) -> Done:
    name = _text(body, "name")

    def work(tx: Tx) -> tuple[str, str] | None:
        was = tx.one("SELECT title, expression FROM segment WHERE name = ? AND removed = 0", (name,))
        return (was[0], was[1]) if was is not None and remove_segment(tx, name) else None

    was = await house.store.write(work)
    if was is None:
        raise Refusal(f"there is no segment {name[:70]}", _THERE_ARE, 404)
    office.keeper.ring()
    return Done(f"segment {name} is gone", {"undo": _back(name, was)})


def _back(name: str, was: tuple[str, str] | None) -> dict[str, Any]:
    """What brings a segment back to what it was (title, expression); None: it was not there."""
    if was is None:
        return {"path": "segments/remove", "body": {"name": name}}
    return {"path": "segments", "body": {"name": name, "title": was[0], "expression": was[1]}}


async def check_only(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Whether an expression makes sense here."""
    checked = await _checked(house, body)
    return Done(f"all right; it reads {', '.join(_reads(checked))}", {"reads": _reads(checked)})


async def count_once(house: House, office: Office, body: dict[str, Any]) -> Done:
    """How many an expression holds for, without a segment."""
    exact, took_ms = await _count(house, office.keeper.book, await _checked(house, body))
    return Done(counted(exact, "contact"), {"exact": exact, "took_ms": took_ms})


async def cost(house: House, book: SegmentBook, name: str) -> SegmentPlan:
    """What asking costs."""
    checked = _readable(await _asked(house, lambda tx: book.segment(tx, name)))

    def look(tx: Tx) -> tuple[str, list[str], int, float]:
        world = book.world(tx, house.clock.now())
        text, lines = asking.plan(tx, checked, world)
        began = house.clock.monotonic()
        asking.count_part(tx, checked, world, 0)
        return text, lines, asking.last_id(tx), (house.clock.monotonic() - began) * 1000

    text, lines, contacts, took_ms = await house.store.read(look)
    return SegmentPlan(
        to_ms(house.clock.now()), checked.text, tuple(_reads(checked)), text, tuple(lines), contacts,
        min(contacts, asking.PART), round(took_ms, 1),
    )  # fmt: skip


# -- how


async def _count(house: House, book: SegmentBook, checked: Checked) -> tuple[int, int]:
    """How many, and the milliseconds it took."""
    began, now = house.clock.monotonic(), house.clock.now()
    world = await house.store.read(lambda tx: book.world(tx, now))
    found = await asyncio.to_thread(asking.recount, house.store, checked, world)
    return found, round((house.clock.monotonic() - began) * 1000)


async def _asked(house: House, look: Callable[[Tx], T]) -> T:
    try:
        return await house.store.read(look)
    except NoSegment as err:
        raise Refusal(str(err), _THERE_ARE, 404) from None


async def _checked(house: House, body: dict[str, Any]) -> Checked:
    expression = _text(body, "expression")

    def work(tx: Tx) -> Checked:
        checked = check(expression, vocabulary_of(tx))
        try_out(tx, checked)
        return checked

    try:
        return await house.store.read(work)
    except SegmentError as err:
        raise _faulty(err, expression) from None


def _readable(segment: Segment) -> Checked:
    if segment.checked is None:
        raise Refusal(f"the expression of {segment.name} can't be read: {segment.fault}", "set it again", 422)
    return segment.checked


def _faulty(err: SegmentError, expression: str) -> Refusal:
    """All that is wrong, each with its line and a mark below the place."""
    told = "\n".join(_shown(each, expression) for each in err.every)
    return Refusal(told, "nothing was changed; docs/segments.md has the language", 422)


def _shown(err: SegmentError, expression: str) -> str:
    line = (expression.splitlines() or [""])[min(err.line, expression.count("\n") + 1) - 1]
    start = max(0, err.column - 60)
    return f"{err}\n{line[start : start + 100]}\n{' ' * (err.column - 1 - start)}^"


def _lately(tx: Tx, segment: Segment, now: datetime) -> SegmentRow:
    counts = dict(
        tx.query(
            "SELECT entered, count(*) FROM segment_change WHERE segment_id = ? AND at_ms > ? GROUP BY entered",
            (segment.id, to_ms(now - timedelta(days=1))),
        )
    )
    return replace(_row(segment), entered_today=counts.get(1, 0), left_today=counts.get(0, 0))


def _row(segment: Segment) -> SegmentRow:
    state = "faulty" if segment.checked is None else "building" if segment.looked is None else "live"
    return SegmentRow(
        segment.name, segment.title, segment.expression, segment.members, state, segment.fault,
        changed_ms=to_ms(segment.changed), looked_ms=_ms(segment.looked),
        built_ms=_ms(segment.built),
    )  # fmt: skip


def _ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


def _reads(checked: Checked) -> list[str]:
    windows = {each.event for each in checked.reads.windows}
    topics = sorted(checked.reads.topics)
    return [f"{each} (and time)" if each.removeprefix("event:") in windows else each for each in topics] or ["nothing"]


def _told(clause: asking.Clause) -> tuple[int, str, bool, str]:
    return clause.depth, clause.text, clause.holds, clause.values


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise Refusal(f"{key} is missing, or no text")
    return value


def _moment(house: House, text: str, name: str, default: datetime | None = None) -> datetime:
    """A day begins at midnight by the installation's clock."""
    if not text and default is not None:
        return default
    zone = ZoneInfo(house.config.mail.zone)
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal(f'{name}: "{text[:40]}" is no day (such as 2026-03-31, or 2026-03-31T10:00)') from None
