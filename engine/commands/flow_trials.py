"""`posthouse flow trial`: have the daemon play a flow over the past, in a process of its own."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, who
from engine.commands.flow_files import File, show_json, version_in
from engine.control.protocol.flows import Trial, Trials

Number = Annotated[int, typer.Argument(help="The trial's number.")]

app = make_app("Play flows over the past beside the daemon, as the terminal does; `flow simulate` does it here.")


@app.command()
def start(
    file: File,
    since: Annotated[str, typer.Option(help="Over our own events of so long: 90d, 12 weeks.")] = "90d",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Begin to play a flow file. `posthouse flow trial show` says how far it is, then what came of it."""
    act(socket, "flows/trial", version_in(file) | {"since": since, "by": who()}, as_json)


@app.command("list")
def list_trials(socket: Socket = None, as_json: Json = False) -> None:
    """Those that the daemon remembers, the newest first."""
    found = ask(socket, lambda control: control.get(Trials, "/v1/flow-trials"))
    if as_json:
        return show_json(found)
    for row in found.rows:
        print(f"{row.id:>4}  {row.flow:<28} {row.since:<10} {row.state:<10} {row.trouble}".rstrip())
    return None


@app.command()
def show(number: Number, socket: Socket = None, as_json: Json = False) -> None:
    """How far a trial is, or its report."""
    found = ask(socket, lambda control: control.get(Trial, f"/v1/flow-trials/{number}"))
    if as_json:
        return show_json(found)
    if found.lines:
        print("\n".join(found.lines))
        return None
    done = f", {found.done:,} of {found.of:,} events" if found.of else ""
    print(f"trial {found.id} of {found.flow} is {found.state}{done}" + (f": {found.trouble}" if found.trouble else ""))
    return None


@app.command()
def cancel(number: Number, socket: Socket = None, as_json: Json = False) -> None:
    """End a trial that is under way."""
    act(socket, "flows/trial/cancel", {"id": number, "by": who()}, as_json)
