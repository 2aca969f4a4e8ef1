"""What the daemon says of lists, of who stands on them, and of fields."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list. Counts of people are kept; `asked` to `imported` are of the last 30 days, each also as a day's `days_...`."""

    name: str
    title: str
    confirmation: str  # double, single
    purpose: str = ""
    confirmed: int = 0
    unconfirmed: int = 0  # asked, no answer yet; those to be asked among them
    unsubscribed: int = 0
    to_ask: int = 0  # of the unconfirmed, who wait for the mail: counted to 1,000
    asked: int = 0
    answered: int = 0  # confirmed
    expired: int = 0
    left: int = 0
    imported: int = 0
    days_asked: tuple[int, ...] = ()  # oldest first, the last is today
    days_confirmed: tuple[int, ...] = ()
    days_expired: tuple[int, ...] = ()
    days_left: tuple[int, ...] = ()
    days_imported: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Lists:
    now_ms: int
    rows: tuple[ListRow, ...] = ()
    people: int = 0  # contacts, on a list or not


@dataclass(frozen=True, slots=True)
class SettingRow:
    """What is set about a list: its key as `lists/set` takes it, its value, and what it means."""

    key: str
    value: str
    default: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One of the youngest entries of the ledger about a list."""

    at_ms: int
    act: str  # asked, confirmed, withdrawn, restored
    address: str
    source: str
    entry: int
    ip: str = ""


@dataclass(frozen=True, slots=True)
class ListPicture:
    """One list with its pipeline: who was asked, said yes, or did not answer; and what is set about it."""

    now_ms: int
    row: ListRow
    settings: tuple[SettingRow, ...] = ()
    answers: tuple[AnswerRow, ...] = ()  # the newest first
    next_due_ms: int | None = None  # when the next of who waits is reminded, or over
    days: int = 30


@dataclass(frozen=True, slots=True)
class StandingRow:
    """Where somebody stands on a list."""

    contact_id: int
    address: str
    name: str
    state: str  # unconfirmed, confirmed, unsubscribed
    source: str
    asked_ms: int
    confirmed_ms: int | None = None
    ended_ms: int | None = None
    expires_ms: int | None = None
    reminded_ms: int | None = None
    why: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Standings:
    """A page of a list's people, by their numbers. `after` asks for the next page; 0 at the end. A page may be shorter
    than its limit and still have one: a text is looked for in a part of the list at a time."""

    now_ms: int
    list: str
    rows: tuple[StandingRow, ...] = ()
    total: int = 0  # as kept, of this state; of a text no more than was found in this page
    after: int = 0
    looked: int = 0  # at so many


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A contact."""

    contact_id: int
    address: str
    name: str
    locale: str = ""
    source: str = ""
    created_ms: int = 0
    engaged_ms: int | None = None
    orders: int = 0


@dataclass(frozen=True, slots=True)
class People:
    """A page of all contacts, by their numbers, as Standings."""

    now_ms: int
    rows: tuple[PersonRow, ...] = ()
    total: int = 0
    after: int = 0
    looked: int = 0


@dataclass(frozen=True, slots=True)
class FieldRow:
    """What may be kept about contacts."""

    name: str
    kind: str
    title: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fields:
    now_ms: int
    rows: tuple[FieldRow, ...] = ()
