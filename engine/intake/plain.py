"""Values out of what strangers wrote: texts on one line, amounts, web addresses, people. Pure.

A text is cleaned and cut, a link is only taken when it is http or https, an amount only when it is a plain decimal number.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from deliverability.text import clean

_TEXT: Final = 500  # characters
_URL: Final = re.compile(r"https?://[!-~\x80-\U0010ffff]{1,2000}", re.I)
_AMOUNT: Final = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?", re.ASCII)
_MONEY: Final = re.compile(r"[^\d-]*(-?\d(?:[\d.,'’\s]*\d)?)[^\d]*")  # one number, and a currency before or after it
_MONEY_LONGEST: Final = 60  # characters
_GROUPS: Final = re.compile(r"['’\s]")

Found = dict[str, Any]


def listed(value: Any) -> list[Any]:
    """What was told once or several times, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def record(value: Any) -> Mapping[str, Any]:
    """The object, or the first of several; an empty one for anything else."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else {}


def inner(value: Any) -> Any:
    """The value of a QuantitativeValue, or what stands there plainly."""
    return value.get("value") if isinstance(value, dict) else value


def as_text(value: Any) -> str | None:
    """A text on one line, cleaned and cut; of several the first."""
    value = value[0] if isinstance(value, list) and value else value
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and abs(value) >= 10**30:
        return None
    return clean(str(value)[: _TEXT * 4]).strip()[:_TEXT] or None


def last_word(name: str) -> str:
    """orderintransit out of "https://schema.org/OrderInTransit"."""
    return re.split(r"[/#:]", name.strip()[:200])[-1].lower()


def web_link(value: Any) -> str | None:
    """A web address."""
    first = value[0] if isinstance(value, list) and value else value
    link = first.get("url") if isinstance(first, dict) else first
    return link if isinstance(link, str) and len(link) <= 2008 and _URL.fullmatch(link) and link.isprintable() else None


def amount(value: Any) -> int | float | None:
    """A price: a JSON number, or a text such as "19.99", "1,299.00", "19,99 €"."""
    value = value[0] if isinstance(value, list) and value else value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = _written_amount(value) if isinstance(value, str) else repr(value)
    try:
        return rounded(Decimal(text)) if _AMOUNT.fullmatch(text) else None
    except InvalidOperation:
        return None


def _written_amount(text: str) -> str:
    """The one number in `text`; "" for none, or for more than one (a power of ten is none of ours)."""
    found = _MONEY.fullmatch(text) if len(text) <= _MONEY_LONGEST else None
    return _with_a_point(_GROUPS.sub("", found[1])) if found else ""


def _with_a_point(text: str) -> str:
    """The last of , and . is the decimal one, unless it is a comma before three digits."""
    head, mark, tail = max(text.rpartition(","), text.rpartition("."), key=lambda cut: len(cut[0]))
    if not mark or (mark == "," and len(tail) == 3):
        return text.replace(",", "")
    return head.replace(",", "").replace(".", "") + "." + tail


def rounded(value: Decimal) -> int | float:
    """To hundredths; a whole number where it is one."""
    cents = round(value, 2)
    return int(cents) if cents == cents.to_integral_value() else float(cents)


def person(value: Any) -> Found | None:
    """{name, email} of a Person or an Organization."""
    who = record(value)
    found = without_gaps({"name": as_text(who.get("name")), "email": as_text(who.get("email"))})
    return found or None


def without_gaps(data: Mapping[str, Any]) -> Found:
    """`data` without what was not told."""
    return {name: value for name, value in data.items() if value is not None}
