"""Every state and kind with its glyph, its word and its ink, in one place.

The glyphs are one cell wide in every terminal tried, and none is an emoji. What the daemon says that is not in these
tables is shown as it is, behind a dot: a newer daemon may know more.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from engine.control.protocol.queue import SiteRow
from tui.format import cells, fit, safe
from tui.ink import Ink, Run


class Mark(NamedTuple):
    glyph: str
    word: str
    ink: Ink

    def run(self, width: int = 0) -> Run:
        text = f"{self.glyph} {self.word}"
        return Run(fit(text, width) if width else text, self.ink)


_DELIVERY: Final[Mapping[str, Mark]] = {
    "queued": Mark("○", "queued", Ink.TEXT),
    "in flight": Mark("►", "in flight", Ink.CALM),
    "at the dot": Mark("◉", "at the dot", Ink.CALM),
    "in doubt": Mark("?", "in doubt", Ink.DOUBT),
    "held": Mark("■", "held", Ink.WAIT),
    "delivered": Mark("✓", "delivered", Ink.GOOD),
    "bounced": Mark("✗", "bounced", Ink.BAD),
    "expired": Mark("✗", "expired", Ink.BAD),
    "cancelled": Mark("–", "cancelled", Ink.DIM),
}

_HAPPENING: Final[Mapping[str, Mark]] = {
    **_DELIVERY,
    "accepted": Mark("+", "accepted", Ink.CALM),
    "failed": Mark("✗", "failed", Ink.BAD),
    "event": Mark("◆", "event", Ink.HORN),
    "event read": Mark("◆", "event read", Ink.HORN),
    "enrolment": Mark("→", "enrolment", Ink.HORN),
    "attempt": Mark("►", "attempt", Ink.CALM),
    "deferred": Mark("↻", "deferred", Ink.WAIT),
    "suppressed": Mark("⊘", "suppressed", Ink.WAIT),
    "confirmed": Mark("✓", "confirmed", Ink.GOOD),
    "unsubscribed": Mark("–", "unsubscribed", Ink.WAIT),
    "goal": Mark("★", "goal", Ink.GOOD),
    "operator": Mark("✎", "operator", Ink.STRONG),
}

_FLOW: Final[Mapping[str, Mark]] = {
    "active": Mark("●", "active", Ink.GOOD),
    "paused": Mark("‖", "paused", Ink.WAIT),
    "archived": Mark("–", "archived", Ink.DIM),
    "draft": Mark("✎", "draft", Ink.HORN),
    "recipe": Mark("§", "recipe", Ink.TEXT),
}

_PLANNED: Final[Mapping[str, Mark]] = {
    "draft": Mark("◌", "draft", Ink.DIM),
    "scheduled": Mark("○", "scheduled", Ink.TEXT),
    "next": Mark("↻", "again", Ink.TEXT),
    "running": Mark("►", "running", Ink.CALM),
    "paused": Mark("‖", "paused", Ink.WAIT),
    "stopped": Mark("■", "stopped", Ink.BAD),
    "recalled": Mark("↩", "recalled", Ink.BAD),
    "done": Mark("✓", "done", Ink.GOOD),
    "flow": Mark("◇", "flow", Ink.HORN),
}

_RECIPIENT: Final[Mapping[str, Mark]] = {
    "waiting": Mark("◔", "waiting", Ink.WAIT),
    "claimed": Mark("►", "claimed", Ink.CALM),
    "recalled": Mark("↩", "recalled", Ink.BAD),
    "excluded": Mark("⊘", "excluded", Ink.DIM),
    "failed": Mark("✗", "failed", Ink.BAD),
}

_STEP: Final[Mapping[str, Mark]] = {
    "trigger": Mark("◆", "trigger", Ink.HORN),
    "wait": Mark("◔", "wait", Ink.WAIT),
    "if": Mark("◇", "if", Ink.DOUBT),
    "switch": Mark("◇", "switch", Ink.DOUBT),
    "split": Mark("◈", "split", Ink.DOUBT),
    "jump": Mark("↺", "jump", Ink.DOUBT),
    "send": Mark("»", "send", Ink.CALM),
    "exit": Mark("■", "exit", Ink.DIM),
    "end": Mark("■", "end", Ink.DIM),
    **{word: Mark("+", word, Ink.TEXT) for word in ("tag", "join", "set", "add", "coupon")},
    **{word: Mark("-", word, Ink.TEXT) for word in ("untag", "leave", "stop")},
    **{word: Mark("→", word, Ink.HORN) for word in ("emit", "webhook", "notify", "start")},
}

_CHANGE: Final[Mapping[str, Mark]] = {
    "+": Mark("+", "new", Ink.GOOD),
    "-": Mark("-", "gone", Ink.BAD),
    "~": Mark("~", "changed", Ink.WAIT),
    ">": Mark(">", "elsewhere", Ink.CALM),
}

ALERTS: Final[Mapping[str, Ink]] = {"!": Ink.BAD, "?": Ink.DOUBT, "i": Ink.CALM}


def delivery(state: str) -> Mark:
    return _known(_DELIVERY, state)


def happening(kind: str, glyph: str = "·") -> Mark:
    """Of the journal and of a message's life; `glyph` is the daemon's own, for what is not in the tables."""
    first, _, rest = kind.partition(" ")
    if first == "flow" and rest:
        return Mark(_known(_STEP, rest, "→").glyph, safe(kind), Ink.HORN)
    if first == "consent":
        return Mark("§", safe(kind), Ink.TEXT)
    if "." in kind:  # an event by its name: order.placed
        return Mark("◆", safe(kind), Ink.HORN)
    return _known({**_STEP, **_HAPPENING}, kind, glyph)


def happening_cells(marks: Iterable[Mark], width: int) -> int:
    """How wide their column is on a page of `width`: as the widest of them, within reason."""
    return min(max((cells(mark.run().text) for mark in marks), default=0), 20, width // 3)


def flow(state: str) -> Mark:
    return _known(_FLOW, state)


def planned(state: str) -> Mark:
    """Of a send on the schedule."""
    return _known(_PLANNED, state)


def recipient(state: str) -> Mark:
    """Of somebody in a campaign's run."""
    return _known({**_DELIVERY, **_RECIPIENT}, state)


def step(kind: str) -> Mark:
    return _known(_STEP, kind)


def change(mark: str) -> Mark:
    """What a draft does to a step."""
    return _known(_CHANGE, mark)


def site(row: SiteRow, now_ms: int) -> Mark:
    """What a site does now; the worst first, since one word must do."""
    if row.in_doubt:
        return _DELIVERY["in doubt"]
    if row.suspended_ms is not None and row.suspended_ms > now_ms:
        return Mark("‖", "suspended", Ink.WAIT)
    if row.retry_ms is not None and row.retry_ms > now_ms:
        return Mark("↻", "back-off", Ink.WAIT)
    if row.held:
        return _DELIVERY["held"]
    if row.in_flight:
        return _DELIVERY["in flight"]
    return _DELIVERY["queued"] if row.queued else Mark("✓", "clear", Ink.GOOD)


def _known(table: Mapping[str, Mark], word: str, glyph: str = "·") -> Mark:
    return table.get(word) or Mark(safe(glyph)[:1] or "·", safe(word), Ink.TEXT)
