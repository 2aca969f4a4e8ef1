"""What an order came to: an amount within bounds, whatever was told."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.orders import adds_nothing, hundredths, order_total

ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))


@pytest.mark.parametrize(
    ("told", "total"),
    [
        (20, "20"), (19.99, "19.99"), ("12.50", "12.50"), (-5, "-5"), (0, "0"), (999_999_999_999, "999999999999"),
        ("1e-999999", "1e-999999"),
    ],
)  # fmt: skip
def test_a_number_or_a_text_that_is_one_is_an_amount(told: object, total: str) -> None:
    assert order_total({"total": told}) == Decimal(total)


@pytest.mark.parametrize("told", [None, True, "", "much", [], {}, "9" * 500, 10**12, -(10**12), 1e308, [10**12]])
def test_all_else_is_none_and_adds_nothing(told: object) -> None:
    assert order_total({"total": told}) is None
    assert hundredths({"total": told}) == 0


@pytest.mark.parametrize("data", [None, [], "total", 7, {}])
def test_data_without_a_total_tells_none(data: object) -> None:
    assert order_total(data) is None and hundredths(data) == 0


@given(ANYTHING)
def test_the_hundredths_are_those_of_the_amount(told: object) -> None:
    assert abs(hundredths({"total": told})) <= 10**14
    assert hundredths({"total": told}) == round((order_total({"total": told}) or 0) * 100)


def test_who_tells_an_order_that_adds_nothing_is_told_so() -> None:
    assert adds_nothing("order.placed", {"total": 10**15})
    assert adds_nothing("order.placed", {"total": "much"})
    assert not adds_nothing("order.placed", {"total": 0})
    assert not adds_nothing("order.placed", {})
    assert not adds_nothing("cart.updated", {"total": 10**15})


def test_a_number_of_thousands_of_digits_is_no_amount() -> None:
    assert order_total({"total": 10**5000}) is None
