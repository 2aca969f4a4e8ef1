"""`posthouse why`: what mail to a site or a domain waits for now, who set that, and when it ends."""

import json
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, ask, make_app
from engine.control.client import part
from engine.control.protocol import Why, encode

app = make_app("What mail waits for, and when that ends.")


@app.command()
def why(
    name: Annotated[str, typer.Argument(help="A site as `posthouse queue` names it, or a domain.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The limit that binds, who set it, and when it frees."""
    found = ask(socket, lambda control: control.get(Why, f"/v1/why/{part(name)}"))
    if as_json:
        print(json.dumps(json.loads(encode(found)), indent=2, ensure_ascii=False))
        return
    print(f"{found.name}: {found.waiting} due" + (f", site {found.site}" if found.site != found.name else ""))
    if not found.limit:
        print("nothing holds it back")
        return
    print(f"held by {found.limit}: {found.text}\nset by  {found.origin}")
    if found.frees_ms is not None:
        print(f"frees   in {max(0, found.frees_ms - found.now_ms) / 1000:.0f} s")
