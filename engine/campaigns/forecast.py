"""The forecast: when mail that is to leave will have left, under the limits that hold. Pure; times are seconds since 1970.

Mail is reckoned as a stream and not piece by piece: parcels (so many people of one send, at one site, on one clock) become
due, pass their gates (a site's pace, a warm-up's days, a campaign's throttle) and stop while their clock is not open. From one
change to the next all paces are even, so a week is some hundred steps, whatever the number of people. Sends that are reckoned
together share the gates they have in common: that is what overlapping costs.

It is an estimate. What is tried again, what the arbiter holds for caps, and what sites will teach us is not in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

FAST: Final = 500.0  # mails a second where nothing limits: as the controller, which does not pace beyond that
STEPS: Final = 20_000  # changes that are reckoned at most
_LEAST: Final = 1.0  # seconds in one step: what is left of less is sent in it


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many in each window of so many seconds: `most` of the first, the second ...; the last holds for all after.
    `used`: of the first, already."""

    most: tuple[int, ...]
    seconds: float
    used: float = 0.0

    def of(self, window: int) -> float:
        """What a window leaves."""
        most = self.most[min(window, len(self.most) - 1)]
        return max(0.0, most - self.used) if window == 0 else float(most)


@dataclass(frozen=True, slots=True)
class Gate:
    """What some of the mail must pass. `rate`: mails a second, None where nothing says. `why`: who set what."""

    rate: float | None = None
    budgets: tuple[Budget, ...] = ()
    opens: float = 0.0
    why: str = ""

    @property
    def is_limit(self) -> bool:
        return self.rate is not None or bool(self.budgets)


