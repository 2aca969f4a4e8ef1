"""The made-up people: five languages, many zones, and a temper each, from whoever looks in once to whoever buys each week."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.history.dice import Dice

_LOCALES: Final = ("en", "ru", "zh", "he", "zh-Hant")
_SHARES: Final = (45, 20, 15, 12, 8)
_ZONES: Final = {
    "en": ("Europe/London", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
           "Europe/Dublin", "Australia/Sydney", "Asia/Kolkata", "Pacific/Auckland", "America/St_Johns"),
    "ru": ("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Novosibirsk", "Asia/Vladivostok", "Europe/Samara"),
    "zh": ("Asia/Shanghai", "Asia/Urumqi", "Asia/Singapore"),
    "he": ("Asia/Jerusalem",),
    "zh-Hant": ("Asia/Taipei", "Asia/Hong_Kong"),
}  # fmt: skip
_FIRST: Final = {
    "en": ("Ann", "Ben", "Clara", "David", "Emma", "Finn", "Grace", "Henry", "Iris", "Jack", "Kate", "Liam"),
    "ru": ("Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Иван", "Ксения", "Лев", "Мария", "Олег"),
    "zh": ("伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "艳", "杰"),
    "he": ("נועה", "דוד", "תמר", "יוסף", "מאיה", "איתי", "רחל", "עומר", "שירה", "אורי", "יעל", "דניאל"),
    "zh-Hant": ("志明", "淑芬", "俊傑", "雅婷", "家豪", "怡君", "建宏", "美玲", "冠宇", "詩涵", "宗翰", "佩珊"),
}
_LAST: Final = {
    "en": ("Baker", "Cole", "Dean", "Ellis", "Ford", "Gray", "Hall", "Irwin", "Jones", "King"),
    "ru": ("Волк", "Гусь", "Заяц", "Козырь", "Лось", "Мороз", "Орёл", "Рыбак", "Сокол", "Ткач"),
    "zh": ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴"),
    "he": ("לוי", "כהן", "מזרחי", "פרץ", "ביטון", "דהן", "אברהם", "פרידמן", "מלכה", "אזולאי"),
    "zh-Hant": ("陳", "林", "黃", "張", "李", "王", "吳", "劉", "蔡", "楊"),
}
HOSTS: Final = (
    "mail.example",
    "post.example",
    "inbox.example",
    "corp.example.org",
    "home.example.net",
    "uni.example.org",
)


_KNOWN_DAYS: Final = 730  # before the history begins, at most


@dataclass(slots=True)
class Person:
    """Somebody who knows the shop. Rates are by day; `known_ms` is when the shop first heard of them."""

    number: int
    address: str
    name: str
    locale: str
    zone: ZoneInfo
    birthday: str
    known_ms: int
    dice: Dice
    visits: float  # by day
    carts: float  # the share of visits at which something is put into the cart
    buys: float  # the share of carts that are bought
    generous: float
    opens: float  # the share of mails
    wants_news: bool
    orders: int = 0
    spent: float = 0.0
    first_order_ms: int | None = None
    last_order_ms: int | None = None
    asked_ms: int | None = None  # to be on the list
    confirmed_ms: int | None = None
    left_ms: int | None = None
    cart: int = 0  # carts so far
    is_unreachable: bool = False
    affairs: Dice = field(kw_only=True)  # for what is no visit, order or newsletter
    ordered_ms: list[int] = field(default_factory=list)  # within a year
    engaged_ms: int = 0
    is_quiet: bool = False
    ignores: bool = False  # the list

    @property
    def gets_news(self) -> bool:
        return self.confirmed_ms is not None and self.left_ms is None and not self.is_unreachable


def make_person(seed: int, number: int, start_ms: int, days: int, hosts: Sequence[str] = HOSTS) -> Person:
    """The person of this number, with an address at one of `hosts`. Half of them were known before the history begins."""
    dice = Dice(seed, "person", number)
    locale = dice.weighted(_LOCALES, _SHARES)
    zone = ZoneInfo(_ZONES[locale][int(dice.number() ** 1.5 * len(_ZONES[locale]))])
    first, last = dice.pick(_FIRST[locale]), dice.pick(_LAST[locale])
    order = (last, first) if locale.startswith("zh") else (first, " ", last)
    born = date(1950, 1, 1) + timedelta(days=dice.below(20_000))
    share = dice.between(-1, 1)
    known_ms = start_ms + int(share * (days if share > 0 else _KNOWN_DAYS) * 86_400_000)
    return Person(
        number, f"p{number}@{dice.pick(hosts)}", "".join(order), locale, zone,
        born.isoformat() if dice.happens(0.4) else "", known_ms, dice,
        visits=min(0.5, 0.004 + dice.gap(0.012)), carts=dice.between(0.15, 0.5), buys=dice.between(0.1, 0.6),
        generous=dice.between(0.7, 1.6), opens=dice.number() ** 2 * 0.8, wants_news=dice.happens(0.6),
        affairs=Dice(seed, "affairs", number),
    )  # fmt: skip
