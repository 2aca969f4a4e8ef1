"""`make torture`: 200 kills while 8000 messages pass. Prints what was accepted, delivered, in doubt, repeated and lost.

    python tests/e2e/torture.py [--kills 200] [--messages 8000] [--seed N] [--database postgresql://user@host/empty]

The seed is printed; POSTHOUSE_SEED or --seed repeats its choices. Exit status 1 when anything was lost, repeated
without a doubt on record, or repeated with other octets.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from house_torture import Plan, Torture  # noqa: E402 - a script finds its neighbours first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--messages", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("POSTHOUSE_SEED") or random.randrange(1 << 32)))
    parser.add_argument("--database", default="", help="an empty PostgreSQL database, instead of a file")
    options = parser.parse_args()
    print(f"seed = {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="posthouse-torture-") as folder:
        plan = Plan(options.kills, options.messages, options.seed, database=options.database)
        score = Torture(Path(folder), plan).run()
    print(f"{score}\nseconds = {time.monotonic() - began:.0f}")
    wrong = (*score.lost, *score.unexplained, *score.changed)
    for each in wrong:
        print(f"  {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
