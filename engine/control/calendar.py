"""The calendar over the control socket: every send that is to come, forecast together, beside those that were.

Campaigns by their runs, their recurrences and their drafts; flows by the days that let people in. Nothing here changes anything,
and no question reads an audience: that is counted in parts and kept (engine.campaigns.heads).
"""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.campaigns import figures, runs, values
from engine.campaigns.audience import NoSuchGroup
from engine.campaigns.model import Campaign
from engine.campaigns.moments import begins, occasions
from engine.campaigns.runs import Run
from engine.campaigns.states import ENDS, RunState
from engine.control.asked import Asked
from engine.control.calendar_flows import flow_rows, yearly_dates
from engine.control.forecasting import Forecast, Sending, reckon
from engine.control.outlook import look
from engine.control.protocol.calendar import Anniversaries, Calendar, DayPeople, Planned
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.flow.civil import resolve
from engine.house import House
from engine.sending.quiet import DAYS
from mta.ports import Tx, to_ms

DAYS_MAX: Final = 62
RECKONED: Final = 60  # sends that are forecast in one answer
DRAFTS: Final = 100
DRAFT, NEXT = "draft", "next"
_OVERLAP: Final = 60.0  # seconds that two have in common before it is worth a word


@dataclass(frozen=True, slots=True)
class Entry:
    """A campaign's send as the store has it: what a row says, and what is reckoned of it."""

    row: Planned
    version_id: int = 0
    campaign: Campaign | None = None
    begins: datetime | None = None
    civil: datetime | None = None
    run: Run | None = None

    @property
    def key(self) -> str:
        return f"{self.row.name}/{self.row.run or self.row.occasion}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A time that is tried for a campaign's next send, and nothing is changed by it."""

    name: str = ""
    civil: datetime | None = None


async def show(house: House, office: Office, asked: Asked) -> Calendar:
    """Sends from `since` on, for `days`. `move` and `at`: as if that campaign were moved there."""
    now, zone = house.clock.now(), ZoneInfo(house.config.mail.zone)
    since = _midnight(asked.text("since"), now, zone)
    days, until = stretch(since, asked.number("days", 14, least=1, most=DAYS_MAX), zone)
    trial = Trial(asked.text("move"), _moment(asked.text("at")))
    entries = await house.store.read(lambda tx: _entries(tx, office, since, until, now, zone, trial))
    flows = await house.store.read(lambda tx: flow_rows(tx, since, until, now, zone))
    born = await office.campaigns.birthdays.on(house.store, days, now)
    dates = await house.store.read(yearly_dates)
    kept = {each: await office.campaigns.anniversaries.on(house.store, each, days, zone, now) for each in dates}
    rows = await forecast_rows(house, office, entries, now, zone)
    rows = sorted([*rows, *flows], key=lambda row: (row.at_ms is None, row.at_ms or 0, row.name))
    quiet = house.arbiter.policy.quiet
    names = {number: name for name, number in DAYS.items()}
    return Calendar(
        to_ms(now), to_ms(since), to_ms(until), zone.key, f"{quiet.start:%H:%M}" if quiet.start else "",
        f"{quiet.end:%H:%M}" if quiet.end else "", tuple(names[each] for each in sorted(quiet.days)), tuple(rows),
        _counts(born), tuple(Anniversaries(what, _counts(found)) for what, found in kept.items() if found),
    )  # fmt: skip


def _counts(found: Mapping[date, int]) -> tuple[DayPeople, ...]:
    return tuple(DayPeople(day.isoformat(), count) for day, count in sorted(found.items()))


async def forecast_rows(
    house: House, office: Office, entries: Sequence[Entry], now: datetime, zone: ZoneInfo
) -> list[Planned]:  # fmt: skip
    """The rows with what is reckoned of them, all together."""
    rows = {each.key: each.row for each in entries}
    sends = []
    for each in entries[:RECKONED]:
        try:
            if (send := await _sending(house, office, each, now)) is not None:
                sends.append(send)
        except NoSuchGroup as err:
            rows[each.key] = replace(each.row, warns=(str(err),))
    found = await together(house, office, sends, now, zone)
    placed = {key: each for key, each in found.items() if rows[key].at_ms is not None}
    for key, told in found.items():
        names = [rows[other].name for other in overlapping(key, placed)] if key in placed else []
        rows[key] = _with_forecast(rows[key], told, dict.fromkeys(names))
    return list(rows.values())


