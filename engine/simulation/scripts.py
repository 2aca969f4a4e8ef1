"""Reading a test file: all that is wrong with it, with line and column, or its tests."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.audience.subscriptions import SubscriptionState
from engine.flow import machine
from engine.flow.civil import zone_of
from engine.flow.document import Entry, Fault, Sheet
from engine.flow.events import EventError, read_data
from engine.flow.known import NOTHING_KNOWN
from engine.flow.model import Definition, Split
from engine.flow.scalars import ADDRESS, EVENT, ID, LIST, NAME, SEGMENT, SPAN, STEP, TAG, WORDS
from engine.flow.shapes import Either, ListOf, OneOf, Page, Record, Schema, Shape, TableOf, Text, Variants
from engine.flow.spelling import near
from engine.sending.arbiter_settings import ArbiterSettings
from engine.sending.refusals import Refusal
from engine.simulation.people import Person
from engine.simulation.script import (
    NO_POLICY,
    ExpectedMail,
    ExpectedRefusal,
    ExpectedRun,
    Expects,
    Happens,
    Line,
    Passes,
    Place,
    Starts,
    Trial,
)
from mta.ports import to_ms

UTC_ZONE: Final = ZoneInfo("UTC")
BEGINS: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
ENDS: Final = (machine.COMPLETED, "goal", machine.EXITED, machine.FAILED)
_NUMBERS: Final = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})


# -- shapes of its own


@dataclass(frozen=True, slots=True)
class Placed:
    """A value with where it stands."""

    shape: Shape

    def read(self, page: Page, entry: Entry) -> tuple[Node, Any] | None:
        value = self.shape.read(page, entry)
        return None if value is None else (entry.key, value)

    def schema(self) -> Schema:
        return self.shape.schema()


@dataclass(frozen=True, slots=True)
class Data:
    """Plain data, as an event's."""

    def read(self, page: Page, entry: Entry) -> dict[str, Any] | None:
        if not isinstance(entry.value, MappingNode):
            page.sheet.fault(entry.value, entry.path, "keys with values are expected here", "such as {number: A-1}")
            return None
        try:
            return read_data(_plain(entry.value))
        except (EventError, RecursionError) as err:
            page.sheet.fault(entry.value, entry.path, str(err) or "is nested too deeply")
            return None

    def schema(self) -> Schema:
        return {"type": "object"}


def _plain(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(each) for each in node.value]
    if node.tag in _NUMBERS and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", node.value):
        return json.loads(re.sub(r"^(-?)0+(?=[0-9])", r"\1", node.value))
    if node.tag == "tag:yaml.org,2002:bool":
        return node.value.lower() == "true"
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError('a time is expected, such as "2026-03-02 09:00" (UTC)') from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _zone(text: str) -> str:
    if zone_of(text, UTC_ZONE).key != text:
        raise ValueError('a time zone is expected, such as "Europe/Berlin"')
    return text


