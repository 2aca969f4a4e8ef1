"""The sample shop: mails such as a shop's software hands over, with the mark-up that a flow can read.

Customers write English, Hebrew, Chinese or Russian; the n-th order is the same on every machine for the same seed. The
shop knows nothing of Posthouse but its submission port, and for carts and codes the X-Posthouse fields.
"""

import hashlib
import html
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from importlib import resources
from typing import Any, Final, TypeVar

from engine.lab.orders import Customer, Line, Order, order_markup, parcel_markup

T = TypeVar("T")

_CENT: Final = Decimal("0.01")
_WIDE: Final = SMTP.clone(max_line_length=900)  # an application seldom folds JSON; 998 is the limit (RFC 5322 2.1.1)
DOMAINS: Final = ("shop.lab", "gmail.lab", "outlook.lab", "yahoo.lab", "mailru.lab", "qq.lab")


@dataclass(frozen=True, slots=True)
class ShopMail:
    """A mail with its envelope, as an application hands it over."""

    mail_from: str
    rcpt_to: str
    content: bytes


class SampleShop:
    """Makes orders and the mails about them."""

    def __init__(
        self, now: datetime, *, seed: int = 1, domain: str = "shop.example", at: Sequence[str] = DOMAINS
    ) -> None:
        """`now` dates the mails, `domain` is the shop's own, `at` are the domains of its customers."""
        self._now = now
        self._seed = seed
        self._domain = domain
        self._site = f"https://{domain}"
        self._customers_at = tuple(at)
        text = resources.files("engine.lab").joinpath("shop.toml").read_text(encoding="utf-8")
        self._data: dict[str, Any] = tomllib.loads(text)

    def customer(self, number: int) -> Customer:
        """The customer of the n-th order. Each has an address of their own."""
        person = self._pick(self._data["people"], number, "person")
        domain = self._pick(self._customers_at, number, "domain")
        return Customer(person["name"], f"{person['local']}{number}@{domain}", person["language"])

    def order(self, number: int) -> Order:
        """The n-th order: one to four lines in the customer's language and currency."""
        customer = self.customer(number)
        words = self._words(customer)
        goods = sorted(self._data["goods"], key=lambda good: self._throw(number, good["sku"]))
        lines = tuple(
            Line(
                good["sku"],
                good["name"][customer.language],
                1 + self._throw(number, f"quantity {good['sku']}") % 3,
                (Decimal(good["price"]) * Decimal(words["rate"])).quantize(_CENT),
            )
            for good in goods[: 1 + self._throw(number, "lines") % 4]
        )
        return Order(f"{self._domain.partition('.')[0].upper()}-{10_000 + number}", customer, lines, words["currency"])

    def order_mail(self, order: Order) -> ShopMail:
        """The confirmation, with a schema.org Order in JSON-LD."""
        words = self._words(order.customer)
        paragraphs = [words["hello"].format(name=order.customer.name), words["thanks"].format(number=order.number)]
        subject = words["order"].format(number=order.number)
        return self._mail(order.customer, subject, paragraphs, order, order_markup(self._site, order))

    def shipping_mail(self, order: Order) -> ShopMail:
        """The parcel is on its way, with a schema.org ParcelDelivery in JSON-LD."""
        words = self._words(order.customer)
        arrival = self._now + timedelta(days=3)
        tracking = f"LAB{self._throw(0, order.number) % 10**9:09d}"
        paragraphs = [
            words["hello"].format(name=order.customer.name),
            words["sent"].format(tracking=tracking, day=arrival.date().isoformat()),
        ]
        markup = parcel_markup(order, tracking, arrival)
        subject = words["shipped"].format(number=order.number)
        return self._mail(order.customer, subject, paragraphs, order, markup)

    def cart_mail(self, order: Order, *, deliver: bool = False) -> ShopMail:
        """A cart that was changed, as an event in the mail's header; not to be delivered unless `deliver`."""
        data = {
            "cart_id": f"cart-{order.number}",
            "cart_url": f"{self._site}/cart/{order.number}",
            "total": float(order.total),
            "currency": order.currency,
            "lines": [_line_data(line) for line in order.lines],
        }
        fields = {"X-Posthouse-Event": "cart.updated", "X-Posthouse-Data": json.dumps(data)}
        if not deliver:
            fields["X-Posthouse-Deliver"] = "no"
        return self._mail(order.customer, "cart", [order.number], order, None, fields)

    def code_mail(self, customer: Customer, code: str) -> ShopMail:
        """A sign-in code: worthless after ten minutes, and it says so."""
        words = self._words(customer)
        paragraphs = [words["hello"].format(name=customer.name), words["code_words"].format(code=code)]
        fields = {"X-Posthouse-Expires": "10m"}
        return self._mail(customer, words["code"].format(code=code), paragraphs, None, None, fields)

    def _mail(
        self,
        customer: Customer,
        subject: str,
        paragraphs: list[str],
        order: Order | None,
        markup: dict[str, Any] | None,
        fields: dict[str, str] | None = None,
    ) -> ShopMail:
        words = self._words(customer)
        sender = f"orders@{self._domain}"
        key = hashlib.sha256(f"{self._seed}/{subject}/{customer.address}".encode()).hexdigest()[:24]
        mail = EmailMessage(policy=_WIDE)
        mail["From"] = Address(words["shop"], addr_spec=sender)
        mail["To"] = Address(customer.name, addr_spec=customer.address)
        mail["Subject"] = subject
        mail["Date"] = format_datetime(self._now)
        mail["Message-ID"] = f"<{key}@{self._domain}>"
        for name, value in (fields or {}).items():
            mail[name] = value
        mail.set_content("\n\n".join([*paragraphs, *_text_table(order, words)]) + "\n")
        mail.add_alternative(_page(customer.language, paragraphs, order, words, markup), subtype="html")
        mail.set_boundary(f"={key}=")
        return ShopMail(sender, customer.address, mail.as_bytes())

    def _words(self, customer: Customer) -> dict[str, str]:
        words: dict[str, str] = self._data["language"][customer.language]
        return words

    def _pick(self, items: Sequence[T], number: int, what: str) -> T:
        return items[self._throw(number, what) % len(items)]

    def _throw(self, number: int, what: str) -> int:
        """Chance that is the same on every machine."""
        return int.from_bytes(hashlib.sha256(f"{self._seed}/{number}/{what}".encode()).digest()[:6], "big")


