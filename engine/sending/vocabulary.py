"""All that a template can call, by the name that it has there."""

from collections.abc import Mapping
from typing import Any, Final

from engine.sending.for_programs import event_data, order_data, parcel_data, promotion_data, reservation_data
from engine.sending.functions import (
    as_product,
    columns,
    date,
    iso,
    join,
    link,
    money,
    number,
    order_lines,
    preferences_url,
    recommended,
    referral_url,
    survey_url,
    t,
    untracked,
)

FUNCTIONS: Final[Mapping[str, Any]] = {
    "t": t, "columns": columns, "preferences_url": preferences_url, "survey_url": survey_url, "referral_url": referral_url,
    "recommended": recommended, "order_data": order_data, "parcel_data": parcel_data,
    "reservation_data": reservation_data, "event_data": event_data, "promotion_data": promotion_data,
}  # fmt: skip
FILTERS: Final[Mapping[str, Any]] = {
    "iso": iso, "money": money, "number": number, "date": date, "link": link, "untracked": untracked,
    "order_lines": order_lines, "as_product": as_product, "join": join,
}  # fmt: skip
