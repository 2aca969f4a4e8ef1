"""`posthouse why-not ADDRESS NAME`: why somebody did not get the mail of a flow or a campaign."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from engine.commands.common import Json, Socket, address, ask, make_app
from engine.control.client import part
from engine.control.protocol.reasons import WhyNotAnswer
from engine.control.protocol.wire import pretty

app = make_app("Why somebody did not get the mail of a flow or a campaign.")


@app.command()
def why_not(
    who: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whom it is about.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The flow's or the campaign's name.")],
    campaign: Annotated[bool, typer.Option("--campaign", help="The campaign, where a flow has the same name.")] = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """What became of their runs, what came of the events that could have let them in, and what the arbiter says now: the
    first reason binds. Each with the values of its condition; None is missing."""
    whom = str(address(who))
    words: dict[str, str | int] = {"address": whom}
    if campaign:
        words["kind"] = "campaign"
    found = ask(socket, lambda control: control.get(WhyNotAnswer, f"/v1/why-not/{part(name)}", words))
    if as_json:
        print(pretty(found))
        return
    print(f"{found.address} and the {found.kind} {found.name}:")
    for row in found.reasons:
        print(f"{row.word}: {row.text}")
        if row.until_ms is not None:
            print(f"  until {_time(row.until_ms)}")
        for text, value in row.values.items():
            print(f"  {text} = {_shown(value)}")


def _shown(value: Any) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=False)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
