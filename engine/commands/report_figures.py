"""`posthouse report flow|campaign|list|domain`: what came of their mail."""

import csv
import sys
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from engine.commands.common import Json, Socket, ask, refuse
from engine.control.client import part
from engine.control.protocol.reports import ArmRow, FiguresRow, LiftRow, ReportAnswer
from engine.control.protocol.wire import pretty

Since = Annotated[str, typer.Option(help='The first day, or how long ago it was: "2026-03-31", "90 days".')]
Window = Annotated[str, typer.Option(help="How long after a mail an order or a farewell is its doing.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print a table for other programs, a group a line, all of them last.")]
Name = Annotated[str, typer.Argument(help="Its name.")]

_SHOWN: Final = (
    "sent", "delivered", "waiting", "bounced", "expired", "cancelled", "held", "refused", "left_out", "opened", "machines",
    "clicked", "replied", "unsubscribed", "complained", "orders",
)  # fmt: skip
_ALWAYS: Final = frozenset({"sent", "delivered", "opened", "clicked", "orders"})


def flow(
    name: Name, since: Since = "30 days", window: Window = "7 days", as_csv: Csv = False, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """By step, with what was held and refused and why; who entered, and the lift against who was held out."""
    _report("flow", name, since, window, as_csv, as_json, socket)


def campaign(
    name: Name, since: Since = "30 days", window: Window = "7 days", as_csv: Csv = False, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """By variant; the lift against who was held out."""
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
    show(found, as_csv=as_csv, as_json=as_json)


def show(found: ReportAnswer, *, as_csv: bool = False, as_json: bool = False) -> None:
    """Print a report."""
    if as_json:
        print(pretty(found))
    elif as_csv:
        _print_csv(found)
    else:
        _print(found)


def _print_csv(found: ReportAnswer) -> None:
    """A group a line, and what is of none of them (who entered, lift, growth) in the line of all."""
    counts = [each.name for each in fields(FiguresRow) if each.name not in ("group", "revenue")]
    currencies = sorted({each for row in found.rows for each in row.revenue})
    reasons = sorted({(each.what, each.reason) for each in found.reasons})
    mails = {(each.group, each.what, each.reason): each.mails for each in found.reasons}
    whole = _of_all(found)
    out = csv.writer(sys.stdout)
    names = [*counts, *(f"revenue {each}".strip() for each in currencies), *(": ".join(each) for each in reasons)]
    out.writerow([found.kind, "group", *names, *whole])
    for row in found.rows:
        figures = [getattr(row, each) for each in counts]
        money = [row.revenue.get(each, "0.00") for each in currencies]
        why = [mails.get((row.group, *each), 0) for each in reasons]
        more = list(whole.values()) if not row.group else [""] * len(whole)
        out.writerow([_cell(found.name), _cell(row.group or "all"), *figures, *money, *why, *more])


def _of_all(found: ReportAnswer) -> dict[str, object]:
    """Further columns, by name."""
    more: dict[str, object] = {} if found.entered is None else {"entered": found.entered}
    for lift in found.lift:
        arms = (("in it", lift.entered), ("held out", lift.held_out))
        more["goal"] = lift.goal
        more |= {f"{word} {what}": getattr(arm, what) for word, arm in arms for what in ("people", "reached")}
        more |= {"lift": lift.difference, "lift low": lift.low, "lift high": lift.high}
    if found.on_it is not None:
        more["on it"] = found.on_it
    for each in found.growth:
        more |= {f"{what}: {_cell(each.word)}": getattr(each, what) for what in ("asked", "confirmed", "ended")}
    return more


def _cell(text: str) -> str:
    """Nothing that a spreadsheet would run."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _print(found: ReportAnswer) -> None:
    print(f"{found.kind} {found.name} since {datetime.fromtimestamp(found.since_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC")
    if found.entered is not None:
        print(f"entered {found.entered:,}")
    _print_table(found)
    _print_reasons(found)
    for lift in found.lift:
        _print_lift(lift, found.kind)
    if found.on_it is not None:
        print(f"on it now {found.on_it:,}")
    for each in found.growth:
        print(f"{each.word:<24} asked {each.asked:,}, confirmed {each.confirmed:,}, left {each.ended:,}")


def _print_table(found: ReportAnswer) -> None:
    """The figures, without those that are nothing for all."""
    whole = found.rows[-1]
    names = [each for each in _SHOWN if each in _ALWAYS or getattr(whole, each)]
    table = [[each.replace("_", " ") for each in names]]
    table += [[f"{getattr(row, each):,}" for each in names] for row in found.rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    groups = ["", *(row.group or "all" for row in found.rows)]
    revenues = ["", *(_money(row) for row in found.rows)]
    for group, cells, revenue in zip(groups, table, revenues, strict=True):
        figures = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"{group:<{max(map(len, groups))}}  {figures}  {revenue}".rstrip())


def _money(row: FiguresRow) -> str:
    return ", ".join(f"{amount} {currency}".strip() for currency, amount in row.revenue.items())


def _print_reasons(found: ReportAnswer) -> None:
    """Why mails were held, refused and left out, the most frequent reason first, with the groups where there are several."""
    for each in (row for row in found.reasons if not row.group):
        same = [row for row in found.reasons if row.group and (row.what, row.reason) == (each.what, each.reason)]
        told = f"  ({', '.join(f'{row.group} {row.mails:,}' for row in same)})" if len(same) > 1 else ""
        print(f"{each.what:<9} {each.mails:>9,}  {each.reason}{told}")


def _print_lift(lift: LiftRow, kind: str) -> None:
    if not lift.held_out.people and kind == "campaign":
        return  # it has no holdout
    did = "who entered" if kind == "flow" else "whom it was written to"
    print(f"{lift.goal}: {_arm(lift.entered)} of those {did},")
    print(f"{'':>{len(lift.goal)}}  {_arm(lift.held_out)} of those held out")
    if lift.difference is None or lift.low is None or lift.high is None:
        print("lift: nobody to compare with")
        return
    sure = "; it may be nothing" if lift.low <= 0 <= lift.high else ""
    print(f"lift: {lift.difference:+.2%} ({lift.low:+.2%} to {lift.high:+.2%} at 95 %){sure}")


def _arm(arm: ArmRow) -> str:
    if arm.share is None:
        return "0 of 0"
    return f"{arm.reached:,} of {arm.people:,} ({arm.share:.2%}, {arm.low:.2%} to {arm.high:.2%})"
