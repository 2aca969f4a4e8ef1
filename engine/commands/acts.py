"""`posthouse acts`: what operators did, by whom and when, and which of it can be undone."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, ask, make_app, print_more
from engine.control.protocol.journal import ActRow, Acts
from engine.control.protocol.wire import pretty

app = make_app("What operators did, and undoing it.")


@app.command()
def acts(
    by: Annotated[str, typer.Option("--by", help="Only of this user, or in this operator's name.")] = "",
    what: Annotated[str, typer.Option(help="Only this command, or all of a kind: queue, shaping/suspend.")] = "",
    about: Annotated[str, typer.Option(help="Only about this address, list, flow, campaign, site or domain.")] = "",
    text: Annotated[str, typer.Option(help="Only with these words in what was asked for or done.")] = "",
    before: Annotated[int, typer.Option(help="Only older ones than the act with this number.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, max=500)] = 50,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """What was done, the newest first. `posthouse undo NUMBER` undoes what says so."""
    asked: dict[str, str | int] = {"who": by, "what": what, "about": about, "q": text, "limit": limit, "before": before}
    found = ask(socket, lambda control: control.get(Acts, "/v1/acts", asked))
    if as_json:
        print(pretty(found))
        return
    for row in found.rows:
        print(_line(row))
    if not found.rows:
        print("nothing that fits" if by or what or about or text else "nothing was done yet")
    print_more(found.before, "--before")


def _line(row: ActRow) -> str:
    from mta.ports import from_ms

    who = row.user if row.by in ("", row.user) else f"{row.by} ({row.user})"
    end = "can be undone" if row.can_undo else f"undone by {row.undone_by}" if row.undone_by else _STATES[row.state]
    return f"{row.act:>6}  {from_ms(row.at_ms):%Y-%m-%d %H:%M:%S}  {who}  {row.what}: {row.done or row.about}  [{end}]"


_STATES = {
    "done": "stays", "undone": "undone", "under way": "under way", "unknown": "not known whether it was done",
}  # fmt: skip
