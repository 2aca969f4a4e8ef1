"""What is known of the house: what it sends from, signs with, and is configured as. None: it is not known here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from deliverability.doctor.look import Look
from deliverability.doctor.model import NotKnown
from deliverability.signing.keys import Key


@dataclass(frozen=True, slots=True)
class Source:
    """An address that the world sees our mail come from, and the name that is said there."""

    address: str
    ehlo: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A DKIM key of ours. state: as engine.keys has it; key: None where its file can't be read, `trouble` says why."""

    domain: str
    selector: str
    state: str
    age: timedelta
    key: Key | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file or folder that others must not read. mode: its permission bits, None where it is not there."""

    path: str
    what: str
    mode: int | None
    forbidden: int = 0o077


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that we show. trouble: why it could not be looked at, or is not believed."""

    where: str
    names: tuple[str, ...] = ()
    expected: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ClockState:
    """off: by how much the clock is wrong at most; None where nobody knows. how: who says so."""

    off: timedelta | None
    how: str


@dataclass(frozen=True, slots=True)
class Listener:
    """A door of ours, and why it can't be entered; "" where it can."""

    setting: str
    endpoint: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a domain's marketing mail in the last `days`."""

    days: int
    delivered: int
    complained: int
    bounced: int


@dataclass(frozen=True, slots=True)
class House:
    """`sources`, `keys` ...: None where nobody knows them here (no configuration, no database, no daemon)."""

    now: datetime
    hostname: str = ""
    sources: tuple[Source, ...] | None = None
    no_sources: str = "which addresses mail leaves from is not known: say them in doctor.addresses, or with --ip"
    bounce_domain: str = ""
    sender: str = ""  # the address in From
    keys: tuple[SigningKey, ...] | None = None
    signed_fields: tuple[str, ...] | None = None
    base_url: str | None = None
    postal_address: str | None = None
    sample: bytes | None = None  # a marketing mail as it would leave
    sample_text: str = ""  # its words
    permit: tuple[str, ...] | None = None
    clear_text_to: tuple[str, ...] | None = None  # patterns of domains that get no TLS
    is_lab: bool = False
    files: tuple[File, ...] | None = None
    certificates: tuple[Certificate, ...] | None = None
    clock: ClockState | None = None
    listeners: tuple[Listener, ...] | None = None
    no_listeners: str = "the daemon was not asked, or does not run: whether a door of it can be entered is not known"
    figures: dict[str, Figures] | None = None  # by From domain; one without mail is not there
    blocklists: tuple[str, ...] = ()
    domain_blocklists: tuple[str, ...] = ()
    no_blocklists: str = ""  # why none is asked although some are configured


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule is judged on: the house, the world, and the From domain ("" for a rule of the house)."""

    house: House
    look: Look
    domain: str

    @property
    def figures(self) -> Figures:
        """NotKnown where nobody counted."""
        if self.house.figures is None:
            raise NotKnown("how mail was received is not known here: there is no database")
        return self.house.figures.get(self.domain, Figures(30, 0, 0, 0))

    @property
    def envelope(self) -> str:
        """The domain of the reverse-path, which SPF is asked for."""
        return self.house.bounce_domain or self.domain

    @property
    def sources(self) -> tuple[Source, ...]:
        """NotKnown where nobody knows the addresses that mail leaves from."""
        if not self.house.sources:
            raise NotKnown(self.house.no_sources)
        return self.house.sources

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """Those that sign for the domain: its own, else those of its nearest parent that signs. NotKnown."""
        if self.house.keys is None:
            raise NotKnown("which keys sign is not known here: there is no configuration, or no database")
        name, own = self.domain, tuple[SigningKey, ...]()
        while name:
            found = tuple(each for each in self.house.keys if each.domain == name)
            if any(each.state == "active" for each in found):
                return found
            own, name = own or found, name.partition(".")[2]
        return own

    @property
    def active_keys(self) -> tuple[SigningKey, ...]:
        return tuple(each for each in self.keys if each.state == "active")
