"""A year of a million events, played through a flow: how long it takes on one core, and how much memory.

    .venv/bin/python -m bench.simulation [--contacts 35000] [--flow templates/flows/abandoned-cart.yaml]

The history is made up (`posthouse history generate`), with caps, a distance and quiet hours, so that every mail is judged.
Time is that of the process's own processor: what else the machine does is not counted. Memory is the most that it had.
"""

import argparse
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from engine.flow.definition import Definition, check
from engine.history.writing import write
from engine.sending.arbiter_settings import ArbiterSettings
from engine.simulation.play import Rules
from engine.simulation.playing import simulate
from engine.simulation.sources import Folder

POLICY = ArbiterSettings.model_validate(
    {"caps": ["2/day", "4/week"], "distance": "4h", "quiet_hours": "21:00-08:00", "quiet_days": ["sun"]}
).policy


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=35_000)
    parser.add_argument("--flow", type=Path, default=Path("templates/flows/abandoned-cart.yaml"))
    asked = parser.parse_args()
    definition = check(asked.flow.read_text("utf-8"), str(asked.flow))
    assert isinstance(definition, Definition), definition
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "history"
        write(folder, contacts=asked.contacts, days=365, seed=7, start=date(2025, 1, 1))
        before, began, clock = memory(), time.process_time(), time.monotonic()
        found = simulate(definition, Folder(folder), Rules(POLICY))
        took, waited = time.process_time() - began, time.monotonic() - clock
    tally = found.tally
    print(
        f"{tally.events:,} events, {len(found.people):,} people: {took:.1f} s of one core ({waited:.1f} s by the clock)"
    )
    print(f"{tally.entered:,} entered, {len(tally.mails):,} mails, {sum(tally.refused.values()):,} refused")
    print(f"memory {memory()} MiB at most, {before} MiB before")


def memory() -> int:
    """MiB at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
