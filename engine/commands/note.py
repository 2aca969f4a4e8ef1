"""`posthouse note`: something for whoever looks at the journal later."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, make_app, who

app = make_app("A note in the journal of acts.")


@app.command()
def note(
    text: Annotated[str, typer.Argument(help="What to write down.")],
    about: Annotated[str, typer.Option(help="An address, a list, a flow, a campaign, a site or a domain.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Write something into the journal, with your name and the time; `posthouse acts` shows it."""
    body = {"text": text, "by": who(), **({"about": about} if about else {})}
    act(socket, "note", body, as_json)
