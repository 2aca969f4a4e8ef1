"""6 Bounces, and what was replied: what the canned daemon says of it."""

from collections.abc import Mapping
from typing import Any

from canned_day import DAY, HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.bounces import (
    BounceDay,
    BounceDays,
    ClassRow,
    FindingRow,
    ReceivedMail,
    ReceivedPage,
    ReceivedRow,
    SuppressionPage,
    SuppressionRow,
    Unclassified,
)
from engine.control.protocol.lately import CureRow, ReplyRow

RULES = "deliverability/bounces/rules.toml"
DAYS = tuple(
    BounceDay(
        NOW - NOW % DAY - (13 - day) * DAY, 4000 + 37 * day, 3900 + 30 * day, day % 4,
        {"invalid recipient": day * 3 % 17, "mailbox full": day % 5, "spam": 40 if day == 12 else 0},
        {"rate limited": day * day * 4, "greylisted": 30 + day % 7, "unknown": 6 if day > 9 else 0},
    )
    for day in range(14)
)  # fmt: skip
CLASSES = (
    ClassRow("invalid recipient", 104, 0, "550 5.1.1 <...> user unknown", "user-unknown", f"{RULES}:210", 4715),
    ClassRow("spam", 40, 2, "550 5.7.1 תוכן ההודעה נדחה [/foo] \x1b[31m", "spam", f"{RULES}:611", 4716),
    ClassRow("mailbox full", 26, 11, "452 4.2.2 郵箱已滿 mailbox full", "mailbox-full", f"{RULES}:260", 4717),
    ClassRow("rate limited", 0, 3276, "421 4.7.28 unusual rate of mail", "google.unusual-rate", f"{RULES}:40", 4713),
    ClassRow(
        "greylisted", 0, 459, "451 4.7.1 Greylisting in action, попробуйте позже", "greylisted", f"{RULES}:402", 4718
    ),
    ClassRow("unknown", 0, 24, "450 zorbl flumm 12345678", "unclassified", "", 4719),
)

REPLIES = (
    ReplyRow(
        "421 4.7.28 gmail has detected an unusual rate of unsolicited mail originating from your ip address.", 3276, 85.5,
        "deferred", "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address.",
        "google.unusual-rate", f"{RULES}:40", "google.unusual-rate", "rate limited", "our ip",
        "the site rests, then it is tried again (retry site)", NOW - 3 * HOUR, NOW - 2 * MIN, 4713, ("gmail.com",),
        (CureRow("slow", "it asks for less: give it about half of what it takes now"),),
    ),
    ReplyRow(
        "451 4.7.1 greylisting in action, попробуйте позже", 459, 12.0, "deferred",
        "451 4.7.1 Greylisting in action, попробуйте позже", "greylisted", f"{RULES}:402", "greylisted", "greylisted",
        "their server", "it is tried again (retry recipient)", NOW - 20 * HOUR, NOW - 9 * MIN, 4718,
        ("mx.почта.example", "דואר.example"), (CureRow("wait", "it is tried again by itself, and this is no fault of ours"),),
    ),
    ReplyRow(
        "550 5.7.1 תוכן ההודעה נדחה [/foo] [@click=app.quit]x[/]", 40, 1.0, "failed",
        "550 5.7.1 תוכן ההודעה נדחה [/foo] [@click=app.quit]x[/] \x1b]52;c;aGk=\x07", "spam", f"{RULES}:611", "spam", "spam",
        "content", "the delivery ends (fail)", NOW - 26 * HOUR, NOW - 25 * HOUR, 4716, ("דואר.example",),
        (CureRow("hold", "the mail itself is refused: hold what is alike and look at one"),),
    ),
    ReplyRow(
        "450 zorbl flumm ID", 24, 0.6, "deferred", "450 zorbl flumm 12345678", "unclassified", "", "unclassified", "unknown",
        "their server", "it is tried again (retry recipient)", NOW - 4 * HOUR, NOW - HOUR, 4719, ("qq.example",),
        (CureRow("classify", "no rule knows it: make one of it (6 Bounces, unclassified)"),),
    ),
)  # fmt: skip

