"""`posthouse message NUMBER`: one message's whole life."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, ask, make_app
from engine.control.protocol.queue import MessageLife
from engine.control.protocol.wire import pretty

app = make_app("One message's whole life.")


@app.command()
def message(
    number: Annotated[int, typer.Argument(help="As in the 250 reply, and on screens.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """From being accepted to its end, in order."""
    life = ask(socket, lambda control: control.get(MessageLife, f"/v1/messages/{number}"))
    if as_json:
        print(pretty(life))
        return
    writer = life.header_from or f"<{life.reverse_path}>"
    print(f"message {life.message_id}: {life.subject}\nfrom {writer} to {', '.join(life.recipients)}")
    for moment in life.moments:
        at = datetime.fromtimestamp(moment.at_ms / 1000, UTC)
        print(f"{at:%Y-%m-%d %H:%M:%S} {moment.glyph} {moment.what:<16} {moment.text}")
