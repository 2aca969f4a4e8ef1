"""Why a message was written, and why somebody got none, as the control socket says it."""

from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One thing that was found; the first binds. `word` is of a closed list."""

    word: str
    text: str
    at_ms: int | None = None
    until_ms: int | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WhyNotAnswer:
    """Why an address did not get a flow's mail, or a campaign's. Never without a reason."""

    now_ms: int
    address: str
    name: str
    kind: str  # flow, campaign
    reasons: tuple[ReasonRow, ...] = ()


@dataclass(frozen=True, slots=True)
class PassedRow:
    """A step on the way to the mail."""

    at_ms: int
    step: str
    kind: str
    result: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OriginRow:
    """Where a message comes from: the run of a flow and the event that began it, or an application."""

    kind: str
    by: str
    stream: str
    at_ms: int
    version: str = ""
    step: str = ""
    template: str = ""
    run_key: str = ""
    entered_ms: int | None = None
    event: str = ""
    event_key: str = ""
    event_source: str = ""
    event_ms: int | None = None
    passed: tuple[PassedRow, ...] = ()
    consent: str = ""
    consent_entry: int | None = None
    arbiter: str = ""


NO_ORIGIN: Final = OriginRow("", "", "", 0)
"""An older daemon does not say it."""
