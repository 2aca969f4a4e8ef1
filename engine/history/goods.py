"""What people of the made-up shop look at, put into carts and order, and who carries it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.history.dice import Dice
from engine.history.wares import SITE, Ware, by_sku, wares

_TOGETHER: Final = 0.55  # the share of further lines that go with the one before


@dataclass(frozen=True, slots=True)
class Carrier:
    """`days` from being handed over to arriving; `failing` is the share of parcels that nobody was at home for."""

    name: str
    days: tuple[int, int]
    failing: float


CARRIERS: Final = (Carrier("Post", (2, 5), 0.04), Carrier("Swift", (1, 2), 0.02), Carrier("Parcelwise", (3, 8), 0.07))


@dataclass(frozen=True, slots=True)
class Counter:
    """Where the wares are shown and sold. `pictures` is the beginning of the addresses of their pictures."""

    pictures: str = SITE

    def seen(self, dice: Dice, locale: str) -> dict[str, Any]:
        """A thing that somebody looks at."""
        return self.tell(_any(dice), locale)

    def basket(self, dice: Dice, locale: str, *, generous: float) -> dict[str, Any]:
        """Lines and their total in the money of the place; `generous` is about 1."""
        chosen = [_any(dice)]
        for _ in range(int(dice.gap(0.8 * generous))):
            goes_with = dice.happens(_TOGETHER)
            chosen.append(by_sku()[dice.pick(chosen[-1].goes_with)] if goes_with else _any(dice))
        lines = [
            {**self.tell(each, locale), "quantity": 1 + dice.happens(0.15)} for each in dict.fromkeys(chosen)
        ]  # fmt: skip
        total = round(sum(line["price"] * line["quantity"] for line in lines), 2)
        return {"total": total, "currency": lines[0].pop("currency"), "lines": [_without_money(each) for each in lines]}

    def tell(self, ware: Ware, locale: str) -> dict[str, Any]:
        """A thing as the shop tells of it."""
        return ware.told(locale, self.pictures)


def _any(dice: Dice) -> Ware:
    """Some are bought far more often than others."""
    return wares()[int(dice.number() ** 2 * len(wares()))]


def _without_money(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "currency"}
