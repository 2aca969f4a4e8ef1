"""Moments: when a campaign begins, and when each of its readers gets it. Pure: clocks and zones are arguments.

In the readers' own zones a campaign begins when its hour comes to the first place on earth, fourteen hours before UTC. A
local time that a clock change skips is the next one that exists; one that comes twice is taken the first time.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from engine.campaigns.model import IfPassed, When
from engine.flow.civil import resolve, zone_of

FIRST_PLACE: Final = timedelta(hours=14)  # UTC+14: nowhere is it earlier
OVER: Final = timedelta(minutes=5)  # an hour that began a moment ago is not over


def begins(when: When, now: datetime, zone: ZoneInfo) -> datetime:
    """When a campaign of one occasion begins, UTC. `zone` is the installation's."""
    if when.at is None:
        return now
    if when.own_zone:
        return when.at.replace(tzinfo=UTC) - FIRST_PLACE
    return resolve(when.at, zone_of(when.zone, zone))


def due(when: When, civil: datetime | None, began: datetime, zone: ZoneInfo) -> datetime | None:
    """When somebody whose clocks are in `zone` gets what began then; None for never (`if_passed: skip`). `civil`: the
    naive local time of this occasion, or None for at once."""
    if civil is None:
        return began
    first = resolve(civil, zone)
    if not when.own_zone or first >= began - OVER:
        return max(first, began)
    match when.if_passed:
        case IfPassed.SEND_NOW:
            return began
        case IfPassed.SKIP:
            return None
        case IfPassed.NEXT_DAY:
            return next_at(civil.time(), began, zone)


def next_at(hour: time, moment: datetime, zone: ZoneInfo) -> datetime:
    """When it is next that hour on clocks in `zone`, UTC."""
    day = moment.astimezone(zone).date()
    found = resolve(datetime.combine(day, hour), zone)
    return found if found >= moment else resolve(datetime.combine(day + timedelta(days=1), hour), zone)


def occasions(rrule: str, first: datetime, after: datetime) -> Iterator[datetime]:
    """The civil times (all naive) of a recurrence (RFC 5545 section 3.3.10) that begins with `first`, later than `after`.
    ValueError where it is none."""
    yield from rrulestr(rrule, dtstart=first).xafter(after)


def next_occasion(when: When, after: datetime, zone: ZoneInfo) -> datetime | None:
    """The civil time of the next occasion that begins after `after` (UTC); None when there is no more."""
    if when.at is None:
        return None
    for civil in occasions(when.rrule, when.at, after.replace(tzinfo=None) - 2 * timedelta(days=1)):
        if begins(replace(when, at=civil), after, zone) > after:
            return civil
    return None


def newest_occasion(when: When, civil: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """The civil time of the last occasion that has begun by `now` (UTC): `civil`, which has, or one after it."""
    if when.at is None:
        return civil
    for each in occasions(when.rrule, when.at, civil):
        if begins(replace(when, at=each), now, zone) > now:
            break
        civil = each
    return civil
