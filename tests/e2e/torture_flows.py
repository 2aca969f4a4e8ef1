"""`make torture-flows`: 200 kills while 100,000 people pass a flow. Prints what was lost, done twice, and doubled.

    python -m tests.e2e.torture_flows [--kills 200] [--enrolments 100000] [--seed N] [--database postgresql://user@host/empty]

The seed is printed; POSTHOUSE_SEED or --seed repeats its choices. Exit status 1 when a step was lost or done twice, or a mail
came twice without a doubt on record.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from house_torture_flows import FlowPlan, FlowTorture  # noqa: E402 - a script finds its neighbours first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--enrolments", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("POSTHOUSE_SEED") or random.randrange(1 << 32)))
    parser.add_argument("--database", default="", help="an empty PostgreSQL database, instead of a file")
    options = parser.parse_args()
    print(f"seed = {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="posthouse-torture-flows-") as folder:
        plan = FlowPlan(options.kills, options.enrolments, options.seed, options.database)
        score = FlowTorture(Path(folder), plan).run()
    print(f"{score}\nseconds = {time.monotonic() - began:.0f}")
    for each in (*score.lost, *score.twice, *score.doubled)[:50]:
        print(f"  {each}")
    return 0 if score.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
