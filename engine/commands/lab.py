"""`posthouse lab`: a Posthouse that no mail leaves, to try everything; and its clock."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, make_app, refuse

app = make_app("A Posthouse that no mail leaves, to try everything.")


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
) -> None:
    """Start a lab and a daemon, play a day of a sample shop, and open the terminal (or print the report).

    Exit code 1 when something did not happen.
    """
    from engine.scene.play import Scene
    from engine.scene.stage import CannotStage, Stage, prepare, running

    is_headless = headless or os.environ.get("HEADLESS", "") not in ("", "0") or not sys.stdout.isatty()

    async def play(stage: Stage) -> bool:
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
    raise SystemExit(0 if complete else 1)


def _open_terminal(control: Path) -> None:
    subprocess.run([sys.executable, "-m", "tui.cli", "--socket", str(control)], check=False)
