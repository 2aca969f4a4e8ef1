"""How our mail is taken, as the control socket says it. Shares are between 0 and 1; times in milliseconds since 1970."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part of the index: count of so many, how much of its weight that loses, or why it says nothing."""

    name: str
    count: int
    of: int | None
    share: float | None
    limit: float
    weight: int
    lost: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReputationRow:
    """The figures of one kind of mail, or of a day."""

    kind: str  # all, provider, source, domain, stream, day
    name: str
    tried: int = 0
    sent: int = 0
    accepted: int = 0
    deferred: int = 0
    bounced: int = 0
    hard: int = 0  # of these: nobody there
    blocked: int = 0  # refused or deferred because of us
    expired: int = 0
    complaints: int = 0
    unsubscribes: int = 0
    tls: float | None = None  # of what was accepted
    took_s: int | None = None  # half of it within so many seconds
    dmarc: float | None = None  # that passed, of our own mail that others reported
    index: int | None = None


@dataclass(frozen=True, slots=True)
class KindRow:
    """Raw: the counts of one kind of mail on one day, by word (docs/reputation.md)."""

    day: str
    provider: str
    source: str
    domain: str
    stream: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class SaidRow:
    """Refusals or deferrals of one class, and the last of their replies."""

    what: str  # bounced, deferred
    klass: str
    count: int
    reply: str
    rule: str
    message_id: int


@dataclass(frozen=True, slots=True)
class AlarmRow:
    rule: str
    about: str
    level: str
    text: str
    count: int
    of: int
    figure: float
    threshold: float
    reply: str
    judged_by: str
    message_id: int
    began_ms: int
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ReputationAnswer:
    """`about`: "" is all mail, else "provider gmail" and the like."""

    now_ms: int
    about: str
    days: int
    least: int
    index: int | None
    parts: tuple[PartRow, ...] = ()
    total: ReputationRow = ReputationRow("all", "")
    groups: tuple[ReputationRow, ...] = ()
    by_day: tuple[ReputationRow, ...] = ()  # every day, the oldest first
    said: tuple[SaidRow, ...] = ()
    alarms: tuple[AlarmRow, ...] = ()
    rows: tuple[KindRow, ...] = ()  # where they were asked for
