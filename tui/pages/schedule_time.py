"""Whose clock the schedule shows: the operator's, the installation's, or each reader's; and a day or a week as a strip. Pure.

In the readers' own view a send that goes by each reader's clock stands at the hour that all of them see; in the other two it
is as long as it takes from the first zone to the last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.control.protocol.calendar import Calendar, Planned
from tui.format import local_time
from tui.ink import Ink, Run

YOURS, OURS, READERS = "yours", "ours", "readers"
LENSES: Final = (YOURS, READERS, OURS)
DAY: Final = timedelta(days=1)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SENT, _STARTS, _QUIET, _NOW, _NOTHING = "█", "◆", "░", "┊", "·"

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Lens:
    """Times as clocks of `kind` show them, naive. `zone`: the installation's."""

    kind: str
    zone: str

    @property
    def words(self) -> str:
        return {YOURS: "your clock", OURS: f"the clock of {self.zone}", READERS: "each reader's clock"}[self.kind]

    def local(self, at_ms: int) -> datetime:
        if self.kind == YOURS:
            return local_time(at_ms).replace(tzinfo=None)
        return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(_zone(self.zone)).replace(tzinfo=None)

    def start(self, row: Planned) -> datetime | None:
        """When a send begins; None where it has no time."""
        if row.at_ms is None:
            return None
        return _civil(row) if self._is_civil(row) else self.local(row.at_ms)

    def end(self, row: Planned) -> datetime | None:
        """When the last of it has left, as far as that is known."""
        if row.ends_ms is None:
            return None
        start = self.start(row)
        if self._is_civil(row) and start is not None:
            last = max((each.at_ms for each in row.zones), default=row.at_ms or row.ends_ms)
            return start + timedelta(milliseconds=max(0, row.ends_ms - last))
        return self.local(row.ends_ms)

    def spans(self, row: Planned) -> list[Interval]:
        """While mail of it leaves."""
        start, end = self.start(row), self.end(row)
        if start is None:
            return []
        if self._is_civil(row):
            return [(start, end or start)]
        return [(self.local(begin), self.local(end_ms)) for begin, end_ms in row.spans] or [(start, end or start)]

    def _is_civil(self, row: Planned) -> bool:
        return self.kind == READERS and row.zone == "contact" and bool(row.civil)


def is_quiet(calendar: Calendar, at: datetime, lens: Lens) -> bool:
    """Whether it is quiet then: on readers' clocks; in the other views, for readers in the installation's zone."""
    moment = at
    if lens.kind == YOURS:
        shift = _offset(calendar.now_ms, lens) - _offset(calendar.now_ms, Lens(OURS, calendar.zone))
        moment = at - shift
    if _DAYS[moment.weekday()] in calendar.quiet_days:
        return True
    if not calendar.quiet_from or not calendar.quiet_until:
        return False
    begins, ends, clock = (
        time.fromisoformat(calendar.quiet_from),
        time.fromisoformat(calendar.quiet_until),
        moment.time(),
    )
    return begins <= clock < ends if begins < ends else clock >= begins or clock < ends


def strip(calendar: Calendar, row: Planned, lens: Lens, begin: datetime, end: datetime, cells: int) -> list[Run]:
    """From `begin` to `end` in so many cells: what leaves, what is quiet, and now."""
    return joined(_cell(calendar, row, lens, *part) for part in parts(begin, end, cells))


def ground(calendar: Calendar, lens: Lens, begin: datetime, end: datetime, cells: int) -> list[Run]:
    """The same with nothing in it."""
    return joined(_empty(calendar, lens, *part) for part in parts(begin, end, cells))


def parts(begin: datetime, end: datetime, cells: int) -> list[Interval]:
    length = (end - begin) / cells
    return [(begin + length * index, begin + length * (index + 1)) for index in range(cells)]


def _cell(calendar: Calendar, row: Planned, lens: Lens, begin: datetime, end: datetime) -> Run:
    for first, last in lens.spans(row):
        if begin <= first < end and last - first < (end - begin):
            return Run(_STARTS, Ink.CALM)
        if first < end and last > begin:
            return Run(_SENT, Ink.GOOD if row.state == "done" else Ink.CALM)
    return _empty(calendar, lens, begin, end)


def _empty(calendar: Calendar, lens: Lens, begin: datetime, end: datetime) -> Run:
    if begin <= lens.local(calendar.now_ms) < end and lens.kind != READERS:
        return Run(_NOW, Ink.HORN)
    if is_quiet(calendar, begin + (end - begin) / 2, lens):
        return Run(_QUIET, Ink.RULE)
    return Run(_NOTHING, Ink.RULE)


def joined(runs: Iterable[Run]) -> list[Run]:
    """Neighbours of one ink as one."""
    found: list[Run] = []
    for each in runs:
        if found and found[-1].ink is each.ink:
            found[-1] = Run(found[-1].text + each.text, each.ink)
        else:
            found.append(each)
    return found


def short_moment(at: datetime, now: datetime) -> str:
    """10:00 today, Tue 10:00 within some days, else Dec 1 10:00."""
    if at.date() == now.date():
        return f"{at:%H:%M}"
    if abs(at - now) < 6 * DAY:
        return f"{at:%a %H:%M}"
    return f"{at:%b} {at.day} {at:%H:%M}"


def first_day(calendar: Calendar, lens: Lens) -> datetime:
    """The midnight with which the page begins."""
    return lens.local(calendar.since_ms).replace(hour=0, minute=0, second=0, microsecond=0)


def in_order(rows: Sequence[Planned], lens: Lens) -> list[Planned]:
    """As they begin on these clocks; what has no time last."""
    timed = [(start, row) for row in rows if (start := lens.start(row)) is not None]
    timed.sort(key=lambda each: (each[0], each[1].name, each[1].occasion))
    return [*(row for _, row in timed), *(row for row in rows if lens.start(row) is None)]


def _civil(row: Planned) -> datetime:
    return datetime.fromisoformat(row.civil)


def _offset(at_ms: int, lens: Lens) -> timedelta:
    return lens.local(at_ms) - datetime.fromtimestamp(at_ms // 1000, UTC).replace(tzinfo=None)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # this machine's tzdata may be another than the daemon's
        return ZoneInfo("UTC")
