"""What the daemon answers to an act."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a command: what was done, in words, and the facts."""

    text: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer to a command that changed nothing (any HTTP status from 400 on)."""

    error: str
    remedy: str = ""
