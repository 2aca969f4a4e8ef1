"""What the daemon says of itself as a whole: its processes, figures and alarms."""

from dataclasses import dataclass

from engine.control.protocol.flows import FlowRow
from engine.control.protocol.queue import SiteRow


@dataclass(frozen=True, slots=True)
class CarrierRow:
    name: str
    pid: int
    delivered: int = 0  # since it started
    connections: int = 0
    memory_kib: int = 0


@dataclass(frozen=True, slots=True)
class Operator:
    """A terminal that follows the stream, and whose it is."""

    name: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs a person."""

    glyph: str  # one of ! ? i
    text: str
    about: str = ""  # what it is about: a kind and a name, as "site gmail.com" or "mode domains"
    key: str = ""  # what it is known by while its figures change
    seen_by: str = ""  # who said to have seen it
    seen_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, for the running log: what, about whom, with which result."""

    at_ms: int
    kind: str  # event, enrolment, delivered, deferred, bounced, suppressed, confirmed, in doubt ...
    text: str
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The first screen, and one line of the stream."""

    host: str
    version: str
    now_ms: int
    lab: bool = False
    lab_offset_s: int = 0
    queued: int = 0
    in_flight: int = 0
    in_doubt: int = 0
    held: int = 0
    accepted_today: int = 0
    delivered_today: int = 0
    deferred_today: int = 0
    bounced_today: int = 0
    doubts_today: int = 0  # times that an answer was lost, or a carrier died at the dot
    contacts: int = 0
    confirmed: int = 0  # subscriptions
    unconfirmed: int = 0
    suppressed: int = 0
    events_today: int = 0
    delivered_minutes: tuple[int, ...] = ()  # the last 60 minutes, oldest first
    delivered_hours: tuple[int, ...] = ()  # the last 24 hours, oldest first
    deferred_hours: tuple[int, ...] = ()
    bounced_hours: tuple[int, ...] = ()
    carriers: tuple[CarrierRow, ...] = ()
    sites: tuple[SiteRow, ...] = ()  # those in trouble first, at most 50
    flows: tuple[FlowRow, ...] = ()
    alerts: tuple[Alert, ...] = ()
    operators: tuple[Operator, ...] = ()  # who looks on now, the longest first
    journal: tuple[Line, ...] = ()  # newest first, at most 50
