"""What the daemon says of flows: their figures and their pictures."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FlowRow:
    name: str
    title: str
    state: str  # active, paused, archived
    stream: str
    waiting: int = 0
    completed: int = 0
    goals: int = 0
    mails: int = 0


@dataclass(frozen=True, slots=True)
class FlowBranch:
    label: str  # then, else
    nodes: tuple["FlowNode", ...] = ()


@dataclass(frozen=True, slots=True)
class FlowNode:
    """One step of a flow, as drawn: its counts are of all enrolments of the active version."""

    id: str
    kind: str  # trigger, wait, if, send, exit, end
    label: str  # "cart.updated", "1 h", "contact.orders.count == 0", "cart-reminder"
    waiting: int = 0
    passed: int = 0
    branches: tuple[FlowBranch, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowPicture:
    now_ms: int
    name: str
    title: str
    about: str
    state: str
    stream: str
    version: str
    goal: str = ""
    nodes: tuple[FlowNode, ...] = ()
    ended: dict[str, int] = field(default_factory=dict)  # completed, goal, exit, failed


@dataclass(frozen=True, slots=True)
class Flows:
    now_ms: int
    rows: tuple[FlowRow, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowChangeRow:
    """Something that was done to a flow: applied, paused, resumed, archived, moved or ended."""

    at_ms: int
    what: str
    operator: str
    version: str  # the hash of the flow's version then
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlowHistory:
    """What was done to a flow, the newest first."""

    now_ms: int
    name: str
    state: str
    rows: tuple[FlowChangeRow, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowText:
    """One version of a flow, as it was applied first, by whom and when."""

    now_ms: int
    name: str
    version: str
    source: str
    is_active: bool
    applied_ms: int
    operator: str = ""
    waiting: int = 0  # runs under way on it


@dataclass(frozen=True, slots=True)
class Names:
    """What a flow file may name: mails, lists, segments, flows, pools of coupons, fields of contacts, and whom it may
    notify."""

    now_ms: int
    templates: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
