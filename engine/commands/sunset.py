"""`posthouse sunset`: who ignores a list, and the flow that asks them once."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, ask, make_app, refuse
from engine.control.client import part
from engine.control.protocol.sunset import SunsetPlan
from engine.control.protocol.wire import pretty

app = make_app("Who ignores a list; the flow that asks them once.")

Name = Annotated[str, typer.Argument(metavar="LIST", help="The list's name.")]


@app.command()
def plan(
    name: Name,
    limit: Annotated[int, typer.Option(help="How many people are shown.", min=0)] = 100,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The list's rhythm as it was sent, how long a silence is long by it, and who would be asked: why. Changes nothing."""
    found = ask(socket, lambda control: control.get(SunsetPlan, f"/v1/lists/{part(name)}/sunset", {"limit": limit}))
    if as_json:
        print(pretty(found))
        return
    gap = "not known (nobody got two mails)" if found.gap_days is None else f"a mail in {found.gap_days:.1f} days"
    print(f"{found.name}: {gap}, measured with {found.readers:,} readers")
    print(f"a silence is long after {found.threshold_days:,} days (sunset is {found.setting})")
    if not found.is_measured:
        print("neither clicks nor opens of its mail are counted: nobody is told of, since all would seem to ignore it")
    print(f"{found.ignoring:,} of {found.people:,} ignore it")
    for row in found.rows:
        last = f"last sign of life {_day(row.last_ms)}" if row.last_ms is not None else "never a sign of life"
        print(f"{row.address}: {row.mails} mails, {last}, on it since {_day(row.on_since_ms)}")
    if found.ignoring > len(found.rows):
        print(f"... and {found.ignoring - len(found.rows):,} more (--limit)")


@app.command()
def flow(name: Name) -> None:
    """Print the flow file that asks whoever ignores LIST once, and takes them off it. `posthouse flow apply` takes it."""
    from engine.audience.lists import NAME
    from engine.sending.resources import packaged_folder

    if not NAME.fullmatch(name):
        refuse(f"{name} is no list's name", code=2)
    text = (packaged_folder() / "flows" / "sunset.yaml").read_text(encoding="utf-8")
    print(
        text.replace("name: sunset", f"name: sunset-{name}").replace("'news'", f"'{name}'").replace("news", name),
        end="",
    )


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")
