"""What else happens between a made-up shop and its people, beside looking, ordering and newsletters: accounts, questions,
trials, subscriptions, things that somebody keeps an eye on, hand-picked goods, releases, surveys, and friends' friends.

Each person has dice of their own for it, so it changes nobody's orders. Names that are not in the vocabulary are the shop's
own, those that the recipes ask for (docs/recipes.md).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from engine.history.goods import Counter
from engine.history.people import Person
from engine.history.rhythm import DAY_MS, HOUR_MS, at_their_hour, moment, office_hours
from engine.history.wares import SITE, by_sku, wares

YEAR_MS: Final = 365 * DAY_MS
_QUIET_MS: Final = 60 * DAY_MS
_IGNORES_MS: Final = 180 * DAY_MS
_RELEASE_EVERY: Final = 91 * DAY_MS
_LOYAL: Final = 3  # orders within a year
_TEXTS: Final = {
    "en": ("200 teapots for a hotel", "Do you deliver to hotels, and what would 200 of them cost?"),
    "he": ("200 קנקנים לבית מלון", "האם יש משלוח לבתי מלון, ומה המחיר של 200 יחידות?"),
    "ru": ("200 чайников для гостиницы", "Вы доставляете в гостиницы? Сколько стоят 200 штук?"),
    "zh": ("酒店订购 200 把茶壶", "请问可以送到酒店吗？200 把是什么价格？"),
    "zh-Hant": ("飯店訂購 200 把茶壺", "請問可以送到飯店嗎？200 把是什麼價格？"),
}


class Life(Protocol):
    """The shop's life (engine.history.shop), as far as it is needed here."""

    counter: Counter

    def soon(
        self, at_ms: int, deed: Callable[[Any, int, Person, Any], None], person: Person, payload: Any = None
    ) -> None:
        """Something will be done then."""

    def tell(self, at_ms: int, event: str, person: Person, *data: Mapping[str, Any], **more: Any) -> None:
        """This will have happened then."""


def begin(shop: Life, at_ms: int, person: Person, *, is_new: bool) -> None:
    """Somebody is known from now on."""
    dice = person.affairs
    if is_new and dice.happens(0.5):
        url = f"{SITE}/account"
        shop.tell(at_ms, "account.created", person, url=url, newsletter=person.wants_news and dice.happens(0.5))
    for chance, deed in _ONCE:
        if dice.happens(chance):
            shop.soon(at_their_hour(dice, at_ms + int(dice.gap(45) * DAY_MS) + HOUR_MS, person.zone), deed, person)
    if person.wants_news and dice.happens(0.3):
        shop.soon(_next_release(at_ms), _hear_of_release, person)


def looked(shop: Life, at_ms: int, person: Person, sku: str) -> None:
    """Somebody looked at this: some keep an eye on it, and the shop tells them when something changes."""
    dice = person.affairs
    if not dice.happens(0.05):
        return
    ware = by_sku()[sku]
    told = shop.counter.tell(ware, person.locale)
    then = at_ms + int(dice.gap(20) * DAY_MS) + HOUR_MS
    match dice.below(3):
        case 0:
            was = told["price"]
            shop.tell(then, "product.price_dropped", person, told, was=was, price=round(was * 0.8, 2))
        case 1:
            shop.tell(then, "product.back_in_stock", person, told, stock=12 + dice.below(60))
        case _:
            shop.tell(then, "product.low_stock", person, told, stock=1 + dice.below(4))


def told_beside(shop: Life, person: Person, order: Mapping[str, Any]) -> dict[str, Any]:
    """What an order says beside its lines: a box that was ticked, and the better version of a thing in it."""
    dice = person.affairs
    said: dict[str, Any] = {}
    if person.asked_ms is None and dice.happens(0.15):
        said["newsletter"] = True
    ware = by_sku()[order["lines"][0]["sku"]]
    better = [each for each in wares() if each.kind == ware.kind and each.price > ware.price]
    if better and dice.happens(0.3):
        said["upgrade"] = shop.counter.tell(better[0], person.locale)
    return said


def ordered(shop: Life, at_ms: int, person: Person) -> None:
    """Somebody ordered: who does so for the third time within a year is a loyal customer."""
    if not person.ordered_ms:
        shop.tell(at_ms, "segment.entered", person, segment="bought-this-year")
    person.ordered_ms = [each for each in person.ordered_ms if each > at_ms - YEAR_MS] + [at_ms]
    if len(person.ordered_ms) == _LOYAL:
        shop.tell(at_ms, "segment.entered", person, segment="loyal")


