"""What the daemon says of segments and of who is in them."""

from dataclasses import dataclass


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
