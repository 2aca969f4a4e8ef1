"""5 Lists, and the person: what the canned daemon says of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from canned_day import HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.imports import ColumnRow, FaultRow, ImportPicture, ImportRow, Imports
from engine.control.protocol.lists import (
    AnswerRow,
    FieldRow,
    Fields,
    ListPicture,
    ListRow,
    Lists,
    People,
    PersonRow,
    SettingRow,
    StandingRow,
    Standings,
)
from engine.control.protocol.people import (
    ConsentProof,
    ConsentRow,
    HappenedRow,
    Person,
    RunRow,
    SeatRow,
    SentRow,
    StopRow,
    ValueRow,
)
from engine.control.protocol.segments import (
    ClauseRow,
    MemberRow,
    Members,
    MovedRow,
    SegmentDiff,
    SegmentPlan,
    SegmentRow,
    Segments,
    SegmentWhy,
)

DAY = 24 * HOUR
TOTAL = 4_998
_ASKED = (*((n * n * 5 + n * 11) % 41 for n in range(29)), 428)
_YES = (*((n * n * 3 + n * 7) % 29 for n in range(29)), 212)
_NO = tuple((n * 5) % 7 for n in range(30))


def list_row(name: str, title: str, confirmation: str = "double", confirmed: int = 3120) -> ListRow:
    return ListRow(
        name, title, confirmation, "One letter a month about tea.", confirmed, 1203, 67, 40, sum(_ASKED), sum(_YES), sum(_NO),
        12, 0, _ASKED, _YES, _NO, (0,) * 30, (0,) * 30,
    )  # fmt: skip


LIST_ROWS = (
    list_row("news", "Tea Letters · מכתבי תה"),
    list_row("offers", "商店優惠", "single", 812),
    list_row("ru", "Новости чайной", confirmed=0),
)
_WHO = (
    ("ann@gmail.com", "Ann Lee", "en"),
    ("dana@shop.example", "דנה כהן", "he"),
    ("li.lei@bücher.example", "李雷", "zh"),
    ("anna@mail.example", "Анна Петрова", "ru"),
    ("pat@example.org", "[/foo] [@click=app.quit]Pat", "en"),
)
_STATES = (
    ("confirmed", ""),
    ("unconfirmed", ""),
    ("unconfirmed", "to be asked"),
    ("unsubscribed", "left"),
    ("unsubscribed", "not confirmed in time"),
    ("unsubscribed", "taken off by dana: asked by phone"),
)


def standing(n: int) -> StandingRow:
    address, name, locale = _WHO[n % len(_WHO)]
    state, why = _STATES[n % len(_STATES)]
    asked = NOW - n * HOUR - MIN
    return StandingRow(
        n + 1, f"{n}.{address}", name, state, "form" if n % 3 else "import 7", asked,
        asked + 9 * MIN if state == "confirmed" else None, asked + 3 * HOUR if state == "unsubscribed" else None,
        asked + 7 * DAY if state == "unconfirmed" and not why else None, None, why, locale,
    )  # fmt: skip


def _lists(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return Lists(NOW, LIST_ROWS, 41_204)


def _list(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    found = next((each for each in LIST_ROWS if each.name == words["name"]), None)
    if found is None:
        return Refused(f"there is no list {words['name']}", "`posthouse list show` lists them")
    acts = ("confirmed", "asked", "withdrawn", "restored", "asked", "confirmed")
    answers = tuple(
        AnswerRow(NOW - n * 7 * MIN, act, _WHO[n % 5][0], "operator" if act == "withdrawn" else "web", 900 - n)
        for n, act in enumerate(acts)
    )
    settings = (
        SettingRow("title", found.title, found.name, "What readers see."),
        SettingRow("purpose", found.purpose, "", "The words that people agree to."),
        SettingRow("expire_after", "3d", "7d", "How long the confirmation mail's link works; then the asking is over."),
        SettingRow("title.he", "מכתבי תה", "", "title.LANGUAGE: what its readers call it in that language."),
    )
    return ListPicture(NOW, found, settings, answers, NOW + 3 * HOUR)


def _members(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    first, limit = int(query.get("after", 0)) + int(query.get("skip", 0)), int(query.get("limit", 100))
    rows = [standing(n) for n in range(first, min(first + limit, TOTAL))]
    if state := query.get("state"):
        rows = [each for each in rows if each.state == state]
    if text := query.get("q"):
        rows = [each for each in rows if text in each.address]
    return Standings(NOW, words["name"], tuple(rows), TOTAL, rows[-1].contact_id if first + limit < TOTAL else 0)


def _people(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    first, limit = int(query.get("after", 0)) + int(query.get("skip", 0)), int(query.get("limit", 100))
    rows = tuple(
        PersonRow(
            n + 1, f"{n}.{_WHO[n % 5][0]}", _WHO[n % 5][1], _WHO[n % 5][2], "form", NOW - n * HOUR, NOW - n * MIN, n % 4
        )
        for n in range(first, min(first + limit, TOTAL))
    )
    return People(NOW, rows, TOTAL, rows[-1].contact_id if rows and first + limit < TOTAL else 0)


PERSON = Person(
    NOW, "dana@shop.example", 17, "דנה כהן", "he", "Asia/Jerusalem", "2026-11-22 02:02", "--03-31", "K-204", "fair",
    NOW - 90 * DAY, "", ("vip", "warm"), (ValueRow("size", "38", "Shoe size"),), ("buyers",), ("dana@old.example",), 3, "126.00",
    NOW - 80 * DAY, NOW - 6 * DAY, 12, 4, 1, 9, NOW - 2 * DAY, "active",
    (
        SeatRow("news", "Tea Letters", replace(standing(0), contact_id=17), 871),
        SeatRow("offers", "商店優惠", replace(standing(4), contact_id=17)),
    ),
    (StopRow("manual", "marketing", "", "mia", "asked by phone to pause", NOW - DAY, NOW + 30 * DAY, "any operator"),),
    (
        RunRow("abandoned-cart", "pause", "waiting", NOW - 2 * DAY, NOW + 5 * HOUR),
        RunRow("win-back", "end", "ended", NOW - 60 * DAY, None, NOW - 51 * DAY, "goal"),
    ),
    (
        SentRow(4714, NOW - HOUR, "הזמנתך בדרך", "submission", "delivered", "250 2.0.0 Ok"),
        SentRow(4012, NOW - 9 * DAY, "購物車提醒", "flow abandoned-cart · reminder", "bounced", "452 4.2.2 full"),
        SentRow(3001, NOW - 30 * DAY, "Autumn tea", "campaign autumn", "delivered", "", NOW - 29 * DAY, NOW - 29 * DAY),
    ),
    (),
    (HappenedRow(NOW - 6 * DAY, "order.placed", "order_id A7, total 42.0", "http"), HappenedRow(NOW - DAY, "mail.opened")),
    (ValueRow("first-order", "TEA-3F9C", "redeemed"),),
)  # fmt: skip


def _person(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return replace(PERSON, address=words["address"])


PROOF = ConsentProof(
    NOW, "dana@shop.example", 17,
    (
        ConsentRow(
            870, NOW - 30 * DAY, "asked", "9b2c" * 16, "news", "form", "One letter a month about tea.", "", "he", "203.0.113.7",
            "Mozilla/5.0 (X11; Linux x86_64)", "", "<a1@shop.example>", "נשאר רק לאשר: Tea Letters",
            "האם זו הכתובת שלך?\n\nhttps://shop.example/confirm/wwEAawx6",
        ),
        ConsentRow(
            871, NOW - 30 * DAY + 4 * MIN, "confirmed", "41fe" * 16, "news", "web", "One last step\n[Yes, sign me up]",
            "One letter a month about tea.", "he", "203.0.113.7",
        ),
    ),
    1_204, 1_204, "77aa" * 16,
)  # fmt: skip


def _proof(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return replace(PROOF, address=words["address"])


SEGMENT_ROWS = (
    SegmentRow(
        "buyers", "Who bought", "contact.orders.count > 0", 1820, "live", "", NOW - DAY, NOW - HOUR, NOW - DAY, 14, 2
    ),
    SegmentRow("birthdays", "Birthdays", "contact.birthday in\n  month(now)", 0, "building", "", NOW - MIN),
    SegmentRow("old", "Old", "contact.gone", 3, "faulty", "line 1, column 9: a contact has no gone", NOW - 9 * DAY),
)


def _segments(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return Segments(NOW, SEGMENT_ROWS)


def _segment(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return next(each for each in SEGMENT_ROWS if each.name == words["name"])


def _segment_members(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    rows = tuple(MemberRow(n + 1, f"{n}.{_WHO[n % 5][0]}", NOW - n * HOUR) for n in range(60))
    return Members(NOW, words["name"], rows, 60)


def _cost(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return SegmentPlan(
        NOW,
        "contact.orders.count > 0",
        ("orders",),
        "SELECT ...",
        ("SEARCH c USING INTEGER PRIMARY KEY",),
        41_204,
        5_000,
        3.2,
    )


def _diff(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    rows = (MovedRow(_WHO[1][0], True, "order.placed", NOW - HOUR), MovedRow(_WHO[3][0], False, "time", NOW - 2 * HOUR))
    return SegmentDiff(NOW, words["name"], NOW - 7 * DAY, NOW, 1808, 1820, 14, 2, rows)


def _why(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    clauses = (ClauseRow(0, "contact.orders.count > 0", True, "contact.orders.count is 3"),)
    return SegmentWhy(NOW, words["name"], query["address"], True, True, NOW - DAY, None, clauses)


IMPORT_ROWS = (
    ImportRow(
        "2a1b0f41", "running", "leipzig fair.csv", 9, "dana", "csv", 185_237, 185_237, 5_000, 3_200, 3_188, 3_001, 187, 12, 4,
        NOW - 2 * MIN, lists=("news",), asks=True,
    ),
    ImportRow(
        "7c00aa01", "tried", "רשימה.csv", 0, "李雷", "csv", 90_000, 90_000, 812, 812, 790, 0, 40, 22, 3, NOW - 9 * MIN,
        lists=("news",), asks=True,
    ),
    ImportRow(
        "6", "held", "bought.csv", 6, "pat", "csv", rows=900, done=900, taken=880, made=880, started_ms=NOW - 9 * DAY, entry=412,
        why="61 of 880 mails failed because the mailbox is not there (limit 5 %)", sendings=880, bounces=61,
    ),
)  # fmt: skip
IMPORT = ImportPicture(
    NOW, IMPORT_ROWS[1], "UTF-8",
    (ColumnRow("E-Mail", "address"), ColumnRow("שם", "name"), ColumnRow("Schuhgröße", "field:size"), ColumnRow("備註", "-")),
    (FaultRow('address: "..." has no @', 20, 18, "people.csv"), FaultRow("name: it holds a control character", 2, 401)),
    (FaultRow('address: "nobody" has no @', 1, 18, "people.csv", "nobody | No One | en"),
     FaultRow("name: it holds a control character (U+001B)", 1, 401, "people.csv", "pat@example.org | ␛]52;c;aGk= | [/foo]")),
    ("ann@gmail.com Ann Lee en fair", "dana@shop.example דנה כהן he fair", "li.lei@bücher.example 李雷 zh fair"),
    (("source", "fair in Leipzig, May 2026"), ("lists", "news"), ("asks", "yes")),
)  # fmt: skip


def _imports(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return Imports(NOW, IMPORT_ROWS)


def _import(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return replace(IMPORT, row=next(each for each in IMPORT_ROWS if each.id == words["name"]))


def _fields(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    rows = (FieldRow("size", "number", "Shoe size"), FieldRow("tea", "choice", "תה אהוב", ("green", "black", "白茶")))
    return Fields(NOW, rows)


def _checked(body: Mapping[str, Any]) -> object:
    if body["expression"].rstrip().endswith(" and"):
        return Refused("line 1, column 29: something is missing here")
    return Done("all right; it reads orders", {"reads": ["orders"]})


ANSWERS = {
    "/v1/lists": _lists,
    "/v1/lists/{name}": _list,
    "/v1/lists/{name}/members": _members,
    "/v1/people": _people,
    "/v1/people/{address}": _person,
    "/v1/people/{address}/consent": _proof,
    "/v1/people/{address}/proof": lambda query, words: Refused("the ledger holds nothing about them"),
    "/v1/people/{address}/export": lambda query, words: Refused("there is no contact"),
    "/v1/segments": _segments,
    "/v1/segments/{name}": _segment,
    "/v1/segments/{name}/members": _segment_members,
    "/v1/segments/{name}/plan": _cost,
    "/v1/segments/{name}/diff": _diff,
    "/v1/segments/{name}/why": _why,
    "/v1/imports": _imports,
    "/v1/imports/{name}": _import,
    "/v1/fields": _fields,
}
ACTS = {
    "segments/check": _checked,
    "segments/count": lambda body: Done("1,820 contacts", {"exact": 1820, "took_ms": 12}),
    "lists/remove": lambda body: Done("they were taken off news", {"done": 1, "undo": {"path": "lists/restore"}}),
    "lists/ask-again": lambda body: Done("2 people would be asked again", {"would": 2}),
    "people/set": lambda body: Done(f"{body['address']} is changed"),
}
SCENES = (
    Scene("lists", ("5",), "waiting"),
    Scene("list", ("5", "enter"), "0.ann@gmail.com"),
    Scene("list-settings", ("5", "enter", "s"), "expire_after"),
    Scene("person", ("5", "enter", "enter"), "Asia/Jerusalem"),
    Scene("consent", ("5", "enter", "enter", "c"), "the chain holds"),
    Scene("contacts", ("5", "c"), "1.dana@shop.example"),
    Scene("segments", ("5", "s"), "faulty"),
    Scene("segment", ("5", "s", "enter"), "Who bought"),
    Scene("segment-editor", ("5", "s", "E"), "1,820 contacts"),
    Scene("imports", ("5", "o"), "held back"),
    Scene("import", ("5", "o", "j", "enter"), "nothing was written"),
    Scene("fields", ("5", "f"), "Shoe size"),
)
