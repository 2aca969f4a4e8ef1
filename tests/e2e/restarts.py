"""`make restarts`: a daemon whose sockets a supervisor holds is stopped, killed and reloaded under load, again and again.

    python -m tests.e2e.restarts [--rounds 30] [--sessions 20] [--seed N]

Prints connections, refusals, the longest wait, and what was lost or came twice. Exit status 1 when anybody was refused, a
stop or a reload cut anybody off, anything was lost, or came twice without a doubt on record.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from house_restarts import restarts  # noqa: E402 - a script finds its neighbours first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="restarts: a stop, a kill -9, a reload, and so on")
    parser.add_argument("--sessions", type=int, default=20, help="applications that hand mail over at once")
    parser.add_argument("--messages", type=int, default=200, help="about so many between two restarts")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("POSTHOUSE_SEED") or random.randrange(1 << 32)))
    options = parser.parse_args()
    print(f"seed = {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="posthouse-restarts-") as folder:
        score = restarts(
            Path(folder), rounds=options.rounds, sessions=options.sessions, messages=options.messages, seed=options.seed
        )
    print(f"{score}\nseconds = {time.monotonic() - began:.0f}")
    for each in (*score.mail.refused, *score.requests.refused, *score.lost, *score.twice):
        print(f"  {each}")
    return 0 if score.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
