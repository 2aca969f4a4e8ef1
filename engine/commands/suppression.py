"""`posthouse suppression`: who is not written to, and why; and lifting it, with a name and a reason."""

import json
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, Socket, act, config, database, make_app, who

app = make_app("Who is not written to, and why.")


@app.command("list")
def list_suppressed(
    reason: Annotated[str, typer.Option(help="Only those suppressed for this reason.")] = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 1000,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """The suppressed addresses, newest first. A hash stands for somebody who was erased."""
    from mta.ports import from_ms

    where, params = ("WHERE s.reason = ?", (reason, limit)) if reason else ("", (limit,))
    rows = database(config(config_path)).read_now(
        lambda tx: tx.query(
            "SELECT s.key, s.reason, s.scope, COALESCE(l.name, ''), s.source, s.at_ms, s.expires_ms, s.evidence"
            f" FROM suppression s LEFT JOIN list l ON l.id = s.list_id {where} ORDER BY s.at_ms DESC LIMIT ?",
            params,
        )
    )
    names = ("address", "reason", "scope", "list", "source", "at", "until", "evidence")
    said = [(*row[:5], from_ms(row[5]).isoformat(), row[6] and from_ms(row[6]).isoformat(), row[7]) for row in rows]
    if as_json:
        print(json.dumps([dict(zip(names, each, strict=True)) for each in said], ensure_ascii=False, indent=2))
        return
    for address, why, scope, name, source, at, until, evidence in said:
        reach = f"list {name}" if name else scope
        end = f" until {until[:16]}" if until else ""
        print(f"{address:<40} {why:<12} {reach:<12} {at[:16]}{end} {source}: {evidence}".rstrip(": "))


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="The address to write to no more.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept.")],
    marketing: Annotated[bool, typer.Option("--marketing", help="Stop marketing only.")] = False,
    mailing_list: Annotated[str, typer.Option("--list", help="Stop this list only.")] = "",
    period: Annotated[str, typer.Option("--for", help="For so long, such as 90 days; for good without it.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Stop mail to an address, at once: also what is queued."""
    body = {"address": address, "by": who(), "why": why, "marketing": marketing, "list": mailing_list, "for": period}
    act(socket, "suppression/add", body, as_json)


@app.command()
def lift(
    address: Annotated[str, typer.Argument(help="The address to write to again.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let mail go to an address again."""
    act(socket, "suppression/lift", {"address": address, "by": who(), "why": why}, as_json)
