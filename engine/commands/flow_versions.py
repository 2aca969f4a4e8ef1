"""`posthouse flow people`, `diff` and `return`: who stands where, and the way from one version to another."""

from difflib import unified_diff
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, print_more, refuse, who
from engine.commands.flow_files import Leave, Mapped, Name, mapping, moment, show_json
from engine.control.client import Control, part
from engine.control.protocol.flows import FlowPeople, FlowText

Version = Annotated[str, typer.Argument(help="A version's hash, or how it begins.")]
PAGE = 500


def people(
    name: Name,
    step: Annotated[str, typer.Argument(help="Only those who stand at this step.")] = "",
    q: Annotated[str, typer.Option("--q", help="With this in address, the run's key or its trouble.")] = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, max=PAGE)] = 100,
    after: Annotated[str, typer.Option(help="Go on where the answer before ended, as it said.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Who is under way in a flow: at which step, since when, until when."""
    words: dict[str, str | int] = {"step": step, "q": q, "limit": limit, "after": after}
    found = ask(socket, lambda control: control.get(FlowPeople, f"/v1/flows/{part(name)}/people", words))
    if as_json:
        return show_json(found)
    for row in found.rows:
        due = f"until {moment(row.due_ms)}" if row.due_ms is not None else "until somebody acts"
        trouble = f"  {row.trouble}" if row.trouble else ""
        print(f"{row.address:<36} {row.step or 'the end':<24} since {moment(row.since_ms)}  {due}{trouble}")
    print_more(found.after)
    return None


def diff(
    name: Name,
    old: Version,
    new: Annotated[str, typer.Argument(help="Another version; the active one without it.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """What changed in a flow's text from one version to another."""

    def question(control: Control) -> tuple[FlowText, FlowText]:
        return _text(control, name, old), _text(control, name, new)

    before, after = ask(socket, question)
    lines = list(
        unified_diff(
            before.source.splitlines(), after.source.splitlines(), before.version[:12], after.version[:12], lineterm=""
        )
    )
    if as_json:
        return show_json({"flow": name, "old": before.version, "new": after.version, "lines": lines})
    print("\n".join(lines) if lines else f"{before.version[:12]} and {after.version[:12]} say the same")
    return None


def _text(control: Control, name: str, version: str) -> FlowText:
    words: dict[str, str | int] = {"version": version} if version else {}
    return control.get(FlowText, f"/v1/flows/{part(name)}/text", words)


def give_back(
    name: Name,
    version: Version,
    mapped: Mapped = None,
    move: Annotated[bool, typer.Option("--move", help="Move whoever is under way, as `apply --move` does.")] = False,
    leave: Leave = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Make an older version the active one again."""
    if (mapped or leave) and not move:
        refuse("--map and --leave say where people under way go", "say --move too, or leave them out", code=2)
    body = {"flow": name, "version": version, "map": mapping(mapped), "move": move, "leave": leave, "by": who()}
    act(socket, "flows/return", body, as_json)
