"""What a template can call: words, prices, dates and order lines, each in the reader's language and direction.

Functions: `t(key, ...)`, `columns(left, right)` for plain text, and in mail `preferences_url()`, `survey_url(name, answer)`,
`referral_url(list)` and `recommended(count)`, products that go with what the reader looks at or bought
(engine.catalogue.offers). Filters: `money(currency)`, `number`, `date`, `iso` (sets a value apart from the direction around
it), `link` (an address that may be clicked), `untracked` (one that is never counted), `order_lines`, `as_product`, `join`.
What they return is set apart already: in HTML by a `dir` of its own where it could turn what stands around it, in plain
text by characters. They read the running rendering, so macros need nothing handed down.
"""

import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import format_currency, format_decimal
from jinja2 import Undefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from engine.sending.direction import isolated, runs, turns, without_controls
from engine.sending.links import PersonalLinks
from engine.sending.sandbox import RenderTrouble, charge
from engine.sending.texts import TextError, Words
from engine.sending.widths import line_up

_AMOUNT_LIMIT: Final = Decimal(10) ** 15
_SHORT: Final = 100  # characters of a value that costs next to nothing
_KEPT: Final = 400  # characters of a value worth remembering what became of it
_AS_HTML: Final = partial(str.__new__, Markup)
"""Markup of a text, without its questions of what the text may be instead."""
_HAN_THEN_LATIN: Final = re.compile("[\u3400-\u9fff][A-Za-z]")
_LATIN_THEN_HAN: Final = re.compile("[A-Za-z][\u3400-\u9fff]")
_BLANKS: Final = re.compile(r"[ \t\r\n]+")
_TOLD: Final = (int, float, str)
_SCHEMES: Final = ("https", "http", "mailto")
_SAFE_URL: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*,;=%")


@dataclass(frozen=True, slots=True)
class Rendering:
    """What is being rendered, for whom."""

    words: Words
    section: str  # where `t` looks first: mail.confirm, web.confirm
    is_html: bool
    zone: ZoneInfo
    personal: PersonalLinks | None = None  # of a mail; a page has none
    track: Callable[[str], str] | None = None  # what becomes of a link's address in a plain text


RENDERING: Final[ContextVar[Rendering]] = ContextVar("posthouse_rendering")


class Isolated(str):
    """A piece of plain text that has been isolated where it had to be."""

    __slots__ = ()


@pass_context  # which keeps Jinja from working it out when it compiles
def t(context: Context, key: str, /, **values: Any) -> str:
    """The words under `key`, with `values` put in, each isolated; the plural form for the value named `count`."""
    now = RENDERING.get()
    try:
        phrase = now.words.phrase(now.section, key, values.get("count"))
    except TextError as err:
        raise RenderTrouble(str(err)) from None
    said = phrase.html if now.is_html else phrase.plain
    if len(said) == 1:
        return _whole(said[0], now.is_html)
    parts = list(said)
    for at in range(1, len(parts), 2):
        if parts[at] not in values:
            raise RenderTrouble(f"the text {key} needs a value for {parts[at]}")
        parts[at] = _set_apart(values[parts[at]], now)
    if now.words.babel.language == "zh":
        _space_latin(parts, said, values)
    made = "".join(parts)
    charge(len(made))
    return _AS_HTML(made) if now.is_html else Isolated(made)


def _space_latin(parts: list[str], said: tuple[str, ...], values: dict[str, Any]) -> None:
    """Chinese sets words in Latin letters off by a space. Whether a shop's or a thing's name is one, no translator knows."""
    for at in range(1, len(parts), 2):
        value = str(values[said[at]])
        before = " " if _HAN_THEN_LATIN.fullmatch(said[at - 1][-1:] + value[:1]) else ""
        behind = " " if _LATIN_THEN_HAN.fullmatch(value[-1:] + said[at + 1][:1]) else ""
        parts[at] = f"{before}{parts[at]}{behind}"


@pass_context
def preferences_url(context: Context) -> str:
    """Where the reader chooses what they get, how often, and in which language."""
    return _personal().preferences()


@pass_context
def survey_url(context: Context, name: Any, value: Any = "") -> str:
    """Where the reader answers the survey of this name, with an answer preselected where one is given."""
    try:
        return _personal().survey(str(name), str(value))
    except ValueError as err:
        raise RenderTrouble(str(err)) from None


