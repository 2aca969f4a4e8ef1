"""3 Flows: what the canned daemon says of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from canned_day import HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.flows import (
    DraftPicture,
    DraftRow,
    Drafts,
    DraftText,
    FlowBranch,
    FlowChangeRow,
    FlowFault,
    FlowHistory,
    FlowNode,
    FlowPeople,
    FlowPerson,
    FlowPicture,
    FlowRow,
    Flows,
    FlowText,
    Landing,
    RecipeRow,
    Recipes,
    RecipeText,
    Trial,
    Trials,
)
from engine.control.protocol.reasons import ReasonRow, WhyNotAnswer

FLOW_ROWS = (
    FlowRow("abandoned-cart", "Abandoned cart", "active", "marketing", 183, 3411, 210, 5120),
    FlowRow("confirm-subscription", "Double opt-in", "active", "transactional", 12, 4098, 3800, 4110),
    FlowRow("parcel-updates", "Ihr Paket ist unterwegs · 包裹更新", "paused", "transactional", 4, 960, 0, 2884),
    FlowRow("win-back", "Come back", "archived", "marketing", 0, 120, 9, 240),
)

_REMIND = (
    FlowNode("offer", "send", "cart-first-order", 0, 1204, came=1204, hour=9),
    FlowNode("pause", "wait", "2 d", 40, 1164, came=1204, hour=7, since_ms=NOW - 47 * HOUR),
    FlowNode("last", "send", "cart-last-call", 0, 1124, came=1124, hour=4),
)
CART = FlowPicture(
    NOW,
    "abandoned-cart",
    "Abandoned cart",
    "Remind a shopper who left goods behind; stop the moment they buy.",
    "active",
    "marketing",
    "3f9c2ab1d0e4",
    "order.placed within 5 d",
    (
        FlowNode("", "trigger", "cart.updated", 0, 4210, came=4210, hour=31),
        FlowNode(
            "hour", "wait", "1 h", 112, 4098, came=4210, hour=31, since_ms=NOW - 58 * MIN, stuck=3, is_bottleneck=True
        ),
        FlowNode("reminder", "send", "cart-reminder", 0, 4080, came=4098, hour=28),
        FlowNode("morning", "wait", "until 10:00, mon to fri", 31, 3912, came=3943, hour=12, since_ms=NOW - 13 * HOUR),
        FlowNode(
            "first",
            "if",
            "contact.orders.count == 0",
            0,
            3912,
            (
                FlowBranch("then", _REMIND, 1204, 9),
                FlowBranch("else", (FlowNode("plain", "send", "購物車提醒", 0, 2700, came=2700, hour=3),), 2708, 3),
            ),
            came=3912,
            hour=12,
        ),
        FlowNode("end", "end", "", 0, 3411),
    ),
    {"completed": 3411, "goal": 210, "exit": 14, "failed": 0},
    {"old-offer": 2},
    "3 at hour can't go on by themselves, or should have long ago",
)

PEOPLE = (
    FlowPerson("dana@example.org", "hour", "reminder", NOW - 58 * MIN, NOW + 2 * MIN, 4711, "cart-17", "3f9c2ab1d0e4"),
    FlowPerson("李雷@例子.中国", "hour", "reminder", NOW - 41 * MIN, NOW + 19 * MIN, 4712, "購物車-88", "3f9c2ab1d0e4"),
    FlowPerson("דנה@דואר.example", "hour", "reminder", NOW - 30 * MIN, NOW + 30 * MIN, 4713, "עגלה-3", "3f9c2ab1d0e4"),
    FlowPerson("мария@почта.example", "hour", "reminder", NOW - 9 * MIN, NOW + 51 * MIN, 4714, "", "3f9c2ab1d0e4"),
    FlowPerson(
        "evil\x1b]52;c;aGk=\x07@[/foo].example", "hour", "", NOW - 26 * HOUR, None, 4715, "[@click=app.quit]x[/]",
        "77aa01bb02cc", "the pool first-order has no codes", True,
    ),
)  # fmt: skip

SOURCE = """\
name: abandoned-cart
title: Abandoned cart   # הסל שלך מחכה, 購物車, корзина
stream: marketing
trigger: {event: cart.updated, key: event.cart_id}
steps:
  - wait: 1h
    id: hour
  - sned: cart-reminder
  - if: contact.orders.count == 0
    then:
      - send: cart-first-order
