"""What the doctor found, as the control socket says it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MendRow:
    """One thing to do. how: publish, remove, run, set, serve. text: to be copied; a record also in its parts."""

    how: str
    text: str
    name: str = ""
    type: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A rule's verdict: pass, warn, fail or unknown. about: a domain, or "" for the house. waits_for: the rule that has
    to hold first, where that is why nothing is known."""

    rule: str
    about: str
    verdict: str
    title: str
    says: str
    source: str
    seen: tuple[str, ...] = ()
    mend: tuple[MendRow, ...] = ()
    detail: tuple[str, ...] = ()
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class DemandRow:
    """A provider's demand of bulk senders, and the rules because of which it stands so."""

    demand: str
    provider: str
    about: str
    verdict: str
    title: str
    source: str
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """One examination. at_ms: when; now_ms: when it was told."""

    now_ms: int
    at_ms: int
    verdict: str  # the gravest of all rules
    domains: tuple[str, ...] = ()
    rules: tuple[FindingRow, ...] = ()
    demands: tuple[DemandRow, ...] = ()
