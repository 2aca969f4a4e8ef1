"""Attempts in a second: carriers that come and go and hear late never make more of them than the limit, in any second."""

import random

import pytest

from deliverability.shaping.limiter import TokenBucket
from deliverability.shaping.seconds import Seconds, pace


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 100, 1000])
def test_a_part_is_never_passed_in_any_second_and_nearly_reached(limit: int) -> None:
    rate, burst, _ = pace(limit, 0.1)
    bucket, made, now = TokenBucket(rate, burst), [], 0.0
    while now < 5:
        if bucket.take(now):
            made.append(now)
        now += 0.0005
    most = max(sum(at <= each < at + 1 for each in made[place:]) for place, at in enumerate(made))
    assert most <= limit
    assert len(made) >= 5 * 0.75 * limit


@pytest.mark.parametrize("seed", range(10))
def test_no_second_holds_more_whatever_carriers_do(seed: int) -> None:
    chance = random.Random(seed)
    limit = chance.choice([1, 4, 10, 33])
    seconds, now, made = Seconds(), 0.0, []
    letters: dict[int, list[int]] = {number: [] for number in range(3)}
    buckets: dict[int, TokenBucket | None] = dict.fromkeys(range(3))
    told, goes_by = dict.fromkeys(range(3), 0), dict.fromkeys(range(3), 0)
    wanting = {0, 1, 2}
    for _ in range(8_000):
        now += chance.choice([0.0, 0.002, 0.01])
        if chance.random() < 0.02:
            wanting = {number for number in range(3) if chance.random() < 0.7}
        for number, part in (
            seconds.share(limit, sorted(wanting), now) | dict.fromkeys({0, 1, 2} - wanting, 0)
        ).items():
            if part != told[number]:
                letters[number].append(part)
                told[number] = part
        number = chance.randrange(3)
        if letters[number] and chance.random() < 0.3:
            part = letters[number].pop(0)
            rate, burst, _ = pace(max(1, part), 0.0)
            bucket = buckets[number]
            if bucket is None:
                buckets[number] = TokenBucket(rate, burst)
            else:
                bucket.set_rate(rate, now)
                bucket.burst = burst
            goes_by[number] = part
            if not letters[number]:
                seconds.heard(number, now)
        bucket = buckets[number]
        if bucket is not None and goes_by[number] and bucket.take(now):
            made.append(now)
    first = 0
    for last, at in enumerate(made):
        while made[first] <= at - 1:
            first += 1
        assert last - first + 1 <= limit
    assert len(made) > now * limit * 0.2


def test_few_attempts_are_for_one_carrier_alone() -> None:
    assert Seconds().share(3, [1, 2], 0.0) == {1: 3, 2: 0}
    assert Seconds().share(11, [1, 2], 0.0) == {1: 6, 2: 5}


def test_what_a_dead_carrier_spent_counts_for_another_second() -> None:
    seconds = Seconds()
    assert seconds.share(4, [1], 0.0) == {1: 4}
    seconds.forget(1, 10.0)
    assert seconds.share(4, [2], 10.5) == {2: 0}
    assert seconds.share(4, [2], 11.1) == {2: 4}