def _number(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", text):
        raise ValueError("a number is expected, such as 3")
    return float(text)


MOMENT: Final = Text(_moment, {"type": "string"})
NUMBER: Final = Text(_number, {"type": "number"})
FILE: Final = Text(str, {"type": "string"})
SUBSCRIPTION: Final = OneOf(tuple(str(each) for each in SubscriptionState))
REASON: Final = OneOf(tuple(str(each) for each in Refusal), "a reason of the arbiter's")

_MAIL: Final = Record(
    {"mail": NAME, "to": ADDRESS, "step": STEP, "at": MOMENT}, {"mail": "such as {mail: order-thanks}"}
)
_RUN: Final = Record({"of": ADDRESS, "before": ID, "ended": OneOf(ENDS), "key": WORDS})
_REFUSED: Final = Record(
    {"step": STEP, "reason": REASON}, {"step": "such as step: reminder", "reason": "such as reason: frequency cap"}
)
_EXPECT: Final = Record(
    {
        "mails": ListOf(Either(NAME, _MAIL), "order-thanks", least=0),
        "refused": ListOf(_REFUSED, "{step: reminder, reason: frequency cap}", least=0),
        "runs": ListOf(Placed(_RUN), "{before: order-thanks}", least=0),
    }
)
_LINE: Final = Variants(
    {
        "event": Record({"event": EVENT, "of": ADDRESS, "data": Data(), "key": WORDS, "at": MOMENT}),
        "start": Record({"start": ADDRESS, "data": Data()}),
        "wait": Record({"wait": SPAN}),
        "expect": Record({"expect": _EXPECT}),
    },
    "such as - wait: 2h",
)
_CONTACT: Final = Record(
    {
        "address": ADDRESS, "name": WORDS, "locale": WORDS, "zone": Text(_zone, {"type": "string"}), "birthday": WORDS,
        "tags": ListOf(TAG, "warm"), "fields": Data(), "segments": ListOf(SEGMENT, "vip"),
        "lists": TableOf(LIST, SUBSCRIPTION, "such as {news: confirmed}"), "created": MOMENT,
        "orders": Record({"count": NUMBER, "total": NUMBER, "first": MOMENT, "last": MOMENT}),
    },
    {"address": "such as address: ann@example.org"},
)  # fmt: skip
_TEST: Final = Record(
    {
        "name": Placed(WORDS), "begins": MOMENT, "contacts": ListOf(Placed(_CONTACT), "{address: ann@example.org}"),
        "splits": TableOf(STEP, Text(str, {"type": "string"}), "such as {half: a}"), "arbiter": Placed(Data()),
        "script": ListOf(Placed(_LINE), "event: order.placed", most=500),
    },
    {"name": "such as name: thanks after two hours", "script": "such as script: [{event: order.placed}]"},
)  # fmt: skip
_TOP: Final = Record(
    {"flow": FILE, "tests": ListOf(_TEST, "{name: ..., script: [...]}", most=200)},
    {
        "flow": "such as flow: order-thanks.yaml (beside this file)",
        "tests": "such as tests: [{name: ..., script: ...}]",
    },
)


# -- reading


def flow_of(text: str, filename: str) -> str | list[Fault]:
    """The flow file that a test file names, or the faults of a file that names none."""
    sheet = Sheet(filename)
    root = sheet.compose(text)
    if root is None:
        return sheet.faults
    pairs = root.value if isinstance(root, MappingNode) else ()
    names = [value for key, value in pairs if isinstance(key, ScalarNode) and key.value == "flow"]
    if len(names) == 1 and isinstance(names[0], ScalarNode) and names[0].value.strip():
        return str(names[0].value.strip())
    _TOP.read(Page(sheet, NOTHING_KNOWN), Entry("", root, root))
    return sheet.faults


def read_tests(text: str, filename: str, flow: Definition) -> list[Trial] | list[Fault]:
    """The tests of a file, for this flow; or all its faults in the order of their lines."""
    page = Page(Sheet(filename), NOTHING_KNOWN)
    root = page.sheet.compose(text)
    found = _TOP.read(page, Entry("", root, root)) if root is not None else None
    trials = [_trial(page, each, flow) for each in found["tests"]] if found else []
    if page.sheet.faults:
        return sorted(page.sheet.faults, key=lambda fault: (fault.line, fault.column))
    return trials


def _trial(page: Page, told: Mapping[str, Any], flow: Definition) -> Trial:
    node, name = told["name"]
    begins = told.get("begins", BEGINS)
    people = tuple(_person(number, each, begins) for number, (_, each) in enumerate(told.get("contacts", ()), 1))
    people = people or (_person(1, {"address": "ann@example.org"}, begins),)
    cast = _Cast(page, flow, [each.address for each in people])
    addresses = [each.address for each in people]
    for place, (contact_node, _) in enumerate(told.get("contacts", ())):
        if addresses.index(addresses[place]) < place:
            page.sheet.fault(contact_node, "contacts", f"{addresses[place]} stands here twice", "keep one of the two")
    lines = tuple((_place(line_node), cast.line(line_node, *each)) for line_node, each in told["script"])
    splits = told.get("splits", {})
    for step, way in splits.items():
        cast.split(node, step, way)
    policy = _policy(page, *told["arbiter"]) if "arbiter" in told else NO_POLICY
    return Trial(name, _place(node), begins, people, lines, splits, policy)


class _Cast:
    """Whom and what a test may name."""

    def __init__(self, page: Page, flow: Definition, addresses: list[str]) -> None:
        self._sheet, self._flow, self._addresses = page.sheet, flow, addresses

    def line(self, node: Node, kind: str, told: Mapping[str, Any]) -> Line:
        match kind:
            case "event":
                return Happens(
                    told["event"],
                    self._who(node, told.get("of")),
                    told.get("data", {}),
                    told.get("key", ""),
                    told.get("at"),
                )
            case "start":
                return Starts(self._who(node, told["start"]), told.get("data", {}))
            case "wait":
                return Passes(told["wait"])
        return self._expects(node, told["expect"])

    def _expects(self, node: Node, told: Mapping[str, Any]) -> Expects:
        mails = tuple(self._mail(node, each) for each in told["mails"]) if "mails" in told else None
        refused = tuple(self._refusal(node, each) for each in told["refused"]) if "refused" in told else None
        runs = tuple(self._run(at, each) for at, each in told["runs"]) if "runs" in told else None
        return Expects(mails, refused, runs)

    def _mail(self, node: Node, told: str | Mapping[str, Any]) -> ExpectedMail:
        full: Mapping[str, Any] = {"mail": told} if isinstance(told, str) else told
        if full["mail"] not in self._flow.templates:
            hint = near(full["mail"], self._flow.templates)
            self._sheet.fault(node, "expect.mails", f"the flow sends no mail {full['mail']}{hint}")
        if "step" in full:
            self._step(node, full["step"])
        return ExpectedMail(full["mail"], self._who(node, full.get("to")), full.get("step", ""), full.get("at"))

    def _refusal(self, node: Node, told: Mapping[str, str]) -> ExpectedRefusal:
        self._step(node, told["step"])
        return ExpectedRefusal(told["step"], told["reason"])

    def _run(self, node: Node, told: Mapping[str, Any]) -> ExpectedRun:
        if ("before" in told) == ("ended" in told):
            self._sheet.fault(node, "expect.runs", "before or ended is expected", "such as {before: order-thanks}")
        if "before" in told:
            self._step(node, told["before"])
        who = self._who(node, told.get("of"))
        return ExpectedRun(who, told.get("before", ""), told.get("ended", ""), told.get("key"))

    def _step(self, node: Node, step: str) -> None:
        if step not in self._flow.program:
            self._sheet.fault(node, "", f"the flow has no step {step}{near(step, self._flow.program)}")

    def split(self, node: Node, step: str, way: str) -> None:
        instruction = self._flow.program.get(step)
        found = instruction.step if instruction else None
        if not isinstance(found, Split):
            self._sheet.fault(node, "splits", f"the flow has no split {step}{near(step, self._flow.program)}")
        elif way not in (labels := [each.label for each in found.ways]):
            self._sheet.fault(node, "splits", f"{step} has no way {way[:40]} (there are {', '.join(labels)})")

    def _who(self, node: Node, address: Any) -> str:
        if address is None:
            if len(self._addresses) > 1:
                self._sheet.fault(node, "of", "is missing", "say whose it is: the test has more contacts than one")
            return self._addresses[0]
        if str(address) not in self._addresses:
            hint = near(str(address), self._addresses)
            self._sheet.fault(node, "of", f"{address} is no contact of this test{hint}")
        return str(address)


def _policy(page: Page, node: Node, told: Mapping[str, Any]) -> Any:
    try:
        return ArbiterSettings.model_validate(told).policy
    except ValidationError as err:
        for each in err.errors():
            where = ".".join(str(part) for part in ("arbiter", *each["loc"]))
            page.sheet.fault(node, where, str(each["msg"]).removeprefix("Value error, "))
        return NO_POLICY


def _person(number: int, told: Mapping[str, Any], begins: datetime) -> Person:
    """Somebody of a test; what they did before it was done just before it begins, where it does not say when."""
    orders = told.get("orders", {})
    zone = told.get("zone", "")
    person = Person(
        number, str(told["address"]), told.get("name", ""), told.get("locale", ""), zone, zone_of(zone, UTC_ZONE),
        told.get("birthday", ""), tags=frozenset(told.get("tags", ())), segments=frozenset(told.get("segments", ())),
        fields=told.get("fields", {}), orders=int(orders.get("count", 0)), spent=round(orders.get("total", 0) * 100),
        lists={name: SubscriptionState(state) for name, state in told.get("lists", {}).items()},
        created_ms=to_ms(told.get("created", begins)),
    )  # fmt: skip
    if person.orders:
        just_before = to_ms(begins) - 1
        last_ms = to_ms(orders["last"]) if "last" in orders else just_before
        person.last_order_ms, person.first_order_ms = last_ms, to_ms(orders["first"]) if "first" in orders else last_ms
    return person


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
