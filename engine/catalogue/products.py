"""Products: what a shop sells, at which price, and how many are left; and the events that their changes are.

A product that costs less, can be had again, or is nearly gone is an event without a contact: product.price_dropped,
product.back_in_stock, product.low_stock. A product that was not known before is none of these.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from deliverability.text import clean
from engine.store.many import in_list
from mta.ports import Tx, to_ms

PART: Final = 100  # products in one transaction
LOW: Final = 5  # few are left, where the product does not say
SKU_MAX: Final = 100  # characters
NAME_MAX: Final = 300
URL_MAX: Final = 2000
STOCK_MAX: Final = 1_000_000_000
_PRICE: Final = re.compile(r"\d{1,10}(?:[.,]\d{1,2})?", re.ASCII)
_URL: Final = re.compile(r"https?://[!-~\x80-\U0010ffff]+", re.I)
_COLUMNS: Final = ("sku", "name", "price", "currency", "stock", "low", "url", "image", "kin")


class ProductError(ValueError):
    """A product that can't be; the words can be shown."""


@dataclass(frozen=True, slots=True)
class Product:
    """`price` is in hundredths, None where it is not known; `stock` None where nobody counts. `kin` is the group of
    products that it goes with."""

    sku: str
    name: str = ""
    price: int | None = None
    currency: str = ""
    stock: int | None = None
    low: int = LOW
    url: str = ""
    image: str = ""
    kin: str = ""

    @property
    def is_to_be_had(self) -> bool:
        return self.stock is None or self.stock > 0

    def as_json(self) -> dict[str, Any]:
        """For templates, events and screens: the price as a number, nothing that is not known."""
        told = {
            "sku": self.sku, "name": self.name, "price": as_amount(self.price), "currency": self.currency,
            "stock": self.stock, "url": self.url, "image": self.image, "group": self.kin,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value not in (None, "")}


def as_amount(hundredths: int | None) -> int | float | None:
    """12.5 out of 1250."""
    if hundredths is None:
        return None
    whole, rest = divmod(hundredths, 100)
    return whole + rest / 100 if rest else whole


WORDS: Final = ("sku", "name", "price", "currency", "stock", "low", "url", "image", "group")
"""What may be told of a product."""


def read_product(told: Mapping[str, Any]) -> dict[str, Any]:
    """What was told of a product, as columns of Product; what was not told is not in it. ProductError."""
    found: dict[str, Any] = {}
    for word, value in told.items():
        if word not in WORDS:
            raise ProductError(f'"{clean(str(word))[:40]}" is not known (known are {", ".join(WORDS)})')
        try:
            found["kin" if word == "group" else word] = _READERS[word](value)
        except ValueError as err:
            raise ProductError(f"{word}: {err}") from None
    if not found.get("sku"):
        raise ProductError("sku is missing")
    return found


