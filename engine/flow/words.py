"""The words of the flow file: which keys stand where, and what shape each value has.

One table, read twice: by `check`, which finds what is wrong, and by `posthouse flow schema`, which tells editors.
"""

from typing import Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from engine.flow import scalars as of
from engine.flow.model import Writes
from engine.flow.shapes import Cases, Either, ListOf, OneOf, Record, Shape, Steps, TableOf, Variants, written

STEPS: Final = Steps()
TRACKING: Final = Either(of.SWITCH, Record(dict.fromkeys(("clicks", "opens", "view"), of.SWITCH)))
GIVEN: Final = Either(of.PLAIN, Record({"from": of.CONDITION}, {"from": "such as {from: event.total}"}))
GIVEN_NUMBER: Final = Either(of.NUMBER, Record({"from": of.CONDITION}, {"from": "such as {from: event.total}"}))
LATE: Final = Record(
    {"after": of.SPAN, "do": OneOf(("skip", "send", "ask"))},
    {"after": "such as late: {after: 6h, do: skip}", "do": "write skip, send or ask"},
)
_LEAP_DAY: Final = OneOf(("feb-28", "mar-01"))


def _kinds(example: str, **shapes: Shape) -> Variants:
    """A record of one key, out of these."""
    return Variants({word: Record({word: shape}) for word, shape in shapes.items()}, example)


# -- triggers

_AT: Final = {"at": 'such as at: "10:00"'}
_DATE: Final = Record(
    {"field": of.DATE_FIELD, "offset": of.OFFSET, "at": of.CLOCK, "yearly": of.TRUTH, "leap_day": _LEAP_DAY},
    {"field": "such as field: birthday", **_AT},
)
_CALENDAR: Final = Variants(
    {
        "on": Record({"on": of.DAY, "offset": of.OFFSET, "at": of.CLOCK, "leap_day": _LEAP_DAY}, _AT),
        "holiday": Record({"holiday": of.FESTIVAL, "offset": of.OFFSET, "at": of.CLOCK}, _AT),
    },
    'such as {on: 12-24, at: "10:00"} or {holiday: chinese-new-year, offset: -7d, at: "10:00"}',
)
_INACTIVITY: Final = Record(
    {"event": of.EVENT, "for": of.SPAN}, {"event": "such as event: order.placed", "for": "such as for: 90d"}
)
_SCHEDULE: Final = Record(
    {"rrule": of.RRULE, "at": of.CLOCK, "start": of.DATE}, {"rrule": 'such as rrule: "FREQ=WEEKLY;BYDAY=MO"', **_AT}
)
_OF_EVENT: Final[dict[str, Shape]] = {"where": of.CONDITION, "key": of.CONDITION, "restart": of.TRUTH}
_OF_TIME: Final[dict[str, Shape]] = {
    "where": of.CONDITION,
    "audience": _kinds("such as {list: news}", list=of.LIST, segment=of.SEGMENT),
}
_BY_HAND: Final[dict[str, Shape]] = {"where": of.CONDITION, "key": of.CONDITION}


def _trigger(word: str, shape: Shape, beside: dict[str, Shape]) -> Record:
    return Record({word: shape, **beside})


TRIGGER: Final = Variants(
    {
        "event": _trigger("event", of.EVENT, _OF_EVENT),
        "list": _trigger(
            "list", _kinds("such as {confirmed: news}", joined=of.LIST, confirmed=of.LIST, left=of.LIST), _OF_EVENT
        ),
        "segment": _trigger(
            "segment", _kinds("such as {entered: vip}", entered=of.SEGMENT, left=of.SEGMENT), _OF_EVENT
        ),
        "tag": _trigger("tag", _kinds("such as {added: warm}", added=of.TAG, removed=of.TAG), _OF_EVENT),
        "date": _trigger("date", _DATE, _OF_TIME),
        "calendar": _trigger("calendar", _CALENDAR, _OF_TIME),
        "inactivity": _trigger("inactivity", _INACTIVITY, _OF_TIME),
        "schedule": _trigger("schedule", _SCHEDULE, _OF_TIME),
        "manual": _trigger("manual", of.YES, _BY_HAND),
    },
    "such as event: order.placed",
)

# -- waits

_DAYS: Final[dict[str, Shape]] = {
    "on": ListOf(of.WEEKDAY, "mon", most=7),
    "skip": ListOf(of.SKIP, "holidays", most=2),
    "country": of.COUNTRY,
}
_AWAITED: Final = Variants(
    {
        "event": Record({"event": of.EVENT, "where": of.LATER_CONDITION, "step": of.STEP}),
        "segment": Record({"segment": of.SEGMENT}),
    },
    "such as {event: order.placed}",
)
BETWEEN: Final = Record(
    {"between": ListOf(of.CLOCK, '"22:00"', 2, 2), **_DAYS}, {"between": 'such as between: ["09:00", "18:00"]'}
)
_UNTIL: Final = Variants(
    {
        "until": Record({"until": of.CLOCK, **_DAYS}),
        "between": BETWEEN,
    },
    'such as {until: "10:00"}',
)
_ON_DATE: Final = Record(
    {"date": of.CONDITION, "offset": of.OFFSET, "at": of.CLOCK},
    {"date": "such as date: contact.birthday", **_AT},
)
_FOR: Final = Record(
    {"for": _AWAITED, "timeout": of.SPAN},
    {"for": "such as for: {event: order.placed}", "timeout": "such as timeout: 2d"},
)


def _pick_wait(node: Node) -> str:
    keys = written(_value_of(node, "wait"))
    return next((word for word in ("for", "date") if word in keys), "clock")


def _pick_webhook(node: Node) -> str:
    told = _value_of(_value_of(node, "webhook"), "wait")
    return "waits" if isinstance(told, ScalarNode) and told.value == "true" else "goes on"