@pass_context
def referral_url(context: Context, mailing_list: Any = "") -> str:
    """The reader's own link to pass on, to the list of this name or to their own."""
    try:
        return _personal().referral(str(mailing_list))
    except ValueError as err:
        raise RenderTrouble(str(err)) from None


@pass_context
def recommended(context: Context, count: Any = 3) -> list[Any]:
    """At most so many products for the reader, the best first; none where there is nothing to offer."""
    offered = context.get("offered")
    most = count if isinstance(count, int) and not isinstance(count, bool) else 3
    return offered[: max(most, 0)] if isinstance(offered, list) else []


def _personal() -> PersonalLinks:
    personal = RENDERING.get().personal
    if personal is None:
        raise RenderTrouble("links of a person are for mail")
    return personal


@pass_context
def iso(context: Context, value: Any) -> str:
    """The value, so that its direction touches nothing around it."""
    return _set_apart(value)


@pass_context
def money(context: Context, amount: Any, currency: Any = "") -> str:
    """A price as the reader's region writes it. `amount` is a number or its digits, `currency` an ISO 4217 code."""
    now = RENDERING.get()
    code = _currency(
        currency if type(currency) is str else "" if isinstance(currency, Undefined) else str(currency or "")
    )
    return _price(_exact(amount), code, now.words.region, now.is_html, now.words.direction)


@pass_context
def number(context: Context, value: Any) -> str:
    """A number as the reader's region writes it."""
    return _set_apart(_number(_decimal(value), RENDERING.get().words.region))


@pass_context
def date(context: Context, value: Any, style: str = "long") -> str:
    """A day, or with style "time" a day and hour, on the reader's clock. `value` is ISO 8601."""
    if style not in ("short", "medium", "long", "full", "time"):
        raise RenderTrouble('a date is "short", "medium", "long", "full" or "time"')
    now = RENDERING.get()
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise RenderTrouble(f'"{ascii(str(value)[:30])[1:-1]}" is no ISO 8601 date') from None
    if style == "time":
        return _set_apart(_in_full(_day_and_hour(moment, now.zone, now.words.babel)))
    local = moment.astimezone(now.zone) if moment.tzinfo else moment
    return _set_apart(_in_full(format_date(local, style, locale=now.words.babel)))


