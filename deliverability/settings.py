"""Settings of the rules, and the types that every package's settings are made of.

A setting is a field of a frozen pydantic model: its type says the unit, its description what obeys it, its default
works. Durations are written "5 days" or "1h30m", sizes "32 MiB"; what is misspelt is refused with a right one.
"""

import difflib
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from deliverability.address import AddressError, parse_domain

_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    **dict.fromkeys(("s", "sec", "second", "seconds"), timedelta(seconds=1)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
}
_SIZES: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
_LONGEST: Final = timedelta(days=36_525)
_PART: Final = re.compile(r"\s*(\d{1,8}(?:\.\d{1,3})?)\s*([a-z]+)[\s,]*", re.IGNORECASE | re.ASCII)
_SIZE: Final = re.compile(r"\s*(\d{1,15})\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)


def parse_duration(value: object) -> timedelta:
    """Read "5 days", "90s", "1h30m" or "10 min". ValueError in words that say what to write instead."""
    if isinstance(value, timedelta):
        return value
    text = value if isinstance(value, str) else str(value)
    total, end = timedelta(), 0
    while end < len(text):
        part = _PART.match(text, end)
        unit = _UNITS.get(part[2].lower()) if part else None
        if part is None or unit is None:
            break
        total += float(part[1]) * unit
        end = part.end()
        if total > _LONGEST:
            raise ValueError(f'"{text[:40]}" is longer than a hundred years')
    if end == 0 or end < len(text):
        raise ValueError(f'"{text[:40]}" is not a duration (try "{_nearest_duration(text)}")')
    return total


def format_duration(duration: timedelta) -> str:
    """The shortest exact text that `parse_duration` reads back: "1h 30m", "5d", "250ms"."""
    left = duration // timedelta(milliseconds=1)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def parse_size(value: object) -> int:
    """Octets, from a whole number or "32 MiB". ValueError in words that say what to write instead."""
    match = _SIZE.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    factor = _SIZES.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f'"{str(value)[:40]}" is not a size (try "32 MiB")')
    return int(match[1]) * factor


def _nearest_duration(text: str) -> str:
    part = re.match(r"[\s-]*(\d{1,7})\s*([a-z]*)", text, re.IGNORECASE | re.ASCII)
    if part is None:
        return "5 days"
    if (word := part[2].lower()) in _UNITS:
        return f"{part[1]} {word}" if len(word) > 2 else f"{part[1]}{word}"
    near = difflib.get_close_matches(word, ("seconds", "minutes", "hours", "days", "weeks"), n=1, cutoff=0.4)
    return f"{part[1]} {near[0] if near else 'minutes'}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["5 days", "1h30m", "90s"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["32 MiB", 1048576]}),
]


