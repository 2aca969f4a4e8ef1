"""What an administrator may set about how much mail a person gets: `[arbiter]`."""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Final, Literal

from pydantic import Field, field_validator

from deliverability.settings import Duration, Misplaced, Settings, parse_duration
from engine.sending.judging import ALL, Cap, Policy
from engine.sending.quiet import DAYS, Quiet

WINDOWS: Final[Mapping[str, timedelta]] = {
    "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30),
}  # fmt: skip
LONGEST: Final = timedelta(days=31)
"""The longest window: for so long it is known what somebody was sent."""

_CAP: Final = re.compile(r"\s*([0-9]{1,6})\s*/\s*(.+?)\s*")
_HOURS: Final = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*(?:-|to|–)\s*([0-9]{1,2}):([0-9]{2})\s*")
_SUBJECT: Final = re.compile(r"flows|campaigns|(?:flow|campaign|list) [^\s].{0,99}")


class ArbiterSettings(Settings):
    """`[arbiter]`: how much marketing mail a person gets, from all flows and campaigns together, and when."""

    caps: tuple[str, ...] = Field(
        default=(),
        description='At most so many marketing mails to a person in any hour, day (24 hours), week, month (30 days) or'
        ' duration up to 31 days: ["1/day", "3/week"]. What the shop sends itself in the marketing stream counts.',
    )  # fmt: skip
    caps_of: dict[str, tuple[str, ...]] = Field(
        default={},
        description='The same for a part of it: flows, campaigns, "flow NAME", "campaign NAME" or "list NAME".',
    )
    distance: Duration = Field(
        default=timedelta(), description="The least time between two marketing mails to a person."
    )
    quiet_hours: str = Field(
        default="",
        description='No marketing mail from then to then on the reader\'s clock: "21:00-08:00"; empty is no such hours.',
    )
    quiet_days: tuple[str, ...] = Field(
        default=(), description='No marketing mail on these days of the reader\'s week: ["sat", "sun"].'
    )
    best_before: Duration = Field(
        default=timedelta(days=3),
        description="How long a mail may be held for caps, distance and quiet hours before it is not sent at all.",
    )
    priorities: dict[str, int] = Field(
        default={"flows": 60, "campaigns": 40},
        description="Whose mail goes first where there is room for one only, the highest first: flows, campaigns,"
        ' "flow NAME" or "campaign NAME".',
    )
    count: Literal["marketing", "all"] = Field(
        default="marketing",
        description="What takes a place under caps and distance: marketing mail, or transactional mail too, which itself"
        " is never held.",
    )

    @field_validator("caps")
    @classmethod
    def _are_caps(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            parse_cap(each)
        return value

    @field_validator("caps_of")
    @classmethod
    def _are_caps_of(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        found = [((subject,), words) for subject, caps in value.items() for words in _wrong(subject, caps)]
        if found:
            raise Misplaced(found)
        return value

    @field_validator("priorities")
    @classmethod
    def _are_subjects(cls, value: dict[str, int]) -> dict[str, int]:
        found = [((each,), _NO_SUBJECT) for each in value if not _SUBJECT.fullmatch(each) or each.startswith("list ")]
        if found:
            raise Misplaced(found)
        return {"flows": 60, "campaigns": 40, **value}

    @field_validator("quiet_hours")
    @classmethod
    def _are_hours(cls, value: str) -> str:
        parse_hours(value)
        return value

    @field_validator("quiet_days")
    @classmethod
    def _are_days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each not in DAYS:
                raise ValueError(f'"{each[:20]}" is not a day (there are: {", ".join(DAYS)})')
        if set(value) == set(DAYS):
            raise ValueError("all seven days are quiet: no marketing mail would ever leave")
        return value

    @property
    def policy(self) -> Policy:
        """As the arbiter reads it."""
        caps = [parse_cap(each) for each in self.caps]
        caps += [parse_cap(each, subject) for subject, texts in self.caps_of.items() for each in texts]
        start, end = parse_hours(self.quiet_hours) or (None, None)
        return Policy(
            caps=tuple(caps), distance=self.distance,
            quiet=Quiet(start, end, frozenset(DAYS[each] for each in self.quiet_days)),
            best_before=self.best_before, priorities=self.priorities, counts_all=self.count == "all",
        )  # fmt: skip


_NO_SUBJECT: Final = 'is nothing that mail is told apart by (try flows, campaigns, "flow NAME" or "campaign NAME")'


def parse_cap(text: str, subject: str = ALL) -> Cap:
    """A cap out of "3/week". ValueError in words that say what to write instead."""
    match = _CAP.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text[:40]}" is not a cap (try "3/week")')
    window = WINDOWS.get(match[2]) or parse_duration(match[2])
    if not timedelta() < window <= LONGEST:
        raise ValueError(f'"{text[:40]}": a window of more than nothing and at most 31 days is expected')
    if not int(match[1]):
        raise ValueError(
            f'"{text[:40]}" lets nothing through (leave the cap out for no limit; pause a flow to stop it)'
        )
    return Cap(int(match[1]), window, subject)


def parse_hours(text: str) -> tuple[time, time] | None:
    """When quiet begins and ends, out of "21:00-08:00"; None for "". ValueError in words."""
    if not text.strip():
        return None
    match = _HOURS.fullmatch(text)
    try:
        start, end = (time(int(match[at]), int(match[at + 1])) for at in (1, 3)) if match else (time(), time())
    except ValueError:
        start = end = time()
    if start == end:
        raise ValueError(f'"{text[:40]}" are no hours of a day (try "21:00-08:00")')
    return start, end


def _wrong(subject: str, caps: tuple[str, ...]) -> list[str]:
    if not _SUBJECT.fullmatch(subject):
        return [f'{_NO_SUBJECT[:-1]}, or "list NAME")']
    found = []
    for each in caps:
        try:
            parse_cap(each, subject)
        except ValueError as err:
            found.append(str(err))
    return found
