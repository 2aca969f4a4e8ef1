"""A daemon that is killed under the terminal application: how soon that is shown, and how soon it is attached to the next one."""

import os
import signal
import time
from pathlib import Path
from typing import Final

from bench.ptys import Terminal, terminal
from bench.targets import Posthouse
from engine.control.client import Control, ControlError
from engine.control.place import configured
from engine.control.protocol.acts import Done

PATIENCE: Final = 60.0
AWAY: Final = "away since"
LIVE: Final = "● live"  # with its sign: "delivered" has the letters, and is painted anew while the daemon is away


def measure(house: Posthouse, folder: Path, times: int) -> tuple[list[float], list[float]]:
    """Seconds from each `kill -9` until it is shown, and from the next daemon's first answer until its picture is."""
    gone, back = [], []
    with terminal(configured(house.config), folder) as one:
        one.see(LIVE)
        one.rest()
        for _ in range(times):
            before, everybody, killed = len(one.written), house.pids(), time.monotonic()
            for root in house.roots():
                os.kill(root, signal.SIGKILL)  # its carriers end by themselves
            gone.append(one.see(AWAY, before) - killed)
            house.bury(everybody)
            before = len(one.written)
            house.serve()
            answers = _answers(Control(configured(house.config), patience=PATIENCE), one)
            back.append(one.see(LIVE, before) - answers)
            one.rest()
    return gone, back


def _answers(control: Control, one: Terminal) -> float:
    """When the daemon answered for the first time. Meanwhile what the application writes is read."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            control.get(Done, "/v1/hello")
        except ControlError:
            if time.monotonic() > deadline:
                raise
            one.read(0.002)
        else:
            return time.monotonic()
