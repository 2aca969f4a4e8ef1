"""What the daemon answers of the journal of acts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActRow:
    """One thing that an operator did."""

    act: int
    at_ms: int
    user: str  # of the system, as the kernel says
    by: str  # the operator's name, as the request said
    what: str  # the command: queue/hold, or "posthouse contact add" of one beside the daemon
    about: str
    told: str  # JSON: the request, without secrets
    done: str  # what was done, in words
    state: str  # done, under way, unknown (the daemon stopped meanwhile), undone
    can_undo: bool
    why_not: str  # why it can't be undone
    until_ms: int | None = None  # until when it can be
    undoes: int | None = None  # the act that this one undid
    undone_by: int | None = None


@dataclass(frozen=True, slots=True)
class Acts:
    """A page of the journal, the newest first."""

    now_ms: int
    rows: tuple[ActRow, ...]
    before: int  # the next page is below this act; 0: there is none


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened."""

    at_ms: int
    kind: str  # delivered, cart.updated, in doubt, consent confirmed, operator ...
    text: str
    message_id: int | None = None
    person: str = ""  # whom it was about


@dataclass(frozen=True, slots=True)
class Happenings:
    """A page of what happened, the newest first."""

    now_ms: int
    rows: tuple[Happened, ...]
    after: str  # what the next page is asked with; "": there is none


@dataclass(frozen=True, slots=True)
class BookState:
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class BookFinding:
    """What does not balance: the deliveries or messages by their numbers."""

    what: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Books:
    """The promise of delivery, gone over: every accepted delivery has exactly one end, or is still there."""

    now_ms: int
    at_ms: int  # when they were gone over
    took_ms: int
    balances: bool
    messages: int
    accepted: int
    states: tuple[BookState, ...] = ()
    doubts: int = 0
    open_doubts: int = 0
    findings: tuple[BookFinding, ...] = ()
