"""`posthouse event`: tell Posthouse that something happened."""

import json
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, make_app, refuse

app = make_app("Tell Posthouse that something happened.")


@app.command()
def event(
    name: Annotated[str, typer.Argument(help="Such as cart.updated or order.placed.")],
    address: Annotated[str, typer.Option(help="To whom it happened.")] = "",
    data: Annotated[str, typer.Option(help="Its data, a JSON object.")] = "{}",
    key: Annotated[str, typer.Option(help="What it is about, where the data does not tell: the order, the cart.")] = "",
    idempotency_key: Annotated[str, typer.Option(help="A second event with the same key changes nothing.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Take an event in; flows that wait for it go on."""
    try:
        parsed = json.loads(data)
    except ValueError as err:
        refuse(f"--data is no JSON: {err}", "such as --data '{\"total\": 42}'", code=2)
    body = {"name": name, "address": address, "data": parsed, "key": key, "idempotency_key": idempotency_key}
    act(socket, "events", body, as_json)
