"""What lets people in by time: the occasions of a flow's trigger, on the clock of each zone, as the runner's sweeper finds
them."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from engine.flow.occasions import moment_of, occasions, own_days
from engine.flow.triggers import Audience, DateTrigger, EventTrigger, InactivityTrigger, ManualTrigger, Trigger
from engine.running.occasions import own_date
from engine.simulation.people import Person
from mta.ports import to_ms

AHEAD: Final = timedelta(days=800)  # that the next occasion is looked for
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayComes:
    """An occasion's hour, on the clocks of one zone."""

    zone: ZoneInfo
    day: date


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was heard of somebody since then, if nothing is."""

    person: Person
    since_ms: int


Tick: TypeAlias = DayComes | Silence


class Clockwork:
    """The occasions of one flow. `put` has a tick come at a time."""

    def __init__(
        self, trigger: Trigger, everybody: Mapping[int, Person], put: Callable[[datetime, Tick], None]
    ) -> None:
        self._trigger, self._put = trigger, put
        self._heard: dict[int, int] = {}
        self._by_zone: dict[ZoneInfo, list[Person]] = defaultdict(list)
        if not isinstance(trigger, EventTrigger | ManualTrigger | InactivityTrigger):
            for person in everybody.values():
                self._by_zone[person.zone].append(person)

    @property
    def event(self) -> str:
        """The event whose absence lets somebody in; "" where none does."""
        return self._trigger.event if isinstance(self._trigger, InactivityTrigger) else ""

    def begin(self, now: datetime) -> None:
        """Wind it up: time begins."""
        for zone in self._by_zone:
            self._next(zone, now.astimezone(zone).date(), now)

    def heard(self, person: Person, at: datetime, now: datetime) -> None:
        """The event that a flow about silence counts from; told of now, it may have happened earlier."""
        if isinstance(self._trigger, InactivityTrigger) and to_ms(at) >= self._heard.get(person.id, 0):
            self._heard[person.id] = to_ms(at)
            if (over := self._trigger.span.after(at, person.zone)) >= now:
                self._put(over, Silence(person, to_ms(at)))

    def come(self, tick: Tick, now: datetime) -> Iterator[tuple[Person, str]]:
        """Whom a tick may let in, each with the key of the occasion."""
        if isinstance(tick, Silence):
            if self._heard.get(tick.person.id) == tick.since_ms and self._is_for(tick.person):
                yield tick.person, now.astimezone(tick.person.zone).date().isoformat()
            return
        for person in self._by_zone[tick.zone]:
            is_known = person.created_ms is None or person.created_ms <= to_ms(now)
            if is_known and self._is_day_of(person, tick.day) and self._is_for(person):
                yield person, tick.day.isoformat()
        self._next(tick.zone, tick.day + _DAY, now)

    def _next(self, zone: ZoneInfo, first: date, now: datetime) -> None:
        for day in self._days(first):
            if (moment := moment_of(self._trigger, day, zone)) > now:  # type: ignore[arg-type]
                self._put(moment, DayComes(zone, day))
                return

    def _days(self, first: date) -> list[date]:
        """Of a date of the contacts' own, each day may be somebody's."""
        if isinstance(self._trigger, DateTrigger):
            return [first, first + _DAY]
        return occasions(self._trigger, first, first + AHEAD)  # type: ignore[arg-type]

    def _is_day_of(self, person: Person, day: date) -> bool:
        trigger = self._trigger
        if not isinstance(trigger, DateTrigger):
            return True
        own = _own(trigger.name, person)
        if own is None:
            return False
        if trigger.yearly and (own.month, own.day) not in own_days(trigger, day):
            return False
        return bool(occasions(trigger, day, day, own))

    def _is_for(self, person: Person) -> bool:
        audience: Audience | None = getattr(self._trigger, "audience", None)
        if audience is None:
            return True
        return person.is_on(audience.name) if audience.kind == "list" else audience.name in person.segments


def _own(name: str, person: Person) -> date | None:
    value: Any
    match name:
        case "birthday":
            value = person.birthday
        case "created":
            value = person.created_ms
        case "orders.first_at":
            value = person.first_order_ms
        case "orders.last_at":
            value = person.last_order_ms
        case _ if name.removeprefix("fields.") not in person.fields:
            return None
        case _:
            value = json.dumps(dict(person.fields), default=str)
    return own_date(name, value, person.zone) if value else None
