"""`posthouse undo`: undo what you did last, or one act of the journal."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, make_app, who

app = make_app("Undo what you did last, or the act with a number.")


@app.command()
def undo(
    number: Annotated[
        int | None, typer.Argument(help="The act, as `posthouse acts` numbers it; your newest without it.", min=1)
    ] = None,
    why: Annotated[str, typer.Option(help="The reason; it is kept.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Do the opposite of an act, once. What can't be undone says why. Undoing an undo does the act again."""
    body: dict[str, object] = {"by": who()}
    if number is not None:
        body["act"] = number
    if why:
        body["why"] = why
    act(socket, "acts/undo", body, as_json)
