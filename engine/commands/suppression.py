"""`posthouse suppression`: who is not written to, and why; and lifting it, with a name and a reason."""

import json
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, Socket, act, config, database, make_app, who

app = make_app("Who is not written to, and why.")


@app.command("list")
def list_suppressed(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The suppressed addresses, newest first."""
    rows = database(config(config_path)).read_now(
        lambda tx: tx.query("SELECT key, reason, scope, evidence FROM suppression ORDER BY at_ms DESC LIMIT 1000")
    )
    if as_json:
        print(
            json.dumps(
                [dict(zip(("address", "reason", "scope", "evidence"), row, strict=True)) for row in rows], indent=2
            )
        )
        return
    for address, reason, scope, evidence in rows:
        print(f"{address:<40} {reason:<12} {scope:<10} {evidence}")


@app.command()
def lift(
    address: Annotated[str, typer.Argument(help="The address to write to again.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let mail go to an address again."""
    act(socket, "suppression/lift", {"address": address, "by": who(), "why": why}, as_json)
