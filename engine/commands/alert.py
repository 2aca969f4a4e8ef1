"""`posthouse alert`: what needs a person, and who has seen it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, who
from engine.control.protocol.house import Overview

app = make_app("What needs a person, and who has seen it.")
Alert = Annotated[str, typer.Argument(help="Its words, or its key, as the list shows them.")]


@app.command("list")
def list_(socket: Socket = None, as_json: Json = False) -> None:
    """What stands now, what nobody has seen first."""
    found = ask(socket, lambda control: control.get(Overview, "/v1/overview"))
    if as_json:
        print(json.dumps([asdict(each) for each in found.alerts], ensure_ascii=False))
        return
    for each in found.alerts:
        print(f"{each.glyph} {each.text}" + (f"  (seen by {each.seen_by})" if each.seen_by else ""))
    if not found.alerts:
        print("nothing needs you")


@app.command()
def acknowledge(alert: Alert, socket: Socket = None, as_json: Json = False) -> None:
    """Say that you have seen it; the others see that you have."""
    act(socket, "alerts/acknowledge", {"by": who(), "alert": alert}, as_json)


@app.command()
def unacknowledge(alert: Alert, socket: Socket = None, as_json: Json = False) -> None:
    """Let it be news again."""
    act(socket, "alerts/unacknowledge", {"by": who(), "alert": alert}, as_json)
