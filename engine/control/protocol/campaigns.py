"""What the daemon says of campaigns, their runs and their recipients."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FigureRow:
    """So many people of a variant ("" without one) stand there: `what` is a state, or opened, clicked, ordered."""

    variant: str
    what: str
    reason: str
    people: int


@dataclass(frozen=True, slots=True)
class RunRow:
    """One occasion of a campaign. `why` says what an operator, or the daemon, stopped or paused it for."""

    id: int
    occasion: str
    state: str
    why: str = ""
    by: str = ""
    version: str = ""
    resend_of: int | None = None  # the run whose readers did not open it
    due_ms: int = 0
    began_ms: int | None = None
    ended_ms: int | None = None
    is_resolved: bool = False  # everybody of its audience is among its recipients
    winner: str | None = None  # a variant; "": shared out among all; None: not judged
    verdict: str = ""
    judge_ms: int | None = None
    figures: tuple[FigureRow, ...] = ()
    next_ms: int | None = None  # of a newest run that goes on: when its next mail may be written


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign with its newest run, if it had one. `next_ms`: when one that comes again begins next."""

    name: str
    title: str
    next_ms: int | None = None
    newest: tuple[RunRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Campaigns:
    now_ms: int
    rows: tuple[CampaignRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CampaignShown:
    """A campaign and its runs, the newest first; only that one with its figures."""

    now_ms: int
    name: str
    title: str
    about: str = ""
    goal: str = ""
    next_ms: int | None = None
    runs: tuple[RunRow, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """Where one person stands. `address` is "" of who was erased."""

    contact_id: int
    address: str
    variant: str
    state: str
    reason: str = ""
    at_ms: int = 0
    message_id: int | None = None
    opened_ms: int | None = None
    clicked_ms: int | None = None
    ordered_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Recipients:
    """A page of a run's recipients, by the contact's number. `after` asks for the next page; 0 at the end."""

    now_ms: int
    campaign: str
    run: int
    rows: tuple[RecipientRow, ...] = ()
    after: int = 0
