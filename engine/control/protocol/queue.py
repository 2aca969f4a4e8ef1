"""What the daemon says of mail: what waits, what became of it, what is in doubt."""

from dataclasses import dataclass, field


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
    suspended_ms: int | None = None  # until when nothing leaves for it, by somebody's word or the bounce guard's


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
    place: str = ""  # where that rule stands, as "file:line"


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
