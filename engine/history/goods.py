"""What the made-up shop sells, in which money, and who carries it."""

from dataclasses import dataclass
from typing import Any, Final

from engine.history.dice import Dice

_KINDS: Final = (
    "Teapot",
    "Green tea",
    "Black tea",
    "Cup",
    "Kettle",
    "Tray",
    "Filter",
    "Honey",
    "Biscuits",
    "Tea towel",
)
_SORTS: Final = (
    "small", "large", "blue", "white", "spring", "autumn", "mountain", "river", "classic", "travel", "gift", "family"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    name: str
    price: float  # euros


@dataclass(frozen=True, slots=True)
class Carrier:
    """`days` from being handed over to arriving; `failing` is the share of parcels that nobody was at home for."""

    name: str
    days: tuple[int, int]
    failing: float


PRODUCTS: Final = tuple(
    Product(f"T-{number:03}", f"{kind}, {sort}", round(4.5 + (number * 37 % 61) * (1 + number % 5) * 0.75, 2))
    for number, (kind, sort) in enumerate(((kind, sort) for kind in _KINDS for sort in _SORTS), 1)
)
CARRIERS: Final = (Carrier("Post", (2, 5), 0.04), Carrier("Swift", (1, 2), 0.02), Carrier("Parcelwise", (3, 8), 0.07))
MONEY: Final = {
    "en": ("EUR", 1.0),
    "he": ("ILS", 4.0),
    "ru": ("RUB", 100.0),
    "zh": ("CNY", 8.0),
    "zh-Hant": ("TWD", 35.0),
}


def basket(dice: Dice, locale: str, *, generous: float) -> dict[str, Any]:
    """Lines and their total in the money of the place; `generous` is about 1."""
    currency, rate = MONEY[locale]
    lines: list[dict[str, Any]] = []
    for _ in range(1 + int(dice.gap(0.8))):
        product = PRODUCTS[int(dice.number() ** 2 * len(PRODUCTS))]  # some are bought far more often than others
        price = round(product.price * rate * generous, 2)
        lines.append({"name": product.name, "sku": product.sku, "quantity": 1 + (dice.number() < 0.15), "price": price})
    total = round(sum(line["price"] * line["quantity"] for line in lines), 2)
    return {"total": total, "currency": currency, "lines": lines}


def seen(dice: Dice, locale: str) -> dict[str, Any]:
    """A product that somebody looks at."""
    _, rate = MONEY[locale]
    product = PRODUCTS[int(dice.number() ** 2 * len(PRODUCTS))]
    price = round(product.price * rate, 2)
    return {"sku": product.sku, "name": product.name, "price": price, "url": f"https://shop.example/{product.sku}"}
