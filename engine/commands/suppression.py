"""`posthouse suppression`: who is not written to, and why; and lifting it, with a name and a reason."""

import json
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, who
from engine.control.client import Control
from engine.control.protocol.bounces import SuppressionPage, SuppressionRow

PAGE: Final = 500

app = make_app("Who is not written to, and why.")


@app.command("list")
def list_suppressed(
    reason: Annotated[str, typer.Option(help="Only those suppressed for this reason.")] = "",
    find: Annotated[str, typer.Option(help="Only where the address or the evidence has this.")] = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 1000,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The suppressed addresses, newest first. A hash stands for somebody who was erased."""
    found = ask(socket, lambda control: _page(control, {"reason": reason, "q": find}, limit))
    if as_json:
        print(json.dumps([_told(each) for each in found], ensure_ascii=False, indent=2))
        return
    for each in found:
        reach = f"list {each.list}" if each.list else each.scope
        end = f" until {_time(each.until_ms)[:16]}" if each.until_ms else ""
        at = _time(each.at_ms)[:16]
        print(f"{each.address:<40} {each.reason:<12} {reach:<12} {at}{end} {each.source}: {each.evidence}".rstrip(": "))


def _page(control: Control, params: dict[str, str | int], limit: int) -> list[SuppressionRow]:
    """So many, page by page: the daemon looks at so many rows for one question, and a filter may match few of them."""
    rows: list[SuppressionRow] = []
    after = ""
    while True:
        asked = {**params, "limit": min(limit - len(rows), PAGE), "after": after}
        found = control.get(SuppressionPage, "/v1/suppression", asked)
        rows += found.rows
        after = found.after
        if not after or len(rows) >= limit:
            return rows


def _told(row: SuppressionRow) -> dict[str, str | None]:
    return {
        "address": row.address, "reason": row.reason, "scope": row.scope, "list": row.list, "source": row.source,
        "at": _time(row.at_ms), "until": _time(row.until_ms) if row.until_ms else None, "evidence": row.evidence,
        "lift": row.lift,
    }  # fmt: skip


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


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
    reason: Annotated[str, typer.Option(help="Only what this reason stopped, whatever the list.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let mail go to an address again."""
    only = {"only": {"reason": reason}} if reason else {}
    act(socket, "suppression/lift", {"address": address, "by": who(), "why": why, **only}, as_json)
