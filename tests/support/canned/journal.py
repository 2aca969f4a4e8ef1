"""9 Journal: what the canned daemon says of it."""

from collections.abc import Mapping
from typing import Any

from canned_day import HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done
from engine.control.protocol.journal import ActRow, Acts, BookFinding, Books, BookState, Happened, Happenings

_PEOPLE = (
    (
        "delivered",
        "reader3@bücher.example · mx.bücher.example · 250 2.0.0 Ok: queued as 9F21C",
        "reader3@bücher.example",
    ),
    ("deferred", "reader2@gmail.com · gmail-smtp-in.l.example · 421 4.7.28 try again later", "reader2@gmail.com"),
    ("cart.updated", "dana@example.org", "dana@example.org"),
    ("wait", "abandoned-cart · hour · waits until 14:02", "dana@example.org"),
    ("consent confirmed", "דנה@דואר.example", "דנה@דואר.example"),
    ("suppressed", "reader4@gmail.com · hard bounce · 550 5.1.1 no such user", "reader4@gmail.com"),
    ("operator", "olga · queue/hold · 3 deliveries held", ""),
    (
        "in doubt",
        "reader5@mx.seznam.example · the dot was sent, no answer · not yet settled",
        "reader5@mx.seznam.example",
    ),
    ("order.placed", "顧客@例子.example", "顧客@例子.example"),
    ("delivered", "читатель@почта.example · mx.почта.example · 250 принято", "читатель@почта.example"),
    ("failed", "evil\x1b]52;c;aGk=\x07@x.example · mx · 550 [/foo] [@click=app.quit]x[/] \u202egpj", "evil@x.example"),
)
TOTAL = 330


def happened(number: int) -> Happened:
    kind, text, person = _PEOPLE[number % len(_PEOPLE)]
    message = 4711 + number if kind in ("delivered", "deferred", "in doubt", "failed") else None
    return Happened(NOW - number * 41_000, kind, text, message, person)


ACTS_DONE = (
    ActRow(
        42, NOW - 3 * MIN, "olga", "olga", "queue/cancel", "spring", '{"campaign": "spring", "why": "the wrong price"}',
        "1,204 deliveries are held, and cancelled in 60 s", "done", True, "", NOW + 40_000,
    ),
    ActRow(
        41, NOW - 9 * MIN, "olga", "", "shaping/suspend", "gmail.com",
        '{"for": "2h", "name": "gmail.com", "scope": "site", "why": "they asked us to slow down"}',
        "site gmail.com waits for 2h", "done", True, "",
    ),
    ActRow(40, NOW - 20 * MIN, "ivan", "ivan", "acts/undo", "דנה@דואר.example", '{"act": 39}',
           "act 39 is undone: דנה@דואר.example is suppressed again, as it was", "done", False, "lift it again instead", None, 39),
    ActRow(39, NOW - 25 * MIN, "ivan", "ivan", "suppression/lift", "דנה@דואר.example", '{"why": "她說她想要"}',
           "דנה@דואר.example may be written to again (was: complaint)", "undone", False, "", None, None, 40),
    ActRow(38, NOW - HOUR, "root", "boris", "note", "gmail.com", '{"about": "gmail.com"}',
           "Gmail просит подождать до понедельника", "done", False, "a note stays: write another"),
    ActRow(37, NOW - 26 * HOUR, "root", "root", "posthouse import", "readers.csv", "{}",
           "posthouse import readers.csv \x1b[31m[/x]", "done", False, "a command beside the daemon: use the opposite one"),
    ActRow(36, NOW - 27 * HOUR, "root", "root", "flows", "abandoned-cart", '{"source": "(4,120 characters)"}', "",
           "unknown", False, ""),
)  # fmt: skip

BOOKS = Books(
    NOW, NOW, 412, True, 12_431, 12_502,
    (BookState("queued", 1342), BookState("held", 12), BookState("delivered", 11_010), BookState("bounced", 138)), 3, 1,
)  # fmt: skip
ODD_BOOKS = Books(
    NOW,
    NOW,
    40,
    False,
    2,
    2,
    (BookState("queued", 1),),
    0,
    0,
    (BookFinding("an owned delivery that is not claimed", (7,)),),
)


def _journal(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    first, limit = int(query.get("after") or 0), int(query.get("limit", 100))
    rows = [happened(each) for each in range(first, min(first + limit, TOTAL))]
    kept = tuple(
        row
        for row in rows
        if query.get("kind", "") in row.kind
        and query.get("person", "") in row.person
        and query.get("q", "") in row.text
    )
    return Happenings(NOW, kept, str(first + limit) if first + limit < TOTAL else "")


def _acts(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    who, about = query.get("who", ""), query.get("about", "")
    return Acts(NOW, tuple(each for each in ACTS_DONE if who in each.user and about in each.about), 0)


def _undo(body: Mapping[str, Any]) -> object:
    return Done(f"act {body['act']} is undone: site gmail.com goes on", {"act": 43, "undid": body["act"]})


def _note(body: Mapping[str, Any]) -> object:
    return Done(str(body["text"]), {"act": 44, "final": "a note stays: write another"})


def _audit(body: Mapping[str, Any]) -> object:
    return Done("the books balance: 12,502 accepted deliveries", {"books": BOOKS})


ANSWERS = {"/v1/journal": _journal, "/v1/acts": _acts}
ACTS = {"acts/undo": _undo, "note": _note, "audit": _audit}
SCENES = (
    Scene("journal", ("9",), "order.placed"),
    Scene("acts", ("9", "l"), "gmail.com waits"),
    Scene("books", ("9", "h", "c"), "the books balance"),
)
