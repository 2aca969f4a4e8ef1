"""`make season`: ninety days of a shop in the lab's time; its history must be bounded, and its processes may not grow.

    python -m tests.e2e.season [--days 90]

Prints each evening the rows of the largest tables, the octets of the database and the memory of each kind of process.
Exit status 1 when a table grew that should have an end, or memory did.
"""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from house_season import LATER, ON_PURPOSE, season  # noqa: E402 - a script finds its neighbours first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90, help="of the lab's time")
    days = parser.parse_args().days
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="posthouse-season-", dir="/var/tmp") as folder:
        lived = season(Path(folder), days, partial(print, flush=True))
    print(f"\n{days} days, {lived.mails} mails arrived, {time.monotonic() - began:.0f} s")
    for name, (before, count) in lived.growing.items():
        print(f"grows: {name} {before} -> {count}")
    print(f"kept on purpose: {', '.join(f'{name} {lived.days[-1].rows[name]}' for name in ON_PURPOSE)}")
    for name, until in LATER.items():
        print(f"ends after {until} days: {name} {lived.days[-1].rows[name]}")
    earlier, last = lived.rests
    for name, mib in last.items():
        print(f"memory at rest, day {days * 2 // 3} and day {days}: {name} {earlier.get(name, 0):.2f} -> {mib:.2f} MiB")
    print(f"history {'is bounded' if not lived.growing else 'GROWS'}, memory {'GROWS' if lived.grown else 'is flat'}")
    return 1 if lived.grown or lived.growing else 0


if __name__ == "__main__":
    sys.exit(main())
