"""What the daemon says of replies of late: by five minutes, and those that say the same together."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CureRow:
    """What an operator can do about replies of a kind."""

    verb: str  # slow, suspend, hold, classify, doctor, wait
    why: str


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """Replies that say the same, whatever queue id, address or hour they name."""

    text: str  # what they have in common
    count: int
    share: float  # of all that was put off or refused, in percent
    outcome: str  # deferred, failed
    example: str  # one of them, as it came
    rule: str = ""  # by which they were judged
    place: str = ""  # where that stands, as "file:line"
    judged_now: str = ""  # the rule that would judge them now
    klass: str = ""  # what it means; "" where no server said it
    blame: str = ""
    means: str = ""  # what follows from it, in words
    first_ms: int = 0
    last_ms: int = 0
    message_id: int = 0  # the youngest that was answered so
    sites: tuple[str, ...] = ()  # that say it, the most frequent first
    cures: tuple[CureRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Replies:
    """Clusters, the most frequent first. `since_ms`: how far back was looked."""

    now_ms: int
    site: str = ""
    rows: tuple[ReplyRow, ...] = ()
    kinds: int = 0  # those too that are not shown
    accepted: int = 0
    deferred: int = 0
    failed: int = 0
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class WeatherRow:
    """One site, domain or all: what came of attempts, a number for each five minutes."""

    name: str
    accepted: tuple[int, ...] = ()
    deferred: tuple[int, ...] = ()
    bounced: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Weather:
    """The last three hours in cells of five minutes, those with most trouble first."""

    now_ms: int
    by: str = "site"
    first_ms: int = 0  # when the first cell began
    cell_ms: int = 300_000
    all: WeatherRow = field(default_factory=lambda: WeatherRow("all"))
    rows: tuple[WeatherRow, ...] = ()
    total: int = 0  # rows, those too that are not shown
    since_ms: int = 0
