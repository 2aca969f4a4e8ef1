"""Forecasting sends together: their readers, the gates that hold now and their clocks, reckoned by engine.campaigns.forecast.

Whatever is not known is said: how fast a site takes mail is known only of those that a limit is set for, or that said it was
too much for them.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from deliverability.settings import format_duration
from engine.campaigns.forecast import Course, Gate, Parcel, forecast
from engine.campaigns.heads import HOUR_MS, Heads, Place
from engine.campaigns.model import Campaign
from engine.campaigns.moments import due
from engine.campaigns.opening import Openings
from engine.campaigns.resolving import clock_of
from engine.campaigns.runs import NEVER_MS
from engine.campaigns.states import Fate
from engine.control.outlook import Outlook
from engine.control.protocol.calendar import SiteCourse, ZonePeople
from engine.counts import counted
from engine.flow.civil import zone_of
from engine.sending.quiet import Quiet
from mta.ports import from_ms

HORIZON: Final = timedelta(days=30)  # beyond the last beginning nothing is reckoned
_OPEN: Final = frozenset({str(Fate.WAITING), str(Fate.CLAIMED), str(Fate.QUEUED)})
_IDLE: Final = 0.7  # a smaller share of the time at work is said
_NAMED: Final = 3  # domains that a sentence names


@dataclass(frozen=True, slots=True)
class Sending:
    """One send that is reckoned. `heads` are of a run's recipients where `is_under_way`, else of the audience."""

    key: str
    campaign: Campaign
    begins: datetime  # UTC, without the window
    civil: datetime | None
    heads: Heads
    is_under_way: bool = False
    judge: datetime | None = None  # when its test is judged, where that is known


@dataclass(slots=True)
class Forecast:
    """What came of it, for one send."""

    people: int
    left: int
    course: Course | None
    takes: str
    sites: tuple[SiteCourse, ...] = ()
    zones: tuple[ZonePeople, ...] = ()
    warns: list[str] = field(default_factory=list)

    @property
    def ends(self) -> datetime | None:
        """When the last of it has left; None where nobody knows, or not within the horizon."""
        return datetime.fromtimestamp(self.course.ends, UTC) if self.course and self.course.ends is not None else None


async def reckon(
    sends: Sequence[Sending], outlook: Outlook, quiet: Quiet, zone: ZoneInfo, now: datetime
) -> dict[str, Forecast]:
    """All of them together, by key. It takes up to some tenths of a second, beside the event loop."""
    return await asyncio.to_thread(_Reckoning(sends, outlook, quiet, zone, now).run)


