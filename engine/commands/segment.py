"""`posthouse segment`: questions about contacts that are kept, with who they hold for."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, print_more, refuse
from engine.commands.files import text_of
from engine.control.client import part
from engine.control.protocol.segments import (
    Counted,
    Members,
    SegmentDiff,
    SegmentPlan,
    SegmentRow,
    Segments,
    SegmentWhy,
)
from engine.control.protocol.wire import pretty

app = make_app("Segments: questions that are kept, and who they hold for.")

Name = Annotated[str, typer.Argument(help="The segment's name: small letters, digits and hyphens.")]
Expression = Annotated[str, typer.Argument(help='What must hold, such as "contact.orders.count >= 3".')]
File = Annotated[Path | None, typer.Option("--file", "-f", help="Read the expression from a file.", exists=True)]


@app.command("list")
def list_segments(socket: Socket = None, as_json: Json = False) -> None:
    """All segments, with how many belong."""
    found = ask(socket, lambda control: control.get(Segments, "/v1/segments"))
    if as_json:
        return _print(found)
    for each in found.rows:
        print(f"{each.name:<24} {each.members:>10,}  {each.state:<9} {each.title}")
    return None


@app.command()
def show(
    name: Name,
    members: Annotated[int, typer.Option(help="List so many members.", min=0, max=1000)] = 0,
    after: Annotated[int, typer.Option(help="Go on behind this contact's number.", min=0)] = 0,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """A segment's expression and figures, or its members."""
    if members:
        words: dict[str, str | int] = {"limit": members, "after": after}
        page = ask(socket, lambda control: control.get(Members, _path(name, "members"), words))
        if as_json:
            return _print(page)
        for each in page.rows:
            print(f"{each.address:<40} since {_time(each.since_ms)}")
        if page.after:
            print(f"of {page.total:,}")
        print_more(page.after)
        return None
    row = ask(socket, lambda control: control.get(SegmentRow, _path(name)))
    if as_json:
        return _print(row)
    print(f"{row.name}  {row.title}\n\n  {row.expression}\n")
    print(f"members     {row.members:,} ({row.state}{': ' + row.fault if row.fault else ''})")
    print(f"last 24 h   {row.entered_today:,} came, {row.left_today:,} went")
    print(
        f"changed     {_time(row.changed_ms)}\nlooked at   {_time(row.looked_ms)}\nhistory     from {_time(row.built_ms)}"
    )
    return None


@app.command("set")
def set_segment(
    name: Name,
    expression: Annotated[str, typer.Argument(help="What must hold of a contact; or --file.")] = "",
    file: File = None,
    title: Annotated[str, typer.Option(help="For people.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Make a segment, or give one another expression. Who belongs is found in the background."""
    act(socket, "segments", {"name": name, "expression": _expression(expression, file), "title": title}, as_json)


@app.command()
def remove(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Forget a segment, its members and its history."""
    act(socket, "segments/remove", {"name": name}, as_json)


@app.command()
def check(
    expression: Annotated[str, typer.Argument(help="What must hold of a contact; or --file.")] = "",
    file: File = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Whether an expression makes sense here: else line, column, and what to write instead."""
    act(socket, "segments/check", {"expression": _expression(expression, file)}, as_json)


@app.command()
def count(
    name: Annotated[str, typer.Argument(help="The segment's name; or --where.")] = "",
    where: Annotated[str, typer.Option(help="An expression instead of a segment.")] = "",
    exact: Annotated[bool, typer.Option("--exact", help="Ask everybody, beside the figure that is kept.")] = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """How many belong: the figure that is kept, or, with --exact or --where, asked of everybody now."""
    if bool(name) == bool(where):
        refuse("name a segment, or give --where an expression", code=2)
    if where:
        act(socket, "segments/count", {"expression": where}, as_json)
    elif exact:
        counted = ask(socket, lambda control: control.get(Counted, _path(name, "count")))
        if as_json:
            return _print(counted)
        print(f"{counted.exact:,} as asked now ({counted.took_ms} ms), {counted.members:,} as kept")
    else:
        row = ask(socket, lambda control: control.get(SegmentRow, _path(name)))
        if as_json:
            return _print(row)
        print(f"{row.members:,}" + (" so far: it is being built" if row.state == "building" else ""))
    return None


@app.command()
def explain(
    name: Name,
    address: Annotated[
        str, typer.Argument(help="Why this contact belongs or not; without one, what asking costs.")
    ] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Why ADDRESS is in the segment or not, clause by clause; or the segment's SQL, its plan and its cost."""
    if address:
        why = ask(socket, lambda control: control.get(SegmentWhy, _path(name, "why"), {"address": address}))
        _print(why) if as_json else _print_why(why)
    else:
        cost = ask(socket, lambda control: control.get(SegmentPlan, _path(name, "plan")))
        _print(cost) if as_json else _print_cost(cost)


@app.command()
def diff(
    name: Name,
    since: Annotated[str, typer.Argument(help="A day such as 2026-03-01 (its beginning), or a moment.")],
    until: Annotated[str, typer.Argument(help="A later one; now without it.")] = "",
    limit: Annotated[int, typer.Option(help="List so many people.", min=1, max=1000)] = 100,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Who came and who went between two days, and by what."""
    words: dict[str, str | int] = {"since": since, "limit": limit}
    if until:
        words["until"] = until
    found = ask(socket, lambda control: control.get(SegmentDiff, _path(name, "diff"), words))
    if as_json:
        return _print(found)
    print(f"{name}: {found.then:,} at {_time(found.since_ms)}, {found.later:,} at {_time(found.until_ms)}")
    print(f"{found.entered:,} came, {found.left:,} went" + (f"; {found.note}" if found.note else ""))
    for each in found.rows:
        print(f"{'+' if each.has_entered else '-'} {each.address:<40} {_time(each.at_ms)}  {each.cause}")
    if found.entered + found.left > len(found.rows):
        print(f"... {found.entered + found.left - len(found.rows):,} more (--limit)")
    return None


def _print_why(why: SegmentWhy) -> None:
    since = f" since {_time(why.since_ms)}" if why.since_ms is not None else ""
    print(f"{why.address} is {'' if why.is_member else 'not '}in {why.segment}{since}")
    for each in why.clauses:
        print(f"{'  ' * (each.depth + 1)}{'yes' if each.holds else 'no ':<3}  {each.text}")
        if each.values:
            print(f"{'  ' * (each.depth + 1)}     {each.values}")
    if why.due_ms is not None:
        print(f"time alone may change this at {_time(why.due_ms)}")
    if why.holds != why.is_member:
        print("an event that changes this was not looked at yet")


def _print_cost(cost: SegmentPlan) -> None:
    whole = cost.took_ms * cost.contacts / cost.asked if cost.asked else 0.0
    print(f"{cost.expression}\n\nreads       {', '.join(cost.reads)}")
    asked = f"{cost.asked:,} of {cost.contacts:,} contacts asked in {cost.took_ms} ms"
    print(f"cost        {asked}; all of them about {whole:,.0f} ms")
    print("plan        " + "\n            ".join(cost.plan))
    print(f"SQL         {cost.sql}")


def _expression(text: str, file: Path | None) -> str:
    if bool(text) == (file is not None):
        refuse("give an expression, or --file", code=2)
    if file is None:
        return text
    return text_of(file).strip()


def _path(name: str, what: str = "") -> str:
    return f"/v1/segments/{part(name)}" + (f"/{what}" if what else "")


def _time(at_ms: int | None) -> str:
    return "-" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _print(found: Any) -> None:
    print(pretty(found))