def _day_and_hour(moment: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """As people write it: the day in full, the hour without seconds and without a zone, which is the reader's own."""
    local = moment.astimezone(zone) if moment.tzinfo else moment
    hour = format_time(local, "short", locale=locale)
    pattern = str(get_datetime_format("long", locale=locale)).replace("'", "")
    return pattern.replace("{0}", hour).replace("{1}", format_date(local, "long", locale=locale))


def _in_full(date: str) -> str:
    """Russian dates bear "г." for the year, whose full stop would stand beside that of a sentence: the word in full."""
    return date.replace("\u202fг.", "\u00a0года")


@pass_context
def link(context: Context, value: Any) -> str:
    """The value as a link's address. Only http, https and mailto; whatever is no address is a fault."""
    address = untracked(context, value)
    now = RENDERING.get()
    # In HTML it may be shown as well as followed, so there the finished text is gone over (engine.tracking.rewriting).
    return address if now.is_html or now.track is None else now.track(address)


@pass_context
def untracked(context: Context, value: Any) -> str:
    """The same, whether links are counted or not."""
    text = "".join(each if each in _SAFE_URL else _percent(each) for each in str(value).strip())
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() not in _SCHEMES or not (parts.netloc or parts.scheme.lower() == "mailto"):
        raise RenderTrouble("a link must begin with https://, http:// or mailto:")
    return text


@pass_context
def order_lines(context: Context, data: Any) -> list[dict[str, Any]]:
    """The lines of an order or a cart: name (or sku, or ""), quantity (or 1), price and total (or None)."""
    lines = data.get("lines", []) if isinstance(data, dict) else []
    if not isinstance(lines, list) or not all(isinstance(each, dict) for each in lines):
        raise RenderTrouble(
            "lines is not a list of order lines",
        )
    return [_line(each) for each in lines]


@pass_context
def as_product(context: Context, thing: Any) -> dict[str, Any]:
    """A thing of the catalogue, or an event about one: name (or sku), image, url and currency (or ""), price and what it
    cost before, `was` (or None)."""
    if not isinstance(thing, dict):
        raise RenderTrouble("that is no product: it has no name, price, url and image")
    texts = {key: thing.get(key) or "" for key in ("image", "url", "currency")}
    return {
        "name": thing.get("name") or thing.get("sku") or "",
        "price": thing.get("price"),
        "was": thing.get("was"),
        **texts,
    }


@pass_context
def join(context: Context, items: Any, between: str = ", ") -> str:
    """The items as one text, each isolated."""
    if not isinstance(items, list):
        raise RenderTrouble("`join` is for a list")
    charge(sum(len(str(each)) + len(between) for each in items))
    glue = escape(between) if RENDERING.get().is_html else between
    return type(_set_apart(""))(glue.join(_set_apart(each) for each in items))


@pass_context
def columns(context: Context, left: Any, right: Any = "") -> str:
    """For plain text: a line with `left` at its beginning and `right` at its end (engine.sending.widths)."""
    line = line_up(str(_set_apart(left)), str(_set_apart(right)))
    charge(len(line))
    return Isolated(line)


def _set_apart(value: Any, now: Rendering | None = None) -> str:
    kind = type(value)
    if kind is Markup or kind is Isolated:
        return value  # type: ignore[no-any-return]
    now = now or RENDERING.get()
    if kind is str:
        if len(value) > _SHORT:  # what is written is charged for there
            charge(len(value))
    elif kind is int or kind is float:
        return _figure(value, now.words.region, now.is_html, now.words.direction)
    text = value if kind is str else "" if value is None else str(value)  # what is missing raises
    apart = _apart if len(text) <= _KEPT else _apart.__wrapped__
    return apart(text, now.is_html, now.words.direction)


@lru_cache(4096)
def _whole(words: str, is_html: bool) -> str:
    return _AS_HTML(words) if is_html else Isolated(words)


@lru_cache(4096, typed=True)
def _figure(value: float, region: str, is_html: bool, direction: str) -> str:
    return _apart(_number(_decimal(value), region), is_html, direction)


@lru_cache(4096)
def _price(amount: Decimal, code: str, region: str, is_html: bool, direction: str) -> str:
    locale = Locale.parse(region)
    text = format_currency(amount, code, locale=locale) if code else format_decimal(amount, "#,##0.00", locale)
    return _apart(text, is_html, direction)


@lru_cache(4096)
def _currency(told: str) -> str:
    code = told.upper()
    if code and not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise RenderTrouble(f'"{code[:10]}" is no currency: ISO 4217 has three letters')
    return code


@lru_cache(4096)
def _apart(value: str, is_html: bool, direction: str) -> str:
    text = _BLANKS.sub(" ", value).strip(" ")  # a blank that is not to be broken at stays one
    if not is_html:
        return Isolated(isolated(text, direction))
    clean = without_controls(text)
    if not turns(clean, direction):
        return escape(clean)
    # <bdi> would say it better, but Gmail, Outlook and Yahoo take that away; `dir` stays, and isolates too.
    return Markup(f'<span dir="{runs(clean)}">{escape(clean)}</span>')


def _line(line: dict[str, Any]) -> dict[str, Any]:
    told = line.get
    quantity, price, total = told("quantity"), told("price"), told("total")
    if quantity is None:
        quantity = 1
    if total is None and price is not None:
        total = (
            _product(price, quantity) if type(price) in _TOLD and type(quantity) in _TOLD else _times(price, quantity)
        )
    return {
        "name": told("name") or told("sku") or "", "quantity": quantity, "price": price, "total": total,
        "image": told("image") or "", "url": told("url") or "",
    }  # fmt: skip


def _times(price: Any, quantity: Any) -> str:
    return str(_decimal(price) * _decimal(quantity))


_product: Final = lru_cache(4096, typed=True)(_times)


def _exact(value: Any) -> Decimal:
    """The same, of what is told again and again."""
    return _decimal_of(value) if type(value) in _TOLD else _decimal(value)


@lru_cache(4096, typed=True)
def _decimal_of(value: float | str) -> Decimal:
    return _decimal(value)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Undefined):
        str(value)  # raises: the value is missing
    try:
        told = str(value)
        exact = Decimal(told) if not isinstance(value, bool) and len(told) <= _SHORT else Decimal("NaN")
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or abs(exact) >= _AMOUNT_LIMIT or (exact and abs(exact) < 1 / _AMOUNT_LIMIT):
        raise RenderTrouble(f'"{ascii(str(value)[:30])[1:-1]}" is no amount')
    return exact


def _percent(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode("utf-8", "replace"))


@lru_cache(4096)
def _number(amount: Decimal, region: str) -> str:
    return format_decimal(amount, locale=Locale.parse(region))
