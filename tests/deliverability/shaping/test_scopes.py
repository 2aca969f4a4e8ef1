"""Limits over all sites: whatever carriers do, and whenever one dies, no window holds more attempts than its limit."""

import random

import pytest

from deliverability.shaping.limits import ATTEMPTS, Limits, Said, ShapingSettings
from deliverability.shaping.scopes import ScopeBook, Use

LIMITS = {"per_second": Said(3, "a"), "per_minute": Said(20, "b"), "per_hour": Said(200, "c")}


class Carrier:
    def __init__(self) -> None:
        self.spent = self.upto = self.version = 0

    def use(self) -> Use:
        return Use(self.spent, self.upto, 5, self.version)


@pytest.mark.parametrize("seed", range(20))
def test_no_window_ever_holds_more_than_its_limit(seed: int) -> None:
    chance = random.Random(seed)
    book, now, made = ScopeBook("campaign:x", LIMITS), 1e9, []
    carriers = {number: Carrier() for number in range(3)}
    for step in range(6_000):
        now += chance.choice([0.0, 0.02, 0.1, 0.5])
        number = chance.randrange(3)
        if (
            step % 500 == 499
        ):  # it dies with whatever it was granted; another takes its place, after a restart of the book
            book.forget(number, now)
            carriers[number] = Carrier()
            kept, book = book.to_dict(now), ScopeBook("campaign:x", LIMITS)
            book.restore(kept)
            carriers = {each: Carrier() for each in range(3)}
        carrier = carriers[number]
        if carrier.spent < carrier.upto and chance.random() < 0.7:
            carrier.spent += 1
            made.append(now)
        elif chance.random() < 0.3:
            carrier.upto = carrier.spent  # it gives back what it does not want
        book.hear(number, carrier.use(), now)
        for other, (upto, version, _) in book.grants(now).items():
            carriers[other].upto, carriers[other].version = upto, version
    for name, said in LIMITS.items():
        first = 0
        for last, at in enumerate(made):
            while made[first] <= at - ATTEMPTS[name]:
                first += 1
            assert last - first + 1 <= said.value, name
    assert len(made) > 0.5 * min(20 / 60, 200 / 3600) * (now - 1e9)


def test_what_is_not_wanted_is_granted_to_others() -> None:
    book = ScopeBook("stream:marketing", {"per_minute": Said(10, "a")})
    book.hear(1, Use(0, 0, 10, 0), 100.0)
    [(_, (upto, version, _))] = book.grants(100.0).items()
    book.hear(1, Use(1, 1, 0, version), 101.0)
    book.hear(2, Use(0, 0, 100, 0), 101.0)
    granted = book.grants(101.0)[2][0]
    assert upto == 5 and granted == 5 and book.free(101.0) == 4


def test_who_asks_for_what_is_used_up_is_told_so_once_and_when_there_is_some_again() -> None:
    book = ScopeBook("warm-up:new/gmail", {"per_minute": Said(2, "a")})
    book.hear(1, Use(0, 0, 5, 0), 100.0)
    assert book.grants(100.0) == {1: (1, 1, False)}
    book.hear(1, Use(1, 1, 5, 1), 100.0)
    assert book.grants(100.0) == {1: (2, 2, False)}
    book.hear(1, Use(2, 2, 5, 2), 101.0)
    assert book.grants(101.0) == {1: (2, 2, True)} and book.grants(102.0) == {}
    book.hear(1, Use(2, 2, 0, 2), 103.0)
    assert book.grants(170.0) == {1: (2, 2, False)} and book.grants(171.0) == {}


def test_what_is_about_all_sites_is_told_apart() -> None:
    settings = ShapingSettings(limits={"campaign:x": Limits(per_hour=3), "mx.example.org": Limits(connections=3)})
    assert set(settings.scopes) == {"campaign:x"}
