"""No octets bring a parser out of its own words, and none costs more than its length is worth.

`make fuzz` looks further, for as long as one likes, and is led by what code each input reaches.
"""

import random
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mischief import BOMBS, changed
from strangers import READERS, Reader

EXAMPLES = 40
LENGTH = 1000  # octets of a bomb; the larger one has four times as many
CHEAP = 2000  # steps that nobody minds


def outcome(reader: Reader, octets: bytes) -> object:
    """What it reads, or the exception of its own that it raises instead."""
    try:
        return reader.read(octets)
    except reader.refuses as refusal:
        return refusal


@pytest.mark.parametrize("name", sorted(READERS))
@settings(max_examples=EXAMPLES, derandomize=True, database=None)
@given(dice=st.integers(0, 1 << 32), noise=st.none() | st.binary(max_size=200))
def test_octets_are_read_or_refused(name: str, dice: int, noise: bytes | None) -> None:
    reader = READERS[name]
    outcome(reader, changed(random.Random(dice), reader.seeds) if noise is None else noise)


@pytest.mark.parametrize("name", sorted(name for name in READERS if READERS[name].again))
@settings(max_examples=EXAMPLES, derandomize=True, database=None)
@given(dice=st.integers(0, 1 << 32))
def test_what_was_read_and_written_reads_the_same(name: str, dice: int) -> None:
    reader = READERS[name]
    found = outcome(reader, changed(random.Random(dice), reader.seeds, most=2))
    if not isinstance(found, reader.refuses):
        assert reader.again is not None
        written = reader.again(found)
        assert reader.read(written if isinstance(written, bytes) else str(written).encode()) == found


@pytest.mark.parametrize("name", sorted(READERS))
def test_what_tries_begin_with_is_read(name: str) -> None:
    """Octets that are refused at once would lead nowhere."""
    for seed in READERS[name].seeds:
        READERS[name].read(seed)


@pytest.mark.parametrize("name", sorted(READERS))
def test_work_grows_no_faster_than_the_octets(name: str) -> None:
    reader = READERS[name]
    seed = reader.seeds[0]
    half = len(seed) // 2
    for bomb in BOMBS[::6] if reader.is_slow else BOMBS:
        few, many = (seed[:half] + bomb * (size // len(bomb)) + seed[half:] for size in (LENGTH, 4 * LENGTH))
        assert steps(reader, many) <= 6 * steps(reader, few) + CHEAP, bomb


def steps(reader: Reader, octets: bytes) -> int:
    """How many calls it takes to read this: work, whatever the machine is doing besides."""
    count = 0

    def called(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before: Callable[..., object] | None = sys.getprofile()
    sys.setprofile(called)
    try:
        outcome(reader, octets)
    finally:
        sys.setprofile(before)
    return count
