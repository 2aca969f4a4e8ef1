"""`posthouse trace`: a message's whole life in order, each attempt with what was said and the rule that judged it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, ask, make_app
from engine.control.protocol.queue import MessageLife
from engine.control.protocol.wire import pretty

app = make_app("A message's whole life, with every line that was said.")


@app.command()
def trace(
    number: Annotated[int, typer.Argument(help="As in the 250 reply, and on screens.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """From being accepted to its end. Attempts that failed or were slow are told line by line, with seconds since they
    began (for as long as queue.keep_dialogues says); of the others how long each answer took."""
    life = ask(socket, lambda control: control.get(MessageLife, f"/v1/messages/{number}"))
    if as_json:
        print(pretty(life))
        return
    print(f"message {life.message_id}: {life.subject}")
    print(f"{life.stream} {life.origin}, {life.size} octets, from <{life.reverse_path}> ({life.header_from})")
    for row in life.deliveries:
        print(f"delivery {row.delivery_id} to {row.forward_path}: {row.state}, {row.attempts} attempts")
    for moment in life.moments:
        at = datetime.fromtimestamp(moment.at_ms / 1000, UTC)
        print(f"\n{at:%Y-%m-%d %H:%M:%S.%f}"[:24] + f" {moment.glyph} {moment.what:<14} {moment.text}")
        if moment.rule:
            print(f"{'':26}judged by rule {moment.rule}")
        for line in moment.lines:
            print(f"{'':26}{line}")
