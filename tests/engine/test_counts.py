"""How many of what, in words."""

import pytest

from engine.counts import counted, deliveries, people


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (counted(0, "mail"), "0 mails"),
        (counted(1, "mail"), "1 mail"),
        (counted(12_431, "mail"), "12,431 mails"),
        (counted(1, "key signs", "keys sign"), "1 key signs"),
        (counted(2, "key signs", "keys sign"), "2 keys sign"),
        (deliveries(1), "1 delivery"),
        (deliveries(2), "2 deliveries"),
        (people(1), "1 person"),
        (people(1_000), "1,000 people"),
    ],
)
def test_one_and_many(told: str, words: str) -> None:
    assert told == words
