"""`posthouse lab`: move the lab's clock. Refused where the configuration is no lab."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, make_app

app = make_app("The lab: its clock.")


@app.callback()
def lab() -> None:
    """Only where lab.enabled is set: there no mail leaves the machine."""


@app.command()
def advance(
    by: Annotated[str, typer.Argument(help="How far: 2h, 3 days, 90s.")], socket: Socket = None, as_json: Json = False
) -> None:
    """Move the clock forward; every timer is set anew."""
    act(socket, "lab/advance", {"by": by}, as_json)
