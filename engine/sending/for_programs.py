"""What a template can call to say to programs what the mail is about: JSON-LD, for the block `data` of its HTML
(engine.sending.structured)."""

from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from engine.sending import structured
from engine.sending.functions import RENDERING, Isolated, order_lines
from engine.sending.sandbox import charge


@pass_context
def order_data(context: Context, data: Any, status: Any = "placed") -> str:
    """An order. `status`: placed, paid, shipped, delivered, cancelled or refunded."""
    return _script(
        structured.order(_record(data), _record(context.get("shop")), order_lines(context, data), str(status))
    )


@pass_context
def parcel_data(context: Context, data: Any) -> str:
    """A parcel on its way."""
    return _script(structured.parcel(_record(data), _record(context.get("shop"))))


@pass_context
def reservation_data(context: Context, data: Any, status: Any = "confirmed") -> str:
    """A seat at an event. `status`: confirmed, pending or cancelled."""
    who = str(_record(context.get("contact")).get("name", ""))
    return _script(structured.reservation(_record(data), _record(context.get("shop")), who, str(status)))


@pass_context
def event_data(context: Context, data: Any) -> str:
    """An event that somebody is invited to."""
    return _script(structured.occasion(_record(data), _record(context.get("shop"))))


@pass_context
def promotion_data(context: Context, data: Any) -> str:
    """The code in a marketing mail, with the shop's picture; nothing where there is no code."""
    coupon = _record(_record(data).get("coupon"))
    if not coupon.get("code"):
        return Markup("")
    logo = _record(_record(context.get("brand")).get("logo"))
    return _script(*structured.promotion(coupon, logo.get("url")))


def _record(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _script(*things: dict[str, Any]) -> str:
    text = structured.script(*things)
    charge(len(text))
    return Markup(text) if RENDERING.get().is_html else Isolated("")
