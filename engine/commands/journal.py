"""`posthouse journal`: what happened, of every kind, the newest first."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, ask, make_app, print_more
from engine.control.protocol.journal import Happenings
from engine.control.protocol.wire import pretty

app = make_app("What happened, of every kind, the newest first.")


@app.command()
def journal(
    kind: Annotated[
        str, typer.Option(help="Only this: delivered, cart.updated, operator; or the beginning of it.")
    ] = "",
    person: Annotated[str, typer.Option(help="Only about the person with this address.")] = "",
    text: Annotated[str, typer.Option(help="Only with these words.")] = "",
    after: Annotated[str, typer.Option(help="Go on where the page before ended.")] = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, max=500)] = 100,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Events, attempts, steps of flows, consent, suppressions, and what operators did."""
    asked: dict[str, str | int] = {"kind": kind, "person": person, "q": text, "after": after, "limit": limit}
    found = ask(socket, lambda control: control.get(Happenings, "/v1/journal", asked))
    if as_json:
        print(pretty(found))
        return
    print_rows(found)
    print_more(found.after)
    if not found.rows and not found.after:
        print("nothing that fits" if kind or person or text else "nothing has happened yet")


def print_rows(found: Happenings) -> None:
    """A line for each."""
    from mta.ports import from_ms

    for row in found.rows:
        print(f"{from_ms(row.at_ms):%Y-%m-%d %H:%M:%S}  {row.kind:<20}  {row.text}")
