"""`posthouse queue`: what waits, by site and by message; retry a site, cancel deliveries."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, who
from engine.control.protocol import Doubts, Messages, Queue, encode

app = make_app("What waits, and why.")


@app.callback(invoke_without_command=True)
def sites(context: typer.Context, socket: Socket = None, as_json: Json = False) -> None:
    """The queue by site, those in trouble first."""
    if context.invoked_subcommand is not None:
        return
    queue = ask(socket, lambda control: control.get(Queue, "/v1/queue"))
    if as_json:
        print(json.dumps(json.loads(encode(queue)), indent=2, ensure_ascii=False))
        return
    print(f"{'site':<40} {'queued':>8} {'flying':>7} {'doubt':>6} {'held':>6}  last reply")
    for row in queue.sites:
        print(f"{row.site:<40} {row.queued:>8} {row.in_flight:>7} {row.in_doubt:>6} {row.held:>6}  {row.last_reply}")


@app.command()
def messages(
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    state: Annotated[str, typer.Option(help="Only this state; all that have no end yet otherwise.")] = "",
    find: Annotated[str, typer.Option(help="Only where the address or the subject has this.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Deliveries, newest first."""
    params: dict[str, str | int] = {"site": site, "state": state, "q": find, "limit": limit}
    found = ask(socket, lambda control: control.get(Messages, "/v1/messages", params))
    if as_json:
        print(json.dumps(json.loads(encode(found)), indent=2, ensure_ascii=False))
        return
    print(f"{'delivery':>9} {'message':>8} {'state':<10} {'to':<36} {'subject':<30} last reply")
    for row in found.rows:
        print(
            f"{row.delivery_id:>9} {row.message_id:>8} {row.state:<10} {row.forward_path:<36} {row.subject:<30.30}"
            f" {row.last_reply}"
        )
    print(f"{len(found.rows)} of {found.total}")


@app.command()
def doubts(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not settled yet.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The crash ledger, newest first: when an answer to a final dot was lost, and how that was settled."""
    params: dict[str, str | int] = {"open": int(only_open), "limit": limit}
    found = ask(socket, lambda control: control.get(Doubts, "/v1/doubts", params))
    if as_json:
        print(json.dumps(json.loads(encode(found)), indent=2, ensure_ascii=False))
        return
    print(f"{'when (UTC)':<19} {'delivery':>9} {'message':>8} {'to':<36} {'why':<11} {'settled':<17} now")
    for row in found.rows:
        at = datetime.fromtimestamp(row.at_ms // 1000, UTC)
        print(
            f"{at:%Y-%m-%d %H:%M:%S} {row.delivery_id:>9} {row.message_id:>8} {row.forward_path:<36} {row.why:<11}"
            f" {row.settled or 'not yet':<17} {row.state}"
        )
    counted = {**found.by_cause, **found.by_end}
    parts = ", ".join(f"{count} {what}" for what, count in counted.items())
    print(f"{found.total} on record, {found.open} open" + (f": {parts}" if parts else ""))


@app.command()
def retry(
    site: Annotated[str, typer.Argument(help="A site, or a domain.")], socket: Socket = None, as_json: Json = False
) -> None:
    """Try a site now, whatever its back-off."""
    act(socket, "queue/retry", {"site": site}, as_json)


@app.command()
def hold(
    deliveries: Annotated[list[int], typer.Argument(help="Numbers of deliveries.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Keep deliveries back until they are released."""
    act(socket, "queue/hold", {"deliveries": deliveries}, as_json)


@app.command()
def release(
    deliveries: Annotated[list[int], typer.Argument(help="Numbers of deliveries.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let held deliveries go, those in doubt too: they are sent (again) at once."""
    act(socket, "queue/release", {"deliveries": deliveries}, as_json)


@app.command()
def cancel(
    deliveries: Annotated[list[int], typer.Argument(help="Numbers of deliveries.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept with your name.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """End deliveries that have not begun."""
    act(socket, "queue/cancel", {"deliveries": deliveries, "by": who(), "why": why}, as_json)