def _line(most: int, value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if text is None or len(text) > most or text != clean(text):
        raise ValueError(f"one line of at most {most} characters is expected")
    return text.strip()


def _sku(value: Any) -> str:
    text = _line(SKU_MAX, value)
    if not text:
        raise ValueError("is empty")
    return text


def _price(value: Any) -> int | None:
    if value is None or value == "":
        return None
    text = "" if isinstance(value, bool) or not isinstance(value, str | int | float) else str(value).strip()
    if not _PRICE.fullmatch(text):
        raise ValueError(f'"{clean(str(value))[:30]}" is no price: such as 12.50, at most two decimals')
    try:
        return int(Decimal(text.replace(",", ".")) * 100)
    except InvalidOperation:
        raise ValueError("is no price") from None


def _count(value: Any) -> int | None:
    if value is None or value == "":
        return None
    text = "" if isinstance(value, bool) or not isinstance(value, str | int) else str(value).strip()
    if not re.fullmatch(r"-?\d{1,10}", text, re.ASCII) or int(text) > STOCK_MAX:
        raise ValueError(f'"{clean(str(value))[:30]}" is no whole number')
    return max(int(text), 0)  # what is sold out twice over is sold out


def _low(value: Any) -> int:
    count = _count(value)
    return LOW if count is None else count


def _currency(value: Any) -> str:
    text = _line(3, value).upper()
    if text and not re.fullmatch("[A-Z]{3}", text):
        raise ValueError("a code of three letters (ISO 4217) is expected")
    return text


def _link(value: Any) -> str:
    text = _line(URL_MAX, value)
    if text and not _URL.fullmatch(text):
        raise ValueError("an address that begins with http:// or https:// is expected")
    return text


_READERS: Final[Mapping[str, Any]] = {
    "sku": _sku, "name": lambda value: _line(NAME_MAX, value), "price": _price, "currency": _currency, "stock": _count,
    "low": _low, "url": _link, "image": _link, "group": lambda value: _line(SKU_MAX, value),
}  # fmt: skip


# -- changes


def changes(old: Product, new: Product) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events that this change of a product is: name, and what it says beside the product. Pure."""
    same_money = old.currency == new.currency
    if old.price is not None and new.price is not None and same_money and new.price < old.price:
        yield "product.price_dropped", {"was": as_amount(old.price)}
    if not old.is_to_be_had and new.is_to_be_had:
        yield "product.back_in_stock", {}
    if new.stock is not None and 0 < new.stock <= new.low and old.stock is not None and old.stock > new.low:
        yield "product.low_stock", {}


@dataclass(frozen=True, slots=True)
class Stored:
    """What `store` did: how many products are new, how many others, and how many events that made."""

    new: int = 0
    changed: int = 0
    events: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.new + other.new, self.changed + other.changed, self.events + other.events)


def store(tx: Tx, told: Sequence[Mapping[str, Any]], now: datetime) -> Stored:
    """Write down at most PART products, each as `read_product` gives it: what was not told stays as it is. The last of two
    with one SKU counts."""
    wanted = {each["sku"]: dict(each) for each in told}
    if not wanted:
        return Stored()
    known = find(tx, sorted(wanted), lock=True)
    done = Stored()
    for sku in sorted(wanted):
        old = known.get(sku)
        new = replace(old or Product(sku), **wanted[sku])
        if new == old:
            continue
        _write(tx, new, now)
        found = list(changes(old, new)) if old is not None else []
        for name, more in found:
            _tell(tx, name, {**new.as_json(), **more}, now)
        done += Stored(old is None, old is not None, len(found))
    return done


def _write(tx: Tx, product: Product, now: datetime) -> None:
    values = [getattr(product, name) for name in _COLUMNS]
    assigned = ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS[1:], "changed_ms"))
    tx.execute(
        f"INSERT INTO product ({', '.join(_COLUMNS)}, changed_ms) VALUES (?,?,?,?,?,?,?,?,?,?)"
        f" ON CONFLICT (sku) DO UPDATE SET {assigned}",
        (*values, to_ms(now)),
    )


def _tell(tx: Tx, name: str, data: dict[str, Any], now: datetime) -> None:
    tx.execute(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,NULL,?,?,'engine',?,0)",
        (name, data["sku"], json.dumps(data, ensure_ascii=False), to_ms(now)),
    )


# -- reading


def find(tx: Tx, skus: Sequence[str], *, lock: bool = False) -> dict[str, Product]:
    """Products by SKU, those that there are."""
    if not skus:
        return {}
    marks, which = in_list(list(skus))
    rows = tx.query(
        f"SELECT {', '.join(_COLUMNS)} FROM product WHERE sku IN ({marks}) ORDER BY sku"
        + (tx.for_update() if lock else ""),
        which,
    )
    return {row[0]: Product(*row) for row in rows}


def listed(tx: Tx, after: str = "", limit: int = 1000) -> list[Product]:
    """Products in the order of their SKUs, from after this one."""
    rows = tx.query(f"SELECT {', '.join(_COLUMNS)} FROM product WHERE sku > ? ORDER BY sku LIMIT ?", (after, limit))
    return [Product(*row) for row in rows]


def remove(tx: Tx, sku: str) -> bool:
    """Take a product out of the catalogue; what was learnt of it stays. False when there is none."""
    return tx.execute("DELETE FROM product WHERE sku = ?", (sku,)) == 1
