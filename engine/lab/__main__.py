"""`python -m engine.lab`: the lab as a process of its own.

Prints one line when all sockets listen, `ready {"dns": ..., "smtp_port": ..., "window": ..., "state": ...}`, and goes on
until SIGTERM.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.lab.moods import Catalogue, load
from engine.lab.server import Lab
from engine.system import SystemChance, SystemClock


def main() -> int:
    """Run the lab. The exit status: 0 after SIGTERM or SIGINT, 1 when it could not start."""
    options = _options()
    if options.list:
        print("\n".join(_listing(load())))
        return 0
    logging.basicConfig(stream=sys.stderr, format="lab: %(message)s")
    try:
        asyncio.run(_serve(options))
    except (OSError, ValueError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m engine.lab", description="A pretended Internet on loopback.")
    parser.add_argument(
        "--state", type=Path, default=Path("var/lab"), help="folder for all it keeps (default: %(default)s)"
    )
    parser.add_argument("--dns", default="127.0.0.1:5353", help="where the resolver listens (default: %(default)s)")
    parser.add_argument("--smtp-port", type=int, default=2600, help="the port of all hosts (default: %(default)s)")
    parser.add_argument(
        "--window", default="127.0.0.1:0", help="where the sample shop shows its pictures (default: a free port)"
    )
    parser.add_argument("--inbound", help="host:port of the daemon's inbound listener: where bounces go")
    parser.add_argument(
        "--database",
        type=_place,
        help="the daemon's database (a file, or postgresql://...): where the lab's clock is moved",
    )
    parser.add_argument("--list", action="store_true", help="print all hosts and moods, and stop")
    return parser.parse_args()


def _place(given: str) -> Path | str:
    return given if given.startswith(("postgresql://", "postgres://")) else Path(given)


def _listing(catalogue: Catalogue) -> Iterator[str]:
    yield "Hosts, by the domains whose mail they take"
    for host in catalogue.host.values():
        yield f"  {', '.join(host.domains) or host.mx:<26} {host.about}"
    yield "Moods, by the local part or the host that shows them"
    for mood in catalogue.mood.values():
        yield f"  {mood.name:<18} {mood.at:<10} {mood.about}"


async def _serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    lab = Lab(
        options.state,
        clock=SystemClock(),
        chance=SystemChance(),
        dns=options.dns,
        smtp_port=options.smtp_port,
        inbound=options.inbound,
        database=options.database,
        window=options.window,
    )
    async with lab:
        where = {"dns": lab.dns_address, "smtp_port": lab.smtp_port, "window": lab.window_address}
        facts = {**where, "state": str(options.state)}
        print("ready", json.dumps(facts), flush=True)
        await stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
