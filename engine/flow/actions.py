"""What a flow does beside writing mail and waiting. As the file says it: `engine.flow.effects` reckons the values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.flow.civil import Span
from engine.flow.conditions import Condition

Plain: TypeAlias = str | int | float | bool
Given: TypeAlias = Plain | Condition
"""A value as written: itself, or {from: EXPRESSION}."""


@dataclass(frozen=True, slots=True)
class Tag:
    tag: str


@dataclass(frozen=True, slots=True)
class Untag:
    tag: str


@dataclass(frozen=True, slots=True)
class Join:
    """Ask to be on a list: it needs the contact's own confirmation where the list does."""

    mailing_list: str


@dataclass(frozen=True, slots=True)
class Leave:
    mailing_list: str


@dataclass(frozen=True, slots=True)
class SetFields:
    """Fields of the contact. A value that is missing empties its field."""

    values: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class AddTo:
    """Numbers added to number fields of the contact, which count from 0. What is no number adds nothing."""

    values: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class TakeCoupon:
    """A code out of a pool. The run's data holds it from then on, under `name`: event.coupon.code, .expires."""

    pool: str
    expires: Span | None = None
    name: str = "coupon"


@dataclass(frozen=True, slots=True)
class Emit:
    """Record an event of the contact's."""

    event: str
    values: Mapping[str, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Send the run's facts to a URL. With `wait` the flow waits for the answer, at most `timeout`, and the run's data
    holds event.webhook.status from then on (0: no answer came)."""

    url: str
    wait: bool = False
    timeout: Span | None = None
    values: Mapping[str, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotifyStaff:
    """Tell a member of staff by mail: a template, or a line of text that is never read as one."""

    to: str
    template: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class StartFlow:
    """Let the contact into another flow, with this run's data."""

    flow: str


@dataclass(frozen=True, slots=True)
class StopFlow:
    """End the contact's runs in another flow."""

    flow: str


Action: TypeAlias = (
    Tag
    | Untag
    | Join
    | Leave
    | SetFields
    | AddTo
    | TakeCoupon
    | Emit
    | CallWebhook
    | NotifyStaff
    | StartFlow
    | StopFlow
)


def ends_turn(action: Action) -> bool:
    """Whether what follows must see what the action gave: the run goes on in a turn of its own, due at once."""
    return isinstance(action, TakeCoupon) or (isinstance(action, CallWebhook) and action.wait)