class Clocks(Protocol):
    """When mail of a send may leave, by the clock of a zone."""

    def opens(self, send: str, zone: str, at: float) -> float:
        """The first moment from `at` on."""

    def shuts(self, send: str, zone: str, at: float) -> float:
        """Until when it may from an open moment on; infinity for ever."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """People of one send who are due at once, by the same way. `gates`: names of what their mail must pass."""

    send: str
    site: str
    zone: str
    at: float
    people: float
    gates: tuple[str, ...] = ()


@dataclass(slots=True)
class Course:
    """How one send goes. `ends` None: not within the horizon. `spans`: when mail of it leaves; `sites`: when each site's does
    end, None where it does not."""

    begins: float
    ends: float | None = None
    left: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)
    sites: dict[str, float | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Spent:
    """One budget as it is used up."""

    budget: Budget
    began: float
    window: int = 0
    left: float = 0.0

    def turn(self, at: float) -> None:
        while at >= self.ends:
            self.window += 1
            self.began += self.budget.seconds
            self.left = self.budget.of(self.window)

    @property
    def ends(self) -> float:
        return self.began + self.budget.seconds


def forecast(
    parcels: Iterable[Parcel], gates: Mapping[str, Gate], clocks: Clocks, now: float, horizon: float
) -> dict[str, Course]:
    """The course of each send, up to `horizon`."""
    return _Reckoning(parcels, gates, clocks, now, horizon).run()


class _Reckoning:
    def __init__(
        self, parcels: Iterable[Parcel], gates: Mapping[str, Gate], clocks: Clocks, now: float, horizon: float
    ) -> None:
        self._gates, self._clocks, self._horizon = gates, clocks, horizon
        self._due = sorted((each for each in parcels if each.people > 0), key=lambda each: -each.at)
        self._now = now
        self._cells: dict[Parcel, float] = {}
        self._courses: dict[str, Course] = {}
        self._spent = {name: self._budgets(gate) for name, gate in gates.items() if gate.budgets}
        for each in self._due:
            begins = max(now, each.at)
            course = self._courses.setdefault(each.send, Course(begins))
            course.begins = min(course.begins, begins)
            course.sites[each.site] = None

    def _budgets(self, gate: Gate) -> list[_Spent]:
        return [_Spent(each, self._now, left=each.of(0)) for each in gate.budgets]

    def run(self) -> dict[str, Course]:
        at = self._now
        for _ in range(STEPS):
            while self._due and self._due[-1].at <= at:
                each = self._due.pop()
                self._cells[each] = each.people
            if not self._cells:
                if not self._due:
                    break
                at = self._due[-1].at
            elif at >= self._horizon:
                break
            else:
                at = self._step(at)
        self._conclude()
        return self._courses

    def _step(self, at: float) -> float:
        """Let mail leave until something changes; when that is."""
        live, until = self._live(at)
        paces = self._paces(live)
        for each, pace in paces.items():
            until = min(until, at + self._cells[each] / pace) if pace > 0 else until
        until = self._until_spent(paces, at, until)
        until = min(max(until, at + _LEAST), self._horizon)
        for each, pace in paces.items():
            self._leave(each, pace, at, until)
        return until

    def _live(self, at: float) -> tuple[list[Parcel], float]:
        """What may leave now, and until when that stays so."""
        until = self._due[-1].at if self._due else self._horizon
        live = []
        for each in self._cells:
            opens = max(self._clocks.opens(each.send, each.zone, at), self._gates_open(each, at))
            if opens > at:
                until = min(until, opens)
                continue
            live.append(each)
            until = min(until, self._clocks.shuts(each.send, each.zone, at))
        return live, until

    def _gates_open(self, parcel: Parcel, at: float) -> float:
        """When all its gates let something through again."""
        opens = at
        for name in parcel.gates:
            opens = max(opens, self._gates[name].opens)
            for each in self._spent.get(name, ()):
                each.turn(at)
                if each.left < 1:
                    opens = max(opens, each.ends)
        return opens

    def _paces(self, live: Sequence[Parcel]) -> dict[Parcel, float]:
        """Mails a second of each: its part of each gate, by what waits there."""
        waits: dict[str, float] = {}
        for each in live:
            for name in each.gates:
                waits[name] = waits.get(name, 0.0) + self._cells[each]
        total = sum(self._cells[each] for each in live)
        paces = {}
        for each in live:
            mine = self._cells[each]
            rates = [(self._gates[name].rate, waits[name]) for name in each.gates]
            paces[each] = min(
                [rate * mine / all_of for rate, all_of in rates if rate is not None] + [FAST * mine / total]
            )
        return paces

    def _until_spent(self, paces: Mapping[Parcel, float], at: float, until: float) -> float:
        for name, budgets in self._spent.items():
            through = sum(pace for each, pace in paces.items() if name in each.gates)
            for each in budgets:
                if through > 0:
                    until = min(until, at + each.left / through)
        return until

    def _leave(self, parcel: Parcel, pace: float, at: float, until: float) -> None:
        budgets = [each for name in parcel.gates for each in self._spent.get(name, ())]
        left = min([self._cells[parcel], pace * (until - at), *(each.left for each in budgets)])
        for each in budgets:
            each.left -= left
        self._cells[parcel] -= left
        course = self._courses[parcel.send]
        ended = until if self._cells[parcel] > 0.01 else min(until, at + left / pace)
        _extend(course.spans, at, ended)
        if self._cells[parcel] <= 0.01:
            del self._cells[parcel]
            course.sites[parcel.site] = max(course.sites[parcel.site] or 0.0, ended)

    def _conclude(self) -> None:
        for each, left in [*self._cells.items(), *((each, each.people) for each in self._due)]:
            course = self._courses[each.send]
            course.left += left
            course.sites[each.site] = None
        for course in self._courses.values():
            if course.left < 1:
                course.ends = max((end for end in course.sites.values() if end is not None), default=course.begins)


def _extend(spans: list[tuple[float, float]], begins: float, ends: float) -> None:
    """Add a span that is not before the last one."""
    if spans and begins <= spans[-1][1] + _LEAST:
        spans[-1] = (spans[-1][0], max(spans[-1][1], ends))
    else:
        spans.append((begins, ends))
