"""What crosses the control socket: versioned JSON over HTTP on a Unix socket.

Every answer is one of the dataclasses below as a JSON object; `GET /v1/stream` sends one Overview a line, latest
wins. Both sides import this module and nothing heavier. A reader ignores keys it does not know, so that a newer
daemon can say more; a missing key takes its default. Times are milliseconds since 1970 UTC by the daemon's clock
(`Overview.now_ms`).
"""

import json
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

VERSION = 1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CarrierRow:
    name: str
    pid: int
    delivered: int = 0  # since it started
    connections: int = 0
    memory_kib: int = 0


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One row of the queue: a site, or whatever else was asked for (a domain, a stream, a campaign)."""

    site: str
    domains: int = 0
    queued: int = 0
    in_flight: int = 0
    in_doubt: int = 0
    held: int = 0
    oldest_ms: int | None = None  # when the oldest waiting delivery was accepted
    retry_ms: int | None = None  # the site's back-off ends; None where it has none
    last_reply: str = ""
    next_ms: int | None = None  # when the first of its domains is looked at next; None where that is not known


@dataclass(frozen=True, slots=True)
class Alert:
    glyph: str  # one of ! ? i
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, for the running log: what, about whom, with which result."""

    at_ms: int
    kind: str  # event, enrolment, delivered, deferred, bounced, suppressed, confirmed, in doubt ...
    text: str
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class FlowRow:
    name: str
    title: str
    state: str  # active, paused, archived
    stream: str
    waiting: int = 0
    completed: int = 0
    goals: int = 0
    mails: int = 0


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
    carriers: tuple[CarrierRow, ...] = ()
    sites: tuple[SiteRow, ...] = ()  # those in trouble first, at most 50
    flows: tuple[FlowRow, ...] = ()
    alerts: tuple[Alert, ...] = ()
    journal: tuple[Line, ...] = ()  # newest first, at most 50


@dataclass(frozen=True, slots=True)
class Queue:
    now_ms: int
    sites: tuple[SiteRow, ...] = ()
    by: str = "site"  # site, domain, stream, campaign
    total: int = 0  # rows, those that were not asked for too
    deliveries: int = 0
    counted_ms: int = 0  # when a queue this long was last counted


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """One row of the queue's picture: how many deliveries of each age."""

    name: str
    total: int
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """The queue's picture. `minutes`: the upper edge of each column but the last, which has what is older."""

    now_ms: int
    by: str
    minutes: tuple[int, ...] = ()
    all: ShapeRow = field(default_factory=lambda: ShapeRow("all", 0))
    rows: tuple[ShapeRow, ...] = ()
    counted_ms: int = 0


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One delivery in a list."""

    delivery_id: int
    message_id: int
    forward_path: str
    subject: str
    stream: str
    state: str
    size: int
    attempts: int
    created_ms: int
    due_ms: int
    last_reply: str = ""
    domain: str = ""
    campaign: str = ""
    expires_ms: int = 0
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Messages:
    """A page of deliveries. `total`: all that match, as last counted; where only looking at each can tell, what is known
    to, and then `exact` is false: there may be more. `after` asks for the next page; "" at the end."""

    now_ms: int
    rows: tuple[MessageRow, ...] = ()
    total: int = 0
    after: str = ""
    exact: bool = True


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """One time that a delivery was in doubt: its dot may have been answered without our knowing."""

    id: int
    at_ms: int
    delivery_id: int
    message_id: int
    forward_path: str
    stream: str
    why: str  # answer lost, or orphaned (its carrier died)
    settled: str = ""  # resent, held back, assumed delivered; "" while it is open
    settled_ms: int | None = None
    state: str = ""  # the delivery's, now


@dataclass(frozen=True, slots=True)
class Doubts:
    """A page of the crash ledger, newest first, and all of it counted."""

    now_ms: int
    rows: tuple[DoubtRow, ...] = ()
    total: int = 0
    open: int = 0
    by_cause: dict[str, int] = field(default_factory=dict)
    by_end: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment in a message's life, in order."""

    at_ms: int
    what: str  # accepted, event read, flow step, consent, queued, attempt, suppressed, delivered ...
    text: str
    glyph: str = "·"
    delivery_id: int | None = None
    lines: tuple[str, ...] = ()  # of an attempt: what was said, with seconds since it began
    rule: str = ""  # of an attempt: by which its reply was judged


