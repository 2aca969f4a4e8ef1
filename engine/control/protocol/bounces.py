"""What the daemon says of mail that came back, and of who is not written to."""

from dataclasses import dataclass, field

from engine.control.protocol.lately import ReplyRow


@dataclass(frozen=True, slots=True)
class BounceDay:
    """One day (UTC), by the classes of replies and reports."""

    day_ms: int
    sent: int = 0
    accepted: int = 0
    complaints: int = 0
    bounced: dict[str, int] = field(default_factory=dict)
    deferred: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class over all days that were asked for."""

    klass: str
    bounced: int = 0
    deferred: int = 0
    reply: str = ""  # the last one
    rule: str = ""
    place: str = ""  # where that rule stands
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class BounceDays:
    now_ms: int
    days: tuple[BounceDay, ...] = ()
    classes: tuple[ClassRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceivedRow:
    """A mail that came back."""

    id: int
    at_ms: int
    reverse_path: str
    forward_path: str
    subject: str
    concluded: str
    delivery_id: int | None = None


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """The youngest first; `after` asks for the next page, "" at the end. A page may be shorter than was asked for."""

    now_ms: int
    rows: tuple[ReceivedRow, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What the mail says of one recipient."""

    address: str
    klass: str
    blame: str = ""
    hard: bool | None = None  # None: nothing was refused
    suppress: str = ""
    status: str = ""
    said: str = ""
    rule: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One of them, as text. `words`: what it says itself; `content`: its head as it came."""

    now_ms: int
    mail: ReceivedRow
    kind: str = ""
    findings: tuple[FindingRow, ...] = ()
    message_id: int | None = None  # of ours that it is about
    words: str = ""
    content: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Unclassified:
    """Replies that no rule knows, those that say the same together."""

    now_ms: int
    rows: tuple[ReplyRow, ...] = ()
    classes: tuple[str, ...] = ()  # that a rule may give them
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    address: str  # or a hash, of somebody who was erased
    reason: str
    scope: str
    list: str = ""
    source: str = ""
    at_ms: int = 0
    until_ms: int | None = None
    evidence: str = ""
    delivery_id: int | None = None
    message_id: int | None = None  # of that delivery
    lift: str = ""  # who may lift it


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    """The newest first. `total`: all there are, where nothing is filtered; else what is known to match, and then `exact`
    is false while there may be more."""

    now_ms: int
    rows: tuple[SuppressionRow, ...] = ()
    total: int = 0
    after: str = ""
    exact: bool = True
