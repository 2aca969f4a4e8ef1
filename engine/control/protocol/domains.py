"""What the daemon answers of sending domains: their keys, what every name server shows, records, the change of keys."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One domain. `keys`: how they stand, in words; the counts are the doctor's rules by their verdict."""

    domain: str
    readable: str
    keys: str
    turn: str  # whose turn the change of keys is: "", now (somebody's), waits
    failed: int = 0
    warned: int = 0
    unknown: int = 0
    passed: int = 0


@dataclass(frozen=True, slots=True)
class Domains:
    now_ms: int
    examined_ms: int | None
    rows: tuple[DomainRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerRow:
    """What one authoritative server shows of a key. fault: why receivers can't verify by it; silent: it gave no answer."""

    server: str
    fault: str = ""
    silent: bool = False


@dataclass(frozen=True, slots=True)
class KeyRow:
    selector: str
    algorithm: str
    state: str  # new, published, active, retiring, gone
    since_ms: int
    ttl_s: int
    rests_until_ms: int | None
    trouble: str = ""  # why it can't be used
    servers: tuple[ServerRow, ...] = ()
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One to publish. zone: as a line of a zone file; provider: as a provider's page asks for it."""

    name: str
    type: str
    value: str
    zone: str
    provider: tuple[str, ...]
    why: str
    when: str = ""  # a condition that is the operator's to judge


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of the change of keys. at: done, now (somebody's turn), waits, next."""

    step: str
    at: str
    words: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DomainAnswer:
    now_ms: int
    domain: str
    readable: str
    looked_ms: int | None  # when the name servers were asked last
    by_itself: bool  # whether the daemon signs with new keys by itself
    keys: tuple[KeyRow, ...] = ()
    steps: tuple[StepRow, ...] = ()
    records: tuple[RecordRow, ...] = ()


@dataclass(frozen=True, slots=True)
class SenderRow:
    """Who sent under a domain's name, by others' reports. known: ours, passes, unknown."""

    source_ip: str
    header_from: str
    messages: int
    passed: int
    failed: int
    known: str
    foreign: bool


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A DMARC or TLS report that came."""

    at_ms: int
    kind: str
    org: str
    domain: str
    total: int
    failed: int
    foreign: bool


@dataclass(frozen=True, slots=True)
class Reported:
    """Foreign ones are about domains that are none of ours: counted, and listed where they were asked for."""

    now_ms: int
    days: int
    senders: tuple[SenderRow, ...] = ()
    reports: tuple[ReportRow, ...] = ()
    foreign_senders: int = 0
    foreign_reports: int = 0
