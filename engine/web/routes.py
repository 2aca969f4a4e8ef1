"""The public pages and doors, group by group.

GET and HEAD change nothing that a person asked for: scanners, previews and prefetchers follow every link in a mail. A page
holds a button, and its POST acts. Every wrong token gets the same answer.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiohttp import web

from engine.sending.compose import Composer
from engine.web import api, dressing, opting, preferring, subscribing, surveying, tracked
from engine.web.desk import BODY_MAX, Counted, Desk
from mta.ports import Chance, Clock, Store
from mta.queue.settings import QueueSettings

Group = Callable[[web.Application, Desk], None]
"""Adds its routes to the application."""

GROUPS: Final[tuple[Group, ...]] = (
    opting.add,
    subscribing.add,
    preferring.add,
    surveying.add,
    tracked.add,
    dressing.add,
    api.add,
)


def build_app(
    store: Store, clock: Clock, chance: Chance, composer: Composer, *, proxies: Sequence[str] = (),
    queue: QueueSettings | None = None, wake: Callable[[Iterable[str]], None] = lambda _: None,
    counted: Counted | None = None,
) -> web.Application:  # fmt: skip
    """The application. `proxies`, `queue`, `wake` and `counted`: as the desk has them."""
    desk = Desk(
        store, clock, chance, composer, proxies=proxies, queue=queue or QueueSettings(), wake=wake,
        counted={} if counted is None else counted,
    )  # fmt: skip
    app = web.Application(middlewares=[desk.answer_faults, desk.limit], client_max_size=BODY_MAX)
    app.on_response_prepare.append(desk.secure)

    async def healthz(request: web.Request) -> web.Response:
        """200 while the database answers."""
        await store.read(lambda tx: tx.one("SELECT 1"))
        return web.Response(text="ok\n")

    app.router.add_get("/healthz", healthz)
    for add in GROUPS:
        add(app, desk)
    return app
