"""What the daemon says of limits, and why something waits."""

from dataclasses import dataclass

from engine.control.protocol.reasons import NO_ORIGIN, OriginRow


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
    last_reply: str = ""
    rule: str = ""  # by which that was judged
    place: str = ""  # where that rule stands, as "file:line"


@dataclass(frozen=True, slots=True)
class WhyMessage:
    now_ms: int
    message_id: int
    deliveries: tuple[WhyDelivery, ...] = ()
    origin: OriginRow = NO_ORIGIN  # why it was written


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
    slowed_rule: str = ""  # by which the reply was judged that slowed the site last
    slowed_place: str = ""  # where that rule stands, as "file:line"
    limit: str = ""
    text: str = ""
    origin: str = ""  # who set it
    frees_ms: int | None = None
    waits: tuple[Wait, ...] = ()  # all there are, the binding one first
    what_if: str = ""
    how: tuple[str, ...] = ()  # in words: the sources, what is asked of TLS
