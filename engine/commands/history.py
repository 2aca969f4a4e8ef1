"""`posthouse history`: a made-up shop's history, to simulate flows with and to try things on. Needs no daemon."""

import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import make_app, refuse

app = make_app("A made-up shop's history, from a seed.")


@app.callback()
def _group() -> None:
    """Keep `generate` a word of its own, also while it is the only one."""


@app.command()
def generate(
    out: Annotated[Path, typer.Option("--out", help="A folder that is not there yet.")],
    contacts: Annotated[int, typer.Option(help="How many people.", min=1, max=2_000_000)] = 1000,
    days: Annotated[int, typer.Option(help="How many days.", min=1, max=3660)] = 365,
    seed: Annotated[int, typer.Option(help="The same seed is the same history.")] = 1,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day; 2025-01-01 without it.")
    ] = None,
) -> None:
    """Write a history: people in five languages and many zones, what they looked at, ordered, got, gave back, opened."""
    from engine.history.writing import write

    day = start.date() if start else date(2025, 1, 1)
    try:
        counts = write(out, contacts=contacts, days=days, seed=seed, start=day)
    except FileExistsError:
        refuse(f"{out} is there already: name a new folder", code=2)
    except (OSError, OverflowError) as err:
        shutil.rmtree(out, ignore_errors=True)
        refuse(f"{out} can't be written: {err}", code=2)
    for name, count in counts.items():
        print(f"{count:>12,}  {name}")
    print(f"{out} is written")