def _line_data(line: Line) -> dict[str, Any]:
    return {"sku": line.sku, "name": line.name, "quantity": line.quantity, "price": float(line.price)}


def _text_table(order: Order | None, words: dict[str, str]) -> list[str]:
    if order is None:
        return []
    lines = [f"{line.quantity} x {line.name}  {line.price} {order.currency}" for line in order.lines]
    return ["\n".join([*lines, f"{words['total']}: {order.total} {order.currency}"])]


def _page(
    language: str, paragraphs: list[str], order: Order | None, words: dict[str, str], markup: dict[str, Any] | None
) -> str:
    """The HTML part. Everything that came from data is escaped, in the mark-up too."""
    direction = "rtl" if language == "he" else "ltr"
    rows = _rows(order, words) if order is not None else []
    script = json.dumps(markup, ensure_ascii=False, indent=1).replace("<", "\\u003c") if markup else ""
    return "\n".join(
        [
            f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">',
            *([f'<script type="application/ld+json">\n{script}\n</script>'] if script else []),
            "</head><body>",
            *(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs),
            *(["<table>", *rows, "</table>"] if rows else []),
            "</body></html>",
        ]
    )


def _rows(order: Order, words: dict[str, str]) -> list[str]:
    return [
        *(
            f"<tr><td>{line.quantity} &times; <bdi>{html.escape(line.name)}</bdi></td>"
            f"<td><bdi>{line.price} {order.currency}</bdi></td></tr>"
            for line in order.lines
        ),
        f"<tr><th>{words['total']}</th><th><bdi>{order.total} {order.currency}</bdi></th></tr>",
    ]
