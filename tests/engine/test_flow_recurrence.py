"""Recurrence rules: which name a day at all, told at once, and told as dateutil would after years of looking."""

from datetime import date, datetime, time
from itertools import product

import pytest
from dateutil.rrule import rrulestr

from engine.flow.possible import is_possible
from engine.flow.recurrence import is_ever, read_rule

FIRST = date(2024, 1, 1)


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", FIRST), ("FREQ=MONTHLY;BYDAY=6MO", FIRST),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=50", FIRST), ("FREQ=YEARLY;BYDAY=1MO;BYMONTHDAY=8;BYMONTH=1", FIRST),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;INTERVAL=2", date(2025, 1, 1)),
        ("FREQ=YEARLY;BYMONTH=2", date(2026, 1, 31)), ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31", date(2026, 2, 1)),
    ],
)  # fmt: skip
def test_a_rule_that_names_no_day_is_known_by_the_calendar_s_cycle(rule: str, first: date) -> None:
    assert not is_possible(rule, first) and not is_ever(rule, first)


WORDS = sorted(product(
    ("MONTHLY", "YEARLY"), ("", ";BYMONTH=2", ";BYMONTH=4,12"), ("", ";BYMONTHDAY=29", ";BYMONTHDAY=-31,31"),
    ("", ";BYDAY=MO", ";BYDAY=5FR", ";BYDAY=-1SU,2TU", ";BYDAY=53MO"), ("", ";BYSETPOS=1", ";BYSETPOS=-2", ";BYSETPOS=9"),
))  # fmt: skip


def test_what_is_possible_is_what_dateutil_finds_within_the_cycle() -> None:
    begin, until = (datetime.combine(each, time()) for each in (FIRST, date(2024 + 29, 1, 1)))
    for words in WORDS[::7]:
        rule = f"FREQ={''.join(words)}"
        if "53" in rule and ("MONTHLY" in rule or "BYMONTH=" in rule):
            continue  # `read_rule` refuses it
        if is_possible(rule, FIRST):
            assert is_ever(rule, FIRST), rule
        else:
            assert rrulestr(rule, dtstart=begin).between(begin, until, inc=True) == [], rule


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY: 32 is not between 1 and 31"),
        ("FREQ=YEARLY;BYMONTH=13;BYDAY=MO", "BYMONTH: 13 is not between 1 and 12"),
        ("FREQ=WEEKLY;BYDAY=2MO", "BYDAY: 2 has no meaning here"),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=53MO", "BYDAY: 53 is not between 1 and 5"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY: 0 is not between 1 and 53"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "names no day at all"),
    ],
)
def test_numbers_that_no_calendar_has_are_refused(rule: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_rule(rule)
