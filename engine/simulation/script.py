"""A test of a flow as values: people, what happens to them, time that passes, and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from engine.flow.civil import Span
from engine.sending.judging import Policy
from engine.simulation.people import Person

NO_POLICY = Policy()


class Place(NamedTuple):
    """Where something stands in the file, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Happens:
    """An event of somebody's."""

    name: str
    of: str  # an address
    data: Mapping[str, Any]
    key: str = ""
    at: datetime | None = None  # when it happened, where it is told of later


@dataclass(frozen=True, slots=True)
class Starts:
    """Somebody is let in by hand."""

    of: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Passes:
    """Time passes: civil days and hours by UTC."""

    span: Span


@dataclass(frozen=True, slots=True)
class ExpectedMail:
    """A mail that came since the last look. "" and None stand for any."""

    mail: str
    to: str
    step: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExpectedRun:
    """Where a run stands: `before` a step, or `ended` how. `key` None stands for any."""

    of: str
    before: str = ""
    ended: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectedRefusal:
    """A mail that was not written, since the last look."""

    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expects:
    """What must have come of it, and nothing else. None: it is not looked at."""

    mails: tuple[ExpectedMail, ...] | None = None
    refused: tuple[ExpectedRefusal, ...] | None = None
    runs: tuple[ExpectedRun, ...] | None = None


Line: TypeAlias = Happens | Starts | Passes | Expects


@dataclass(frozen=True, slots=True)
class Trial:
    """One test."""

    name: str
    place: Place
    begins: datetime
    people: tuple[Person, ...]
    lines: tuple[tuple[Place, Line], ...]
    splits: Mapping[str, str] = field(default_factory=dict)  # the way that everybody goes there
    policy: Policy = NO_POLICY
