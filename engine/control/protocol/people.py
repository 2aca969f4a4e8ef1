"""What the daemon says of one person: all that is known, what they agreed to, and files of it."""

from dataclasses import dataclass

from engine.control.protocol.lists import StandingRow


@dataclass(frozen=True, slots=True)
class ValueRow:
    name: str
    value: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A list, and where the person stands on it."""

    list: str
    title: str
    standing: StandingRow
    entry: int | None = None  # of the ledger: the yes that mail of this list rests on


@dataclass(frozen=True, slots=True)
class StopRow:
    """What stops mail to them, and who may lift that."""

    reason: str
    scope: str  # all, marketing
    list: str = ""
    source: str = ""
    evidence: str = ""
    at_ms: int = 0
    until_ms: int | None = None
    lift: str = ""  # who may, in words


@dataclass(frozen=True, slots=True)
class RunRow:
    """One passage through a flow."""

    flow: str
    step: str
    state: str  # waiting, ended
    entered_ms: int
    due_ms: int | None = None
    ended_ms: int | None = None
    how: str = ""


@dataclass(frozen=True, slots=True)
class SentRow:
    """A mail that we wrote to them, or that an application handed over for their address."""

    message_id: int
    at_ms: int
    subject: str
    of: str  # flow, campaign, confirmation, submission: with its name
    state: str  # of its delivery
    reply: str = ""
    opened_ms: int | None = None  # where that is kept
    clicked_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HappenedRow:
    """An event of theirs."""

    at_ms: int
    name: str
    text: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A mail that the arbiter holds back for now."""

    of: str
    why: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Everything known about one address. contact_id 0: no contact, yet mail or a suppression may be there."""

    now_ms: int
    address: str
    contact_id: int = 0
    name: str = ""
    locale: str = ""
    zone: str = ""
    clock: str = ""  # what time it is there: 2026-03-31 14:05
    birthday: str = ""
    external_id: str = ""
    source: str = ""
    created_ms: int = 0
    pace: str = ""  # the most mail that they asked for: week, fortnight, month
    tags: tuple[str, ...] = ()
    fields: tuple[ValueRow, ...] = ()
    segments: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()  # addresses that became this contact
    orders: int = 0
    spent: str = ""
    first_order_ms: int | None = None
    last_order_ms: int | None = None
    opens: int = 0
    clicks: int = 0
    replies: int = 0
    visits: int = 0
    engaged_ms: int | None = None
    level: str = ""  # of engagement
    seats: tuple[SeatRow, ...] = ()
    stops: tuple[StopRow, ...] = ()
    runs: tuple[RunRow, ...] = ()  # those under way first, then the newest
    mails: tuple[SentRow, ...] = ()  # the newest first
    held: tuple[HeldRow, ...] = ()
    events: tuple[HappenedRow, ...] = ()  # the newest first
    coupons: tuple[ValueRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One entry of the ledger about a person."""

    entry: int
    at_ms: int
    act: str  # asked, confirmed, withdrawn, restored, imported
    hash: str
    lists: str = ""  # which, and for an import where the person stood on each
    source: str = ""
    wording: str = ""
    purpose: str = ""
    locale: str = ""
    ip: str = ""
    agent: str = ""
    evidence: str = ""
    mail_id: str = ""
    subject: str = ""
    text: str = ""  # what the mail said
    said: tuple[str, ...] = ()  # of an import: the file, who brought it, what its row says
    is_true: bool = True  # facts and hashes fit


@dataclass(frozen=True, slots=True)
class ConsentProof:
    """What a person was shown and answered, and whether the ledger holds: `checked` of `entries` were gone over, up to the
    head. Ask again while it is less; `fault` says where it does not hold."""

    now_ms: int
    address: str
    contact_id: int
    rows: tuple[ConsentRow, ...] = ()
    checked: int = 0
    entries: int = 0
    head: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FileOctets:
    """A file for the asker to write: its name and octets (base64), whole."""

    name: str
    octets: str
    sha256: str
    about: str = ""