def _value_of(node: Node, name: str) -> Node:
    """What stands under a key; the node itself where there is none."""
    pairs = node.value if isinstance(node, MappingNode) else ()
    return next((value for key, value in pairs if getattr(key, "value", None) == name), node)


# -- steps

_ID: Final[dict[str, Shape]] = {"id": of.ID}
_WAYS: Final[dict[str, Shape]] = {"then": STEPS, "else": STEPS}
_DATA: Final = TableOf(of.DATUM, GIVEN, "such as {cart: {from: event.cart_id}}")
_THEN: Final = {"then": "write what follows when it holds"}
_CASE: Final = Record(
    {"case": of.CONDITION, "then": STEPS}, {"case": "such as case: event.total > 100", **_THEN}, has_steps=True
)
_PATH: Final = Record(
    {"weight": of.count(1, 1000), "name": of.ID, "then": STEPS}, {"weight": "such as weight: 50"}, has_steps=True
)
_WINNER: Final = Record(
    {"metric": OneOf(("clicks", "orders", "opens")), "significance": of.PERCENT, "min": of.count(10, 1_000_000)},
    {"metric": "write clicks, orders or opens", "significance": "such as significance: 95%"},
)
_WEBHOOK: Final[dict[str, Shape]] = {"url": of.URL, "data": _DATA}
_URL: Final = {"url": "such as url: https://shop.example/hook"}
_CALLED: Final = Record({**_WEBHOOK, "wait": of.NO}, _URL)
_WAITED: Final = Record({**_WEBHOOK, "wait": of.YES, "timeout": of.SPAN}, {**_URL, "wait": "write wait: true"})
_NOTIFY: Final = Variants(
    {
        kind: Record({"to": of.STAFF, kind: shape}, {"to": "such as to: sales@shop.example"})
        for kind, shape in (("template", of.TEMPLATE), ("text", of.WORDS))
    },
    'such as {to: sales@shop.example, text: "Somebody asked for a call"}',
)


def _step(word: str, shape: Shape, beside: dict[str, Shape] | None = None, **needed: str) -> Record:
    return Record({word: shape, **(beside or {}), **_ID}, {word: f"such as {word}: ...", **needed})


_LATE: Final[dict[str, Shape]] = {"late": LATE}
STEP: Final[dict[str, Record | Cases]] = {
    "wait": Cases(
        _pick_wait,
        {
            "clock": _step("wait", Either(of.SPAN, _UNTIL), _LATE),
            "date": _step("wait", _ON_DATE, {**_LATE, "else": STEPS}),
            "for": _step("wait", _FOR, _WAYS),
        },
    ),
    "send": _step("send", of.TEMPLATE, {"tracking": TRACKING, **_LATE}),
    "if": _step("if", of.CONDITION, _WAYS, **_THEN),
    "switch": _step("switch", ListOf(_CASE, "{case: event.total > 100, then: [...]}", most=20), {"else": STEPS}),
    "split": _step("split", ListOf(_PATH, "{weight: 50, then: [...]}", 2, 20), {"winner": _WINNER}),
    "tag": _step("tag", of.TAG),
    "untag": _step("untag", of.TAG),
    "join": _step("join", of.LIST),
    "leave": _step("leave", of.LIST),
    "set": _step("set", TableOf(of.FIELD, GIVEN, "such as {level: gold}")),
    "add": _step("add", TableOf(of.FIELD, GIVEN_NUMBER, "such as {points: 10}")),
    "coupon": _step(
        "coupon", Either(of.POOL, Record({"pool": of.POOL, "expires": of.SPAN, "as": of.DATUM}, {"pool": "name one"}))
    ),
    "emit": _step(
        "emit", Either(of.TOLD_EVENT, Record({"event": of.TOLD_EVENT, "data": _DATA}, {"event": "such as cart.lost"}))
    ),
    "webhook": Cases(
        _pick_webhook,
        {"goes on": _step("webhook", Either(of.URL, _CALLED)), "waits": _step("webhook", _WAITED, _WAYS)},
    ),
    "notify": _step("notify", _NOTIFY),
    "start": _step("start", of.FLOW),
    "stop": _step("stop", of.FLOW),
    "jump": _step(
        "jump", Either(of.STEP, Record({"to": of.STEP, "times": of.count(1, of.MAX_TIMES)}, {"to": "name a step"}))
    ),
    "exit": _step("exit", of.WORDS),
}

# -- the file

_REENTRY: Final = Either(
    OneOf(("never", "always"), "never, always or {after: 7d}"),
    Record({"after": of.SPAN}, {"after": "never, always or {after: 7d} is expected"}),
)
_GOAL_NEEDS: Final = {"event": "such as event: order.placed"}
FLOW: Final = Record(
    {
        "name": of.NAME,
        "title": of.WORDS,
        "about": of.WORDS,
        "stream": of.STREAM,
        "list": of.LIST,
        "trigger": TRIGGER,
        "reentry": _REENTRY,
        "goal": Record({"event": of.EVENT, "within": of.SPAN, "where": of.LATER_CONDITION}, _GOAL_NEEDS),
        "exit": of.CONDITION,
        "holdout": of.PERCENT,
        "priority": of.count(0, of.MAX_PRIORITY),
        "best_before": of.SPAN,
        "tracking": TRACKING,
        "writes": OneOf(tuple(map(str, Writes)), "instead (of the shop, whose own mail is kept back) or beside (it)"),
        "steps": STEPS,
    },
    {
        "name": "such as name: order-thanks",
        "stream": "write stream: marketing (it obeys consent and unsubscribes) or stream: transactional",
        "trigger": "such as trigger: {event: order.placed}",
        "steps": "such as steps: [{send: order-thanks}]",
    },
)
