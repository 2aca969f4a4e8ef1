"""Limits on what goes to a site: the words for them, and which of several says what holds.

A limit may be said by the configuration's general section, by providers.toml, and by an operator for a provider, a
host or a site. Of the first two the narrower holds; what an operator says of this very site or provider replaces both,
so that an agreement can also widen; what was learnt from replies (`deliverability.shaping.controller`) only narrows.
Each limit that holds remembers who set it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import Field

from deliverability.settings import BackOff, Duration, Settings


class Limits(Settings):
    """What one site is given at most, over all carriers together. What is not said is not limited."""

    connections: int | None = Field(default=None, ge=1, le=1000, description="Connections at once.")
    connections_per_minute: int | None = Field(default=None, ge=1, description="New connections in a minute.")
    per_connection: int | None = Field(default=None, ge=1, description="Deliveries on one connection.")
    per_second: int | None = Field(default=None, ge=1, description="Attempts in a second.")
    per_minute: int | None = Field(default=None, ge=1, description="Attempts in any minute.")
    per_hour: int | None = Field(default=None, ge=1, description="Attempts in any hour.")
    per_day: int | None = Field(default=None, ge=1, description="Attempts in any 24 hours.")


NAMES: Final = tuple(Limits.model_fields)
WINDOWS: Final[Mapping[str, float]] = {"per_minute": 60.0, "per_hour": 3_600.0, "per_day": 86_400.0}  # seconds
ATTEMPTS: Final = {"per_second": 1.0, **WINDOWS}  # the limits on attempts; a site's per_second is kept by its pace
SCOPES: Final = ("source", "provider", "stream", "campaign")  # what a limit can be about, besides sites


class ShapingSettings(Settings):
    """`[shaping]`: how fast to go, and when to stop and ask."""

    limits: dict[str, Limits] = Field(
        default={},
        description='Limits by provider ("gmail"), by host ("mx.example.org", or ".example.org" for all below it),'
        " or by site as `posthouse queue` names it. They replace what providers.toml says. And over all sites together:"
        ' "source:NAME", "provider:NAME", "stream:marketing", "campaign:NAME".',
    )
    reserve: float = Field(
        default=0.1, ge=0, le=0.9, description="The share of each limit on attempts that only transactional mail uses."
    )
    pause: BackOff = Field(
        default=BackOff(first=timedelta(seconds=75), ceiling=timedelta(hours=2), spread=0.1),
        description="How long a site rests that tells us to slow down; longer each time it says so again at once. "
        "The first, at its shortest, outlasts the minute that most sites count by.",
    )
    guard_attempts: int = Field(
        default=20, ge=1, description="The bounce guard looks at a domain that had so many attempts ..."
    )
    guard_share: float = Field(
        default=0.1, ge=0, le=1, description="... and pauses it when more than this share of them bounced ..."
    )
    guard_window: Duration = Field(default=timedelta(minutes=10), description="... within this time.")
    guard_pause: Duration = Field(
        default=timedelta(hours=1), description="So long a domain is paused that suddenly refuses everybody."
    )

    @property
    def scopes(self) -> dict[str, Limits]:
        """Limits over all sites together."""
        return {key: said for key, said in self.limits.items() if is_scope(key)}


@dataclass(frozen=True, slots=True)
class Said:
    """One limit that holds, and who set it."""

    value: int
    origin: str


def effective(general: Iterable[tuple[str, Limits]], own: Iterable[tuple[str, Limits]]) -> dict[str, Said]:
    """The limits that hold, from layers of (origin, limits): of the general ones the narrowest, in whose place the last
    of the operator's own comes."""
    found: dict[str, Said] = {}
    for origin, limits in general:
        for name, value in _said(limits):
            if name not in found or value < found[name].value:
                found[name] = Said(value, origin)
    for origin, limits in own:
        found.update({name: Said(value, origin) for name, value in _said(limits)})
    return found


def _said(limits: Limits) -> list[tuple[str, int]]:
    values = [(name, getattr(limits, name)) for name in NAMES]
    return [(name, value) for name, value in values if value is not None]


def own_layers(settings: ShapingSettings, site: str, provider: str, hosts: Iterable[str]) -> list[tuple[str, Limits]]:
    """What the operator says of a site, the most specific last: its provider, its hosts, itself."""
    names = [host.lower().rstrip(".") for host in hosts]
    keys = [key for key in settings.limits if key == provider]
    keys += sorted((key for key in settings.limits if names and covers(key, names)), key=len)
    keys += [key for key in settings.limits if key == site and key not in keys]
    return [(f'posthouse.toml shaping.limits."{key}"', settings.limits[key]) for key in keys]


def is_scope(key: str) -> bool:
    """Whether a key of the limits is about something over all sites."""
    kind, colon, name = key.partition(":")
    return bool(colon and name) and kind in SCOPES


def of_scope(key: str, said: Limits) -> dict[str, Said]:
    """The limits of a scope."""
    return {name: Said(value, f'posthouse.toml shaping.limits."{key}"') for name, value in _said(said)}


def covers(suffix: str, hosts: Iterable[str]) -> bool:
    """Whether every host is this name or, where it begins with a dot, lies below it."""
    below = suffix.lower()
    return all(host.endswith(below) if below.startswith(".") else host == below for host in hosts)