"""
FAULT = FlowFault(8, 5, "steps[1].sned", 'is not known here (did you mean "send"?)')


def _over() -> DraftPicture:
    """The draft over what runs: a step is new, one is gone, one has changed."""
    new = FlowNode("sms", "wait", "3 d", mark="+", lands=31)
    nodes = tuple(
        replace(node, mark="~", was="until 10:00") if node.id == "morning" else
        replace(node, mark="-") if node.id == "reminder" else replace(node, is_bottleneck=False)
        for node in CART.nodes
    )  # fmt: skip
    picture = replace(CART, nodes=(*nodes[:4], new, *nodes[4:]), bottleneck="", elsewhere={})
    landings = (
        Landing("3f9c2ab1d0e4", "hour", 112, "moves", "hour", keeps_wait=True),
        Landing("3f9c2ab1d0e4", "morning", 31, "moves", "sms"),
        Landing("77aa01bb02cc", "old-offer", 2, "stays", "", "the new version has no such step"),
    )
    return DraftPicture(picture, ("reentry: never  becomes  always",), landings, 145, ("hour", "morning", "sms"))


RECIPES = (
    RecipeRow("abandoned-cart", "Abandoned cart", "Remind a shopper", "marketing", "cart.updated", ("cart-reminder",), True),
    RecipeRow("birthday", "Birthday", "A gift on the day", "marketing", "contact.birthday at 09:00", ("birthday",)),
    RecipeRow("order-thanks", "謝謝您的訂單", "Thanks, then a review", "transactional", "order.placed", ("a", "b", "c")),
    RecipeRow("win-back", "Возвращайтесь", "Who has not bought", "marketing", "90d without order.placed", ("win-back",)),
)  # fmt: skip

CHANGES = (
    FlowChangeRow(NOW - 2 * HOUR, "applied", "dana", "3f9c2ab1d0e4" + "0" * 52, {"move": True, "map": {"old-offer": "offer"}}),
    FlowChangeRow(NOW - 2 * HOUR, "moved", "dana", "3f9c2ab1d0e4" + "0" * 52, {"moved": 143, "stayed": 2, "left": 0}),
    FlowChangeRow(NOW - 50 * HOUR, "resumed", "李雷", "77aa01bb02cc" + "0" * 52),
    FlowChangeRow(NOW - 51 * HOUR, "paused", "דנה", "77aa01bb02cc" + "0" * 52),
    FlowChangeRow(NOW - 300 * HOUR, "applied", "dana", "77aa01bb02cc" + "0" * 52),
)  # fmt: skip

REPORT = (
    "Flow abandoned-cart, version 3f9c2ab1d0e4, marketing",
    "over 12,403 events from 2026-08-24 to 2026-11-22 (91 days), 4,210 people",
    "",
    "Entered          4,210  by 3,988 people",
    "Mails            5,120  to 3,901 people",
)


def _flows(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return Flows(NOW, FLOW_ROWS)


def _flow(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    name = words["name"]
    known = {each.name: each for each in FLOW_ROWS}
    if name not in known:
        return Refused(f"there is no flow {name}", "See: posthouse flow list")
    return replace(CART, name=name, title=known[name].title, state=known[name].state)


def _people(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    step = query.get("step", "")
    return FlowPeople(NOW, words["name"], step, tuple(each for each in PEOPLE if step in ("", each.step)))


def _why_not(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    reasons = (
        ReasonRow("waits", "it stands before the step reminder, key cart-17 (hour: 1h)", None, NOW + 2 * MIN),
        ReasonRow("quiet hours", "a mail of this flow would be held now", None, NOW + 8 * HOUR, {"contact.zone": None}),
    )
    return WhyNotAnswer(NOW, query["address"], words["name"], "flow", reasons)


def _text(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    version = query.get("version", "")
    source = SOURCE.replace("sned", "send")
    is_old = version.startswith("77aa")
    text = source.replace("1h", "2h") if is_old else source
    return FlowText(NOW, words["name"], version or "3f9c2ab1d0e4" + "0" * 52, text, not is_old, NOW - HOUR, "dana", 2)


def _draft(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    if words["name"] != "abandoned-cart":
        return Refused(f"there is no draft {words['name']}")
    return DraftText(NOW, words["name"], SOURCE, "dana", NOW - HOUR, 3, "", "flow abandoned-cart", (FAULT,))


def _keep(body: Mapping[str, Any]) -> object:
    faults = (FAULT,) if "sned" in str(body["source"]) else ()
    picture = {} if faults else {"picture": replace(_over().picture, elsewhere={})}
    return Done("kept", {"revision": int(body.get("revision", 0)) + 1, "faults": faults, "version": "", **picture})


def _trial(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return Trial(NOW, 1, "abandoned-cart", "3f9c2ab1d0e4", "90d", "done", "dana", 12_403, 12_403, REPORT)


def _plan(body: Mapping[str, Any]) -> object:
    return Done("Flow abandoned-cart: 3f9c2ab1d0e4 -> 8812cc00ffee\n\nUnder way: 145\n  143 move, 2 stay")


ANSWERS = {
    "/v1/flows": _flows,
    "/v1/flows/{name}": _flow,
    "/v1/flows/{name}/people": _people,
    "/v1/flows/{name}/text": _text,
    "/v1/flows/{name}/history": lambda query, words: FlowHistory(NOW, words["name"], "active", CHANGES),
    "/v1/flow-drafts": lambda query, words: Drafts(
        NOW, (DraftRow("abandoned-cart", "", "dana", NOW - HOUR, 3, "", "flow abandoned-cart", 1),)
    ),
    "/v1/flow-drafts/{name}": _draft,
    "/v1/flow-trials": lambda query, words: Trials(NOW),
    "/v1/flow-trials/{id}": _trial,
    "/v1/recipes": lambda query, words: Recipes(NOW, RECIPES),
    "/v1/recipes/{name}": lambda query, words: RecipeText(NOW, words["name"], SOURCE, replace(CART, state="recipe")),
    "/v1/why-not/{name}": _why_not,
}
ACTS = {
    "flows/draft": _keep,
    "flows/check": _keep,
    "flows/draw": lambda body: Done("would move", {"draft": _over()}),
    "flows/trial": lambda body: Done("trial 1", {"id": 1}),
    "flows/plan": _plan,
    "flows": lambda body: (
        _plan(body)
        if body.get("dry_run")
        else Done(
            "flow abandoned-cart version 8812cc00ffee is new and active",
            {"undo": {"path": "flows/return", "body": {}}, "act": 7},
        )
    ),
    "flows/return": lambda body: _plan(body) if body.get("dry_run") else Done("flow abandoned-cart is as it was"),
    "flows/state": lambda body: Done(
        f"flow {body['flow']} is {body['state']}", {"undo": {"path": "flows/state", "body": {}}, "act": 8}
    ),
}
SCENES = (
    Scene("flows", ("3",), "win-back"),
    Scene("flow", ("3", "enter"), "▼ 4,098"),
    Scene("outline", ("3", "enter", "v"), "╰─ else"),
    Scene("people", ("3", "enter", "j", "enter"), "李雷"),
    Scene("draft", ("3", "j", "enter", "escape"), "did you mean"),
    Scene("overlay", ("3", "enter", "o"), "sms"),
    Scene("recipes", ("3", "C"), "birthday"),
    Scene("versions", ("3", "enter", "t"), "resumed"),
    Scene("trial", ("3", "enter", "s", "enter"), "Entered"),
)
