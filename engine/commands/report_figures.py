"""`posthouse report flow|campaign|list|domain`: what came of their mail."""

import csv
import json
import sys
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from engine.commands.common import Json, Socket, ask, refuse
from engine.control.client import part
from engine.control.protocol.reports import ArmRow, FiguresRow, LiftRow, ReportAnswer
from engine.control.protocol.wire import encode

Since = Annotated[str, typer.Option(help='The first day, or how long ago it was: "2026-03-31", "90 days".')]
Window = Annotated[str, typer.Option(help="How long after a mail an order or a farewell is its doing.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print a table for other programs, a group a line, all of them last.")]
Name = Annotated[str, typer.Argument(help="Its name.")]

_SHOWN: Final = (
    "sent", "delivered", "bounced", "opened", "machines", "clicked", "replied", "unsubscribed", "complained", "orders",
)  # fmt: skip


def flow(
    name: Name, since: Since = "30 days", window: Window = "7 days", as_csv: Csv = False, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """By step; who entered, and the lift against who was held out."""
    _report("flow", name, since, window, as_csv, as_json, socket)


def campaign(
    name: Name, since: Since = "30 days", window: Window = "7 days", as_csv: Csv = False, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """By variant."""
    _report("campaign", name, since, window, as_csv, as_json, socket)


def of_list(
    name: Name, since: Since = "30 days", window: Window = "7 days", as_csv: Csv = False, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """By who wrote; how the list grew, by source."""
    _report("list", name, since, window, as_csv, as_json, socket)


def domain(
    name: Name, since: Since = "30 days", window: Window = "7 days", as_csv: Csv = False, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Mail to a recipient domain, by who wrote it."""
    _report("domain", name, since, window, as_csv, as_json, socket)


def _report(kind: str, name: str, since: str, window: str, as_csv: bool, as_json: bool, socket: Socket) -> None:
    if as_csv and as_json:
        refuse("--csv and --json exclude each other", code=2)
    words: dict[str, str | int] = {"since": since, "window": window}
    found = ask(socket, lambda control: control.get(ReportAnswer, f"/v1/reports/{kind}/{part(name)}", words))
    if as_json:
        print(json.dumps(json.loads(encode(found)), indent=2, ensure_ascii=False))
    elif as_csv:
        _print_csv(found)
    else:
        _print(found)


def _print_csv(found: ReportAnswer) -> None:
    counts = [each.name for each in fields(FiguresRow) if each.name not in ("group", "revenue")]
    currencies = sorted({each for row in found.rows for each in row.revenue})
    out = csv.writer(sys.stdout)
    out.writerow([found.kind, "group", *counts, *(f"revenue {each}".strip() for each in currencies)])
    for row in found.rows:
        figures = [getattr(row, each) for each in counts]
        out.writerow(
            [
                _cell(found.name),
                _cell(row.group or "all"),
                *figures,
                *(row.revenue.get(each, "0.00") for each in currencies),
            ]
        )


def _cell(text: str) -> str:
    """Nothing that a spreadsheet would run."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _print(found: ReportAnswer) -> None:
    print(f"{found.kind} {found.name} since {datetime.fromtimestamp(found.since_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC")
    if found.entered is not None:
        print(f"entered {found.entered:,}")
    width = max(5, *(len(row.group) for row in found.rows))
    print(" " * width, *(f"{each:>12}" for each in _SHOWN))
    for row in found.rows:
        revenue = ", ".join(f"{amount} {currency}".strip() for currency, amount in row.revenue.items())
        print(
            f"{row.group or 'all':<{width}}", *(f"{getattr(row, each):>12,}" for each in _SHOWN), f" {revenue}".rstrip()
        )
    for lift in found.lift:
        _print_lift(lift)
    if found.on_it is not None:
        print(f"on it now {found.on_it:,}")
    for each in found.growth:
        print(f"{each.word:<24} asked {each.asked:,}, confirmed {each.confirmed:,}, left {each.ended:,}")


def _print_lift(lift: LiftRow) -> None:
    print(f"{lift.goal}: {_arm(lift.entered)} of those who entered, {_arm(lift.held_out)} of those held out")
    if lift.difference is None or lift.low is None or lift.high is None:
        print("lift: nobody to compare with")
        return
    sure = "; it may be nothing" if lift.low <= 0 <= lift.high else ""
    print(f"lift: {lift.difference:+.2%} ({lift.low:+.2%} to {lift.high:+.2%} at 95 %){sure}")


def _arm(arm: ArmRow) -> str:
    if arm.share is None:
        return "0 of 0"
    return f"{arm.reached:,} of {arm.people:,} ({arm.share:.2%}, {arm.low:.2%} to {arm.high:.2%})"
