"""A control server with canned answers, hostile ones among them, for the screens and for a look at them by hand:

python tests/support/canned_daemon.py /tmp/posthouse.sock
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.flows import FlowBranch, FlowNode, FlowPicture, FlowRow, Flows
from engine.control.protocol.house import Alert, CarrierRow, Line, Overview
from engine.control.protocol.queue import MessageLife, MessageRow, Messages, Moment, Queue, SiteRow
from engine.control.protocol.wire import encode

NOW = 1_795_305_731_000  # 2026-11-22 00:02:11 UTC
MIN = 60_000
HOUR = 60 * MIN

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

FLOW_ROWS = (
    FlowRow("abandoned-cart", "Abandoned cart", "active", "marketing", 183, 3411, 210, 5120),
    FlowRow("confirm-subscription", "Double opt-in", "active", "transactional", 12, 4098, 3800, 4110),
    FlowRow("parcel-updates", "Ihr Paket ist unterwegs · 包裹更新", "paused", "transactional", 4, 960, 0, 2884),
    FlowRow("win-back", "Come back", "archived", "marketing", 0, 120, 9, 240),
)

_REMIND = (
    FlowNode("offer", "send", "cart-first-order", 0, 1204),
    FlowNode("pause", "wait", "2 d", 40, 1164),
    FlowNode("last", "send", "cart-last-call", 0, 1124),
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
        FlowNode("start", "trigger", "cart.updated", 0, 4210),
        FlowNode("hour", "wait", "1 h", 112, 4098),
        FlowNode("reminder", "send", "cart-reminder", 0, 4080),
        FlowNode("morning", "wait", "until 10:00, mon to fri", 31, 3912),
        FlowNode(
            "first",
            "if",
            "contact.orders.count == 0",
            0,
            3912,
            (
                FlowBranch("then", _REMIND),
                FlowBranch("else", (FlowNode("plain", "send", "購物車提醒", 0, 2700),)),
            ),
        ),
        FlowNode("end", "end", "", 0, 3411),
    ),
    {"completed": 3411, "goal": 210, "exit": 14, "failed": 0},
)

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
                   delivery_id=one.delivery_id),
        ),
        "From: Shop <hello@shop.example>\r\nTo: dana@example.org\r\nSubject: Your cart is waiting\r\n"
        "List-Unsubscribe: <https://shop.example/u/abc>\r\n\r\nHello Dana,\r\n\r\nyou left two things behind:\r\n"
        "\t1 x winter coat \x1b[31m\r\n\t1 x 手套\r\n",
    )  # fmt: skip


def overview() -> Overview:
    minutes = [(n * n * 7 + n * 13) % 97 + (40 if n > 40 else 0) for n in range(60)]
    minutes[8:15] = [0] * 7
    return Overview(
        host="mail.shop.example",
        version="0.1.0",
        now_ms=NOW,
        lab=True,
        lab_offset_s=7200,
        queued=1342,
        in_flight=24,
        in_doubt=1,
        held=12,
        accepted_today=12_431,
        delivered_today=12_010,
        deferred_today=311,
        bounced_today=42,
        contacts=41_204,
        confirmed=38_001,
        unconfirmed=210,
        suppressed=122,
        events_today=1_204,
        delivered_minutes=tuple(minutes),
        carriers=(CarrierRow("carrier-1", 4211, 6000, 12, 2048), CarrierRow("carrier-2", 4212, 6010, 12, 2048)),
        sites=SITES,
        flows=FLOW_ROWS,
        alerts=(
            Alert("?", "1 delivery is in doubt at mx.seznam.example: its answer was never recorded"),
            Alert("!", "gmail.com has deferred everything for 14 min: 421-4.7.28 rate"),
        ),
        journal=(
            Line(NOW - 1_000, "delivered", "reader3@bücher.example  250 2.0.0 Ok: queued as 9F21C", 4714),
            Line(NOW - 2_000, "deferred", "reader2@gmail.com  421 4.7.28 try again later", 4713),
            Line(NOW - 9_000, "cart.updated", "dana@example.org  84.00 EUR", 4718),
            Line(NOW - 9_000, "trigger", "abandoned-cart · start · entered"),
            Line(NOW - 61_000, "bounced", "reader4@gmail.com  550 5.1.1 no such user", 4715),
            Line(NOW - 64_000, "suppressed", "reader4@gmail.com  hard bounce"),
            Line(NOW - 90_000, "consent confirmed", "דנה@דואר.example"),
            Line(NOW - 120_000, "in doubt", "reader5@mx.seznam.example  the dot was sent, no answer", 4716),
            Line(NOW - 130_000, "accepted", "1 message, 2 deliveries, from [127.0.0.1] \x1b[5m[/x]", 4717),
            Line(NOW - 30 * HOUR, "delivered", "reader9@gmail.com  250 2.0.0 Ok", 4720),
        ),
    )


class CannedDaemon:
    """Answers from the tables above. `overview` may be changed and `push`ed; `stop` and `start` are a restart."""

    def __init__(self, socket_path: Path, *, total: int = 1204) -> None:
        self.socket_path = socket_path
        self.overview = overview()
        self.picture = CART
        self.total = total
        self.asked: list[str] = []
        self._followers: set[asyncio.Queue[Overview | None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/v1/hello", self._hello),
                web.get("/v1/overview", self._overview),
                web.get("/v1/stream", self._stream),
                web.get("/v1/queue", self._queue),
                web.get("/v1/messages", self._messages),
                web.get("/v1/messages/{id}", self._life),
                web.get("/v1/flows", self._flows),
                web.get("/v1/flows/{name}", self._flow),
                web.post("/v1/lab/advance", self._advance),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket_path)).start()

    async def stop(self) -> None:
        for follower in self._followers:
            follower.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.socket_path.unlink(missing_ok=True)

    def push(self, **changes: object) -> None:
        """Change the overview and tell all who follow."""
        self.overview = replace(self.overview, **changes)  # type: ignore[arg-type]
        for follower in self._followers:
            follower.put_nowait(self.overview)

    async def _hello(self, request: web.Request) -> web.Response:
        return _json(Done("posthoused 0.1.0", {"version": 1}))

    async def _overview(self, request: web.Request) -> web.Response:
        return _json(self.overview)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        pictures: asyncio.Queue[Overview | None] = asyncio.Queue()
        self._followers.add(pictures)
        pictures.put_nowait(self.overview)
        try:
            while (picture := await pictures.get()) is not None:
                await response.write(encode(picture) + b"\n")
        finally:
            self._followers.discard(pictures)
        return response

    async def _queue(self, request: web.Request) -> web.Response:
        return _json(Queue(self.overview.now_ms, SITES))

    async def _messages(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        query = request.query
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 50))
        total = 1 if query.get("q") else self.total
        rows = tuple(row(number, query["site"]) for number in range(offset, min(offset + limit, total)))
        return _json(Messages(self.overview.now_ms, rows, total))

    async def _life(self, request: web.Request) -> web.Response:
        if not request.match_info["id"].isdigit():
            return _json(Refused("there is no such message", "See: posthouse queue"), 404)
        return _json(life(int(request.match_info["id"])))

    async def _flows(self, request: web.Request) -> web.Response:
        return _json(Flows(self.overview.now_ms, self.overview.flows))

    async def _flow(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        known = {each.name: each for each in FLOW_ROWS}
        if name not in known:
            return _json(Refused(f"there is no flow {name}", "See: posthouse flow list"), 404)
        return _json(replace(self.picture, name=name, title=known[name].title, state=known[name].state))

    async def _advance(self, request: web.Request) -> web.Response:
        seconds: Mapping[str, int] = await request.json()
        return _json(Done(f"the lab's clock is {seconds['seconds']} s further", dict(seconds)))


def _json(answer: object, code: int = 200) -> web.Response:
    return web.Response(body=encode(answer), status=code, content_type="application/json")


@asynccontextmanager
async def canned(socket_path: Path, *, total: int = 1204) -> AsyncIterator[CannedDaemon]:
    daemon = CannedDaemon(socket_path, total=total)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()


async def _serve(socket_path: Path) -> None:
    async with canned(socket_path, total=1_000_000):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
