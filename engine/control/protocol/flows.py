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
    """One way on from a step: how many took it, altogether and in the last hour."""

    label: str  # then, else
    nodes: tuple["FlowNode", ...] = ()
    passed: int = 0
    hour: int = 0


@dataclass(frozen=True, slots=True)
class FlowNode:
    """One step of a flow, as drawn: its counts are of all runs that came to a step of this id, in whatever version."""

    id: str
    kind: str  # trigger, wait, if, send, exit, end
    label: str  # "cart.updated", "1 h", "contact.orders.count == 0", "cart-reminder"
    waiting: int = 0
    passed: int = 0
    branches: tuple[FlowBranch, ...] = ()
    came: int = 0  # who came to it: those that passed, and those that stand there
    hour: int = 0  # of `passed`, in the last hour
    since_ms: int | None = None  # when the one who stands there longest came
    stuck: int = 0  # who can't go on by themselves, or should have gone on long ago
    is_bottleneck: bool = False
    to: str = ""  # of a jump: the step that it goes back to
    mark: str = ""  # of a draft, beside the version that is active: + new, - gone, ~ changed, > elsewhere
    was: str = ""  # what a changed step was
    lands: int = 0  # how many under way would stand before it


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
    elsewhere: dict[str, int] = field(default_factory=dict)  # who stands at steps that only older versions have
    bottleneck: str = ""  # why the step that is marked so is
    is_counting: bool = False  # who stands where is being found out: ask again


@dataclass(frozen=True, slots=True)
class FlowPerson:
    """Somebody under way. `step` is the one they stand at; `before`, where it differs, the one that is next."""

    address: str
    step: str
    before: str
    since_ms: int
    due_ms: int | None
    run: int
    run_key: str = ""
    version: str = ""
    trouble: str = ""  # what somebody must mend
    is_stuck: bool = False


@dataclass(frozen=True, slots=True)
class FlowPeople:
    """A page of who is under way in a flow, or at one step of it. A page may be shorter than its limit and still have an
    `after`: the next begins there."""

    now_ms: int
    name: str
    step: str
    rows: tuple[FlowPerson, ...] = ()
    after: str = ""


@dataclass(frozen=True, slots=True)
class FlowFault:
    """Something wrong in a flow's text: where (from 1), at which key, what, and how to mend it."""

    line: int
    column: int
    key: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Landing:
    """How many people, before this step of an older version, go where: `fate` is moves, stays or leaves."""

    version: str
    step: str
    people: int
    fate: str
    to: str = ""
    why: str = ""
    keeps_wait: bool = False


@dataclass(frozen=True, slots=True)
class DraftPicture:
    """A text over the flow that runs: what it changes, and where everybody under way would land."""

    picture: FlowPicture
    changed: tuple[str, ...] = ()  # above the steps, a line each
    landings: tuple[Landing, ...] = ()
    under_way: int = 0
    steps: tuple[str, ...] = ()  # of the text, in the order they are written


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A text that is not applied yet. `base`: the version it began from; `revision` goes up with every save."""

    name: str
    title: str
    operator: str
    at_ms: int
    revision: int
    base: str = ""
    origin: str = ""  # flow NAME, recipe NAME, ""
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Drafts:
    now_ms: int
    rows: tuple[DraftRow, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftText:
    """A draft, whole."""

    now_ms: int
    name: str
    source: str
    operator: str
    at_ms: int
    revision: int
    base: str = ""
    origin: str = ""
    faults: tuple[FlowFault, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipeRow:
    """A flow that is ready to be taken up."""

    name: str
    title: str
    about: str
    stream: str
    trigger: str
    mails: tuple[str, ...] = ()
    is_applied: bool = False  # a flow of this name is there


@dataclass(frozen=True, slots=True)
class Recipes:
    now_ms: int
    rows: tuple[RecipeRow, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipeText:
    """A recipe's file, with a picture of it."""

    now_ms: int
    name: str
    source: str
    picture: FlowPicture


@dataclass(frozen=True, slots=True)
class Trial:
    """A flow that is played over the past. `state`: running, done, failed, cancelled."""

    now_ms: int
    id: int
    flow: str
    version: str
    since: str
    state: str
    operator: str = ""
    done: int = 0  # events
    of: int = 0
    lines: tuple[str, ...] = ()  # the report
    trouble: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trials:
    now_ms: int
    rows: tuple[Trial, ...] = ()  # without lines and figures


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
    """What a flow file may name: mails, lists, segments, flows, pools of coupons, fields of contacts, whom it may notify, and
    the private networks that its webhooks may call."""

    now_ms: int
    templates: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
    permits: tuple[str, ...] = ()