async def together(
    house: House, office: Office, sends: Sequence[Sending], now: datetime, zone: ZoneInfo
) -> dict[str, Forecast]:  # fmt: skip
    """What comes of these sends, which share what limits them."""
    domains = sorted({place.domain for each in sends for place in each.heads.by})
    names = sorted({each.campaign.name for each in sends})
    outlook = await house.store.read(lambda tx: look(tx, house, office.conductor, domains, names, now))
    return await reckon(sends, outlook, house.arbiter.policy.quiet, zone, now)


async def others(house: House, office: Office, name: str, until: datetime, now: datetime) -> list[Sending]:
    """What is planned or under way until then, of other campaigns than this."""
    zone = ZoneInfo(house.config.mail.zone)
    entries = await house.store.read(lambda tx: _entries(tx, office, now, until, now, zone, Trial()))
    found = []
    for each in [each for each in entries if each.row.name != name and each.row.at_ms is not None][:RECKONED]:
        with contextlib.suppress(NoSuchGroup):
            if (send := await _sending(house, office, each, now)) is not None:
                found.append(send)
    return found


async def _sending(house: House, office: Office, entry: Entry, now: datetime) -> Sending | None:
    campaign, run, heads = entry.campaign, entry.run, office.campaigns.heads
    if campaign is None or entry.begins is None or (run is not None and not run.state.is_open):
        return None
    under_way = run is not None and run.began is not None
    if run is not None and under_way:
        counted = await heads.run(house.store, run.id, now)
    elif run is not None and run.parent_id is not None:
        return None  # those who did not open it are known when it begins
    else:
        counted = await heads.audience(house.store, entry.version_id, campaign, now)
    if counted is None:
        return None
    judge = run.judge if run is not None else None
    return Sending(entry.key, campaign, entry.begins, entry.civil, counted, under_way, judge)


# -- what the store knows


def _entries(
    tx: Tx, office: Office, since: datetime, until: datetime, now: datetime, zone: ZoneInfo, trial: Trial
) -> list[Entry]:  # fmt: skip
    book = office.campaigns.book
    found = [_of_run(tx, each, zone, trial, now) for each in runs.open_runs(tx, book)]
    found += [_of_run(tx, each, zone, Trial(), now) for each in runs.ended(tx, book, since, until)]
    rows = tx.query(
        "SELECT c.name, c.title, c.version_id, c.next_ms, c.next_occasion FROM campaign c WHERE c.version_id IS NOT NULL"
        " AND (c.next_ms IS NOT NULL OR NOT EXISTS (SELECT 1 FROM campaign_run r WHERE r.campaign_id = c.id))"
        " ORDER BY c.id DESC LIMIT ?",
        (DRAFTS,),
    )
    for name, title, version_id, next_ms, occasion in rows:
        campaign = book.version(tx, version_id)
        if next_ms is None:
            found.append(_draft(name, title, version_id, campaign, now, zone, trial))
        elif campaign is not None:
            found += _coming(campaign, version_id, datetime.fromisoformat(occasion), until, now, zone, trial)
    return [each for each in found if each.begins is None or each.begins < until or each.row.state == DRAFT]


def _of_run(tx: Tx, run: Run, zone: ZoneInfo, trial: Trial, now: datetime) -> Entry:
    campaign, at, civil = run.campaign, run.began or run.due, run.civil
    if campaign is not None and run.began is None and trial.name == run.name and trial.civil is not None:
        civil = trial.civil
        at = begins(replace(campaign.when, at=civil), now, zone)
    counted = figures.of_run(tx, run.id)
    people = sum(
        each for place, each in counted.items() if place.what not in ("opened", "clicked", "ordered", "excluded")
    )
    left = people - sum(each for place, each in counted.items() if place.what in ENDS and place.what != "excluded")
    row = Planned(
        "campaign", run.name, campaign.title if campaign else run.name, str(run.state), to_ms(at + _window(campaign)),
        civil.isoformat(timespec="minutes") if civil else "", _zone(campaign), campaign.when.rrule if campaign else "",
        run.id, run.occasion, campaign.mail.template if campaign else "", people if run.began else None, left,
        why=run.why, recall_ms=to_ms(at + campaign.window) if campaign and campaign.window else None,
        ends_ms=to_ms(run.ended) if run.ended else None,
        spans=((to_ms(run.began), to_ms(run.ended)),) if run.began and run.ended else (),
    )  # fmt: skip
    return Entry(row, run.version_id, campaign, at, civil, run)


