"""What may be posted to the HTTP interface: the models that check it, describe it, and say all that is wrong with it."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from deliverability.address import Address, AddressError
from engine.audience.contacts import (
    NAME_MAX,
    TAG_MAX,
    ContactError,
    tidy_birthday,
    tidy_locale,
    tidy_tag,
    tidy_zone,
)
from engine.audience.fields import TEXT_MAX
from engine.catalogue.products import LOW, PART, SKU_MAX, STOCK_MAX, URL_MAX
from engine.catalogue.products import NAME_MAX as NAMED_MAX
from engine.flow.events import MAX_DATA, MAX_KEY, EventError, check_told, read_data
from engine.web.problems import Fault

_DEEPEST: Final = 40  # levels of a body
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

B = TypeVar("B", bound="Body")


def _address(text: str) -> str:
    try:
        return str(Address.parse(text))
    except AddressError as err:
        raise ValueError(str(err)) from None


def _event_name(text: str) -> str:
    try:
        return check_told(text)
    except EventError as err:
        raise ValueError(str(err)) from None


def _data(value: dict[str, Any]) -> dict[str, Any]:
    try:
        return read_data(value)
    except EventError as err:
        raise ValueError(str(err)) from None


def _moment(moment: datetime) -> datetime:
    if moment.year < 1970:  # also where no calendar of ours reaches: year 1, east of Greenwich
        raise ValueError("is before 1970")
    return moment


def _one_line(text: str) -> str:
    if _UNFIT.search(text):
        raise ValueError("holds a control character")
    return text


def _locale(text: str) -> str:
    if text and not tidy_locale(text):
        raise ValueError("is no language tag (such as en or he-IL)")
    return tidy_locale(text)


def _zone(text: str) -> str:
    if text and not tidy_zone(text):
        raise ValueError("is no time zone (such as Europe/Berlin)")
    return tidy_zone(text)


def _contact_word(tidy: Any) -> Any:
    def check(text: str) -> str:
        try:
            return str(tidy(text)) if text else ""
        except ContactError as err:
            raise ValueError(str(err)) from None

    return check


def _tag(text: str) -> str:
    try:
        return tidy_tag(_one_line(text))
    except ContactError as err:
        raise ValueError(str(err)) from None


Mailbox = Annotated[
    str, Field(max_length=254, json_schema_extra={"format": "email"}, description="A mail address."),
    AfterValidator(_address),
]  # fmt: skip
Line = Annotated[str, AfterValidator(_one_line)]
Tag = Annotated[str, Field(max_length=TAG_MAX), AfterValidator(_tag)]
Scalar = Annotated[str, Field(max_length=TEXT_MAX)] | StrictBool | int | float | None


class Body(BaseModel):
    """A request's body: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class EventBody(Body):
    """Something that happened."""

    name: Annotated[str, AfterValidator(_event_name)] = Field(
        description="Such as order.placed; none that only Posthouse makes (mail.opened, list.confirmed ...).",
        max_length=64,
        json_schema_extra={"pattern": r"^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*$"},
    )
    address: Mailbox | None = Field(
        default=None, description="To whom it happened; they become a contact when they are none."
    )
    data: Annotated[dict[str, Any], AfterValidator(_data)] = Field(
        default={}, description=f"What flows see as `event`; at most {MAX_DATA} octets of JSON."
    )
    key: Line = Field(default="", max_length=MAX_KEY, description="What it is about, where the data does not tell.")
    at: Annotated[AwareDatetime, Field(strict=False), AfterValidator(_moment)] | None = Field(
        default=None, description="When it happened, with its offset; now, where it is left out."
    )
    contact_name: Line = Field(default="", max_length=NAME_MAX, description="What a new contact is called.")
    locale: Annotated[str, AfterValidator(_locale)] = Field(
        default="", max_length=35, description="The language of a new contact."
    )
    idempotency_key: Line = Field(
        default="", max_length=200, description="A second event with the same one changes nothing, whoever tells it."
    )


class StartBody(Body):
    """Somebody who is to go into a flow."""

    address: Mailbox = Field(description="Who; they become a contact when they are none.")
    data: Annotated[dict[str, Any], AfterValidator(_data)] = Field(
        default={}, description=f"What the flow sees as `event`; at most {MAX_DATA} octets of JSON."
    )
    contact_name: Line = Field(default="", max_length=NAME_MAX, description="What a new contact is called.")
    locale: Annotated[str, AfterValidator(_locale)] = Field(
        default="", max_length=35, description="The language of a new contact."
    )


