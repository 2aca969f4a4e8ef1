"""Connections of a scope: whatever carriers do and whenever one dies, never more than the limit are open."""

import random

import pytest

from deliverability.shaping.limits import Limits, Said, of_scope
from deliverability.shaping.scopes import ScopeBook, Use
from deliverability.shaping.slots import SlotBook, book_of, parts


class Carrier:
    def __init__(self) -> None:
        self.open = self.slots = self.version = 0
        self.letters: list[tuple[int, int, bool]] = []

    def use(self, waiting: int) -> Use:
        return Use(self.open, self.slots, waiting, self.version)


@pytest.mark.parametrize("seed", range(20))
def test_never_more_connections_than_the_limit(seed: int) -> None:
    chance = random.Random(seed)
    limit = chance.randrange(1, 9)
    book = SlotBook("slots:source:a", {"connections": Said(limit, "a")})
    carriers = {number: Carrier() for number in range(3)}
    opened = 0
    for _ in range(3_000):
        number = chance.randrange(3)
        one, act = (
            carriers[number],
            chance.choice(["open", "open", "close", "read", "tell", "tell", "give back", "die"]),
        )
        if act == "open" and one.open < one.slots:
            one.open += 1
            opened += 1
        elif act == "close" and one.open:
            one.open -= 1
        elif act == "read" and one.letters:
            one.slots, one.version, _ = one.letters.pop(0)
        elif act == "give back":
            one.slots = min(one.slots, one.open)
        elif act == "die" and chance.random() < 0.05:
            book.forget(number, 0.0)
            carriers[number] = Carrier()
        elif act == "tell":
            book.hear(number, one.use(chance.randrange(4)), 0.0)
        for other, letter in book.grants(0.0).items():
            carriers[other].letters.append(letter)
        assert sum(each.open for each in carriers.values()) <= limit
    assert opened > 30


def test_even_parts_for_those_who_want_some_and_what_is_left_for_those_who_want_more() -> None:
    book = SlotBook("slots:campaign:x", {"connections": Said(5, "a")})
    book.hear(1, Use(0, 0, 1, 0), 0.0)
    book.hear(2, Use(0, 0, 9, 0), 0.0)
    assert {carrier: slots for carrier, (slots, _, _) in book.grants(0.0).items()} == {1: 1, 2: 4}
    assert book.binding(0.0) is None
    book.hear(2, Use(4, 4, 9, 1), 0.0)
    book.hear(1, Use(1, 1, 0, 1), 0.0)
    assert book.binding(0.0) == ("connections", 0.0)


def test_each_kind_of_limit_has_a_book_of_its_own() -> None:
    said = of_scope("source:a", Limits(connections=3, connections_per_minute=7, per_connection=2, per_hour=9))
    found = {name: book_of(name, limits) for name, limits in parts("source:a", said).items()}
    assert list(found) == ["source:a", "doors:source:a", "slots:source:a"]
    assert [type(each) for each in found.values()] == [ScopeBook, ScopeBook, SlotBook]
    assert found["doors:source:a"].said["per_minute"].value == 7
    assert parts("source:a", of_scope("source:a", Limits(per_connection=2))) == {}