MAILS = (
    ReceivedRow(31, NOW - 4 * MIN, "", "b+41c9@bounce.shop.example", "Undelivered Mail Returned to Sender",
                "bounce: invalid recipient, blame recipient, suppress now: 550 5.1.1 user unknown", 9004),
    ReceivedRow(30, NOW - HOUR, "feedback@isp.example", "fbl@shop.example", "投訴：垃圾郵件",
                "complaint: abuse, about delivery 9005, suppress now", 9005),
    ReceivedRow(29, NOW - 2 * HOUR, "dana@דואר.example", "postmaster@shop.example", "שאלה על ההזמנה שלי",
                "for a person", None),
    ReceivedRow(28, NOW - DAY, "evil@example.org", "b+1@bounce.shop.example", "[/x] \x1b[31m \u202egpj.exe",
                "no delivery of ours", None),
)  # fmt: skip

_REASONS = ("hard bounce", "complaint", "unsubscribe", "manual", "paused", "erased")
_NAMES = ("ann@example.org", "дарья@почта.example", "דנה@דואר.example", "小明@qq.example", "x[/foo]@evil.example")
TOTAL = 1_000_000


def suppressed(number: int) -> SuppressionRow:
    """The `number`th of them, the same whenever it is asked for."""
    reason = _REASONS[number % len(_REASONS)]
    local, _, domain = _NAMES[number % len(_NAMES)].partition("@")
    address = f"sha256:{number:064x}" if reason == "erased" else f"{local}{number}@{domain}"
    return SuppressionRow(
        address, reason, "all" if reason in ("hard bounce", "manual") else "marketing", "news" if number % 7 == 1 else "",
        "relay" if number % 2 else "dana", NOW - number * 1000, None, "550 5.1.1 user unknown" if number % 2 else "she asked",
        9000 + number, 4711 + number, "an operator, where the mailbox is there after all",
    )  # fmt: skip


def _received(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    start = {"complaints": "complaint", "people": "for a person", "bounces": "bounce"}.get(query.get("kind", ""), "")
    return ReceivedPage(NOW, tuple(row for row in MAILS if row.concluded.startswith(start)))


def _mail(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    row = next((each for each in MAILS if str(each.id) == words["id"]), MAILS[0])
    found = FindingRow(
        "reader4@gmail.com", "invalid recipient", "recipient", True, "now", "550 5.1.1", "550 5.1.1 user unknown",
        "user-unknown", f"{RULES}:210",
    )  # fmt: skip
    words_of = "I'm sorry to have to inform you that your message could not be delivered.\n[/foo] \x1b[2J 您的郵件"
    content = f"From: MAILER-DAEMON@mx.example\nSubject: {row.subject}\n\n{words_of}\n"
    return ReceivedMail(NOW, row, "bounce", (found,), 4715, words_of, content, 4711)


def _suppression(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
    total = 1 if query.get("q") else TOTAL
    return SuppressionPage(NOW, tuple(suppressed(n) for n in range(offset, min(offset + limit, total))), total)


def _classify(body: Mapping[str, Any]) -> object:
    text = f'own.zorbl would say: {body["class"]}; nothing was written\n[[rule]]\nid = "own.zorbl"\n'
    if body.get("dry_run"):
        return Done(text, {"rule": "own.zorbl"})
    return Done(
        f"own.zorbl is in rules.toml: {body['class']}, from now on", {"act": 7, "undo": {"path": "x", "body": {}}}
    )


def _lift(body: Mapping[str, Any]) -> object:
    if not body.get("why"):
        return Refused("a reason is needed", "say why with --why")
    return Done(f"{body['address']} may be written to again", {"act": 8, "undo": {"path": "x", "body": {}}})


ANSWERS = {
    "/v1/bounces": lambda query, words: BounceDays(NOW, DAYS, CLASSES),
    "/v1/bounces/received": _received,
    "/v1/bounces/received/{id}": _mail,
    "/v1/bounces/unclassified": lambda query, words: Unclassified(
        NOW, REPLIES[3:], ("mailbox full", "policy", "unknown"), NOW - DAY
    ),
    "/v1/suppression": _suppression,
}
ACTS = {
    "bounces/classify": _classify,
    "suppression/lift": _lift,
    "suppression/add": lambda body: Done(f"no mail goes to {body['address']}", {"act": 9}),
}
SCENES = (
    Scene("bounces", ("6",), "greylisted"),
    Scene("received", ("6", "enter"), "Undelivered Mail"),
    Scene("returned", ("6", "enter", "enter"), "sorry to have to inform"),
    Scene("unclassified", ("6", "j", "j", "j", "enter"), "zorbl flumm"),
    Scene("suppression", ("6", "j", "j", "j", "j", "enter"), "hard bounce"),
)
