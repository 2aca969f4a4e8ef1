"""`posthouse fence`: whether a restored or copied database is kept from sending, and letting it send."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, who
from engine.control.protocol.house import Overview

app = make_app("The fence that keeps a restored backup, or a copy, from sending.")


@app.command()
def show(socket: Socket = None) -> None:
    """Whether a fence stands, since the database is not the one that this machine ran on last."""
    found = ask(socket, lambda control: control.get(Overview, "/v1/overview"))
    standing = [each.text.removeprefix("fence: ") for each in found.alerts if each.text.startswith("fence: ")]
    print(standing[0] if standing else "no fence stands")


@app.command()
def lift(
    why: Annotated[str, typer.Option("--why", help="Kept in the log.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let mail go again: the queue, flows and campaigns go on from where this database has them.

    Look first: `posthouse queue`, `posthouse campaign list`. What left after the backup was made leaves again, unless you
    cancel it; a campaign that was under way asks, once it is late by more than its file allows.
    """
    act(socket, "fence/lift", {"by": who(), "why": why}, as_json)
