"""What can be done to flows, as intents, each with the command that does the same. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Final

from tui.verbs import Field, Intent, Ladder

_FILE: Final = "posthouse flow draft show {name} > {name}.yaml && posthouse flow {verb} {name}.yaml"


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that may be applied. `name`: of the draft that it is kept as; "" of none."""

    flow: str
    source: str
    name: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    leaves: bool = False


def turned(flow: str, state: str) -> Intent:
    """Pause a flow that is active, let any other go on."""
    if state == "active":
        return Intent(
            f"Pause {flow}", "flows/state", {"flow": flow, "state": "paused"}, f"posthouse flow pause {quote(flow)}"
        )
    return Intent(
        f"Let {flow} go on", "flows/state", {"flow": flow, "state": "active"}, f"posthouse flow resume {quote(flow)}"
    )


def archived(flow: str) -> Intent:
    """Nobody enters any more."""
    body = {"flow": flow, "state": "archived"}
    return Intent(
        f"Archive {flow}", "flows/state", body, f"posthouse flow archive {quote(flow)}", Ladder.DRY_RUN
    )  # fmt: skip


def started(flow: str) -> Intent:
    """Let somebody in by hand."""
    fields = (Field("address", "Address", hint="of a contact that is known", required=True),)
    command = f"posthouse flow start {quote(flow)} {{address}}"
    return Intent(f"Start {flow} for somebody", "flows/start", {"flow": flow}, command, fields=fields)


def applied(draft: Draft, *, move: bool) -> Intent:
    """Make a text the active version; with `move`, whoever is under way goes to it."""
    body: dict[str, object] = {"source": draft.source, "file": f"{draft.flow}.yaml"}
    if draft.name:
        body["draft"] = draft.name
    words = f"Deploy {draft.flow}" + (" and move whoever is under way" if move else "")
    verb = "apply"
    if move:
        body |= {"move": True, "map": dict(draft.mapping), "leave": draft.leaves}
        verb += " --move" + "".join(f" --map {quote(f'{old}={new}')}" for old, new in draft.mapping.items())
        verb += " --leave" if draft.leaves else ""
    command = _FILE.replace("{name}", draft.name or draft.flow).replace("{verb}", verb)
    return Intent(words, "flows", body, command, Ladder.DRY_RUN)


def given_back(flow: str, version: str, *, move: bool = False) -> Intent:
    """Make an older version the active one again, or move whoever is under way to the active one."""
    body = {"flow": flow, "version": version, "move": move}
    command = f"posthouse flow return {quote(flow)} {version[:12]}" + (" --move" if move else "")
    words = f"Move whoever is under way in {flow} to {version[:12]}" if move else f"Return {flow} to {version[:12]}"
    return Intent(words, "flows/return", body, command, Ladder.DRY_RUN)


def dropped(draft: str) -> Intent:
    """Forget a draft."""
    return Intent(
        f"Drop the draft {draft}", "flows/draft/drop", {"name": draft}, f"posthouse flow draft drop {quote(draft)}"
    )  # fmt: skip


def cancelled(trial: int) -> Intent:
    """End a trial that is under way."""
    return Intent(
        f"Cancel trial {trial}", "flows/trial/cancel", {"id": trial}, f"posthouse flow trial cancel {trial}"
    )  # fmt: skip
