"""Reports over the control socket: read in parts, so that no snapshot is held for long."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from deliverability.settings import parse_duration
from engine.campaigns.book import CampaignBook
from engine.campaigns.model import Campaign
from engine.control.asked import Asked
from engine.control.protocol.reports import ArmRow, FiguresRow, GrowthRow, LiftRow, ReasonRow, ReportAnswer
from engine.control.refusal import Refusal
from engine.flow.model import Definition, walk
from engine.house import House
from engine.reports.counting import COUNTS, TOTAL, Figures, Tally
from engine.reports.gathering import START, Cursor, Gatherer, Part
from engine.reports.growth import Growth
from engine.reports.lift import Arm, Lift
from engine.reports.scope import KINDS, NoScope, Scope, scope_of
from engine.running.book import FlowBook
from mta.ports import Tx, to_ms

SINCE: Final = timedelta(days=30)
WINDOW: Final = timedelta(days=7)
ORDERED: Final = "order.placed"  # the goal of a flow that states none
LONG: Final = 0.05  # seconds of a snapshot: the next part is smaller
BEGINS: Final = 1 / 8  # of the most that a part may hold
LEAST: Final = 1 / 128
_WHERE: Final = {  # what says which there are, of the kinds that have an end
    "flow": "`posthouse flow list` lists them", "campaign": "`posthouse campaign list` lists them",
    "list": "`posthouse list show` lists them",
}  # fmt: skip


async def report(house: House, kind: str, name: str, asked: Asked) -> ReportAnswer:
    """What came of the mail of a flow, of a campaign, of a list, or to a domain."""
    now = house.clock.now()
    since, window = _since(house, asked.text("since"), now), _window(asked.text("window"))
    if kind not in KINDS:
        raise Refusal(f"there is no report of a {kind[:40]}", f"there are: {', '.join(KINDS)}", 404)
    try:
        scope = await house.store.read(lambda tx: scope_of(tx, kind, name))
    except NoScope as err:
        raise Refusal(str(err), _WHERE[kind], 404) from None
    tally = Tally()
    await _read(house, Gatherer(scope, tally, since, window).parts)
    version = await house.store.read(partial(_version, scope)) if kind in ("flow", "campaign") else None
    order = _order(version)
    lift = await _lift(house, scope, version, since, window) if kind in ("flow", "campaign") else None
    growth = Growth(scope.id, since) if kind == "list" else None
    if growth is not None:
        await _read(house, [growth.part])
    return ReportAnswer(
        to_ms(now), kind, scope.name, to_ms(since), int(window.total_seconds()), _rows(tally, order),
        entered=lift.runs + lift.held_out.people if lift and kind == "flow" else None,
        lift=(_lift_row(lift),) if lift else (), on_it=growth.on_it if growth else None,
        growth=_growth(growth) if growth else (), reasons=_reasons(tally),
    )  # fmt: skip


async def _read(house: House, parts: Sequence[Part]) -> None:
    """Read all parts, each as large as takes a few hundredths of a second now."""
    share, clock = BEGINS, house.clock

    def read(part: Part, at: Cursor, share: float, tx: Tx) -> tuple[Cursor | None, float]:
        began = clock.monotonic()
        return part(tx, at, share), clock.monotonic() - began

    for part in parts:
        cursor: Cursor | None = START
        while cursor is not None:
            cursor, took = await house.store.read(partial(read, part, cursor, share))
            if took > LONG:
                share = max(LEAST, share / 2)
            elif took < LONG / 4:
                share = min(1.0, share * 2)


async def _lift(
    house: House, scope: Scope, version: Definition | Campaign | None, since: datetime, window: timedelta
) -> Lift:  # fmt: skip
    goal = version.goal.event if version and version.goal else ORDERED
    lift = Lift(scope.id, goal, since, window)
    await _read(house, [lift.of_flow if scope.kind == "flow" else lift.of_campaign])
    return lift


def _version(scope: Scope, tx: Tx) -> Definition | Campaign | None:
    """The newest version; None where this program can't read it."""
    row = tx.one(f"SELECT version_id FROM {scope.kind} WHERE id = ?", (scope.id,))
    books: tuple[Callable[[Tx, int], Definition | Campaign | None], ...] = (
        FlowBook().definition,
        CampaignBook().version,
    )
    return books[scope.kind == "campaign"](tx, row[0]) if row and row[0] else None


def _order(version: Definition | Campaign | None) -> list[str]:
    """The groups as they stand in the file: the steps of a flow, the variants of a campaign."""
    match version:
        case Definition():
            return [each.id for each in walk(version.steps)]
        case Campaign():
            return [each.name for each in version.variants]
    return []


def _rows(tally: Tally, first: Sequence[str]) -> tuple[FiguresRow, ...]:
    """The groups, these first, and all of them last."""
    place = {name: number for number, name in enumerate(first)}
    names = sorted(
        (each for each in tally.groups if each != TOTAL), key=lambda name: (place.get(name, len(place)), name)
    )
    return tuple(_row(each, tally.groups[each]) for each in (*names, TOTAL))


def _row(group: str, figures: Figures) -> FiguresRow:
    revenue = {currency: f"{amount:.2f}" for currency, amount in sorted(figures.revenue.items())}
    return FiguresRow(group, **{each: figures.counts[each] for each in COUNTS}, revenue=revenue)


def _reasons(tally: Tally) -> tuple[ReasonRow, ...]:
    """Of all groups together, then of each, where there are several."""
    total: Counter[tuple[str, str, str]] = Counter()
    for (_, what, reason), mails in tally.reasons.items():
        total[TOTAL, what, reason] += mails
    rows = [*total.items(), *tally.reasons.items()]
    return tuple(
        ReasonRow(*of, mails) for of, mails in sorted(rows, key=lambda each: (each[0][:2], -each[1], each[0][2]))
    )


def _lift_row(lift: Lift) -> LiftRow:
    found = lift.difference
    bounds = (found.value, found.low, found.high) if found else (None, None, None)
    return LiftRow(lift.goal, _arm(lift.entered), _arm(lift.held_out), *bounds)


def _arm(arm: Arm) -> ArmRow:
    found = arm.share
    bounds = (found.value, found.low, found.high) if found else (None, None, None)
    return ArmRow(arm.people, arm.reached, *bounds)


def _growth(growth: Growth) -> tuple[GrowthRow, ...]:
    words = sorted({*(+growth.asked), *(+growth.confirmed), *growth.ended})
    return tuple(GrowthRow(each, growth.asked[each], growth.confirmed[each], growth.ended[each]) for each in words)


def _since(house: House, text: str, now: datetime) -> datetime:
    """So long ago, or a day's midnight by the installation's clock."""
    if not text:
        return now - SINCE
    try:
        day = date.fromisoformat(text)
        zone = ZoneInfo(house.config.mail.zone)
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        raise Refusal(f'since: "{text[:40]}" is no duration and no day (try "90 days" or "2026-03-31")') from None


def _window(text: str) -> timedelta:
    try:
        found = parse_duration(text) if text else WINDOW
    except ValueError as err:
        raise Refusal(f"window: {err}") from None
    if not timedelta() < found <= timedelta(days=366):
        raise Refusal("window: more than nothing and at most a year is expected")
    return found
