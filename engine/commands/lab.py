"""`posthouse lab`: a Posthouse that no mail leaves, to try everything; and its clock."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deliverability.text import clean
from engine.commands.common import Json, Socket, act, make_app, refuse

if TYPE_CHECKING:
    from engine.scene.review import Played
    from engine.scene.stage import Stage

app = make_app("A Posthouse that no mail leaves, to try everything.")

Contacts = Annotated[int, typer.Option(help="How many made-up people.", min=1, max=100_000)]
Days = Annotated[int, typer.Option(help="How many days of their past.", min=1, max=3660)]
Seed = Annotated[int, typer.Option(help="The same seed is the same shop.")]


@app.command()
def advance(
    by: Annotated[str, typer.Argument(help="How far: 2h, 3 days, 90s.")], socket: Socket = None, as_json: Json = False
) -> None:
    """Move the lab's clock forward; every timer is set anew. Refused where lab.enabled is not set."""
    act(socket, "lab/advance", {"by": by}, as_json)


@app.command()
def run(
    state: Annotated[Path, typer.Option(help="A folder of its own; what an earlier run left there is cleared.")] = Path(
        "var"
    ),
    headless: Annotated[bool, typer.Option("--headless", help="Print what happened, and end.")] = False,
    contacts: Contacts = 5000,
    days: Days = 365,
    seed: Seed = 1,
) -> None:
    """Start a lab and a daemon with a sample shop's past, play a day of it, and open the terminal (or print the report).

    Exit code 1 when something did not happen.
    """
    from engine.scene.play import Scene
    from engine.scene.stage import CannotStage, Stage, held, prepare, running

    is_headless = headless or os.environ.get("HEADLESS", "") not in ("", "0") or not sys.stdout.isatty()

    async def play(stage: Stage) -> bool:
        with held(stage):
            print(_lay_down(stage, contacts, days, seed), flush=True)
        print(f"Starting the lab and posthoused in {stage.folder} ...", flush=True)
        async with running(stage):
            print("Playing a day of the sample shop ...\n", flush=True)
            report = await Scene(stage).play()
            print(report.text, flush=True)
            if not is_headless:
                await asyncio.to_thread(_open_terminal, stage.control)
            return report.complete

    try:
        complete = asyncio.run(play(prepare(state)))
    except CannotStage as err:
        refuse(str(err), code=1)
    except asyncio.CancelledError:  # told to end: by SIGTERM, or by the terminal's window that was closed
        raise SystemExit(1) from None
    raise SystemExit(0 if complete else 1)


@app.command()
def shop(
    state: Annotated[
        Path, typer.Option(help="A folder of its own; what an earlier run of the lab left there is cleared.")
    ] = Path("var"),
    contacts: Contacts = 5000,
    days: Days = 365,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Lay a sample shop's past down in a new lab's database: generated people, orders, parcels, mail, and what it sells.

    Nothing is started and nobody is written to. Simulate flows on it, or start the lab and the daemon (docs/lab.md).
    """
    from engine.scene.stage import CannotStage, prepare

    try:
        stage = prepare(state)
    except CannotStage as err:
        refuse(str(err), code=1)
    said = _lay_down(stage, contacts, days, seed)
    config = stage.config
    print(json.dumps({"said": said, "config": str(config)}) if as_json else
          f"{said}\nSimulate on it: posthouse flow simulate FLOW.yaml --since {days}d --config {config}")  # fmt: skip


@app.command()
def recipes(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all without.")] = None,
    state: Annotated[
        Path, typer.Option(help="A folder of its own; what an earlier run of the lab left there is cleared.")
    ] = Path("var"),
    as_json: Json = False,
) -> None:
    """Play the recipes in a lab: a real daemon, their own tests' events, the lab's clock; and say what arrived.

    Exit code 1 when a mail that a recipe's test promises did not arrive, or the daemon's log says that something is wrong.
    """
    from engine.commands import run as command
    from engine.scene.casting import NoCast
    from engine.scene.casting import recipes as cast
    from engine.scene.rehearsal import SETTINGS, NotPlayed, Rehearsal, set_clock
    from engine.scene.review import logged, review
    from engine.scene.stage import CannotStage, prepare, running
    from engine.sending.resources import packaged_folder

    async def play() -> bool:
        stage = prepare(state, SETTINGS)
        set_clock(stage)
        played = cast(packaged_folder() / "flows", names or [], stage.pictures)
        async with running(stage):
            doings = await Rehearsal(stage, played, command).run()
            found = await asyncio.to_thread(review, stage, played, doings)
        wrong = logged(stage.folder / "posthoused.log")
        _say(found, wrong, as_json=as_json)
        return not wrong and not any(each.faults for each in found)

    try:
        is_good = asyncio.run(play())
    except (CannotStage, NoCast, NotPlayed) as err:
        refuse(str(err), code=1)
    raise SystemExit(0 if is_good else 1)


def _say(found: "list[Played]", wrong: list[dict[str, Any]], *, as_json: bool) -> None:
    """What came of a rehearsal."""
    if as_json:
        told = [{**asdict(each), "languages": sorted(each.languages)} for each in found]
        print(json.dumps({"recipes": told, "log": wrong}, ensure_ascii=False))
        return
    for each in found:
        came = ", ".join(f"{name} {count}" for name, count in each.mails.items()) or "asks to confirm"
        print(f"{'✗' if each.faults else '✓'} {each.recipe:<24} {' '.join(sorted(each.languages)):<20} {came}")
        for fault in each.faults:
            print(f"    {clean(fault)}")
    for line in wrong:
        print(f"log: {clean(json.dumps(line, ensure_ascii=False))}")
    good, mails = sum(not each.faults for each in found), sum(sum(each.mails.values()) for each in found)
    people = sum(each.people for each in found)
    print(
        f"{good} of {len(found)} recipes right: {mails} mails to {people} people, {len(wrong)} lines of trouble in the log"
    )


def _lay_down(stage: "Stage", contacts: int, days: int, seed: int) -> str:
    """What was laid down, in words."""
    from engine.config import load
    from engine.house import ensure_state
    from engine.scene.year import lay
    from engine.store.opening import store_at
    from engine.system import SystemClock

    clock, config = SystemClock(), load(stage.config)
    ensure_state(config)
    began = clock.monotonic()
    store = store_at(config.database_place, clock).open()
    try:
        store.migrate()
        laid = lay(store, contacts=contacts, days=days, seed=seed, now=clock.now(), pictures=stage.pictures)
    finally:
        store.close()
    return (
        f"Laid {days} days of a made-up shop down (generated, seed {seed}): {laid.people:,} people, {laid.products} products,"
        f" {laid.orders:,} orders, {laid.events:,} events, in {clock.monotonic() - began:.0f} s."
    )


def _open_terminal(control: Path) -> None:
    subprocess.run([sys.executable, "-m", "tui.cli", "--socket", str(control)], check=False)
