"""`make fuzz`: change what each parser is meant to read, for as long as one likes, led by the code that each try reaches.

    python -m tests.fuzz.guided [--minutes 10] [--seed N] [--only NAME]

A try that reaches a line of ours by a way that none went before is kept, and changed further. What a parser may not do is
written to build/fuzz, with the octets that made it do so: an exception that is not its own, or a second of processor time.
Exit status 1 when there was any.
"""

import argparse
import contextlib
import hashlib
import random
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT)]

from mischief import changed  # noqa: E402 - a script finds its neighbours first
from strangers import READERS, Reader  # noqa: E402

OURS: Final = tuple(str(ROOT / name) for name in ("deliverability", "mta", "engine", "tui"))
SLICE: Final = 5.0  # seconds that a parser has before the next one's turn
SLOW: Final = 1.0  # seconds of processor time
KEPT: Final = 4000

Trace = Callable[[FrameType, str, Any], Any]


class Guide:
    """One parser's tries: those that led somewhere new, and the ways that were gone."""

    def __init__(self, name: str, reader: Reader, dice: random.Random) -> None:
        self.name, self.reader, self._dice = name, reader, dice
        self.kept = list(reader.seeds)
        self.ways: set[tuple[int, int, int]] = set()
        self.tries = 0
        self.troubles: dict[str, str] = {}

    def work(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            octets = changed(self._dice, self.kept)
            before = len(self.ways)
            self.tries += 1
            self._try(octets)
            if len(self.ways) > before and len(self.kept) < KEPT:
                self.kept.append(octets)

    def _try(self, octets: bytes) -> None:
        began = time.process_time()
        sys.settrace(self._tracer())
        try:
            self.reader.read(octets)
        except self.reader.refuses:
            pass
        except Exception as error:
            sys.settrace(None)
            self._note(octets, error)
        finally:
            sys.settrace(None)
        if time.process_time() - began > SLOW and self._seconds(octets) > SLOW:
            self._note(octets, TimeoutError("it takes too long"))

    def _seconds(self, octets: bytes) -> float:
        """How long it takes when nobody traces it."""
        began = time.process_time()
        with contextlib.suppress(Exception):
            self.reader.read(octets)
        return time.process_time() - began

    def _tracer(self) -> Trace:
        ways = self.ways

        def enter(frame: FrameType, event: str, arg: Any) -> Trace | None:
            if not frame.f_code.co_filename.startswith(OURS):
                return None
            code, last = hash(frame.f_code), 0

            def step(frame: FrameType, event: str, arg: Any) -> Trace:
                nonlocal last
                if event == "line":
                    ways.add((code, last, frame.f_lineno))
                    last = frame.f_lineno
                return step

            return step

        return enter

    def _note(self, octets: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = next(
            (f"{each.filename}:{each.lineno}" for each in reversed(frames) if each.filename.startswith(OURS)), ""
        )
        key = f"{type(error).__name__} at {place.removeprefix(str(ROOT))}"
        if key in self.troubles:
            return
        folder = ROOT / "build" / "fuzz"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{re.sub('[^a-z]+', '-', self.name.lower())}-{hashlib.sha256(octets).hexdigest()[:8]}"
        file.write_bytes(octets)
        self.troubles[key] = f"{self.name}: {type(error).__name__}: {str(error)[:120]}\n    {place}\n    {file}"
        print(self.troubles[key], flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", default="", choices=["", *READERS], metavar="NAME", help="one parser, by its name")
    options = parser.parse_args()
    print(f"seed = {options.seed}", flush=True)
    dice = random.Random(options.seed)
    guides = [Guide(name, each, dice) for name, each in READERS.items() if options.only in ("", name)]
    end = time.monotonic() + options.minutes * 60
    while (left := end - time.monotonic()) > 0:
        for guide in guides:
            guide.work(min(SLICE, left / len(guides)))
    for guide in guides:
        print(f"{guide.name}: {guide.tries:,} tries, {len(guide.ways):,} ways, {len(guide.troubles)} troubles")
    return 1 if any(guide.troubles for guide in guides) else 0


if __name__ == "__main__":
    sys.exit(main())
