"""What single values of a campaign file are read as. Each raises ValueError in words that say what to write instead."""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from engine.audience.contacts import tidy_zone
from engine.flow.civil import Span
from engine.flow.scalars import MAX_PRIORITY
from engine.flow.spelling import near

W = TypeVar("W", bound=StrEnum)

_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) *%")
_THROTTLE: Final = re.compile(r"([0-9]{1,9}) */ *(second|minute|hour|day)")
_PERIODS: Final = {
    "second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1),
}  # fmt: skip
_SENDER_MAX: Final = 70  # characters
_LONGEST: Final = timedelta(days=366)


def belonging(text: str) -> str:
    """A list's, segment's or tag's name: whether there is one is asked of the store."""
    if not 0 < len(text.strip()) <= 100:
        raise ValueError("a name is expected")
    return text.strip()


def sender(text: str) -> str:
    """A name for From. The address stays the installation's, which is signed for."""
    found = " ".join(text.split())
    if "@" in found or "<" in found or len(found) > _SENDER_MAX:
        raise ValueError(f"a name of at most {_SENDER_MAX} characters is expected; the address is that of mail.from")
    return found


def share(text: str) -> float:
    match = _SHARE.fullmatch(text.strip())
    if match is None or not 0 < (found := float(match[1])) < 100:
        raise ValueError("a percentage between 0% and 100% is expected, such as 20%")
    return found / 100


def holdout(text: str) -> float:
    """At most half of the readers: beyond that it is no campaign."""
    if (found := share(text)) > 0.5:
        raise ValueError("at most 50% is expected")
    return found


def priority(text: str) -> int:
    """Which mail goes first where there is room for one, as of a flow."""
    if not text.strip().isascii() or not text.strip().isdigit() or int(text) > MAX_PRIORITY:
        raise ValueError(f"a whole number from 0 to {MAX_PRIORITY} is expected; the highest goes first")
    return int(text)


def throttle(text: str) -> timedelta:
    """What lies between two mails."""
    match = _THROTTLE.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError("so many mails in a time are expected, such as 600/hour or 20/minute")
    return _PERIODS[match[2]] / int(match[1])


def duration(text: str) -> timedelta:
    """Exact time; 0 is none."""
    if text.strip() in ("0", "0s", "none"):
        return timedelta()
    span = Span.parse(text.strip())
    found = timedelta(days=span.days) + span.exact
    if found > _LONGEST:
        raise ValueError("at most a year is expected")
    return found


def moment(text: str) -> datetime:
    """A civil time, without a zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or len(text.strip()) < len("2026-12-01T10:00"):
        raise ValueError("a day and a time without an offset are expected, such as 2026-12-01T10:00 (zone: says whose)")
    return found.replace(second=0, microsecond=0)


def day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time())
    except ValueError:
        raise ValueError("a day is expected, such as 2026-12-01") from None


def hour(text: str) -> time:
    try:
        found = time.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or len(text.strip()) != len("10:00"):
        raise ValueError("a time of day is expected, such as 10:00")
    return found


def zone(text: str) -> str:
    if not tidy_zone(text.strip()):
        raise ValueError("contact (each reader's own) or a time zone such as Europe/Berlin is expected")
    return text.strip()


def word(text: str, words: type[W]) -> W:
    known = [str(each) for each in words]
    if text not in known:
        raise ValueError(f"{_or(known)} is expected{near(text, known)}")
    return words(text)


def _or(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}"
