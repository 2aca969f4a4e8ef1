"""Who ignores a list, as the control socket says it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IgnoringRow:
    """Somebody who would be asked, and why."""

    address: str
    mails: int  # of the list, within the threshold
    on_since_ms: int
    last_ms: int | None  # their last sign of life


@dataclass(frozen=True, slots=True)
class SunsetPlan:
    """What sunset would do with a list: nobody is asked by looking."""

    now_ms: int
    name: str
    setting: str  # off, on, or how long a silence is long
    is_measured: bool  # whether clicks or opens of its mail are counted
    gap_days: float | None  # from one mail to the next, as its readers got it
    readers: int  # that this was measured with
    threshold_days: int
    people: int  # on the list
    ignoring: int
    rows: tuple[IgnoringRow, ...] = ()