class ProductBody(Body):
    """A product: what is left out stays as it is."""

    sku: Line = Field(min_length=1, max_length=SKU_MAX, description="What it is known by.")
    name: Line = Field(default="", max_length=NAMED_MAX, description="What mails call it.")
    price: Annotated[float | int | None, Field(ge=0, lt=10**10, description="At most two decimals.")] = None
    currency: Annotated[
        str, Field(max_length=3, json_schema_extra={"pattern": "^([A-Za-z]{3})?$"}, description="A code of ISO 4217.")
    ] = ""
    stock: Annotated[int | None, Field(le=STOCK_MAX, ge=-STOCK_MAX, description="null: nobody counts.")] = None
    low: Annotated[int, Field(ge=0, le=STOCK_MAX, description="From here on few are left.")] = LOW
    url: Line = Field(default="", max_length=URL_MAX, description="Its page.")
    image: Line = Field(default="", max_length=URL_MAX, description="Its picture.")
    group: Line = Field(default="", max_length=SKU_MAX, description="What it goes with.")


class ProductsBody(Body):
    """Products, to be written over what is known of them."""

    products: list[ProductBody] = Field(min_length=1, max_length=PART, description="Each as below.")

    @property
    def told(self) -> list[dict[str, Any]]:
        """Each product as it was told, without what was left out."""
        return [each.model_dump(exclude_unset=True) for each in self.products]


class ContactBody(Body):
    """What is known of a person. Left out: stays as it is; an empty text, or null in fields: taken away."""

    address: Mailbox = Field(description="Whose it is.")
    name: Line | None = Field(default=None, max_length=NAME_MAX, description="What the person is called.")
    locale: Annotated[str, AfterValidator(_locale)] | None = Field(
        default=None, max_length=35, description="A language, such as he-IL (BCP 47)."
    )
    zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        default=None, max_length=64, description="A time zone, such as Asia/Jerusalem (IANA)."
    )
    birthday: Annotated[str, AfterValidator(_contact_word(tidy_birthday))] | None = Field(
        default=None, max_length=10, description="1990-03-31, or --03-31 without the year."
    )
    external_id: Line | None = Field(default=None, max_length=NAME_MAX, description="What the shop calls this person.")
    source: Line | None = Field(default=None, max_length=NAME_MAX, description="How the address came to you.")
    fields: dict[str, Scalar] = Field(
        default={}, max_length=200, description="Fields that were declared (`posthouse field add`)."
    )
    tags: list[Tag] = Field(default=[], max_length=100, description="Given to the person.")
    untags: list[Tag] = Field(default=[], max_length=100, description="Taken from the person.")


class Faulty(Exception):
    """A body with all that is wrong with it. `code` is the HTTP status."""

    def __init__(self, faults: list[Fault], code: int = 422) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults, self.code = faults, code


def parse(model: type[B], octets: bytes) -> B:
    """A body out of its octets. Faulty: 400 for what is no JSON, 422 with every fault for what it does not take."""
    try:
        told = json.loads(octets.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
    except RecursionError:
        raise Faulty([Fault("", "nested too deeply")], 400) from None
    except UnicodeDecodeError as err:
        raise Faulty([Fault("", f"is no UTF-8 at octet {err.start}")], 400) from None
    except json.JSONDecodeError as err:
        raise Faulty([Fault("", f"is no JSON: {err.msg} at line {err.lineno}, column {err.colno}")], 400) from None
    except ValueError as err:
        raise Faulty([Fault("", f"is no JSON: {str(err)[:80]}")], 400) from None
    if not isinstance(told, dict):
        raise Faulty([Fault("", "is no JSON object")])
    if _depth(told) > _DEEPEST:
        raise Faulty([Fault("", "nested too deeply")])
    try:
        return model.model_validate(told)
    except ValidationError as err:
        raise Faulty(_faults(err)) from None


def _faults(error: ValidationError) -> list[Fault]:
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_context=False):
        # A value's union names the type that it tried behind the place; the reader knows only the place.
        place = each["loc"][:2] if each["loc"][:1] == ("fields",) else each["loc"]
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
        found.setdefault(pointer.encode("utf-8", "replace").decode(), each["msg"].removeprefix("Value error, "))
    return [Fault(pointer, detail) for pointer, detail in found.items()]


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a name that comes twice means different things to different readers (RFC 8259 section 4)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice in one object")
    return found


def _depth(value: Any) -> int:
    levels, depth = [value], 0
    while levels and depth <= _DEEPEST:
        depth += 1
        nested = [each for each in levels if isinstance(each, dict | list)]
        levels = [one for each in nested for one in (each.values() if isinstance(each, dict) else each)]
    return depth


def happened(body: EventBody, now: datetime) -> datetime:
    """When an event is taken to have happened: never later than now."""
    return min(body.at, now) if body.at is not None else now
