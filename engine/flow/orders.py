"""What an order came to, out of an event's data.

An event's data is whatever somebody told: a contact's sum, a report's revenue and a simulation all read it here, so
that they agree.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_LIMIT: Final = Decimal(10) ** 12  # what no shop takes at once, in any money; nothing that is kept adds more
_LONGEST: Final = 40  # characters: more than any amount within the limit needs


def order_total(data: Any) -> Decimal | None:
    """The `total` of an order's data (a number, or a text that is one); None where it tells none that is an amount, or
    one of a million millions and more."""
    told = data.get("total") if isinstance(data, Mapping) else None
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        text = str(told)
        amount = Decimal(text) if len(text) <= _LONGEST else Decimal("NaN")
    except (InvalidOperation, ValueError):  # ValueError: a number of thousands of digits
        return None
    return amount if amount.is_finite() and abs(amount) < _LIMIT else None


ADDS_NOTHING: Final = "its total is no amount below a million millions, and adds nothing to what they spent"


def adds_nothing(name: str, data: Any) -> bool:
    """Whether an event is an order that tells a total which counts for nothing: whoever told it should hear."""
    told = data.get("total") if isinstance(data, Mapping) else None
    return name == "order.placed" and told is not None and order_total(data) is None


def hundredths(data: Any) -> int:
    """The same in whole hundredths; 0 where there is none."""
    return round((order_total(data) or Decimal(0)) * 100)
