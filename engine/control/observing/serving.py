"""What a monitoring system asks: /metrics and /health on a listener of their own, which the configuration only lets be on
a private address, since how much mail a shop sends is nobody's business. The control socket answers the same."""

import json
from typing import Final

from aiohttp import web

from engine.control.observing.exposition import CONTENT_TYPE, exposition
from engine.control.observing.families import families, without_database
from engine.control.observing.gathering import Observer
from engine.control.observing.health import FAILING, judge
from engine.control.observing.health import without_database as no_database
from engine.control.protocol.health import Health, MetricsText
from engine.control.protocol.wire import encode
from mta.ports import StoreTrouble, to_ms

PATHS: Final = ("/metrics", "/health")


async def metrics(observer: Observer) -> MetricsText:
    """All figures; the few that can be had, while the database does not answer."""
    now_ms = to_ms(observer.house.clock.now())
    try:
        seen = await observer.look()
    except StoreTrouble as err:
        return MetricsText(now_ms, exposition(without_database(observer, no_database(str(err), now_ms))))
    return MetricsText(now_ms, exposition(families(observer, seen, judge(observer.facts(seen), now_ms))))


async def health(observer: Observer) -> Health:
    """The state, with its reasons."""
    now_ms = to_ms(observer.house.clock.now())
    try:
        seen = await observer.look()
    except StoreTrouble as err:
        return no_database(str(err), now_ms)
    return judge(observer.facts(seen), now_ms)


def build_watched(observer: Observer) -> web.Application:
    """The application that answers PATHS. /health is 503 while it is failing, 200 otherwise."""

    async def answer_metrics(request: web.Request) -> web.Response:
        return web.Response(text=(await metrics(observer)).text, headers={"Content-Type": CONTENT_TYPE})

    async def answer_health(request: web.Request) -> web.Response:
        found = await health(observer)
        said = json.dumps(json.loads(encode(found)), indent=2, ensure_ascii=False) + "\n"
        return web.Response(text=said, status=503 if found.state == FAILING else 200, content_type="application/json")

    app = web.Application()
    for path, answer in zip(PATHS, (answer_metrics, answer_health), strict=True):
        app.router.add_get(path, answer)
    return app
