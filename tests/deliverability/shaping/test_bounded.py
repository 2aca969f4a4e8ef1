"""What is remembered of a site or a domain does not grow with the mails it took."""

from datetime import timedelta

import pytest
from house_growth import entries

from deliverability.settings import BackOff
from deliverability.shaping.book import Book
from deliverability.shaping.controller import Controller
from deliverability.shaping.guard import Guard
from deliverability.shaping.ledger import SLICES, Ledger
from deliverability.shaping.limits import Said, ShapingSettings
from deliverability.shaping.share import Report

DAY = 86_400


def test_a_ledger_that_nobody_asks_holds_one_window() -> None:
    ledger = Ledger(10, 60.0)
    for now in range(DAY):
        ledger.spend(1, now)
    assert len(ledger.rows_with(0, DAY)) == SLICES + 1
    assert 60 <= ledger.used(DAY) <= 60 + 60 / SLICES


@pytest.mark.parametrize("limits", [{}, {"per_day": 1_000_000}], ids=["without limits", "with a limit on a day"])
def test_a_month_of_mail_that_is_taken_leaves_no_more_in_a_book_than_two_days(limits: dict[str, int]) -> None:
    said = {name: Said(value, "a test") for name, value in {"connections": 20, **limits}.items()}
    book = Book("mx.example.org", "", said, Controller(BackOff(first=timedelta(minutes=1))), 0.1, 2)

    def live(since: int, until: int) -> int:
        for now in range(since, until, 300):
            book.hear(1, Report("mx.example.org", spent=now, delivered=3, open=1), now)
        return entries(book)

    assert live(0, 2 * DAY) == live(2 * DAY, 30 * DAY)


def test_a_month_of_a_domain_that_refuses_nobody_leaves_no_more_with_the_guard_than_two_days() -> None:
    guard = Guard(ShapingSettings())

    def live(since: int, until: int) -> int:
        for now in range(since, until, 60):
            assert guard.saw("example.org", 3, 0, now) is None
        return entries(guard)

    assert live(0, 2 * DAY) == live(2 * DAY, 30 * DAY)
