"""Days of flows on the calendar: dates, holidays and schedules that let people in, by the clocks of all zones there are.

How many that will be is known only when the day comes. Of birthdays, and of anniversaries that a flow keeps, it is counted
how many have theirs, as far as contacts without any look can tell: in the audience or not.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from engine.audience.anniversaries import COLUMNS
from engine.control.protocol.calendar import Planned
from engine.flow.civil import zone_of
from engine.flow.model import Definition
from engine.flow.occasions import DayTrigger, moment_of, occasions
from engine.flow.telling import told_trigger
from engine.flow.triggers import CalendarTrigger, DateTrigger, ScheduleTrigger
from engine.running.book import FlowBook
from engine.running.occasions import zones
from mta.ports import Tx, to_ms

ZONES: Final = 600  # looked at: more than there are
DAYS_OF_EACH: Final = 62

_book: Final = FlowBook()


def flow_rows(tx: Tx, since: datetime, until: datetime, now: datetime, zone: ZoneInfo) -> list[Planned]:
    """An entry for each day of each flow. Dates of the contacts' own (birthdays) are one entry a flow: they come on any
    day."""
    there = sorted({zone_of(name, zone).key for name in islice(zones(tx), ZONES)} | {zone.key})
    found: list[Planned] = []
    for flow in _book.all(tx):
        trigger = flow.definition.trigger
        if isinstance(trigger, CalendarTrigger | ScheduleTrigger):
            found += islice(_days(flow.definition, flow.state, trigger, since, until, there), DAYS_OF_EACH)
        elif isinstance(trigger, DateTrigger):
            found += _daily(flow.definition, flow.state, trigger, since, until, there, now)
    return found


def yearly_dates(tx: Tx) -> list[str]:
    """What flows keep each year of what is counted: their names for it."""
    triggers = (flow.definition.trigger for flow in _book.all(tx))
    return sorted({each.name for each in triggers if isinstance(each, DateTrigger) and each.yearly} & COLUMNS.keys())


def _days(
    flow: Definition, state: str, trigger: DayTrigger, since: datetime, until: datetime, there: list[str]
) -> Iterator[Planned]:
    for day in occasions(trigger, since.date() - timedelta(days=1), until.date() + timedelta(days=1)):
        row = _row(flow, state, trigger, day, there)
        if row.at_ms is not None and to_ms(since) <= row.spans[0][1] and row.at_ms < to_ms(until):
            yield row


def _daily(
    flow: Definition,
    state: str,
    trigger: DateTrigger,
    since: datetime,
    until: datetime,
    there: list[str],
    now: datetime,
) -> Iterable[Planned]:
    """The next time that anybody may come in by a date of their own."""
    day = max(since, now).date() - timedelta(days=1)
    while day <= until.date():
        row = _row(flow, state, trigger, day, there)
        if row.at_ms is not None and row.at_ms >= to_ms(max(since, now)) and row.at_ms < to_ms(until):
            return [row]
        day += timedelta(days=1)
    return []


def _row(flow: Definition, state: str, trigger: DayTrigger, day: date, there: list[str]) -> Planned:
    moments = [moment_of(trigger, day, ZoneInfo(name)) for name in there]
    first, last = to_ms(min(moments)), to_ms(max(moments))
    return Planned(
        "flow", flow.name, flow.title or flow.name, "paused" if state == "paused" else "flow", first,
        datetime.combine(day, trigger.at).isoformat(timespec="minutes"), "contact", told_trigger(trigger),
        occasion=day.isoformat(), mail=", ".join(sorted(flow.templates)), spans=((first, last),),
    )  # fmt: skip