class _Reckoning:
    def __init__(self, sends: Sequence[Sending], outlook: Outlook, quiet: Quiet, zone: ZoneInfo, now: datetime) -> None:
        self._sends, self._outlook, self._quiet, self._zone, self._now = sends, outlook, quiet, zone, now
        self._same: dict[tuple[object, ...], str] = {}  # zones whose clocks agree, by what they agree on
        self._gates: dict[str, Gate] = dict(outlook.gates)
        self._zones: dict[str, Counter[tuple[str, datetime]]] = {}

    def run(self) -> dict[str, Forecast]:
        parcels = [parcel for each in self._sends for parcel in self._parcels(each)]
        hours = {
            each.key: (each.campaign.hours, None if each.campaign.when.own_zone else clock_of(each.campaign, "", self._zone))
            for each in self._sends
            if each.campaign.hours is not None
        }  # fmt: skip
        clocks = Openings(self._quiet, self._zone, hours)
        last = max((parcel.at for parcel in parcels), default=self._now.timestamp())
        horizon = last + HORIZON.total_seconds()
        courses = forecast(parcels, self._gates, clocks, self._now.timestamp(), horizon)
        return {each.key: self._told(each, courses.get(each.key)) for each in self._sends}

    # -- who is due when

    def _parcels(self, send: Sending) -> Iterable[Parcel]:
        zones: Counter[tuple[str, datetime]] = Counter()
        self._zones[send.key] = zones
        due_by: Counter[tuple[str, str, datetime]] = Counter()
        for place, people in send.heads.by.items():
            for at, share in self._due(send, place):
                due_by[place.domain, self._clock(send, place.zone), at] += people * share  # type: ignore[assignment]
                zones[place.zone if send.campaign.when.own_zone else "", at] += round(people * share)
        gates = self._of_all(send)
        for (domain, clock, at), people in due_by.items():
            for route in self._outlook.routes[domain]:
                yield Parcel(send.key, domain, clock, at.timestamp(), people * route.share, (*route.gates, *gates))

    def _of_all(self, send: Sending) -> tuple[str, ...]:
        """The gates that all its mail must pass."""
        names = list(self._outlook.campaigns.get(send.campaign.name, ()))
        if send.campaign.every is not None:
            name = f"throttle {send.key}"
            rate = 1 / max(send.campaign.every.total_seconds(), 1e-6)
            self._gates[name] = Gate(rate, why="its throttle")
            names.append(name)
        return tuple(names)

    def _due(self, send: Sending, place: Place) -> Iterable[tuple[datetime, float]]:
        """When people who stand there are due, and which share of them."""
        campaign, began = send.campaign, send.begins + send.campaign.window
        if send.is_under_way:
            if place.state in _OPEN:
                waits = place.state == Fate.WAITING
                never = place.hour >= NEVER_MS // HOUR_MS
                at = send.judge if never else from_ms(place.hour * HOUR_MS)
                yield max(self._now, at or self._now) if waits else self._now, 1.0
            return
        at = due(campaign.when, send.civil, began, clock_of(campaign, place.zone, self._zone))
        if at is None:
            return
        if campaign.test is None:
            yield at, 1.0
        else:
            yield at, campaign.test.sample
            yield campaign.test.after.after(at, self._zone), 1 - campaign.test.sample

    def _clock(self, send: Sending, zone: str) -> str:
        """A zone that stands for all whose clocks agree with it about when this may leave."""
        if not self._quiet and (send.campaign.hours is None or not send.campaign.when.own_zone):
            return ""
        own = clock_of(send.campaign, zone, self._zone) if send.campaign.when.own_zone else self._own(zone)
        offsets = tuple((send.begins + timedelta(days=days)).astimezone(own).utcoffset() for days in (0, 7, 30))
        return self._same.setdefault(offsets, zone)

    def _own(self, zone: str) -> ZoneInfo:
        return zone_of(zone, self._zone)

    # -- what is said of it

    def _told(self, send: Sending, course: Course | None) -> Forecast:
        open_, all_of = Counter[str](), Counter[str]()
        for place, people in send.heads.by.items():
            all_of[place.domain] += people
            if not send.is_under_way or place.state in _OPEN:
                open_[place.domain] += people
        sites = tuple(
            self._site(domain, people, people - open_[domain], course)
            for domain, people in sorted(all_of.items(), key=lambda each: (not each[0], -each[1]))
        )
        zones = tuple(
            ZonePeople(zone, people, int(at.timestamp() * 1000))
            for (zone, at), people in sorted(self._zones[send.key].items(), key=lambda each: (each[0][1], each[0][0]))
        )
        found = Forecast(all_of.total(), open_.total(), course, self._takes(send, course), sites, zones)
        found.warns = list(self._warns(send, found))
        return found

    def _site(self, domain: str, people: int, done: int, course: Course | None) -> SiteCourse:
        ends = course.sites.get(domain) if course else None
        return SiteCourse(
            domain, people, self._outlook.rate(domain), None if ends is None else int(ends * 1000),
            self._outlook.limit(domain), done,
        )  # fmt: skip

    def _takes(self, send: Sending, course: Course | None) -> str:
        if course is None:
            return "nobody is left to write to" if send.is_under_way else "nobody is in its audience"
        if course.ends is None:
            return f"over {format_duration(HORIZON)}: {course.left:,.0f} would be left"
        length, at_work = _length(course.ends - course.begins), sum(end - begin for begin, end in course.spans)
        if at_work < _IDLE * (course.ends - course.begins):
            return (
                f"about {length}, of which mail leaves for {_length(at_work)}: the rest is zones, hours and quiet hours"
            )
        last = [domain for domain, end in course.sites.items() if end is not None and end >= course.ends - 1]
        if any(name.startswith(("throttle ", "campaign:")) for name in self._of_all(send)):
            return f"about {length}, by its throttle or a slower site"
        limits = [(domain, limit) for domain in last if (limit := self._outlook.limit(domain))]
        if limits:
            return f"about {length}, by {limits[0][0]}: {limits[0][1]}"
        unknown = [domain or "other domains" for domain in course.sites if not self._outlook.limit(domain)]
        named = ", ".join(unknown[:_NAMED]) + (f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else "")
        return f"{length} if nothing slows it: no limit is known for {named}"

    def _warns(self, send: Sending, found: Forecast) -> Iterable[str]:
        quiet = 0
        for zone, clock in ((each, self._own(each.zone)) for each in found.zones):
            quiet += zone.people if self._quiet and self._quiet.holds(from_ms(zone.at_ms), clock) else 0
        if quiet:
            come = counted(quiet, "comes due in quiet hours and waits", "come due in quiet hours and wait")
            yield f"{come} until those are over on their clock"
        over = send.campaign.over
        if over is not None and found.course is not None:
            end = clock_of(send.campaign, "", self._zone)
            at = over.replace(tzinfo=end)
            if found.ends is None or found.ends > at:
                yield f"it finishes after what it tells of is over ({over:%Y-%m-%d %H:%M})"
        if found.course is not None and found.course.ends is None:
            yield "it does not finish within a month"


def _length(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