@dataclass(frozen=True, slots=True)
class MessageLife:
    now_ms: int
    message_id: int
    subject: str
    header_from: str
    reverse_path: str
    recipients: tuple[str, ...]
    stream: str
    origin: str
    size: int
    deliveries: tuple[MessageRow, ...] = ()
    moments: tuple[Moment, ...] = ()
    content: str = ""  # the head of the message as text, cut


@dataclass(frozen=True, slots=True)
class FlowBranch:
    label: str  # then, else
    nodes: tuple["FlowNode", ...] = ()


@dataclass(frozen=True, slots=True)
class FlowNode:
    """One step of a flow, as drawn: its counts are of all enrolments of the active version."""

    id: str
    kind: str  # trigger, wait, if, send, exit, end
    label: str  # "cart.updated", "1 h", "contact.orders.count == 0", "cart-reminder"
    waiting: int = 0
    passed: int = 0
    branches: tuple[FlowBranch, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowPicture:
    now_ms: int
    name: str
    title: str
    about: str
    state: str
    stream: str
    version: str
    goal: str = ""
    nodes: tuple[FlowNode, ...] = ()
    ended: dict[str, int] = field(default_factory=dict)  # completed, goal, exit, failed


@dataclass(frozen=True, slots=True)
class Flows:
    now_ms: int
    rows: tuple[FlowRow, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit on a site, and who set it."""

    name: str
    value: float
    unit: str
    origin: str  # a key of posthouse.toml, an entry of providers.toml, or what was learnt
    binds: bool = True  # no other is narrower
    used: int | None = None
    frees_ms: int | None = None  # when it lets the next one through, where it lets none through now


@dataclass(frozen=True, slots=True)
class ShareRow:
    """What one carrier was allotted of a site."""

    pid: int
    slots: int
    open: int
    waiting: int
    rate: float | None = None  # attempts a second


@dataclass(frozen=True, slots=True)
class SiteShaping:
    now_ms: int
    site: str
    provider: str = ""
    limits: tuple[LimitRow, ...] = ()
    shares: tuple[ShareRow, ...] = ()
    taken_per_minute: float = 0.0  # what the site took in the last minute
    paused_ms: int | None = None
    strikes: int = 0  # times in a row that it said too much
    reason: str = ""  # the reply that slowed it last
    rule: str = ""
    last_reply: str = ""


@dataclass(frozen=True, slots=True)
class WarmUpRow:
    """A source that is new, and a provider."""

    source: str
    provider: str
    stage: int  # days of the schedule behind it
    stages: int
    allowance: int | None  # attempts in 24 hours; None: warm
    used: int
    attempts: int  # today (UTC)
    refused: int
    complaints: int
    verdict: str  # what the last day came to


@dataclass(frozen=True, slots=True)
class WarmUps:
    now_ms: int
    rows: tuple[WarmUpRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that mail waits for."""

    limit: str
    text: str
    origin: str  # who set it
    frees_ms: int | None = None  # when it ends, as far as can be said


@dataclass(frozen=True, slots=True)
class WhyDelivery:
    """What a delivery waits for: the first of `waits` binds. None: nothing but its turn, or it has ended."""

    delivery_id: int
    forward_path: str
    state: str
    site: str
    waits: tuple[Wait, ...] = ()
    what_if: str = ""  # what would hold without the binding one
    expires_ms: int = 0
    expires_first: bool = False  # before it can leave
    how: tuple[str, ...] = ()  # in words: its source, what is asked of TLS
    carried_by: str = ""  # the carrier that has it in hands, and where it was tried last
    due_ms: int = 0
    claimed_ms: int | None = None  # when that carrier took it, or the last one did


@dataclass(frozen=True, slots=True)
class WhyMessage:
    now_ms: int
    message_id: int
    deliveries: tuple[WhyDelivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """What mail to a site or a domain waits for. No `limit`: for nothing but its turn."""

    now_ms: int
    name: str
    site: str
    waiting: int = 0  # deliveries that are due
    later: int = 0  # that wait for their own next attempt
    later_ms: int | None = None  # the first of them
    later_reply: str = ""  # what put that one off
    limit: str = ""
    text: str = ""
    origin: str = ""  # who set it
    frees_ms: int | None = None
    waits: tuple[Wait, ...] = ()  # all there are, the binding one first
    what_if: str = ""
    how: tuple[str, ...] = ()  # in words: the sources, what is asked of TLS


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment. `members` is kept, not counted; before the first look at everybody is over it grows."""

    name: str
    title: str
    expression: str
    members: int
    state: str  # building, live, or faulty: this program can't read its expression
    fault: str = ""
    changed_ms: int = 0  # when its expression was last changed
    looked_ms: int | None = None  # when everybody was last looked at
    built_ms: int | None = None  # since when its history is kept
    entered_today: int = 0  # in the last 24 hours
    left_today: int = 0


@dataclass(frozen=True, slots=True)
class Segments:
    now_ms: int
    rows: tuple[SegmentRow, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberRow:
    contact_id: int
    address: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Members:
    """A page of a segment's members, by the contact's number. `after` asks for the next page; 0 at the end."""

    now_ms: int
    segment: str
    rows: tuple[MemberRow, ...] = ()
    total: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """`members`: as kept, None where there is no such segment; `exact`: as asked of everybody now."""

    now_ms: int
    exact: int
    members: int | None = None
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class ClauseRow:
    depth: int
    text: str
    holds: bool
    values: str = ""  # what its names are worth


@dataclass(frozen=True, slots=True)
class SegmentWhy:
    """Why somebody is in a segment or not, clause by clause."""

    now_ms: int
    segment: str
    address: str
    is_member: bool
    holds: bool  # what the expression says now; it differs only for a moment
    since_ms: int | None = None
    due_ms: int | None = None  # when time alone may change it
    clauses: tuple[ClauseRow, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """What asking costs: the statement, how the database answers it, and what a part of all contacts took."""

    now_ms: int
    expression: str
    reads: tuple[str, ...] = ()  # what can change it
    sql: str = ""
    plan: tuple[str, ...] = ()
    contacts: int = 0  # of all
    asked: int = 0  # of these so many were asked
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class MovedRow:
    address: str
    has_entered: bool
    cause: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SegmentDiff:
    """Who stood elsewhere at `until_ms` than at `since_ms`."""

    now_ms: int
    segment: str
    since_ms: int
    until_ms: int
    then: int = 0  # members at the one
    later: int = 0  # and at the other
    entered: int = 0
    left: int = 0
    rows: tuple[MovedRow, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a command: what was done, in words, and the facts."""

    text: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer to a command that changed nothing (any HTTP status from 400 on)."""

    error: str
    remedy: str = ""


def encode(value: Any) -> bytes:
    """One JSON object, UTF-8, no line break inside."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def decode(kind: type[T], octets: bytes | str) -> T:
    """A `kind` from JSON. ValueError when it is no such object."""
    value = json.loads(octets)
    if not isinstance(value, dict):
        raise ValueError(f"the daemon answered {type(value).__name__} where a {kind.__name__} was due")
    try:
        return _build(kind, value)
    except (TypeError, KeyError, AttributeError) as err:
        raise ValueError(f"the daemon's answer is no {kind.__name__}: {err}") from None


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _build(kind: type[T], value: dict[str, Any]) -> T:
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(**{key: _shape(hints[key], item) for key, item in value.items() if key in hints})


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """The type of each field, for which typing searches long."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _shape(hint: Any, item: Any) -> Any:
    origin = get_origin(hint)
    if origin is tuple:
        return tuple(_shape(get_args(hint)[0], each) for each in item)
    if origin in (Union, UnionType):
        return item
    if isinstance(hint, type) and is_dataclass(hint):
        return _build(hint, item)
    if hint is float and isinstance(item, int):
        return float(item)
    if hint in (int, str, bool, float) and not isinstance(item, hint):
        raise TypeError(f"{item!r} is no {hint.__name__}")
    return item
