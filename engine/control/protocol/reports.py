"""What came of mail, as the control socket says it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FiguresRow:
    """One group's figures; "" is all of them. Each mail counts once under each word."""

    group: str
    sent: int = 0
    delivered: int = 0
    bounced: int = 0
    expired: int = 0
    cancelled: int = 0
    waiting: int = 0
    opened: int = 0  # by people
    machines: int = 0  # pictures or links that a machine, a proxy or nobody knows who fetched
    clicked: int = 0
    replied: int = 0
    unsubscribed: int = 0
    complained: int = 0
    orders: int = 0
    held: int = 0  # by the arbiter, for a while
    refused: int = 0  # by the arbiter
    left_out: int = 0  # by the campaign's file, or its holdout
    revenue: dict[str, str] = field(default_factory=dict)  # by currency


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """So many mails of a group were held, refused or left out for one reason; "" is all groups."""

    group: str
    what: str
    reason: str
    mails: int


@dataclass(frozen=True, slots=True)
class ArmRow:
    """People, how many of them reached the goal, and the share with its 95 % interval."""

    people: int
    reached: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class LiftRow:
    """Those who entered against those who were held out: the difference of their shares, with its 95 % interval."""

    goal: str
    entered: ArmRow
    held_out: ArmRow
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """A source by which people came to a list, or why they left it."""

    word: str
    asked: int = 0
    confirmed: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """A report. `entered` counts a flow's runs, `on_it` who is on a list now; None where it is about neither."""

    now_ms: int
    kind: str
    name: str
    since_ms: int
    window_s: int
    rows: tuple[FiguresRow, ...] = ()
    entered: int | None = None
    lift: tuple[LiftRow, ...] = ()  # one, of a flow or a campaign
    reasons: tuple[ReasonRow, ...] = ()  # by group, the most frequent first
    on_it: int | None = None
    growth: tuple[GrowthRow, ...] = ()