def arrived(shop: Life, at_ms: int, person: Person) -> None:
    """An order came: some say later how likely they are to recommend the shop."""
    dice = person.affairs
    if dice.happens(0.12):
        mark = dice.weighted((10, 9, 8, 7, 6, 4, 1), (30, 25, 15, 10, 8, 7, 5))
        then = at_their_hour(dice, at_ms + int(dice.between(14, 21) * DAY_MS), person.zone)
        shop.tell(then, "survey.answered", person, survey="nps", answer=mark)


def confirmed(shop: Life, at_ms: int, person: Person) -> None:
    """Somebody confirmed the list: a few came by a friend's link, some say what they are here for."""
    dice = person.affairs
    if person.number > 1 and dice.happens(0.03):
        shop.tell(at_ms, "referral.joined", person, list="news", referrer=person.number // 2)
    if dice.happens(0.03):
        then = at_ms + int(dice.gap(60) * DAY_MS)
        shop.tell(then, "referral.earned", person, list="news", friend=person.number * 2)
    if dice.happens(0.2):
        answer = dice.pick(("new", "gifts", "offers", "reading"))
        then = at_their_hour(dice, at_ms + int(dice.between(30, 33) * DAY_MS), person.zone)
        shop.tell(then, "survey.answered", person, survey="interests", answer=answer)


def written_to(shop: Life, at_ms: int, person: Person, mails: int) -> None:
    """An issue of the newsletter reached somebody: by now they may have fallen silent, or let the list be."""
    silent_ms = at_ms - max(person.engaged_ms, person.confirmed_ms or 0)
    if silent_ms > _QUIET_MS and not person.is_quiet:
        person.is_quiet = True
        shop.tell(at_ms, "segment.entered", person, segment="quiet")
    if silent_ms > _IGNORES_MS and not person.ignores:
        person.ignores = True
        last = moment(person.engaged_ms).isoformat() if person.engaged_ms else ""
        shop.tell(at_ms, "list.ignored", person, list="news", mails=mails, last=last, days=180)


def engaged(shop: Life, at_ms: int, person: Person) -> None:
    """Somebody showed interest."""
    person.engaged_ms = max(at_ms, person.engaged_ms)
    if person.is_quiet:
        person.is_quiet = person.ignores = False
        shop.tell(at_ms, "segment.left", person, segment="quiet")


# -- what happens to a few, once


def _ask(shop: Life, at_ms: int, person: Person, _: Any) -> None:
    subject, text = _TEXTS[person.locale]
    shop.tell(office_hours(person.affairs, at_ms), "inquiry.received", person, subject=subject, text=text)


def _try(shop: Life, at_ms: int, person: Person, _: Any) -> None:
    ends = moment(at_ms + 14 * DAY_MS).date().isoformat()
    shop.tell(at_ms, "trial.started", person, plan="tea-box", ends=ends, url=f"{SITE}/trial")
    if person.affairs.happens(0.4):
        shop.tell(at_ms + int(person.affairs.between(2, 13) * DAY_MS), "trial.kept", person, plan="tea-box")


def _renew(shop: Life, at_ms: int, person: Person, _: Any) -> None:
    """A box each month, told of a week before it renews."""
    price, currency = by_sku()["T-003"].price_in(person.locale)
    renews = moment(at_ms + 7 * DAY_MS).isoformat()
    url = f"{SITE}/subscription"
    shop.tell(
        at_ms, "subscription.renewing", person, plan="tea-box", renews=renews, total=price, currency=currency, url=url
    )
    if person.affairs.happens(0.9):
        shop.soon(at_ms + 30 * DAY_MS, _renew, person)


def _choose(shop: Life, at_ms: int, person: Person, _: Any) -> None:
    dice = person.affairs
    picks = [shop.counter.tell(dice.pick(wares()), person.locale) for _ in range(3)]
    shop.tell(office_hours(dice, at_ms), "picks.chosen", person, picks=picks, by="Mary")


_ONCE: Final[tuple[tuple[float, Callable[[Life, int, Person, Any], None]], ...]] = (
    (0.015, _ask), (0.02, _try), (0.02, _renew), (0.03, _choose),
)  # fmt: skip


# -- releases: four a year, each told of twelve days before to whom it may interest


def _next_release(at_ms: int) -> int:
    return (at_ms // _RELEASE_EVERY + 1) * _RELEASE_EVERY + 10 * HOUR_MS


def _hear_of_release(shop: Life, at_ms: int, person: Person, _: Any) -> None:
    ware = wares()[at_ms // _RELEASE_EVERY * 7 % len(wares())]
    told = shop.counter.tell(ware, person.locale)
    out_ms = at_ms + 12 * DAY_MS
    if person.gets_news:
        shop.tell(at_ms, "release.announced", person, told, date=moment(out_ms).date().isoformat())
        shop.tell(out_ms, "release.out", person, told)
    shop.soon(_next_release(at_ms), _hear_of_release, person)
