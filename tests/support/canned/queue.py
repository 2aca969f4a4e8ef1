"""2 Queue: what the canned daemon says of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from canned.bounces import REPLIES
from canned_day import HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.lately import Replies, Weather, WeatherRow
from engine.control.protocol.queue import MessageLife, MessageRow, Messages, Moment, Queue, Shape, ShapeRow, SiteRow
from engine.control.protocol.reasons import OriginRow
from engine.control.protocol.shaping import Wait, Why, WhyDelivery, WhyMessage

SITES = (
    SiteRow("gmail.com", 14, 1204, 18, 0, 0, NOW - 14 * MIN, NOW + 4 * MIN, "421 4.7.28 Our system has detected an "
            "unusual rate of unsolicited mail from your address"),
    SiteRow("mx.seznam.example", 1, 3, 0, 1, 0, NOW - 52 * MIN, None, "354 go ahead"),
    SiteRow("qq.example", 2, 88, 4, 0, 12, NOW - 3 * HOUR, None, "250 Ok: queued as 這是一個測試"),
    SiteRow("bücher.example", 1, 40, 2, 0, 0, NOW - 30_000, None, "250 2.0.0 Ok"),
    SiteRow("דואר.example", 1, 7, 0, 0, 0, NOW - 2 * HOUR, NOW + 20 * MIN, "450 4.2.1 התיבה אינה זמינה כעת"),
    SiteRow("evil\x1b]52;c;aGk=\x07.example", 1, 2, 0, 0, 0, NOW - HOUR, NOW + MIN, "550 [/foo] [@click=app.quit]x[/]"),
    SiteRow("outlook.example", 9, 0, 0, 0, 0, None, None, "250 2.6.0 Queued mail for delivery"),
)  # fmt: skip

_SUBJECTS = (
    "Your cart is waiting",
    "הסל שלך מחכה לך, דנה",
    "您的購物車還在等您：冬季大衣",
    "Ваша корзина ждёт вас",
    "Evil \x1b[31m\x1b]52;c;aGk=\x07 [/foo] [@click=app.quit]invoice[/] \u202egpj.exe",
    "Z" + "\u0334\u0335\u0336\u0337" * 40 + "algo 👨‍👩‍👧‍👦 family",
)
_STATES = ("queued", "in flight", "queued", "delivered", "bounced", "in doubt")


def row(number: int, site: str) -> MessageRow:
    """The `number`th delivery of a site, the same whenever it is asked for."""
    kind = number % len(_SUBJECTS)
    return MessageRow(
        9000 + number,
        4711 + number,
        f"reader{number}@{site}",
        _SUBJECTS[kind],
        "marketing" if kind % 2 else "transactional",
        _STATES[kind],
        14_541 + number,
        kind,
        NOW - (number % 50 + 1) * MIN,
        NOW + (kind - 1) * 3 * MIN,
        "421 4.7.28 try again later" if kind == 2 else "550 5.1.1 no such user" if kind == 4 else "",
    )


def life(message_id: int) -> MessageLife:
    number = message_id - 4711
    one = row(number, "gmail.com")
    other = replace(one, delivery_id=9999, forward_path="dana@דואר.example", state="delivered", attempts=1)
    return MessageLife(
        NOW,
        message_id,
        one.subject,
        "Shop <hello@shop.example>",
        "b+41c9@bounce.shop.example",
        (one.forward_path, other.forward_path),
        one.stream,
        "flow abandoned-cart, step reminder",
        one.size,
        (replace(one, last_reply="421 4.7.28 Our system has detected an unusual rate of mail"), other),
        (
            Moment(NOW - HOUR, "event read", "cart.updated, 2 lines, 84.00 EUR, by X-Posthouse-Event"),
            Moment(NOW - 2 * MIN, "flow wait", "abandoned-cart · hour · 1 h is over", "◇"),
            Moment(NOW - 2 * MIN, "consent confirmed", "web: list news, 2026-03-02, from 192.0.2.7", "✎"),
            Moment(NOW - 2 * MIN, "queued", "14.2 KiB, two deliveries"),
            Moment(NOW - 119_000, "attempt", "mx1.דואר.example [192.0.2.25] TLSv1.3", delivery_id=9999),
            Moment(NOW - 118_000, "delivered", "250 2.0.0 Ok: queued as 9F21C", delivery_id=9999),
            Moment(NOW - 110_000, "attempt", "mx.l.example [192.0.2.26] TLSv1.3", delivery_id=one.delivery_id),
            Moment(NOW - 109_000, "deferred", "421-4.7.28 Our system has detected an unusual rate of unsolicited mail "
                   "originating from your IP address. To protect our users from spam, mail has been temporarily rate "
                   "limited \x1b[2J. See https://support.example/mail/?p=UnsolicitedRateLimitError",
                   delivery_id=one.delivery_id, rule="google.unusual-rate",
                   place="deliverability/bounces/rules.toml:40", lines=(
                       "+0.000 S: 220 mx.l.example ESMTP [/foo] \x1b]52;c;aGk=\x07", "+0.001 C: EHLO mail.shop.example",
                       "+0.040 S: 250 mx.l.example", "+0.041 C: MAIL FROM:<b+41c9@bounce.shop.example>",
                       "+0.080 S: 421-4.7.28 Our system has detected an unusual rate of unsolicited mail",
                       "+0.080 S: 421 4.7.28 רמה חריגה של דואר 異常的郵件數量",
                   )),
        ),
        "From: Shop <hello@shop.example>\r\nTo: dana@example.org\r\nSubject: Your cart is waiting\r\n"
        "List-Unsubscribe: <https://shop.example/u/abc>\r\n\r\nHello Dana,\r\n\r\nyou left two things behind:\r\n"
        "\t1 x winter coat \x1b[31m\r\n\t1 x 手套\r\n",
    )  # fmt: skip


TOTAL = 1204  # deliveries of each site; a test may say another number


def _queue(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    by = query.get("by", "site")
    rows = SITES if by in ("site", "domain") else (SiteRow("transactional", 3, 900), SiteRow("marketing", 9, 444))
    return Queue(NOW, rows, by, len(rows), sum(row.queued for row in rows))


def _messages(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 50))
    total = 1 if query.get("q") else TOTAL
    site = query.get("site") or query.get("domain") or "gmail.com"
    return Messages(NOW, tuple(row(n, site) for n in range(offset, min(offset + limit, total))), total)


def _life(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    if not words["id"].isdigit():
        return Refused("there is no such message", "See: posthouse queue")
    return life(int(words["id"]))


def _replies(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return Replies(NOW, query.get("site", ""), REPLIES, len(REPLIES), 12_010, 3759, 40, NOW - 24 * HOUR)


def _weather(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    rows = tuple(
        WeatherRow(
            site.site, tuple((n * n + 7 * place) % 60 for n in range(36)),
            tuple(max(0, 4 * n - 100 - 40 * place) for n in range(36)), tuple(int(n % 17 == place) for n in range(36)),
        )
        for place, site in enumerate(SITES)
    )  # fmt: skip
    columns = [[getattr(each, name) for each in rows] for name in ("accepted", "deferred", "bounced")]
    whole = WeatherRow("all", *(tuple(map(sum, zip(*each, strict=True))) for each in columns))
    return Weather(NOW, query.get("by", "site"), NOW - NOW % 300_000 - 35 * 300_000, 300_000, whole, rows, len(rows))


def _shape(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    rows = tuple(
        ShapeRow(site.site, site.queued, tuple(site.queued * (place + n) % 11 * 4**n % 900 for n in range(10)))
        for place, site in enumerate(SITES)
    )
    whole = ShapeRow("all", 1344, tuple(map(sum, zip(*(row.counts for row in rows), strict=True))))
    return Shape(NOW, query.get("by", "domain"), (5, 10, 20, 40, 80, 160, 320, 640, 1280), whole, rows, NOW - 4000)


_WAITS = (
    Wait("suspended", "it refuses us: ask them", "dana", NOW + HOUR),
    Wait("rate", "12.0 attempts a minute over all carriers, 1,203 come first", "learnt from replies", NOW + 4 * MIN),
)


def _why_site(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    name = words["site"]
    return Why(
        NOW, name, name, 1204, 3, NOW + 9 * MIN, "421 4.7.28 try again later \x1b[31m", "rate.limited",
        "deliverability/bounces/rules.toml:40", waits=_WAITS, what_if="without suspended it could leave in 4m",
        how=("from 192.0.2.1 as mail.shop.example", "TLS by MTA-STS, enforce"),
    )  # fmt: skip


def _why_message(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    each = WhyDelivery(
        9002, "reader2@gmail.com", "queued", "gmail.com", _WAITS, "", NOW + 90 * HOUR, how=("TLS may",),
        last_reply="421 4.7.28 try again later", rule="google.unusual-rate", place="deliverability/bounces/rules.toml:40",
    )  # fmt: skip
    return WhyMessage(NOW, int(words["id"]), (each,), OriginRow("flow", "abandoned-cart", "marketing", NOW - HOUR))


def _cancel(body: Mapping[str, Any]) -> object:
    count = len(body.get("deliveries", ())) or TOTAL
    if body.get("dry_run"):
        return Done(f"{count:,} deliveries would be held, to be cancelled in 1m; nothing was changed", {"would": count})
    undo = {"path": "queue/restore", "body": {"batch": "1-2-3"}}
    return Done(
        f"{count:,} deliveries held, to be cancelled in 1m", {"changed": count, "after": "", "act": 3, "undo": undo}
    )


def _hold(body: Mapping[str, Any]) -> object:
    undo = {"path": "queue/release", "body": {"batch": "1-2-3"}}
    return Done("1 of 1 delivery held", {"changed": 1, "after": "", "act": 4, "undo": undo})


ANSWERS = {
    "/v1/queue": _queue,
    "/v1/messages": _messages,
    "/v1/messages/{id}": _life,
    "/v1/messages/{id}/why": _why_message,
    "/v1/why/{site}": _why_site,
    "/v1/queue/replies": _replies,
    "/v1/queue/weather": _weather,
    "/v1/queue/shape": _shape,
}
ACTS = {"queue/cancel": _cancel, "queue/hold": _hold}
SCENES = (
    Scene("queue", ("2",), "outlook.example"),
    Scene("site", ("2", "enter"), "reader10@gmail.com"),
    Scene("life", ("2", "enter", "enter"), "cart.updated, 2 lines"),
    Scene("queue-why", ("2", "w"), "what if"),
    Scene("ages", ("2", "m"), "up to"),
    Scene("weather", ("2", "m", "m"), "up to"),
    Scene("replies", ("2", "c"), "zorbl"),
)