def _draft(
    name: str, title: str, version_id: int, campaign: Campaign | None, now: datetime, zone: ZoneInfo, trial: Trial
) -> Entry:  # fmt: skip
    civil = campaign.when.at if campaign else None
    if trial.name == name and trial.civil is not None:
        civil = trial.civil
    at = begins(replace(campaign.when, at=civil), now, zone) if campaign and civil is not None else None
    row = Planned(
        "campaign", name, title, DRAFT, to_ms(at) if at else None, civil.isoformat(timespec="minutes") if civil else "",
        _zone(campaign), campaign.when.rrule if campaign else "", mail=campaign.mail.template if campaign else "",
    )  # fmt: skip
    return Entry(row, version_id, campaign, max(at, now) if at else now, civil)


def _coming(
    campaign: Campaign, version_id: int, first: datetime, until: datetime, now: datetime, zone: ZoneInfo, trial: Trial
) -> Iterable[Entry]:
    """The occasions of one that comes again: they become runs when their time comes. Only the first is tried elsewhere."""
    if campaign.when.at is None:
        return
    for each in occasions(campaign.when.rrule, campaign.when.at, first - timedelta(seconds=1)):
        is_tried = each == first and trial.name == campaign.name and trial.civil is not None
        civil = trial.civil if is_tried and trial.civil is not None else each
        at = begins(replace(campaign.when, at=civil), now, zone)
        if at >= until and not is_tried:
            return
        row = Planned(
            "campaign", campaign.name, campaign.title, NEXT, to_ms(at + campaign.window),
            civil.isoformat(timespec="minutes"), _zone(campaign), campaign.when.rrule, occasion=each.isoformat(),
            mail=campaign.mail.template, recall_ms=to_ms(at + campaign.window) if campaign.window else None,
        )  # fmt: skip
        yield Entry(row, version_id, campaign, at, civil)


def _window(campaign: Campaign | None) -> timedelta:
    return campaign.window if campaign else timedelta()


def _zone(campaign: Campaign | None) -> str:
    return "" if campaign is None else "contact" if campaign.when.own_zone else campaign.when.zone


# -- what is reckoned


def _with_forecast(row: Planned, found: Forecast, overlaps: Iterable[str]) -> Planned:
    course = found.course
    spans = tuple((int(begins * 1000), int(ends * 1000)) for begins, ends in course.spans) if course else ()
    first = (
        found.zones[0].at_ms if found.zones and row.zone == "contact" and row.state != RunState.RUNNING else row.at_ms
    )
    return replace(
        row, people=found.people, left=found.left if row.run and row.state == RunState.RUNNING else row.left,
        at_ms=None if row.at_ms is None else first, ends_ms=to_ms(found.ends) if found.ends and row.at_ms else None,
        takes=found.takes, spans=spans if row.at_ms else (), sites=found.sites, zones=found.zones,
        overlaps=tuple(overlaps), warns=(*row.warns, *found.warns),
    )  # fmt: skip


def overlapping(key: str, found: Mapping[str, Forecast]) -> list[str]:
    """The keys of those that leave while this one does, to a domain that both go to."""
    mine = found[key]
    return [
        other
        for other, theirs in found.items()
        if other != key and _shared(mine, theirs) > _OVERLAP and _domains(mine) & _domains(theirs)
    ]


def _shared(one: Forecast, other: Forecast) -> float:
    """Seconds while both leave."""
    if one.course is None or other.course is None:
        return 0.0
    return sum(
        max(0.0, min(end, theirs[1]) - max(begin, theirs[0]))
        for begin, end in one.course.spans
        for theirs in other.course.spans
    )


def _domains(of: Forecast) -> set[str]:
    return {each.domain for each in of.sites}


def stretch(since: datetime, count: int, zone: ZoneInfo) -> tuple[list[date], datetime]:
    """So many days from a midnight on, and the midnight behind them: a day on which clocks are put has another length."""
    days = [(since.astimezone(zone) + timedelta(days=each)).date() for each in range(count)]
    return days, resolve(datetime.combine(days[-1] + timedelta(days=1), time()), zone)


def _midnight(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """When a day begins, or today."""
    try:
        day = values.day(text) if text else now.astimezone(zone).replace(tzinfo=None)
        return resolve(day.replace(hour=0, minute=0, second=0, microsecond=0), zone)
    except (ValueError, OverflowError):
        raise Refusal(f"since: {text[:40]!r} is no day", "such as 2026-12-01") from None


def _moment(text: str) -> datetime | None:
    try:
        return values.moment(text) if text else None
    except ValueError as err:
        raise Refusal(f"at: {err}") from None