class Misplaced(ValueError):
    """Several things that are wrong below one place: of each the names that lead to it from there, and the words."""

    def __init__(self, found: Sequence[tuple[tuple[str, ...], str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(f"{'.'.join(place)}: {words}" for place, words in found))


class Settings(BaseModel):
    """The base of every section: never changed after it was read, and no unknown name passes unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


OVERSIGNED: Final = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "reply-to",
    "message-id",
    "content-type",
    "list-unsubscribe",
    "list-unsubscribe-post",
)
SIGNED: Final = (
    *OVERSIGNED,
    "in-reply-to",
    "references",
    "mime-version",
    "content-transfer-encoding",
    "list-id",
    "list-help",
    "list-subscribe",
    "list-post",
    "list-owner",
    "list-archive",
    "feedback-id",
    "cfbl-address",
    "cfbl-feedback-id",
    "x-consent-entry",
)


_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,70}")  # RFC 5322 section 2.2


class DkimSettings(Settings):
    """[dkim]: signing."""

    keys_dir: str = Field(default="keys", description="Folder of the private keys, below the state folder.")
    rotate_every: Duration = Field(
        default=timedelta(days=180), le=timedelta(days=3_660),
        description="When keys have signed for so long, new ones are made and proposed; 0s never.",
    )  # fmt: skip
    switch: bool = Field(
        default=True,
        description="Sign with new keys by itself, once every name server has shown them for their time to live.",
    )
    retire_after: Duration = Field(
        default=timedelta(days=7), ge=timedelta(days=1), le=timedelta(days=60),
        description="How long the record of a key that was replaced must stay at least: others try for five days to deliver what"
        " they took. Our own longest time in the queue and the record's time to live are kept to as well.",
    )  # fmt: skip
    headers: tuple[str, ...] = Field(default=SIGNED, description="Header fields to sign, where a message has them.")
    oversigned: tuple[str, ...] = Field(
        default=OVERSIGNED,
        description="Fields signed once more than they are there, so that nobody can add one unseen.",
    )

    @field_validator("headers", "oversigned")
    @classmethod
    def _are_fields_with_from(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in names if not _FIELD_NAME.fullmatch(name)]:
            raise ValueError(f'"{wrong[0][:40]}" is no name of a header field (try "subject")')
        if "from" not in map(str.lower, names):  # RFC 6376 sections 5.4 and 8.15
            raise ValueError(
                '"from" is missing: a signature that leaves it open says nothing of who wrote (add "from")'
            )
        return names


class Repeat(Settings):
    """When bounces that are no reason to stop become one."""

    times: int = Field(default=3, ge=0, le=100, description="Stop after so many deliveries bounced so; 0 never stops.")
    over: Duration = Field(
        default=timedelta(days=14), description="... and only when the first and the last are so far apart."
    )
    marketing_only: bool = Field(default=False, description="Whether orders and the like still go there.")


class LaterSettings(Settings):
    """[bounces.later]: bounces that count when they repeat with no mail arriving between them."""

    mailbox_full: Repeat = Field(
        default=Repeat(times=5, over=timedelta(days=30), marketing_only=True),
        description="The mailbox is full.",
    )
    disabled: Repeat = Field(default=Repeat(), description="The mailbox is there and switched off.")
    doubted: Repeat = Field(
        default=Repeat(), description="The user is called unknown, but in a way that may be about something else."
    )

    def of(self, klass: str) -> Repeat:
        """What holds for a class of bounce."""
        return {"mailbox full": self.mailbox_full, "disabled mailbox": self.disabled}.get(klass, self.doubted)


class BounceSettings(Settings):
    """[bounces]: where mail that comes back goes."""

    domain: str = Field(default="", description="Domain of the reverse-paths we make; empty: bounces are not read.")
    token_days: Duration = Field(
        default=timedelta(days=30), description="How long after sending a bounce address is still believed."
    )
    keep: Duration = Field(
        default=timedelta(days=180),
        description="How long mail that came back is kept with what was concluded, and so are others' reports.",
    )
    later: LaterSettings = Field(default=LaterSettings(), description="When bounces that repeat suppress an address.")

    @field_validator("domain")
    @classmethod
    def _is_domain(cls, domain: str) -> str:
        try:
            return parse_domain(domain) if domain else ""
        except AddressError as err:
            raise ValueError(f'"{domain[:60]}" is no domain: {err} (try "bounce.shop.example")') from None


class BackOff(Settings):
    """How waits grow: first, first * factor, ... up to the ceiling, each spread by chance."""

    first: Duration = Field(default=timedelta(minutes=7, seconds=30), description="The wait after the first failure.")
    factor: float = Field(default=2.0, ge=1, le=10, description="Each wait is this many times the one before.")
    ceiling: Duration = Field(default=timedelta(hours=4), description="No wait is longer than this, its spread apart.")
    spread: float = Field(
        default=1 / 3, ge=0, lt=1, description="Each wait is lengthened or shortened by up to this share."
    )

    @model_validator(mode="after")
    def _grows(self) -> "BackOff":
        if self.first > self.ceiling:
            first, ceiling = format_duration(self.first), format_duration(self.ceiling)
            words = f'"{first}" is longer than the ceiling, {ceiling}: make it shorter, or the ceiling longer'
            raise Misplaced([(("first",), words)])
        return self


class RetrySettings(Settings):
    """[retry]: when a deferred delivery is tried again. [queue] says when it is given up."""

    delivery: BackOff = Field(
        default=BackOff(), description="For a reply about one recipient (the first wait is thus 5 to 10 minutes)."
    )
    site: BackOff = Field(
        default=BackOff(first=timedelta(minutes=1), ceiling=timedelta(hours=1)),
        description="For a site that cannot be reached, or that slows us down.",
    )
