"""What the made-up shop sells: 200 things in five languages, with prices, stock, groups, and what goes with what.

Twenty kinds in ten series (wares.toml). A series is a group of the catalogue; pairs are of one series. Nothing here is
drawn by chance: the same thing costs the same for everybody, and a SKU is the same thing in every history.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

SITE: Final = "https://shop.example"
MONEY: Final = {
    "en": ("EUR", 1.0),
    "he": ("ILS", 4.0),
    "ru": ("RUB", 100.0),
    "zh": ("CNY", 8.0),
    "zh-Hant": ("TWD", 35.0),
}
_WHOLE: Final = 30.0  # from this rate on nobody counts in parts of a unit


@dataclass(frozen=True, slots=True, eq=False)
class Ware:
    """One thing. `price` is in euros; `stock` is None where nobody counts; `goes_with` are SKUs, the best first."""

    sku: str
    kind: str
    series: str
    colour: str  # of its picture: rrggbb
    names: Mapping[str, str]
    price: float
    stock: int | None
    goes_with: tuple[str, ...]

    def price_in(self, locale: str) -> tuple[float, str]:
        """What it costs, and in which money."""
        currency, rate = MONEY[locale]
        return round(self.price * rate, 0 if rate >= _WHOLE else 2), currency

    def told(self, locale: str, pictures: str = SITE) -> dict[str, Any]:
        """As the shop tells of it in this language: {sku, name, price, currency, url, image}."""
        price, currency = self.price_in(locale)
        return {
            "sku": self.sku, "name": self.names[locale], "price": price, "currency": currency,
            "url": f"{SITE}/p/{self.sku}", "image": f"{pictures}/p/{self.kind}-{self.colour}.png",
        }  # fmt: skip

    def as_product(self, pictures: str = SITE) -> dict[str, Any]:
        """As the catalogue takes it (engine.catalogue.products.read_product)."""
        return {**self.told("en", pictures), "stock": self.stock, "group": self.series}


@cache
def wares() -> tuple[Ware, ...]:
    """All of them, what is bought most often first."""
    told = tomllib.loads(files("engine.history").joinpath("wares.toml").read_text(encoding="utf-8"))
    kinds, called = told["kind"], told["called"]
    places = {each["word"]: at for at, each in enumerate(kinds)}
    return tuple(
        _ware(1 + at + place * len(kinds), kind, series, called,
              tuple(_sku(1 + places[other] + place * len(kinds)) for other in kind["with"]))
        for place, series in enumerate(told["series"])
        for at, kind in enumerate(kinds)
    )  # fmt: skip


@cache
def by_sku() -> Mapping[str, Ware]:
    return {each.sku: each for each in wares()}


def _ware(
    number: int, kind: Mapping[str, Any], series: Mapping[str, Any], called: Mapping[str, str], pairs: tuple[str, ...]
) -> Ware:
    names = {
        locale: pattern.format(kind=kind["names"][locale], series=series["names"][locale])
        for locale, pattern in called.items()
    }
    dearer = 1 + (number + number // 20) % 5 * 0.1  # within a kind, and within a series
    return Ware(
        _sku(number), kind["word"], series["word"], series["colour"], names, round(kind["price"] * dearer, 1),
        _stock(number), pairs,
    )  # fmt: skip


def _sku(number: int) -> str:
    return f"T-{number:03}"


def _stock(number: int) -> int | None:
    """Of a fifth nobody counts, some are sold out, some nearly gone."""
    if (number + number // 20) % 5 == 2:
        return None
    return 0 if number % 41 == 7 else 1 + number % 4 if number % 23 == 3 else 12 + number * 13 % 180
