"""Fewer octets, and the same picture: each letter with the colours and marks that it had."""

import random
import re
from collections.abc import Iterator

import pytest

from tui.thrift import thrifty

OFF = {22: (1, 2), 23: (3,), 24: (4,), 25: (5,), 27: (7,), 28: (8,), 29: (9,)}


def seen(written: str) -> list[tuple[str, str, str, frozenset[int]]]:
    """What a terminal shows of it: each letter or control with its letters' colour, ground and marks."""
    letters, ground, marks = "", "", frozenset[int]()
    found = []
    written = re.sub(r"(?:\x1b\[[0-9;]*H|\r?\n)+(?=\x1b\[[0-9;]*H)", "", written)  # of places gone to the last counts
    for match in re.finditer(r"\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-z]|\r|\n|(.)", written):
        if match[1] is None:
            moves = match[0] in "\r\n" or (match[0].endswith("H") and match[2] is None)
            found.append((match[0], *(("", "", frozenset[int]()) if moves else (letters, ground, marks))))
            continue
        codes = iter(int(each or 0) for each in match[1].split(";"))
        for code in codes:
            if code == 0:
                letters, ground, marks = "", "", frozenset()
            elif code in (38, 48):
                colour = f"{code} " + " ".join(str(next(codes)) for _ in range(4))
                letters, ground = (colour, ground) if code == 38 else (letters, colour)
            elif code in OFF:
                marks -= set(OFF[code])
            elif code < 10:
                marks |= {code}
            elif code in (39, *range(30, 38)):
                letters = "" if code == 39 else str(code)
            elif code in (49, *range(40, 48)):
                ground = "" if code == 49 else str(code)
    return [*found, ("end", letters, ground, marks)]


def pieces(chance: random.Random) -> Iterator[str]:
    """As Textual writes: runs of text, each with all its colours and a reset, and the cursor between."""
    for _ in range(30):
        codes = [*chance.sample(["1", "2", "3", "4", "7"], chance.randrange(3))]
        codes += chance.sample(["38;2;1;2;3", "31", "38;2;9;9;9"], chance.randrange(2))
        codes += chance.sample(["48;2;1;2;3", "44"], chance.randrange(2))
        yield chance.choice(["", "\r\n", "\n", "\x1b[3;7H", "\x1b[K", "\x1b[2J"])
        yield f"\x1b[{';'.join(codes)}m" if codes else ""
        yield chance.choice(["a b", "שלום", "您的", " "])
        yield "\x1b[0m" if chance.random() < 0.9 else ""


@pytest.mark.parametrize("seed", range(200))
def test_the_picture_is_the_same(seed: int) -> None:
    written = "".join(pieces(random.Random(seed)))
    assert seen(thrifty(written)) == seen(written)
    assert len(thrifty(written)) <= len(written) + 4


def test_what_did_not_change_is_not_said_again() -> None:
    one, two = "\x1b[38;2;1;2;3;48;2;9;9;9m", "\x1b[38;2;4;5;6;48;2;9;9;9m"
    assert thrifty(f"{one}a\x1b[0m{two}b\x1b[0m\n\x1b[2;1H{two}c\x1b[0m") == (
        f"{one}a\x1b[38;2;4;5;6mb\x1b[2;1Hc\x1b[0m"
    )


@pytest.mark.parametrize(
    "written", ["", "text", "\x1b[?1049h\x1b[?25l", "\x1b[53ma\x1b[0m", "\x1b[38;2;1ma", "\x1b[38;5ma"]
)
def test_what_is_not_understood_is_left_alone(written: str) -> None:
    assert thrifty(written) == written
