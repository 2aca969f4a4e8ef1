"""What looking at an event is about: its case, the runs that wait, and what came of them."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.flow.model import Definition
from engine.running.incoming import StoredEvent


@dataclass(frozen=True, slots=True)
class Run:
    """An enrolment that an event touched."""

    flow: str
    enrolment_id: int


@dataclass(slots=True)
class Taken:
    """What events did: the runs they began, renewed and ended; alarms of those that a chain too long kept from it."""

    entered: list[Run] = field(default_factory=list)
    renewed: list[Run] = field(default_factory=list)
    ended: list[Run] = field(default_factory=list)
    chained: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A waiting run."""

    id: int
    flow_id: int
    contact_id: int
    key: str
    definition: Definition | None
    entered: datetime
    step: str
    occurrence: int
    awaits: str  # an event's name
    intent: str  # JSON: what was meant by when it is due, by its contact's clock


@dataclass(frozen=True, slots=True)
class Case:
    """One event of one contact, with all that conditions may see."""

    event: StoredEvent
    contact_id: int
    scope: dict[str, object]
    zone: ZoneInfo  # the contact's
